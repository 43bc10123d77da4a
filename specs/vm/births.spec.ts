/** Every step of a birth made to fail, and what is left then: nothing. */
import type { AgentRequest } from '../../client/client.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import { agentCgroupDir, expectNoAgentCgroups, expectReadyCgroups } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { background, destroyAll, expectBorn, onlyAgent } from '../support/guest.js';
import { load } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import type { BuiltModule } from '../support/module.js';
import { uploadRival } from '../support/moments.js';
import type { Stage } from '../support/stage.js';

/** Three ranges of ids in all: one that a failed birth kept would be missed. */
const THREE_RANGES = { id_base: 4294967295 - 3 * 1024 };
const LIMITED = { cpu_quota: 50, pids_limit: 20 };
const RAN = '/tmp/ran';

/** A function that is redirected in the launcher's child, which has not called execve. */
interface Redirection {
  function: string;
  answer: number;
  first?: number;
}

const STEPS: (Redirection & { step: string; error: number; request?: AgentRequest })[] = [
  { step: 'taking its identity', function: 'groups_alloc', answer: 0, error: -12 },
  { step: 'taking its identity', function: 'set_current_groups', answer: -12, error: -12 },
  { step: 'taking its identity', function: '__sys_setresgid', answer: -12, error: -12 },
  { step: 'taking its identity', function: '__sys_setresuid', answer: -11, error: -11 },
  // It claims to have worked, and has not.
  { step: 'taking its identity', function: '__sys_setresuid', answer: 0, error: -1 },
  // PR_CAP_AMBIENT
  { step: 'dropping privileges', function: 'security_task_prctl', first: 47, answer: -12, error: -12 },
  { step: 'bringing up its loopback device', function: 'dev_change_flags', answer: -12, error: -12 },
  // By the setns; the fork itself comes by with flags.
  {
    step: 'entering its network namespace',
    function: 'create_new_namespaces',
    first: 0,
    answer: -12,
    error: -12,
    request: { network: 'none' },
  },
  // Without a source: the propagation; with one it is what is mounted.
  { step: 'separating its mounts', function: 'path_mount', first: 0, answer: -12, error: -12 },
  { step: 'mounting its procfs', function: 'security_sb_kern_mount', answer: -12, error: -12 },
  {
    step: 'mounting its terminals',
    function: 'kern_path',
    answer: -12,
    error: -12,
    request: { proc: false },
  },
  { step: 'joining its cgroup', function: 'cgroup_procs_write', answer: -12, error: -12 },
  // CLONE_NEWCGROUP alone: the fork itself comes by with other flags.
  {
    step: 'making its cgroup namespace',
    function: 'copy_cgroup_ns',
    first: 0x2000000,
    answer: -28,
    error: -28,
  },
  { step: 'leaving its session', function: 'ksys_setsid', answer: -1, error: -1 },
];

const NAMES: Record<number, string> = { [-1]: 'EPERM', [-11]: 'EAGAIN', [-12]: 'ENOMEM', [-28]: 'ENOSPC' };

async function redirected(
  guest: BootedGuest,
  redirection: Redirection & { hold?: number },
  work: () => Promise<void>,
): Promise<void> {
  const words = Object.entries({ comm: 'launch', ...redirection }).map(([key, value]) => `${key}=${value}`);
  await guest.sh(`insmod /root/swarm_redirect.ko ${words.join(' ')}`);
  try {
    await work();
    expect(await hits(guest), `calls of ${redirection.function}`).toBe(1);
  } finally {
    await guest.sh('echo 0 >/sys/module/swarm_redirect/parameters/hold; rmmod swarm_redirect');
  }
}

async function hits(guest: BootedGuest): Promise<number> {
  return Number(await guest.sh('cat /sys/module/swarm_redirect/parameters/hits'));
}

/** Arms three threads at a time; each exits without forking once all have their answers. */
const ARM_THREE = `
cd $(mktemp -d) && mkfifo gate && exec 9<>gate
for i in 1 2 3; do
  bash -c 'exec 3<>/proc/swarm/create; echo "{\\"spawn\\":true}" >&3; read -r line <&3; echo "$line"; read -r -N1 <&9' &
done >answers
until [ "$(wc -l <answers)" = 3 ]; do sleep 0.05; done
printf 123 >&9; wait; cat answers`;

/** No agent, no cgroup, and every range of ids to be had. */
async function expectNothingLeft(guest: LoadedGuest): Promise<void> {
  await expect(guest).toHaveActiveAgents(0);
  await expectNoAgentCgroups(guest);
  await expect
    .poll(async () => (await guest.sh(ARM_THREE)).match(/"id":/g)?.length, { intervals: [100, 500] })
    .toBe(3);
  await expect(guest).toHaveActiveAgents(0);
}

async function loadWithRedirect(guest: BootedGuest, module: BuiltModule, stage: Stage): Promise<LoadedGuest> {
  await uploadRival(guest, stage, 'swarm_redirect.ko');
  const loaded = await load(guest, module.ko, THREE_RANGES);
  await loaded.sh(`rm -f ${RAN}; dmesg -C`);
  return loaded;
}

