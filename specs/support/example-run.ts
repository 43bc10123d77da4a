/** One of the README's examples, in a guest. */
import { basename } from 'node:path';
import { prepareExample } from './examples.js';
import { expect } from './expect.js';
import type { LoadedGuest } from './loaded-guest.js';
import type { Stage } from './stage.js';

/**
 * Runs an example of docs/examples, and expects that it starts an agent with a limit, shows it and ends it.
 * @param ended its last line, about the agent's end
 */
export async function expectExample(
  loaded: LoadedGuest,
  stage: Stage,
  name: string,
  ended: string,
): Promise<void> {
  const { path, interpreter } = await prepareExample(name, stage.kernel.arch);
  const copy = `/srv/${basename(path)}`;
  await loaded.upload(path, copy, '755');
  let printed = '';
  const events = await loaded.swarm.eventsDuring(async () => {
    printed = await loaded.sh(`cd /srv; ${interpreter} ${copy}`);
    await expect(loaded).toHaveActiveAgents(0);
  });
  const [created, spawned, destroyed] = events;
  expect(events.map(({ event }) => event)).toEqual(['created', 'spawned', 'destroyed']);
  if (created?.event !== 'created' || spawned?.event !== 'spawned' || destroyed?.event !== 'destroyed')
    throw new Error('not these events');
  const { agent } = created;
  // It was the program that lived until it was destroyed, and no other process before it.
  expect(destroyed).toMatchObject({ agent, reason: 'request', violations: 0 });
  expect(`${printed}\n`).toBe(
    `{"id":${agent}}\nID: ${agent}, PID: ${spawned.pid}, Memory: 64MB, CPU: max, Namespaces: 0x7F\n${ended}`,
  );
}
