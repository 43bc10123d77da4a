/** Every allocation fails once: what it was for is refused or done, and nothing is left half made. */
import { z } from 'zod';
import { expect, test } from '../support/fixtures.js';
import { load, loadOracle } from '../support/loaded-guest.js';
import { buildModule } from '../support/module.js';

test.setTimeout(600_000);

/** All but the network's: a thousand allocations that are the kernel's alone. */
const NAMESPACES = { namespace_flags: 125 };
const PIDS = { pids_limit: 40 };
const LIMITS = { ...PIDS, memory_limit: 1 << 26, cpu_quota: 50, name: 'walked' };
const RULES = { exec_paths: ['/usr/local/bin/'], devices: ['c 1:3 rwm', 'c 1:9 r'] };
const ADOPTED = { ...PIDS, privileged: true, namespace_flags: 0 };

/**
 * The operations of vm-images/guest/stress/fault.c: an agent to do them on, and how many allocations and how many
 * refusals there are at least.
 */
const OPERATIONS: Record<string, [object, number, number]> = {
  create: [{ ...LIMITS, ...NAMESPACES, ...RULES }, 10, 5],
  arm: [{ ...LIMITS, ...NAMESPACES, ...RULES }, 100, 50],
  adopt: [ADOPTED, 30, 15],
  spawn: [{ ...PIDS, ...NAMESPACES }, 100, 50],
  birth: [{ ...LIMITS, ...NAMESPACES }, 10, 5],
  fork: [{ ...PIDS, ...NAMESPACES }, 50, 20],
  exec: [{ ...PIDS, ...NAMESPACES, ...RULES }, 50, 20],
  attach: [ADOPTED, 5, 3],
  inspect: [{ ...PIDS, ...NAMESPACES }, 3, 2],
  destroy: [{ ...LIMITS, ...NAMESPACES }, 4, 2],
  removal: [{ ...PIDS, ...NAMESPACES }, 3, 0],
};

/** The output of `fault` about an operation that went through. */
const walked = z.object({ allocations: z.number(), refused: z.number() });

for (const [operation, [agent, fewest, fewestRefused]] of Object.entries(OPERATIONS)) {
  test(`every allocation of ${operation} fails once`, async ({ booted, stage }) => {
    const { ko, oracle } = await buildModule(stage.kernel, ['SWARM_FAULTS=y']);
    if ((await booted.exec('[ -e /proc/swarm_oracle ]')).code !== 0) await loadOracle(booted, oracle);
    const guest = await load(booted, ko);
    const { code, stdout, stderr } = await guest.exec(`fault ${operation} '${JSON.stringify(agent)}'`, {
      timeoutMs: 580_000,
    });
    expect(code, stdout + stderr).toBe(0);
    const { allocations, refused } = walked.parse(JSON.parse(stdout));
    console.log(`${operation}: ${allocations} allocations, ${refused} refused`);
    expect(allocations).toBeGreaterThanOrEqual(fewest);
    expect(refused).toBeGreaterThanOrEqual(fewestRefused);
    // Which complains about what is left of agents and their processes.
    await guest.unload();
  });
}
