import { countCall, expect, test } from 'kmod-harness';

// Instructions are counted exactly: one emulated processor, without checks for memory errors, which cost instructions.
test.use({ guestExtras: { mode: 'counted', findMemoryErrors: false } });

test('a greeting costs no more than its budget', async ({ guest, loaded, budget }) => {
  expect(loaded.name).toBe('hello');
  const { least } = await countCall(guest, ['read', '/dev/hello', 64]);
  await budget('read', least);
});
