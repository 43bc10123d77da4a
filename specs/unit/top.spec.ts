/** swarmctl top and stats, without a kernel. */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { ReadStream } from 'node:tty';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from '@playwright/test';
import { statsCommand, topCommand } from '../../client/cli/actions/top.js';
import { START, chosen, draw, keysOf, page, pressed, settled } from '../../client/cli/top/draw.js';
import type { State } from '../../client/cli/top/draw.js';
import { Looker, SORTS } from '../../client/cli/top/rows.js';
import type { Row } from '../../client/cli/top/rows.js';
import { openTerminal, resize } from '../../client/native/launcher.js';
import { repository } from '../../harness.config.js';
import { agentOf, machineOf, printed } from '../support/cli/machine.js';
import { buildLauncher } from '../support/native.js';

const SIZES = [
  { columns: 80, rows: 24 },
  { columns: 120, rows: 40 },
  { columns: 40, rows: 10 },
  { columns: 9, rows: 3 },
  { columns: 300, rows: 1 },
];

function rowOf(id: number): Row {
  return {
    id,
    name: id % 3 === 0 ? null : `worker-${id}.${'long'.repeat(6)}`.slice(0, 31),
    state: 'running',
    pid: id,
    cpu: (id * 37) % 1009,
    cpu_quota: id % 2 ? 25 : undefined,
    memory: id % 5 ? (id * 7919) % 2 ** 31 : undefined,
    memory_limit: id % 4 ? 2 ** 28 : undefined,
    pids: (id * 13) % 101,
    pids_limit: id % 2 ? 100 : undefined,
    throttled_usec: (id * 104_729) % 5e9,
    violations: (id * 31) % 97,
    audited: 0,
  };
}

/** The figure that rows are sorted by, for each key. */
const FIGURES = {
  cpu: 'cpu',
  memory: 'memory',
  pids: 'pids',
  throttled: 'throttled_usec',
  denied: 'violations',
} as const;

const rowsOf = (count: number) => Array.from({ length: count }, (_, index) => rowOf(index + 1));
const facts = (listed: number) => ({ age: 3400, listed });

test('CLI-59: a screen has as many lines as the terminal, none is wider, and the column it is sorted by stays', () => {
  for (const size of SIZES)
    for (const count of [0, 3, 10_000])
      for (const sort of SORTS) {
        const { lines, ids } = draw(rowsOf(count), size, { ...START, sort }, facts(count));
        expect(lines).toHaveLength(size.rows);
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(size.columns);
        expect(ids).toHaveLength(Math.min(count, page(size)));
        if (size.columns < 40) continue;
        if (size.rows > 2) expect(lines[2]).toContain(sort === 'cpu' ? 'CPU%' : sort.toUpperCase());
      }
});

test('CLI-60: a screen at 80 columns: totals, what is shown, and rows of what each uses, with limits', () => {
  const rows = [
    {
      ...rowOf(1),
      name: 'web',
      cpu: 12.34,
      memory: 30 << 20,
      memory_limit: 64 << 20,
      pids: 3,
      violations: 2,
    },
    { ...rowOf(2), name: null, cpu: 0, memory: undefined, pids: 1, pids_limit: undefined, throttled_usec: 0 },
  ];
  const { lines } = draw(rows, { columns: 80, rows: 10 }, START, facts(3));
  expect(lines.slice(0, 5)).toEqual([
    '2 of 3 agents, 2 running   cpu 12%   memory 30M   pids 4   denied 64',
    'by cpu   1-2 of 2   seen in the last 3.4s',
    '   ID  NAME  STATE       CPU%  LIMIT       MEMORY    PIDS  THROTTLED  DENIED',
    '    1  web   running     12.3     25      30M/64M   3/100      105ms       2',
    '    2  -     running      0.0      -            -       1          -      62',
  ]);
  expect(lines.at(-1)).toBe('q: quit   s: sort   /: filter   arrows: scroll');
});

/** The state after keys; undefined once one of them quits. */
function after(text: string, state: State, rows: readonly Row[], size = { columns: 80, rows: 24 }) {
  let now: State | undefined = state;
  for (const key of keysOf(text)) now = now && pressed(key, now, rows, size);
  return now;
}

