/** The model of the life cycle, in scenarios that take minutes. */
import { expect, test } from '@playwright/test';
import { search } from '../support/spin.js';

test.describe.configure({ timeout: 1_800_000 });

for (const { scenario, tasks } of [
  { scenario: 'REARM', tasks: 2 },
  { scenario: 'ATTACH', tasks: 3 },
  { scenario: 'THREE', tasks: 3 },
])
  test(`SPIN-07: every state of the scenario ${scenario} with ${tasks} threads keeps the properties`, async () => {
    const { violated, exhausted, states, output } = await search({ scenario, tasks, long: true });
    expect(violated, output).toBe('');
    expect(exhausted, output).toBe(true);
    expect(states).toBeGreaterThan(500_000);
  });
