import { expect, test } from 'kmod-harness';

test('greets the world', async ({ guest, loaded }) => {
  expect(loaded.name).toBe('hello');
  expect(await guest.sh('cat /dev/hello')).toBe('hello, world');
});

test('takes no orders', async ({ guest, loaded }) => {
  expect(await guest.exec(['sh', '-c', 'echo x >/dev/hello'])).not.toExit(0);
  await loaded.unload();
  expect(await guest.exec('[ -e /dev/hello ]')).toExit(1);
});

test.describe('told whom to greet', () => {
  test.use({ parameters: { whom: 'kernel' } });

  test('greets it', async ({ guest, loaded }) => {
    expect(loaded.name).toBe('hello');
    expect(await guest.sh('cat /dev/hello')).toBe('hello, kernel');
  });
});