test('CLI-61: keys scroll, sort, filter and quit, and the screen never begins behind the last row', () => {
  const rows = rowsOf(100);
  const size = { columns: 80, rows: 24 };
  expect(after('\x1b[B\x1b[B\x1b[A', START, rows)?.scroll).toBe(1);
  expect(after('\x1b[A', START, rows)?.scroll).toBe(0);
  expect(after('\x1b[6~', START, rows)?.scroll).toBe(20);
  expect(after('\x1b[F', START, rows)?.scroll).toBe(80);
  expect(after('\x1b[F\x1b[B', START, rows)?.scroll).toBe(80);
  expect(after('\x1b[F\x1b[H', START, rows)?.scroll).toBe(0);
  const sorts = SORTS.map((_, index) => after('s'.repeat(index), START, rows)?.sort);
  expect(sorts).toEqual([...SORTS]);
  expect(after('s'.repeat(SORTS.length), START, rows)?.sort).toBe('cpu');
  for (const sort of SORTS) {
    const figures = chosen(rows, { ...START, sort }).map((row) => row[FIGURES[sort]] ?? 0);
    expect(figures, sort).toEqual([...figures].sort((one, other) => other - one));
    expect(new Set(figures).size, 'figures that differ').toBeGreaterThan(50);
  }
  const typed = after('/worker-1\x1b[A\x7f2\x07é', START, rows);
  expect(typed).toMatchObject({ filter: 'worker-2', typing: true });
  expect(chosen(rows, typed ?? START).every(({ name }) => name?.includes('worker-2'))).toBe(true);
  expect(draw(rows, size, typed ?? START, facts(100)).lines[1]).toContain('filter: worker-2_');
  // While a filter is typed, q is a letter.
  expect(after('/q\r', START, rows)).toMatchObject({ filter: 'q', typing: false });
  expect(after('/q\x1b', START, rows)).toMatchObject({ filter: '', typing: false });
  expect(after('q', START, rows)).toBeUndefined();
  expect(after('\x03', START, rows)).toBeUndefined();
  expect(after('/\x03', START, rows)).toBeUndefined();
  expect(settled({ ...START, scroll: 90 }, rows, size).scroll).toBe(80);
  expect(settled({ ...START, scroll: 90 }, [], size).scroll).toBe(0);
});

test('CLI-62: agents are looked at in turn, as there is time for; CPU time is that since the last look', async () => {
  const usages = new Map(
    Array.from({ length: 10 }, (_, index) => [index + 1, { cpu: 500_000, time: 1_000_000 }]),
  );
  let clock = 0;
  let asked: number[] = [];
  const source = {
    async *agents() {
      for (const id of usages.keys()) yield await Promise.resolve({ id });
    },
    async *inspectAll(ids: Iterable<number>) {
      for (const id of ids) {
        asked.push(id);
        clock += 10;
        const usage = usages.get(id);
        yield await Promise.resolve(
          usage && agentOf(id, { usage: { cpu_usec: usage.cpu, runtime_usec: usage.time } }),
        );
      }
    },
  };
  const round = async (first: number[], budget?: number) => {
    asked = [];
    await looker.look(first, budget);
    return asked;
  };
  const looker = new Looker(source, () => clock);
  expect(await round([], 40)).toEqual([1, 2, 3, 4]);
  expect(looker.listed).toBe(10);
  expect(await round([], 1000)).toEqual([5, 6, 7, 8, 9, 10, 1, 2, 3, 4]);
  expect(looker.rows.map(({ cpu }) => cpu)).toEqual(Array(10).fill(50));
  expect(await round([9, 99], 40)).toEqual([9, 5, 6, 7]);
  expect(await round([9], 40)).toEqual([9, 8, 10, 1]);
  expect(await round([9, 8], 0)).toEqual([9, 8]);
  usages.set(9, { cpu: 2_500_000, time: 2_000_000 });
  usages.delete(8);
  await round([9], 0);
  expect(looker.rows.find(({ id }) => id === 9)?.cpu).toBe(200);
  expect(looker.rows.map(({ id }) => id)).not.toContain(8);
  // Born again: what it has used before does not count.
  usages.set(9, { cpu: 10_000, time: 100_000 });
  await round([9], 0);
  expect(looker.rows.find(({ id }) => id === 9)?.cpu).toBe(10);
});

