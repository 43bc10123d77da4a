/** The tracepoints, as tracefs uses them. */
import { UPDATE_KEYS } from '../../client/abi/names.js';
import type { UpdateKey } from '../../client/abi/names.js';
import type { UpdateRequest } from '../../client/abi/request.js';
import { expect, test } from '../support/fixtures.js';
import { background, onlyAgent } from '../support/guest.js';

const EVENTS = '/sys/kernel/tracing/events/swarm_guard';

/** For each key that an update may have, a change. */
const CHANGES: Readonly<Required<Pick<UpdateRequest, UpdateKey>>> = {
  memory_limit: 64 << 20,
  cpu_quota: 50,
  pids_limit: 6,
  devices: [],
  syscalls: { thread: 'deny' },
  exec_paths: ['/bin/'],
  unlisted: 'kill',
  oom_group: false,
  frozen: true,
  sockets: [],
};

test('TRACE-01: tracefs tells of an agent from creation to end', async ({ loaded }) => {
  expect(await loaded.sh(`ls -d ${EVENTS}/*/ | xargs -n1 basename`)).toBe(
    'agent_create\nagent_destroy\nagent_oom\nagent_spawn\nagent_update\nviolation',
  );
  // Only an agent with a process can be stopped.
  await background(loaded, `launch '{"spawn":true}' /usr/local/bin/consume wait`);
  await expect.poll(async () => (await loaded.swarm.agents())[0]?.pid ?? 0).toBeGreaterThan(0);
  const { id: busy } = await onlyAgent(loaded);
  await loaded.sh(`echo 1 >${EVENTS}/enable; echo >/sys/kernel/tracing/trace`);
  const other = await loaded.swarm.create({});
  await loaded.swarm.update({ id: other, pids_limit: 5, syscalls: { fork: 'deny' } });
  for (const key of UPDATE_KEYS) await loaded.swarm.update({ id: busy, [key]: CHANGES[key] });
  for (const each of [other, busy]) await loaded.swarm.destroy(each);
  const { id, pid } = await loaded.swarm.launch({ name: 'traced' }, [
    '/usr/local/bin/attempt',
    'setns',
    '/proc/self/ns/uts',
  ]);
  await expect(loaded).toHaveActiveAgents(0);
  const trace = await loaded.sh(`echo 0 >${EVENTS}/enable; cat /sys/kernel/tracing/trace`);
  const lines = trace
    .split('\n')
    .filter((line) => line && !line.startsWith('#'))
    .map((line) => line.replace(/^.*?: /, ''));
  expect(lines).toEqual([
    `agent_create: id=${other} name=`,
    `agent_update: id=${other} keys=pids_limit|syscalls`,
    ...UPDATE_KEYS.map((key) => `agent_update: id=${busy} keys=${key}`),
    `agent_destroy: id=${other} reason=request violations=0`,
    `agent_destroy: id=${busy} reason=request violations=0`,
    `agent_create: id=${id} name=traced`,
    `agent_spawn: id=${id} pid=${pid} by=spawn`,
    `violation: id=${id} pid=${pid} kind=setns action=deny`,
    `agent_destroy: id=${id} reason=exit violations=1`,
  ]);
});

test('TRACE-02: a filter of tracefs chooses by field', async ({ loaded }) => {
  await loaded.sh(`echo 'kind == "device"' >${EVENTS}/violation/filter; echo 1 >${EVENTS}/violation/enable`);
  await loaded.sh('echo >/sys/kernel/tracing/trace');
  await loaded.swarm.run({}, 'attempt setns /proc/self/ns/uts -- read /dev/kmsg');
  const trace = await loaded.sh(`echo 0 >${EVENTS}/violation/enable; cat /sys/kernel/tracing/trace`);
  expect(trace.match(/violation: .*/g)).toHaveLength(1);
  expect(trace).toContain('kind=device');
  await loaded.sh(`echo 0 >${EVENTS}/violation/filter`);
});

test('TRACE-04: the module is unloaded with its tracepoints enabled', async ({ loaded }) => {
  await loaded.sh(`echo 1 >${EVENTS}/enable`);
  await loaded.unload();
  expect((await loaded.exec(`ls ${EVENTS}`)).code).not.toBe(0);
});