/** Births of which one step fails: the child never runs, an event and the log say why, and nothing is left. */
async function expectFailing(
  guest: LoadedGuest,
  { step, error, request, ...redirection }: (typeof STEPS)[number],
): Promise<void> {
  for (const via of ['fork', 'vfork'] as const) {
    await redirected(guest, redirection, async () => {
      const { code, id } = await guest.swarm.launch({ ...LIMITED, ...request }, ['/bin/touch', RAN], { via });
      expect(code, 'SIGKILL').toBe(137);
      const ended = (await guest.swarm.events()).filter((each) => each.event === 'destroyed');
      expect(ended.at(-1)).toMatchObject({ agent: id, reason: 'birth', step, error: NAMES[error] });
      const told = `agent ${id}: its first process was killed before it ran: ${step} failed with ${error}`;
      expect(await guest.kernelLog()).toMatch(new RegExp(`swarm_guard: ${told}(;.*)?$`, 'm'));
    });
  }
  expect((await guest.exec(`test -e ${RAN}`)).code, 'it ran').toBe(1);
  await expectNothingLeft(guest);
}

test('BIRTH-27: whichever step of a birth fails, the child never runs, an event and the log say why, and nothing is left', async ({
  booted,
  module,
  stage,
}) => {
  test.setTimeout(600_000);
  // Loading and unloading take longer than all that happens between.
  const guest = await loadWithRedirect(booted, module, stage);
  for (const step of STEPS)
    await test.step(`${step.step}: ${step.function} answers ${step.answer}`, () =>
      expectFailing(guest, step));
  await guest.unload();
});

const HELD = [
  { function: 'groups_alloc', answer: 0 },
  { function: 'cgroup_procs_write', answer: -12 },
  // It goes on as if nothing were wrong.
  { function: 'ksys_setsid', answer: 1 },
];

/** A birth that is held in a function, while its agent is destroyed. */
async function expectDestroyed(guest: LoadedGuest, held: Redirection): Promise<void> {
  await redirected(guest, { ...held, hold: 1 }, async () => {
    const birth = guest.swarm.launch(LIMITED, ['/bin/touch', RAN]);
    await expect.poll(() => hits(guest)).toBe(1);
    const agent = await onlyAgent(guest);
    expect(await guest.swarm.destroy(agent.id)).toEqual([expect.any(Number)]);
    // It sleeps in the kernel, so it is there until it wakes.
    expect((await guest.swarm.status()).active).toBe(1);
    expect((await guest.exec('rmmod swarm_guard')).stderr).toContain('in use');
    await guest.sh('echo 0 >/sys/module/swarm_redirect/parameters/hold');
    const { code, id } = await birth;
    expect(code).toBe(137);
    await expect(guest).toHaveActiveAgents(0);
    const last = (await guest.swarm.events()).at(-1);
    expect(last).toMatchObject({ event: 'destroyed', agent: id, reason: 'request' });
  });
  expect((await guest.exec(`test -e ${RAN}`)).code, 'it ran').toBe(1);
  await expectNothingLeft(guest);
}

test('BIRTH-28: an agent that is destroyed during its birth never runs', async ({
  booted,
  module,
  stage,
}) => {
  test.setTimeout(300_000);
  const guest = await loadWithRedirect(booted, module, stage);
  for (const held of HELD) await test.step(`in ${held.function}`, () => expectDestroyed(guest, held));
  await guest.unload();
});

test('BIRTH-29: a birth whose directory root has removed fails at joining its cgroup', async ({
  booted,
  module,
}) => {
  const guest = await load(booted, module.ko, THREE_RANGES);
  // The first has its directory made, the second gets one that was made ahead.
  for (const name of [/\/plain\/\d+$/, /\/plain\/p\d+$/]) {
    await guest.sh('dmesg -C');
    const terminal = await guest.terminal();
    await terminal.type(`echo '${JSON.stringify({ spawn: true, ...LIMITED })}' >/proc/swarm/create`);
    const dir = await agentCgroupDir(guest, (await onlyAgent(guest)).id);
    expect(dir).toMatch(name);
    await guest.sh(`rmdir ${dir}; rm -f ${RAN}`);
    expect(await terminal.type(`/bin/touch ${RAN}; echo $?`)).toMatch(/\b137$/);
    terminal.close();
    expect(await guest.kernelLog()).toMatch(
      /its first process was killed before it ran: joining its cgroup failed with -19/,
    );
    expect((await guest.exec(`test -e ${RAN}`)).code, 'it ran').toBe(1);
    await expectNothingLeft(guest);
    await expectReadyCgroups(guest, 1);
  }
  await guest.unload();
});

test('LIFE-29: the range of ids of an agent is nobody else’s until its last process has let go of everything', async ({
  booted,
  module,
  stage,
}) => {
  await uploadRival(booted, stage, 'swarm_delay.ko');
  const guest = await load(booted, module.ko, THREE_RANGES);
  const arm = async () => (await guest.swarm.write('{"spawn":true}')).answers[0];
  for (let agents = 1; agents <= 3; agents++) {
    await background(guest, `launch '{"spawn":true}' /usr/local/bin/consume wait`);
    await expectBorn(guest, agents);
  }
  const message: unknown = expect.stringContaining(
    'agents use all 3 ranges of 1024 user ids (id_base, id_count), but a birth needs one; ',
  );
  const none = { error: 'ENOSPC', message };
  expect(await arm(), 'all three are in use').toMatchObject(none);
  const [first] = await guest.swarm.agents();
  await guest.sh('insmod /root/swarm_delay.ko function=exit_files comm=consume ms=2000');
  await guest.swarm.destroy(first?.id ?? 0);
  expect(await arm(), 'it is exiting').toMatchObject(none);
  expect((await guest.swarm.status()).active, 'it was exiting then').toBe(3);
  await expect(guest).toHaveActiveAgents(2);
  expect(await guest.sh('cat /sys/module/swarm_delay/parameters/hits; rmmod swarm_delay')).toBe('1');
  await expect.poll(arm, { message: 'it is gone' }).toMatchObject({ kind: 'created' });
  await destroyAll(guest);
  await expect(guest).toHaveActiveAgents(0);
  await guest.unload();
});