test('CLI-63: stats prints a table, or JSON, of all agents or those that are named; top without a terminal does too', async () => {
  const machine = machineOf([
    agentOf(1, {
      name: 'web',
      usage: { cpu_usec: 250_000, memory: 5 << 20 },
      policy: { memory_limit: 1 << 28 },
    }),
    agentOf(2, { usage: { cpu_usec: 500_000 } }),
  ]);
  const text = await printed(() => statsCommand(machine, [], {}));
  expect(text.split('\n').map((line) => line.trim().split(/\s+/))).toEqual([
    ['ID', 'NAME', 'STATE', 'CPU%', 'LIMIT', 'MEMORY', 'PIDS', 'THROTTLED', 'DENIED'],
    ['1', 'web', 'running', '25.0', '-', '5M/256M', '1', '-', '0'],
    ['2', '-', 'running', '50.0', '-', '-', '1', '-', '0'],
    [''],
  ]);
  const ids = async (work: () => Promise<unknown>) =>
    (await printed(work))
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as Row).id);
  expect(await ids(() => statsCommand(machine, [], { json: true, sort: 'cpu' }))).toEqual([2, 1]);
  expect(await ids(() => statsCommand(machine, [2], { json: true }))).toEqual([2]);
  expect(await ids(() => topCommand(machine, { sort: 'memory', interval: 1000, json: true }))).toEqual([
    1, 2,
  ]);
  await expect(statsCommand(machine, [3], {})).rejects.toMatchObject({ code: 'ESRCH' });
});

const DRIVER = join(repository, 'specs/support/cli/top-driver.ts');

/** Runs top in a terminal of its own. */
function atTerminal(args: readonly string[]) {
  const { master, slave } = openTerminal({ rows: 24, columns: 80 });
  const modes = () => spawnSync('stty', ['-g'], { stdio: [slave, 'pipe', 'inherit'] }).stdout.toString();
  const before = modes();
  const child = spawn(process.execPath, ['--import', 'tsx', DRIVER, ...args], {
    cwd: repository,
    stdio: [slave, slave, 'pipe'],
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
  });
  const side = new ReadStream(master);
  let seen = '';
  side.on('data', (data: Buffer) => {
    seen += data.toString('latin1');
  });
  side.on('error', () => undefined);
  let errors = '';
  child.stderr?.on('data', (data: Buffer) => {
    errors += data.toString();
  });
  const exit = new Promise<number | null>((resolve) => {
    child.on('close', resolve);
  });
  return {
    child,
    exit,
    write: (text: string) => side.write(text),
    resize: (columns: number, rows: number) => {
      resize(master, { columns, rows });
    },
    start: () => seen.slice(0, 40),
    /** The last screens. */
    screen: () => seen.slice(-3000),
    errors: () => errors,
    isAsBefore: () => modes() === before,
    close: () => {
      side.destroy();
      closeSync(slave);
    },
  };
}

test('CLI-64: top leaves the terminal as it found it, after q, Ctrl-C, SIGTERM and an error', async () => {
  test.setTimeout(180_000);
  process.env['SWARM_GUARD_ADDON'] = await buildLauncher();
  const ends: readonly (readonly [string, number])[] = [
    ['q', 0],
    ['\x03', 0],
    ['SIGTERM', 143],
    ['fail', 1],
  ];
  for (const [how, status] of ends) {
    const terminal = atTerminal(how === 'fail' ? ['fail'] : []);
    try {
      await expect.poll(terminal.screen, { timeout: 40_000 }).toContain('50 agents, 50 running');
      expect(terminal.start()).toMatch(/^\x1b\[\?1049h\x1b\[\?25l/);
      if (how !== 'fail') {
        expect(terminal.isAsBefore()).toBe(false);
        terminal.resize(50, 8);
        // SIGWINCH goes to the foreground of the terminal's session, which this one is not in.
        terminal.child.kill('SIGWINCH');
        await expect.poll(terminal.screen).toMatch(/1-4 of 50/);
        terminal.write('/worker-4\r');
        await expect.poll(terminal.screen).toMatch(/filter: worker-4 +1-4 of 11/);
        await wait(100);
      }
      if (how === 'SIGTERM') terminal.child.kill('SIGTERM');
      else if (how !== 'fail') terminal.write(how);
      expect(await terminal.exit).toBe(status);
      await expect.poll(terminal.screen).toMatch(/\x1b\[\?25h\x1b\[\?1049l$/);
      expect(terminal.isAsBefore()).toBe(true);
      expect(terminal.errors()).toBe(how === 'fail' ? 'the machine is gone\n' : '');
    } finally {
      terminal.child.kill('SIGKILL');
      terminal.close();
    }
  }
});
