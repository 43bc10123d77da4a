/** The ways into the kernel that a default agent reaches, of those that root outside reaches. */
import { ALL_WAYS } from '../support/escapes/reach.js';
import { prepareReach, reach, reachedOf } from '../support/escapes/reach-run.js';
import { expect, test } from '../support/fixtures.js';

test.setTimeout(600_000);

test('REACH-01: a default agent reaches those ways into the kernel that the list says, and no others', async ({
  loaded,
  stage,
}) => {
  await prepareReach(loaded, stage.kernel);
  const root = await reach(loaded, (program) => loaded.sh(program, { timeoutMs: 300_000 }));
  const agent = await reach(loaded, async (program) => (await loaded.swarm.run({}, program)).stdout);
  if (process.env['SWARMGUARD_ANSWERS']) console.error(JSON.stringify({ root, agent }, null, 1));
  const there = new Set(reachedOf(root));
  // What root does not reach either, this kernel does not have.
  const absent = ALL_WAYS.filter(({ name }) => !there.has(name)).map(({ name }) => name);
  console.log(`absent in ${stage.kernel.release}: ${absent.join(' ')}`);
  const expected = ALL_WAYS.filter((way) => way.agent && there.has(way.name)).map(({ name }) => name);
  expect(reachedOf(agent).filter((name) => there.has(name))).toEqual(expected);
  expect(reachedOf(agent).filter((name) => !there.has(name))).toEqual([]);
  // Root outside proves that what is tried works: most of it does.
  expect(there.size).toBeGreaterThan(120);
});
