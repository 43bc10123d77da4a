/** What the module costs, counted in instructions: in a guest of this kind they are the same in every run. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { BootedGuest } from '../../harness/vm/guest.js';
import { repository } from '../../harness/util/repository.js';
import { expect, test } from '../fixtures.js';
import { expectActive } from '../support.js';

test.use({ guestExtras: { countInstructions: true } });
test.describe.configure({ timeout: 400_000 });

const budgets = z.record(z.string(), z.record(z.string(), z.number()));
const ROUNDS = 200;
const CALLS = ['clone', 'thread', 'setns'];

/** The fewest instructions of each call; a line of `cost` each. */
function parse(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => /^\w+ \d+ \d+ \d+$/.test(line));
  return new Map(lines.map((line) => [line.split(' ')[0] ?? '', Number(line.split(' ')[1])]));
}

const line = CALLS.map((call) => `cost ${call} ${ROUNDS}`).join('; ');

async function outside(guest: BootedGuest): Promise<Map<string, number>> {
  return parse(await guest.sh(line, { timeoutMs: 120_000 }));
}

test('hooks keep within their budgets of instructions', async ({ booted, module }, info) => {
  const floor = await outside(booted);
  expect(await outside(booted), 'a second measurement').toEqual(floor);
  const guest = await booted.load(module.ko);
  const idle = await outside(guest);
  const allowed = parse(
    (await guest.swarm.run({ syscalls: { setns: 'allow', unshare: 'allow' } }, line)).stdout,
  );
  const denied = parse((await guest.swarm.run({}, line)).stdout);
  await expectActive(guest, 0);
  // While another is an agent.
  const running = guest.swarm.run({}, 'sleep 20');
  await expectActive(guest, 1);
  const beside = await outside(guest);
  await guest.swarm.destroy(...(await guest.swarm.agents()).map(({ id }) => id));
  await running;
  expect(beside, 'an agent elsewhere costs nothing').toEqual(idle);

  const over = (seen: Map<string, number>, call: string) =>
    (seen.get(call) ?? NaN) - (floor.get(call) ?? NaN);
  const measured: Record<string, number> = {
    'clone3 outside agents': over(idle, 'clone'),
    'clone3 of a thread outside agents': over(idle, 'thread'),
    'setns outside agents': over(idle, 'setns'),
    'clone3 of a thread allowed to an agent': over(allowed, 'thread'),
    'setns allowed to an agent': over(allowed, 'setns'),
    'setns denied to an agent': over(denied, 'setns'),
    'clone3 denied to an agent': over(denied, 'clone'),
  };
  const release = await guest.sh('uname -r');
  const all = budgets.parse(JSON.parse(await readFile(join(repository, 'bench/budgets.json'), 'utf8')));
  const budget = all[release];
  const table = Object.entries(measured).map(
    ([what, instructions]) => `${what}: ${instructions} of ${budget?.[what] ?? 'none'}`,
  );
  console.log(`instructions over no module, ${release}\n  ${table.join('\n  ')}`);
  test.skip(!budget, `there are no budgets for ${release} in bench/budgets.json`);
  const exceeded = Object.entries(measured).filter(([what, count]) => !(count <= (budget?.[what] ?? NaN)));
  expect(exceeded).toEqual([]);
  expect(Object.keys(measured).sort()).toEqual(Object.keys(budget ?? {}).sort());
  info.annotations.push({ type: 'instructions', description: table.join('; ') });
});

test('reading metrics and status costs the same whatever the number of agents', async ({ loaded }) => {
  const agents = 5000;
  const read = async (file: string) =>
    parse(await loaded.sh(`cost read 50 /proc/swarm/${file}`)).get('read') ?? NaN;
  // As many digits in every number before and after.
  await loaded.swarm.write('{}\n'.repeat(1000));
  const before = {
    metrics: await read('metrics'),
    status: await read('status'),
    agents: await read('agents'),
  };
  await loaded.swarm.write('{}\n'.repeat(agents - 1000));
  const after = {
    metrics: await read('metrics'),
    status: await read('status'),
    agents: await read('agents'),
  };
  expect(Math.abs(after.metrics / before.metrics - 1)).toBeLessThan(0.02);
  expect(Math.abs(after.status / before.status - 1)).toBeLessThan(0.02);
  // What does grow is seen to.
  expect(after.agents / before.agents).toBeGreaterThan(4);
  await loaded.sh(`seq ${agents} >/proc/swarm/destroy 2>/dev/null; true`);
  await loaded.swarm.destroy(...(await loaded.swarm.agents()).map(({ id }) => id));
});
