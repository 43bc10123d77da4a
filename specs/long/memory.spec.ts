/** Memory that runs out while agents are created, spawned and forked: what is half made goes again. */
import { z } from 'zod';
import { jsonLines } from '../../harness/util/json-lines.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import { expectNoAgentCgroups } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { load } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

/** Little enough that one hog takes it all in a moment. */
test.use({ guestExtras: { memoryMb: 512 } });

test.describe.configure({ timeout: 900_000 });

/** As few ranges of ids as will do: one that is not given back is missed. */
const FEW_RANGES = { id_base: 4294967295 - 4 * 1024 };
const KIB = 1024;
const ROUNDS = 160;
const TOP = '/sys/fs/cgroup';

/** No agent, cgroup, member nor object of the module's caches is left, and all of it works. */
async function expectNothingLeft(guest: LoadedGuest): Promise<void> {
  await expect(guest).toHaveActiveAgents(0);
  const { created, destroyed } = await guest.swarm.status();
  expect(destroyed).toBe(created);
  await expectNoAgentCgroups(guest);
  await expect
    .poll(() => guest.sh('awk \'$1 == "swarm_agent" { print $2 }\' /proc/slabinfo'), { timeout: 20_000 })
    .toBe('0');
  for (const request of [{}, { memory_limit: 1 << 25, pids_limit: 20, cpu_quota: 50 }])
    expect((await guest.swarm.run(request, 'sh -c true & wait')).code).toBe(0);
  await expect(guest).toHaveActiveAgents(0);
  // Its caches complain if an object is left in them.
  await guest.unload();
  expect((await guest.exec('ls -d /sys/kernel/slab/swarm_*')).stdout).toBe('');
}

async function smallCgroup(guest: BootedGuest): Promise<void> {
  await guest.sh(`echo +memory >${TOP}/cgroup.subtree_control; mkdir -p ${TOP}/small`);
  await guest.exec(`echo 0 >${TOP}/small/memory.swap.max`);
}

const ended = z.object({ way: z.string(), count: z.number() });
const hog = z.object({ kills: z.number() });

/** The number of times that each ending was reached, as `starve` counts. */
async function starve(guest: LoadedGuest, killable: boolean, object: object, rounds: number) {
  const words = `${killable ? '--killable ' : ''}0 ${4 * KIB} ${rounds} '${JSON.stringify(object)}'`;
  const text = await guest.sh(`starve ${TOP}/small ${words}`, { timeoutMs: 800_000 });
  return new Map(jsonLines(text, ended).map(({ way, count }) => [way, count]));
}

for (const [what, request] of Object.entries({
  'without limits': {},
  'with limits': { memory_limit: 1 << 25, pids_limit: 20, cpu_quota: 50 },
})) {
  test(`ROBUST-05: memory that runs out at every point of a spawn ${what} is ENOMEM or a birth that never ran`, async ({
    booted,
    module,
  }, info) => {
    await smallCgroup(booted);
    const guest = await load(booted, module.ko, FEW_RANGES);
    // No network namespace, which alone would take most of the time.
    const object = { spawn: true, namespace_flags: 125, ...request };
    const ways = await starve(guest, false, object, ROUNDS);
    await info.attach('ways', { body: JSON.stringify([...ways]), contentType: 'application/json' });
    console.log(what, JSON.stringify([...ways]));
    const at = (how: RegExp) =>
      [...ways].filter(([name]) => how.test(name)).reduce((sum, [, count]) => sum + count, 0);
    expect(at(/^open ENOMEM/)).toBeGreaterThan(0);
    expect(at(/^fork ENOMEM/)).toBeGreaterThan(0);
    expect(at(/^born/)).toBeGreaterThan(0);
    expect(at(/^(open|refused|fork) ENOMEM|^stillborn|^born/), 'nothing else').toBe(ROUNDS);
    await expectNothingLeft(guest);
  });
}

test('ROBUST-06: the OOM killer takes launchers at every point of a spawn, and nothing is left of their agents', async ({
  booted,
  module,
}) => {
  await smallCgroup(booted);
  const guest = await load(booted, module.ko, FEW_RANGES);
  const object = { spawn: true, namespace_flags: 125, memory_limit: 1 << 25, pids_limit: 20 };
  const ways = await starve(guest, true, object, ROUNDS);
  console.log(JSON.stringify([...ways]));
  expect(ways.get('killed') ?? 0).toBeGreaterThan(10);
  expect(ways.get('born') ?? 0).toBeGreaterThan(0);
  await expectNothingLeft(guest);
});

test("ROBUST-08: a limit on the parent of all agents' cgroups is met: ENOMEM, and nothing is left", async ({
  booted,
  module,
}) => {
  const guest = await load(booted, module.ko, FEW_RANGES);
  await guest.sh(`echo 65536 >${TOP}/swarm/memory.max`);
  const { code, stderr } = await guest.swarm.tryLaunch({ memory_limit: 1 << 25 }, ['/bin/true']);
  expect([code, stderr]).toEqual([125, expect.stringContaining('"ENOMEM"')]);
  await guest.sh(`echo max >${TOP}/swarm/memory.max`);
  await expectNothingLeft(guest);
});

test('ROBUST-07: while the whole machine runs out of memory agents are born or refused, and nothing is left', async ({
  booted,
  module,
}) => {
  const guest = await load(booted, module.ko, FEW_RANGES);
  const object = JSON.stringify({ spawn: true, memory_limit: 1 << 25, pids_limit: 20 });
  const line = [
    'starve hog 40 >/tmp/kills & hog=$!',
    'while kill -0 $hog 2>/dev/null; do',
    `  launch '${object}' /bin/sh -c 'true; true' 2>/dev/null; echo launch $?`,
    "  seq 50 | sed 's/.*/{}/' | swarmio /proc/swarm/create >/dev/null 2>&1",
    "  sed 's/^ID: //; s/,.*//' /proc/swarm/agents | swarmio /proc/swarm/destroy >/dev/null 2>&1",
    'done; wait; cat /tmp/kills',
  ].join('\n');
  const { stdout } = await guest.exec(line, { timeoutMs: 300_000 });
  const codes = [...stdout.matchAll(/^launch (\d+)$/gm)].map(([, code]) => Number(code));
  expect(jsonLines(stdout, hog)[0]?.kills, 'times the hog was killed').toBeGreaterThan(2);
  expect(codes.filter((code) => code === 0).length, stdout).toBeGreaterThan(5);
  // Refused, no process made, or killed.
  expect(codes.filter((code) => ![0, 125, 126, 137].includes(code))).toEqual([]);
  await guest.sh("sed 's/^ID: //; s/,.*//' /proc/swarm/agents | swarmio /proc/swarm/destroy; true");
  await expectNothingLeft(guest);
});
