/** The interface as client/abi has it, against the loaded module, whose output must fit the strict form. */
import { answers } from '../../client/abi/answer.js';
import { events, knownEvent } from '../../client/abi/event.js';
import { FILES } from '../../client/abi/files.js';
import { STRICT } from '../../client/abi/form.js';
import { inspections } from '../../client/abi/inspection.js';
import { METRICS, TRACEPOINTS } from '../../client/abi/metrics.js';
import {
  EVENTS,
  KINDS,
  ORIGINS,
  OUTCOMES,
  REASONS,
  REFUSALS,
  STATES,
  namesOf,
} from '../../client/abi/names.js';
import { PARAMETERS } from '../../client/abi/parameters.js';
import { attachRequest, createRequest } from '../../client/abi/request.js';
import { agentCgroupDir } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { background, expectBorn, hold, onlyAgent } from '../support/guest.js';
import { load } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

const event = knownEvent(STRICT);
const inspection = inspections(STRICT);

/** Every event that is kept, as it is printed. */
async function printed(guest: LoadedGuest) {
  const { stdout } = await guest.exec('dd if=/proc/swarm/events iflag=nonblock bs=64k 2>/dev/null');
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => event.parse(JSON.parse(line), { reportInput: true }));
}

/** The answer of inspect for an agent. */
async function inspected(guest: LoadedGuest, id: number) {
  const line = await guest.sh(`exec 3<>/proc/swarm/inspect && echo ${id} >&3 && cat <&3`);
  return inspection.parse(JSON.parse(line), { reportInput: true });
}

/** Values without repetition, sorted. */
const set = (values: readonly unknown[]) => [...new Set(values)].sort();

test('ABI-12: every file of /proc/swarm has the mode that it should, and there is no other', async ({
  loaded,
}) => {
  const files = await loaded.sh("cd /proc/swarm && stat -c '%n %a' *");
  const expected = Object.entries(FILES).map(([name, { mode }]) => `${name} ${mode.toString(8)}`);
  expect(files.split('\n').sort()).toEqual(expected.sort());
});

test('ABI-13: the module knows every key, no other, and answers as it should', async ({ loaded }) => {
  const { created, refused } = answers(STRICT);
  const keys = Object.keys(createRequest.shape);
  for (const key of [...keys, 'other']) {
    // A key whose value may be an empty array makes an agent, for any other one the value is wrong.
    const object = JSON.stringify({ [key]: [] });
    const line = await loaded.sh(
      `exec 3<>/proc/swarm/create; echo '${object}' >&3 2>/dev/null; head -n1 <&3`,
    );
    const agent = created.safeParse(JSON.parse(line));
    if (agent.success) {
      await loaded.swarm.destroy(agent.data.id);
      continue;
    }
    const { field, message } = refused.parse(JSON.parse(line), { reportInput: true });
    expect(field).toBe(key);
    expect(message.includes('unknown key'), line).toBe(key === 'other');
  }
  for (const key of Object.keys(attachRequest.shape))
    expect(await loaded.swarm.writeAttach(`{"${key}":0}`)).toEqual(['EINVAL']);
});

test('ABI-14: every parameter has the default that it should, and there is no other', async ({ loaded }) => {
  const values = await loaded.sh('cd /sys/module/swarm_guard/parameters && grep . *');
  const expected = Object.entries(PARAMETERS).map(([name, { default: value }]) => `${name}:${value}`);
  expect(values.split('\n').sort()).toEqual(expected.sort());
});

test('ABI-15: every kind of violation, way into an agent and reason of its end is printed under its name', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  await swarm.destroy(await swarm.create({ name: 'web' }));
  // CLONE_PIDFD without a place for the descriptor.
  await swarm.launch({}, ['/bin/true'], { via: 'clone3', first: '1000' });
  await loaded.sh(`bash -c 'echo "{\\"spawn\\":true}" >/proc/swarm/create'`);
  await swarm.run(
    { syscalls: { fork: 'audit', thread: 'audit', execve: 'audit' } },
    'attempt fork -- thread -- execve /bin/true -- unshare 4000000 -- setns /proc/self/ns/uts -- read /dev/kmsg -- mount-proc /tmp',
  );
  await swarm.run(
    { capabilities: 'all', sockets: [], syscalls: { mount: 'allow' } },
    'attempt socket 1 1 0 -- mount-type nosuchfs /tmp',
  );
  await swarm.run({ syscalls: { setns: 'kill' } }, 'attempt setns /proc/self/ns/uts');
  await swarm.run({ privileged: true, namespace_flags: 95 }, 'attempt write /proc/swarm/create');
  await swarm.run({ memory_limit: 1 << 25 }, `consume memory ${1 << 26}`);

  const stranger = await background(loaded, 'sleep 1000');
  expect((await swarm.write(`{"pid":${stranger}}`)).answers).toMatchObject([{ error: 'EPERM' }]);
  const shared = { privileged: true, namespace_flags: 0 } as const;
  const id = await swarm.create({ ...shared, pid: stranger });
  await swarm.update({ id, pids_limit: 20 });
  await swarm.attach(id, await background(loaded, 'sleep 1000'));
  await swarm.destroy(id);

  const terminal = await loaded.terminal();
  await terminal.type(`echo '{"spawn":true,"pids_limit":5}' >/proc/swarm/create`);
  await loaded.sh(`rmdir ${await agentCgroupDir(loaded, (await onlyAgent(loaded)).id)}`);
  await terminal.type('/bin/true; true');
  terminal.close();
  await expect(loaded).toHaveActiveAgents(0);

  const all = await printed(loaded);
  const violations = all.filter((each) => each.event === 'violation');
  expect(set(violations.map(({ kind }) => kind))).toEqual(set(namesOf(KINDS)));
  expect(set(violations.map(({ action }) => action))).toEqual(set(namesOf(REFUSALS)));
  expect(set(violations.map(({ rule }) => rule))).toEqual(set(namesOf(REFUSALS)));
  const spawned = all.filter((each) => each.event === 'spawned');
  expect(set(spawned.map(({ by }) => by))).toEqual(set(namesOf(ORIGINS)));
  const destroyed = all.filter((each) => each.event === 'destroyed');
  expect(set(destroyed.map(({ reason }) => reason))).toEqual(set(namesOf(REASONS)));
  // Every field of these events was printed once, those that are not always there too.
  for (const [name, { shape }] of Object.entries(events(STRICT))) {
    const seen = all.filter((each) => each.event === name).flatMap((each) => Object.keys(each));
    if (name !== 'lost' && name !== 'suppressed') expect(set(seen), name).toEqual(set(Object.keys(shape)));
  }
});

