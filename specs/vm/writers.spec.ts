/** Who writes to /proc/swarm: the thread that makes the system call, and nobody in its place. */
import { expect, test } from '../support/fixtures.js';
import { quoted } from '../../client/client.js';
import { attempts } from '../support/guest.js';
import { reload } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

const SPAWN = '{"spawn":true}';

/** Writes to a file of /proc/swarm by a call, then forks: what came of both. */
async function pass(guest: LoadedGuest, how: string, file: string, text: string): Promise<string[]> {
  return attempts(await guest.sh(`pass ${how} /proc/swarm/${file} ${quoted(text)}`));
}

test('ORDER-38: by write(2) the writing thread is armed', async ({ loaded }) => {
  expect(await pass(loaded, 'write', 'create', SPAWN)).toEqual([`write ${SPAWN.length}`, 'child inside']);
  await expect(loaded).toHaveActiveAgents(0);
});

test("ORDER-39: a write that one of the kernel's workers makes is EINVAL, arms nothing, orders nothing, and is logged", async ({
  loaded,
}) => {
  const probe = await pass(loaded, 'uring', 'destroy', '1000000\n');
  test.skip(probe[0] === 'uring ENOSYS', 'this kernel was built without io_uring');
  const id = await loaded.swarm.create({ name: 'stays' });
  const status = await loaded.swarm.status();
  for (const how of ['uring', 'sqpoll']) {
    await loaded.sh('dmesg -C');
    for (const [file, text] of [
      ['create', SPAWN],
      ['create', '{}'],
      ['spawn', `{"id":${id}}`],
      ['update', `{"id":${id},"pids_limit":5}`],
      ['attach', `{"id":${id},"pid":2}`],
      ['destroy', `${id}\n`],
      ['inspect', `${id}`],
    ] as const)
      expect
        .soft(await pass(loaded, how, file, text), `${file} ${text}`)
        .toEqual([`${how} EINVAL`, 'child outside']);
    expect.soft(await loaded.kernelLog()).toContain('write without io_uring');
  }
  expect(await loaded.swarm.status(), 'no agent more, none less, no violation').toEqual(status);
  expect((await loaded.swarm.inspect(id)).policy).toMatchObject({ pids_limit: 0 });
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
  await loaded.unload();
  await reload(loaded);
});

test('ORDER-40: a write that is passed on by splice, vmsplice, sendfile or aio is EINVAL and arms nothing', async ({
  loaded,
}) => {
  const id = await loaded.swarm.create({});
  const { created } = await loaded.swarm.status();
  for (const how of ['splice', 'vmsplice', 'sendfile', 'aio'])
    for (const [file, text] of [
      ['create', SPAWN],
      ['spawn', `{"id":${id}}`],
    ] as const)
      expect.soft(await pass(loaded, how, file, text), file).toEqual([`${how} EINVAL`, 'child outside']);
  expect((await loaded.swarm.status()).created).toBe(created);
  const order = `{"id":${id}}`;
  expect(await pass(loaded, 'write', 'spawn', order)).toEqual([`write ${order.length}`, 'child inside']);
  await expect(loaded).toHaveActiveAgents(0);
});
