/** Every allocation fails once: what it was for is refused or done, and nothing is left half made. */
import { z } from 'zod';
import { expect, test } from '../support/fixtures.js';
import { load, loadOracle } from '../support/loaded-guest.js';
import { buildModule } from '../support/module.js';
import { uploadRival } from '../support/moments.js';

test.setTimeout(600_000);

/** All but the network's: a thousand allocations that are the kernel's alone. */
const NAMESPACES = { namespace_flags: 125 };
const PIDS = { pids_limit: 40 };
const LIMITS = { ...PIDS, memory_limit: 1 << 26, cpu_quota: 50, name: 'walked' };
const RULES = { exec_paths: ['/usr/local/bin/'], devices: ['c 1:3 rwm', 'c 1:9 r'] };
/** So that the one that is redirected has to be found among others. */
const SEVERAL = { getppid: 'deny', getpgid: 'deny', getsid: 'deny', getpriority: 'deny' };
const ADOPTED = { ...PIDS, privileged: true, namespace_flags: 0 };

/**
 * The operations of vm-images/guest/stress/fault.c: the promise's id, an agent to do them on, and how many
 * allocations and how many refusals there are at least.
 */
const OPERATIONS: Record<string, [id: string, agent: object, fewest: number, fewestRefused: number]> = {
  create: ['DEBUG-09', { ...LIMITS, ...NAMESPACES, ...RULES }, 10, 5],
  hooks: ['DEBUG-23', { namespace_flags: 0, privileged: true, syscalls: { getppid: 'deny' } }, 10, 5],
  arm: ['DEBUG-10', { ...LIMITS, ...NAMESPACES, ...RULES }, 100, 50],
  adopt: ['DEBUG-11', ADOPTED, 30, 15],
  spawn: ['DEBUG-13', { ...PIDS, ...NAMESPACES }, 100, 50],
  birth: ['DEBUG-14', { ...LIMITS, ...NAMESPACES }, 10, 5],
  fork: ['DEBUG-15', { ...PIDS, ...NAMESPACES }, 50, 20],
  exec: ['DEBUG-16', { ...PIDS, ...NAMESPACES, ...RULES }, 50, 20],
  attach: ['DEBUG-12', ADOPTED, 5, 3],
  inspect: ['DEBUG-17', { ...LIMITS, ...NAMESPACES }, 10, 5],
  destroy: ['DEBUG-18', { ...LIMITS, ...NAMESPACES }, 4, 2],
  removal: ['DEBUG-19', { ...PIDS, ...NAMESPACES }, 3, 0],
  join: ['DEBUG-20', { ...PIDS, ...NAMESPACES }, 3, 2],
  update: ['DEBUG-21', { ...NAMESPACES }, 30, 15],
  move: ['DEBUG-22', { ...PIDS, ...NAMESPACES }, 30, 15],
  joined: ['DEBUG-24', { ...PIDS, ...NAMESPACES }, 1, 1],
  respawn: ['DEBUG-25', { ...LIMITS, ...NAMESPACES }, 10, 5],
  end: ['DEBUG-26', { ...LIMITS, ...NAMESPACES }, 4, 0],
  rehook: ['DEBUG-27', { ...PIDS, namespace_flags: 0, privileged: true }, 5, 2],
  leftover: ['DEBUG-28', { ...PIDS, ...NAMESPACES }, 50, 20],
  conflict: ['DEBUG-29', { namespace_flags: 0, privileged: true, syscalls: SEVERAL }, 10, 5],
  crowded: ['DEBUG-31', { ...PIDS, ...NAMESPACES }, 5, 3],
  reborn: ['DEBUG-30', { ...LIMITS, ...NAMESPACES }, 10, 5],
};

/** A module that gets in the way of an operation. */
const RIVALS: Record<string, string> = { conflict: 'swarm_redirect.ko function=__x64_sys_getpgid' };

/** The output of `fault` about an operation that went through. */
const walked = z.object({ allocations: z.number(), refused: z.number() });

for (const [operation, [id, agent, fewest, fewestRefused]] of Object.entries(OPERATIONS)) {
  test(`${id}: every allocation of ${operation} fails once`, async ({ booted, stage }) => {
    const { ko, oracle } = await buildModule(stage.kernel, ['SWARM_FAULTS=y']);
    if ((await booted.exec('[ -e /proc/swarm_oracle ]')).code !== 0) await loadOracle(booted, oracle);
    // One that was made ahead would spare all that making a cgroup allocates.
    const guest = await load(booted, ko, { cgroup_pool: 0 });
    const [rival, ...words] = RIVALS[operation]?.split(' ') ?? [];
    if (rival) {
      await uploadRival(guest, stage, rival);
      await guest.sh(`insmod /root/${rival} ${words.join(' ')}`);
    }
    const { code, stdout, stderr } = await guest.exec(`fault ${operation} '${JSON.stringify(agent)}'`, {
      timeoutMs: 580_000,
    });
    expect(code, stdout + stderr).toBe(0);
    const { allocations, refused } = walked.parse(JSON.parse(stdout));
    console.log(`${operation}: ${allocations} allocations, ${refused} refused`);
    expect(allocations).toBeGreaterThanOrEqual(fewest);
    expect(refused).toBeGreaterThanOrEqual(fewestRefused);
    if (rival) await guest.sh(`rmmod ${rival.replace('.ko', '')}`);
    // Which complains about what is left of agents and their processes.
    await guest.unload();
  });
}
