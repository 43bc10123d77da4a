/** The model of the life cycle: every state of small scenarios, the faults that it must find, and the table of its steps. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { modelDir, search } from '../support/spin.js';
import type { Search } from '../support/spin.js';
import { repository } from '../../harness.config.js';

const SCENARIOS: Search[] = [
  { scenario: 'FORK', tasks: 3 },
  { scenario: 'ADOPT', tasks: 2 },
  { scenario: 'ATTACH', tasks: 2 },
  { scenario: 'THREADS', tasks: 2 },
  { scenario: 'JOIN', tasks: 3 },
  { scenario: 'FREEZE', tasks: 2 },
  { scenario: 'UNLOAD', tasks: 2 },
];

for (const what of SCENARIOS)
  test(`SPIN-01: every state of the scenario ${what.scenario} keeps the properties`, async () => {
    const { violated, exhausted, states, output } = await search(what);
    expect(violated, output).toBe('');
    expect(exhausted, output).toBe(true);
    expect(states).toBeGreaterThan(10_000);
  });

for (const what of [
  { scenario: 'FORK', tasks: 2 },
  { scenario: 'UNLOAD', tasks: 1 },
])
  test(`SPIN-02: every run of the scenario ${what.scenario} ends`, async () => {
    const { violated, exhausted, output } = await search({ ...what, cycles: true });
    expect(violated, output).toBe('');
    expect(exhausted, output).toBe(true);
  });

/** Ends that a scenario must reach, or it shows less than it seems to. */
const ENDS: [string, number, string, string][] = [
  ['FORK', 2, 'an agent that is gone', 'agents[0].made && agents[0].memory == FREE'],
  ['FORK', 2, 'an agent that runs', 'agents[0].state == RUNNING && agents[0].members == 1'],
  ['FORK', 2, 'an armed thread that lives on', 'agents[0].state == ARMED'],
  ['FORK', 2, 'one that is dying and armed', 'agents[0].state == DYING'],
  ['ADOPT', 2, 'one agent gone and one that runs', 'agents[0].joined && agents[1].members'],
  ['REARM', 2, 'a child of the second agent', 'agents[1].members == 2 && agents[0].state == GONE'],
  ['ATTACH', 3, 'an attached process', 'agents[0].members == 2'],
  ['JOIN', 3, 'an agent that a process has joined', 'agents[0].joined == 1'],
  ['FREEZE', 2, 'one registered again', 'agents[0].state == REGISTERED && agents[0].joined'],
  ['FREEZE', 2, 'an agent that is frozen', 'agents[0].frozen && agents[0].members'],
  ['UNLOAD', 2, 'a module that is unloaded', 'module == UNLOADED && agents[0].made && agents[1].made'],
  ['UNLOAD', 2, 'a module that is not', 'module == LIVE && refs == 1'],
];

for (const [scenario, tasks, end, witness] of ENDS)
  test(`SPIN-03: the scenario ${scenario} can end with ${end}`, async () => {
    const { violated, output } = await search({ scenario, tasks, witness });
    expect(violated, output).toBe('witness');
  });

/** Faults that the code has had, or a safeguard that is left out; and the property that each violates. */
const FAULTS: [Search, string][] = [
  [{ scenario: 'FORK', tasks: 3, define: ['NO_RESERVATION', 'EMPTY_POOL=1'] }, 'child_enrolled'],
  [{ scenario: 'FORK', tasks: 3, define: ['EMPTY_POOL_PASSES', 'EMPTY_POOL=1'] }, 'child_enrolled'],
  [{ scenario: 'ADOPT', tasks: 2, define: ['ADOPT_WHILE_FORKED'] }, 'one_entry'],
  [{ scenario: 'FORK', tasks: 2, define: ['DESTROY_DISARMS'] }, 'child_enrolled'],
  [{ scenario: 'FORK', tasks: 3, define: ['MARK_NOT_SEEN'] }, 'the_dying_end'],
  [{ scenario: 'REARM', tasks: 2, define: ['KEEP_ARMED_RESERVATION'] }, 'child_enrolled'],
  [{ scenario: 'FORK', tasks: 2, define: ['NO_GRACE_PERIOD'] }, 'entry_is_there'],
  [{ scenario: 'ADOPT', tasks: 2, define: ['NO_LIVE_CHECK'] }, 'no_entry_of_the_dead'],
  [{ scenario: 'ATTACH', tasks: 3, define: ['NO_SECOND_DOOM'] }, 'the_dying_end'],
  [{ scenario: 'THREADS', tasks: 2, define: ['LEAVE_AT_ONCE'] }, 'nothing_left'],
  [{ scenario: 'UNLOAD', tasks: 2, define: ['HOOKS_NOT_WAITED_FOR'] }, 'module_is_there'],
  [{ scenario: 'UNLOAD', tasks: 2, define: ['TRACEPOINTS_NOT_WAITED_FOR'] }, 'module_is_there'],
  [{ scenario: 'UNLOAD', tasks: 2, define: ['FILES_NOT_WAITED_FOR'] }, 'nothing_runs'],
  [{ scenario: 'UNLOAD', tasks: 2, define: ['NO_FLUSH'] }, 'nothing_runs'],
  [{ scenario: 'UNLOAD', tasks: 2, define: ['NO_BARRIER'] }, 'nothing_left'],
];

for (const [what, property] of FAULTS)
  test(`SPIN-04: the model finds ${what.define?.[0] ?? ''}`, async () => {
    const { violated, output } = await search(what);
    expect(violated, output).toBe(property);
  });

/** The rows of a table of the README: | step | functions | file |. */
async function tabled(): Promise<{ name: string; file: string }[]> {
  const page = await readFile(join(modelDir, 'README.md'), 'utf8');
  return [...page.matchAll(/^\|[^|]*\| ([^|]*`[^|]*) \| (`[^|`]+`|the kernel) \|$/gm)].flatMap(
    ([, names = '', file = '']) =>
      [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => ({ name, file: file.replaceAll('`', '') })),
  );
}

test('SPIN-05: every function that the table of steps names is in the file that it names', async () => {
  const rows = await tabled();
  expect(rows.length).toBeGreaterThan(70);
  const missing: string[] = [];
  for (const { name, file } of rows.filter((row) => row.file !== 'the kernel')) {
    const source = await readFile(join(repository, file), 'utf8');
    if (!new RegExp(`^[a-z].*\\b${name}\\(`, 'm').test(source)) missing.push(`${file}: ${name}`);
  }
  expect(missing).toEqual([]);
});

test('SPIN-06: every function that a comment of the model names is in the table of steps', async () => {
  const model = await readFile(join(modelDir, 'lifecycle.pml'), 'utf8');
  const comments = [...model.matchAll(/\/\*[^]*?\*\//g)].join('\n');
  const named = new Set([...comments.matchAll(/\b(\w+)\(\)/g)].map(([, name = '']) => name));
  const known = new Set((await tabled()).map(({ name }) => name));
  expect(named.size).toBeGreaterThan(60);
  expect([...named].filter((name) => !known.has(name))).toEqual([]);
});