test('ABI-16: every event is printed, those that tell of others too, and reports under their name', async ({
  booted,
  module,
}) => {
  const guest = await load(booted, module.ko, { enforce: 0, event_buffer: 16, event_rate: 10 });
  await guest.swarm.run({}, `attempt ${Array(20).fill('read /dev/kmsg').join(' -- ')}`);
  await expect(guest).toHaveActiveAgents(0);
  await guest.swarm.run({ memory_limit: 1 << 25, oom_group: false }, `consume memory ${1 << 26}; true`);
  await expect(guest).toHaveActiveAgents(0);
  const all = await printed(guest);
  // A half of 16: of 10 violations that are told, the sum of the others and a victim four are overwritten.
  // ABI-15 has the two that are missing here.
  expect(set([...all.map((each) => each.event), 'fork_failed', 'updated'])).toEqual(set(namesOf(EVENTS)));
  expect(all.filter((each) => each.event === 'lost')).toMatchObject([{ count: 4 }]);
  expect(all.filter((each) => each.event === 'suppressed')).toMatchObject([
    { count: 10, kind: 'device', action: 'report', rule: 'deny' },
  ]);
  const violations = all.filter((each) => each.event === 'violation');
  expect(set(violations.map(({ action, rule }) => `${rule} ${action}`))).toEqual(['deny report']);
  await guest.unload();
});

test('ABI-17: every metric has the type that it should, every kind and action its own, and there is no other', async ({
  loaded,
}) => {
  const text = await loaded.swarm.metrics();
  const there = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => [name, type]);
  expect(Object.fromEntries(there)).toEqual(
    Object.fromEntries(Object.entries(METRICS).map(([name, { type }]) => [name, type])),
  );
  const labels = [...text.matchAll(/^swarm_guard_violations_total\{kind="(\w+)",action="(\w+)"\} /gm)];
  expect(labels.map(([, kind, action]) => `${kind ?? ''} ${action ?? ''}`)).toEqual(
    namesOf(KINDS).flatMap((kind) => namesOf(OUTCOMES).map((action) => `${kind} ${action}`)),
  );
});

test('ABI-18: every tracepoint has the fields that it should, and there is no other', async ({ loaded }) => {
  const text = await loaded.sh("cd /sys/kernel/tracing/events/swarm_guard && grep -H 'field:' */format");
  const found: Record<string, string[]> = {};
  for (const [, name = '', field = ''] of text.matchAll(
    /^(\w+)\/format:\s+field:.*?(\w+)(?:\[\w*\])?;\toffset:/gm,
  ))
    if (!field.startsWith('common_')) (found[name] ??= []).push(field);
  expect(found).toEqual(TRACEPOINTS);
});

test('ABI-19: every field of inspect and every state is printed under its name', async ({ loaded }) => {
  const { swarm } = loaded;
  const registered = await swarm.create({ name: 'web' });
  expect(await inspected(loaded, registered)).toMatchObject({ state: 'registered', name: 'web' });
  await swarm.destroy(registered);

  const terminal = await loaded.terminal();
  await terminal.type(`echo '{"spawn":true}' >/proc/swarm/create`);
  const { id: armed } = await onlyAgent(loaded);
  const states = [(await inspected(loaded, armed)).state];
  await swarm.destroy(armed);
  states.push((await inspected(loaded, armed)).state);
  terminal.close();
  await expect(loaded).toHaveActiveAgents(0);

  const { line, release } = hold(loaded);
  const running = swarm.run(
    { memory_limit: 1 << 26, pids_limit: 9, exec_paths: ['/usr/bin/', '/bin/'], hostname: 'web.example' },
    line,
  );
  await expectBorn(loaded, 1);
  const { id } = await onlyAgent(loaded);
  const agent = await inspected(loaded, id);
  states.push(agent.state);
  expect(Object.keys(agent)).toEqual(Object.keys(inspection.shape));
  expect(set(Object.keys(agent.policy))).toEqual(set(Object.keys(inspection.shape.policy.shape)));
  expect([agent.ids, agent.cgroup, agent.namespaces]).not.toContain(null);
  // Without PSI there is no pressure.
  const figures = Object.keys(inspection.shape.usage.shape).filter((key) => key !== 'pressure');
  expect(Object.keys(agent.usage).filter((key) => key !== 'pressure')).toEqual(figures);
  await swarm.update({ id, frozen: true });
  await expect.poll(async () => (await inspected(loaded, id)).state).toBe('frozen');
  await swarm.update({ id, frozen: false });
  await release();
  await running;
  // An agent that is gone is found no more, but for a moment that nobody can wait for.
  expect(set(['registered', 'gone', 'frozen', ...states])).toEqual(set(namesOf(STATES)));
  await expect(loaded).toHaveActiveAgents(0);
});
