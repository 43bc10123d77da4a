/** Writers of /proc/swarm: the thread that makes the system call counts, and no other in its place. */
import { jsonLines } from '../../harness/util/json-lines.js';
import { expect, test } from '../support/fixtures.js';
import { quoted } from '../../client/client.js';
import { passed } from '../support/figures.js';
import { reload } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

const SPAWN = '{"spawn":true}';

/** Writes to a file of /proc/swarm by a call, then forks: what came of both. */
async function pass(guest: LoadedGuest, how: string, file: string, text: string) {
  const [told] = jsonLines(await guest.sh(`pass ${how} /proc/swarm/${file} ${quoted(text)}`), passed);
  return told;
}

/** The result of a write that is refused. */
const refused = (how: string, answer: string) => ({ how, written: 0, answer, child: 'outside' });

/** The result of one that arms, with the length of its text. */
const armed = (written: number) => ({ how: 'write', written, answer: 'ok', child: 'inside' });

/** An order for each file, about an agent. */
const orders = (id: number) =>
  [
    ['create', SPAWN],
    ['create', '{}'],
    ['spawn', `{"id":${id}}`],
    ['update', `{"id":${id},"pids_limit":5}`],
    ['attach', `{"id":${id},"pid":2}`],
    ['destroy', `${id}\n`],
    ['inspect', `${id}`],
  ] as const;

test('ORDER-38: by write(2) the writing thread is armed', async ({ loaded }) => {
  expect(await pass(loaded, 'write', 'create', SPAWN)).toEqual(armed(SPAWN.length));
  await expect(loaded).toHaveActiveAgents(0);
});

test("ORDER-39: a write that one of the kernel's workers makes is EINVAL, arms nothing, orders nothing, and is logged", async ({
  loaded,
}) => {
  const probe = await pass(loaded, 'uring', 'destroy', '1000000\n');
  test.skip(probe?.answer === 'ENOSYS', 'this kernel was built without io_uring');
  const id = await loaded.swarm.create({ name: 'stays' });
  const status = await loaded.swarm.status();
  for (const how of ['uring', 'sqpoll']) {
    await loaded.sh('dmesg -C');
    for (const [file, text] of orders(id))
      expect.soft(await pass(loaded, how, file, text), `${file} ${text}`).toEqual(refused(how, 'EINVAL'));
    expect.soft(await loaded.kernelLog()).toContain('write without io_uring');
  }
  expect(await loaded.swarm.status(), 'no agent more, none less, no violation').toEqual(status);
  expect((await loaded.swarm.inspect(id)).policy).toMatchObject({ pids_limit: 0 });
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
  await loaded.unload();
  await reload(loaded);
});

test('ORDER-40: a write that is passed on by splice, vmsplice, sendfile, copy_file_range or aio fails, and does and arms nothing', async ({
  loaded,
}) => {
  const id = await loaded.swarm.create({ name: 'stays' });
  const status = await loaded.swarm.status();
  for (const how of ['splice', 'vmsplice', 'sendfile', 'copy', 'aio'])
    for (const [file, text] of orders(id))
      expect
        .soft(await pass(loaded, how, file, text), `${file} ${text}`)
        // The kernel copies between file systems only where both know how to.
        .toEqual(refused(how, how === 'copy' ? 'EXDEV' : 'EINVAL'));
  expect(await loaded.swarm.status(), 'no agent more, none less, no violation').toEqual(status);
  expect((await loaded.swarm.inspect(id)).policy).toMatchObject({ pids_limit: 0 });
  const order = `{"id":${id}}`;
  expect(await pass(loaded, 'write', 'spawn', order)).toEqual(armed(order.length));
  await expect(loaded).toHaveActiveAgents(0);
});

test("ORDER-44: a helper that the kernel starts may give orders, and only its own next fork is the agent's first process", async ({
  loaded,
}) => {
  const before = await loaded.sh('cat /proc/sys/kernel/core_pattern');
  // As the helper of core dumps, which the kernel's worker starts: what it forks is inside, then outside again.
  await loaded.writeFile(
    '/run/helper',
    [
      ...['#!/bin/sh', `exec >/run/told.new 2>&1; echo '${SPAWN}' >/proc/swarm/create && echo armed`],
      ...['readlink /proc/self/ns/pid', 'readlink /proc/self/ns/pid', 'mv /run/told.new /run/told'],
    ].join('\n'),
    '755',
  );
  await loaded.sh('rm -f /run/told; echo "|/run/helper" >/proc/sys/kernel/core_pattern');
  const { created } = await loaded.swarm.status();
  const outside = await loaded.sh('readlink /proc/self/ns/pid');
  // Whoever crashes, and whoever forks meanwhile, is no agent.
  const crashing = await loaded.exec(
    'ulimit -c unlimited; sh -c "kill -SEGV \\$\\$"; readlink /proc/self/ns/pid',
  );
  await expect.poll(() => loaded.sh('cat /run/told 2>/dev/null || true')).not.toBe('');
  await loaded.sh(`echo '${before}' >/proc/sys/kernel/core_pattern`);
  expect(crashing.stdout.trim()).toBe(outside);
  const [armed, first, second] = (await loaded.sh('cat /run/told; rm /run/told /run/helper')).split('\n');
  expect([armed, second]).toEqual(['armed', outside]);
  expect(first).not.toBe(outside);
  expect((await loaded.swarm.status()).created).toBe(created + 1);
  await expect(loaded).toHaveActiveAgents(0);
});
