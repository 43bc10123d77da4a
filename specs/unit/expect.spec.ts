/** The matchers for swarm_guard, with a stand-in for the guest. */
import type { AgentLine } from '../../client/client.js';
import type { Inspection } from '../../client/inspect.js';
import type { CommandOutcome } from '../../harness/guest/errors.js';
import { test } from '@playwright/test';
import { expect } from '../support/expect.js';

const command: CommandOutcome = {
  ...{ command: 'launch one', code: 0, stdout: 'started\n', stderr: '', timedOut: false, durationMs: 1200 },
};

/** A guest in which, look by look, so many agents are active; the last count stays. */
function standIn(...counts: number[]) {
  let active = 0;
  const line = (id: number): AgentLine => ({ id, pid: 10 * id, memory: 'max', cpu: 'max', namespaces: 127 });
  return {
    history: [command],
    looks: () => counts.length,
    swarm: {
      status: () => {
        active = counts.length > 1 ? (counts.shift() ?? 0) : (counts[0] ?? 0);
        return Promise.resolve({ active, created: 9, destroyed: 0, violations: 0 });
      },
      agents: () => Promise.resolve(Array.from({ length: active }, (_, index) => line(index + 1))),
      inspect: (id: number) =>
        id === 2
          ? Promise.reject(new Error('ESRCH'))
          : Promise.resolve({ id, state: 'running', name: id === 1 ? 'worker' : null } as Inspection),
    },
  };
}

/** The message of an expectation that fails. */
async function messageOf(expectation: Promise<unknown>): Promise<string> {
  const error: unknown = await expectation.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  return error instanceof Error ? error.message : String(error);
}

test('HARNESS-16: toHaveActiveAgents waits for the number, and fails with the agents that are there and the last commands', async () => {
  const later = standIn(3, 2, 0);
  await expect(later).toHaveActiveAgents(0);
  expect(later.looks(), 'counts left').toBe(1);
  await expect(standIn(2)).not.toHaveActiveAgents(0);
  expect(await messageOf(expect(standIn(3)).toHaveActiveAgents(0, { timeout: 300 }))).toBe(
    [
      'expected active agents: 0',
      'received: 3',
      'agent 1: running, worker, first process 10',
      'agent 2: gone, no name, first process 20',
      'agent 3: running, no name, first process 30',
      '--- before it ---',
      'guest# launch one',
      '  exit 0, 1.2 s',
      '    started',
    ].join('\n'),
  );
  expect(await messageOf(expect(standIn(25)).toHaveActiveAgents(1, { timeout: 0 }))).toMatch(
    /\nagent 20: .*\nand 5 more\n--- before it ---\n/,
  );
  expect(await messageOf(expect(standIn(1)).not.toHaveActiveAgents(1, { timeout: 0 }))).toMatch(
    /^expected any number of active agents but 1\nreceived: 1\nagent 1: running, worker,/,
  );
});
