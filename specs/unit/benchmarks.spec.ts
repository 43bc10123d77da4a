/** Benchmarks: running them, and the documents that tell of them. */
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { parseHTML } from 'linkedom';
import { MARKED, committedRuns, documents, generated, publishable } from '../../bench/docs.js';
import { BENCHMARKS, chosen, measuredOn } from '../../bench/benchmarks.js';
import type { Benchmark } from '../../bench/figures.js';
import { crowdWrong, parseCrowd, slopes } from '../../bench/measure/crowd.js';
import { LOCKS, byLock, parseWaits } from '../../bench/measure/launchers.js';
import { allThere, bytesOfPair, largestGuest } from '../../bench/measure/scale.js';
import { parseCosts } from '../../bench/measure/peers.js';
import { parseEfforts } from '../../bench/measure/starts.js';
import { added, parseOperations, perOperation } from '../../bench/measure/system.js';
import { reportPage } from '../../bench/page/page.js';
import { TITLES } from '../../bench/report.js';
import { runBenchmarks } from '../../bench/run.js';
import { headlineOf } from '../../bench/headline.js';
import { shown } from '../../bench/numbers.js';
import { growthsOf } from '../../bench/select.js';
import { comparison, growthTable } from '../../bench/summary.js';
import { deviation, median, medianOf } from '../../bench/statistics.js';
import { readRaw, readRuns } from '../../bench/store.js';
import type { Run } from '../../bench/store.js';
import { CALLS, timeNative } from '../../bench/native/bench.js';
import { buildNative } from '../support/native.js';
import { CASES } from '../../bench/native/cases.js';
import { repository } from '../../harness.config.js';

let dir = '';

test.beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'swarm-guard-bench-'));
});

test.afterEach(async () => {
  await rm(dir, { recursive: true });
});

/** A benchmark of this repository: how many files a directory holds, counted each time that it is asked. */
function files(place: string, asked: string[]): Benchmark {
  return {
    name: place,
    title: `Files in ${place}`,
    measure: async (kernelName, progress) => {
      asked.push(`${place} ${kernelName}`);
      progress('counting');
      const names = await readdir(join(repository, place));
      const figure = {
        id: `files/${place}`,
        title: `files in ${place}`,
        unit: 'count',
        value: names.length,
      } as const;
      return {
        ...{ kernel: kernelName, compiler: 'none', machine: {}, missing: [] },
        ...{ figures: [figure], raw: { names: names.join('\n') } },
      };
    },
  };
}

const quiet = () => undefined;

test('BENCH-01: an interrupted run goes on where it was: what is measured is not measured again, unless something changed', async () => {
  const asked: string[] = [];
  const first = files('docs', asked);
  const second = files('no-such-place', asked);
  const content = (of: Record<string, string>) => (name: string) => Promise.resolve(of[name] ?? '');
  const before = { kernels: ['7.3', '7.2'], dir, say: quiet, content: content({ '7.3': 'a', '7.2': 'b' }) };
  await expect(runBenchmarks({ ...before, benchmarks: () => [first, second] })).rejects.toThrow(/ENOENT/);
  expect(asked).toEqual(['docs 7.3', 'no-such-place 7.3']);
  // Repaired; meanwhile nothing of 7.3 has changed.
  const said: string[] = [];
  const benchmarks = () => [first, files('bench', asked)];
  const run = await runBenchmarks({ ...before, benchmarks, say: (line) => said.push(line) });
  expect(asked.slice(2)).toEqual(['bench 7.3', 'docs 7.2', 'bench 7.2']);
  expect(said[0]).toContain('docs on 7.3: measured already');
  const runs = await readRuns(dir);
  expect(runs.map(({ id, completedAt }) => [id, completedAt !== undefined])).toEqual([[run.id, true]]);
  expect(runs[0]?.results.map(({ kernelName, benchmark }) => `${benchmark} ${kernelName}`).sort()).toEqual([
    ...['bench 7.2', 'bench 7.3', 'docs 7.2', 'docs 7.3'],
  ]);
  const [result] = runs[0]?.results ?? [];
  if (!result || !runs[0]) throw new Error('no result');
  const names = (await readRaw(runs[0], result, dir))['names']?.split('\n');
  expect(names?.length, 'what the figure was made from').toBe(result.figures[0]?.value);
});

test('BENCH-02: of what changed while a run was interrupted, the new is measured and the old forgotten', async () => {
  const asked: string[] = [];
  const options = { kernels: ['7.3'], dir, say: quiet };
  const broken = files('no-such-place', asked);
  const good = files('docs', asked);
  const with_ = (value: string) => () => Promise.resolve(value);
  await expect(
    runBenchmarks({ ...options, benchmarks: () => [good, broken], content: with_('a') }),
  ).rejects.toThrow();
  const run = await runBenchmarks({ ...options, benchmarks: () => [good], content: with_('b') });
  expect(asked).toEqual(['docs 7.3', 'no-such-place 7.3', 'docs 7.3']);
  expect(run.results.map(({ content }) => content)).toEqual(['b']);
  // A complete run is not gone on with.
  const next = await runBenchmarks({
    ...options,
    benchmarks: () => [good],
    content: with_('b'),
    fresh: true,
  });
  expect(asked).toHaveLength(4);
  expect(next.results).toHaveLength(1);
});

test('BENCH-03: the documents say what docs/benchmarks.json says', async () => {
  const run = (await committedRuns()).at(-1) as Run;
  for (const [path, text] of await documents(run, TITLES))
    expect(await readFile(path, 'utf8'), `${path}: npm run docs:bench writes it`).toBe(text);
  const marks = await Promise.all(
    MARKED.map(async (path) => /<!-- benchmarks: /.test(await readFile(path, 'utf8'))),
  );
  expect(marks).toEqual([true]);
});

test('BENCH-12: one table tells how each kind of very many agents grows', async () => {
  const run = (await committedRuns()).at(-1) as Run;
  const measured = BENCHMARKS.filter(
    ({ name, optional }) => !optional || run.results.some(({ benchmark }) => benchmark === name),
  );
  const names = measured.map(({ name }) => name).filter((name) => name.startsWith('scale-'));
  expect(
    growthsOf(run)
      .map(({ benchmark }) => benchmark)
      .sort(),
  ).toEqual(names.sort());
  const text = growthTable(run, TITLES) ?? '';
  expect(text.split('\n')).toHaveLength(2 + names.length);
  for (const { benchmark, many, first, cost, growth } of growthsOf(run)) {
    const title = (TITLES[benchmark] ?? '').replace('Scale: ', '');
    const cells = [title, shown(many), shown(first), shown(cost.value), `${shown(growth.value)} %`];
    expect(text).toContain(`| ${cells.join(' | ')} |`);
    expect(growth.value).toBeCloseTo(100 * (cost.value / first - 1), 0);
  }
});

test('BENCH-04: what a document says between its marks is replaced, and a mark without an end or of nothing is named', async () => {
  const run = (await committedRuns()).at(-1) as Run;
  const text = 'a\n<!-- benchmarks: peers -->\ntyped by hand\n<!-- /benchmarks -->\nb\n';
  const once = generated(text, run);
  expect(once).not.toContain('typed by hand');
  expect(once).toMatch(
    /^a\n<!-- benchmarks: peers -->\n\n\| .* SwarmGuard .*\|\n[^]*<!-- \/benchmarks -->\nb\n$/,
  );
  expect(generated(once, run)).toBe(once);
  expect(() => generated('<!-- benchmarks: peers -->', run)).toThrow(/has no <!--/);
  expect(() => generated('<!-- benchmarks: nothing -->\n<!-- /benchmarks -->', run)).toThrow(/"nothing"/);
});

test('BENCH-05: a figure above its target is marked, and so is how much of it a figure uses', async () => {
  const run = (await committedRuns()).at(-1) as Run;
  const [result] = run.results.filter(({ benchmark }) => benchmark === 'peers');
  const page = (target: number) => {
    const figures = (result?.figures ?? []).map((each) =>
      each.id === 'peers/device-outside/swarm-guard' ? { ...each, target } : each,
    );
    const latest = { ...run, results: result ? [{ ...result, figures }] : [] };
    return parseHTML(reportPage({ latest, runs: [latest], titles: TITLES, raw: {} })).document;
  };
  const texts = (document: Document, selector: string) =>
    [...document.querySelectorAll(selector)].map((each) => each.textContent.replaceAll('\u00a0', ' '));
  const kept = page(100);
  expect(texts(kept, 'header .held, header .missed')).toEqual(['✔ all 2 targets are kept']);
  expect(texts(kept, '#targets .good, #targets .bad')).toEqual(['✔ 95 %', '✔ 50 %']);
  expect(texts(kept, '.card .kept')[0]).toBe('✔ target at most 100 instructions50 %');
  expect(kept.querySelector('#targets')?.hasAttribute('open')).toBe(false);
  const missed = page(25);
  expect(texts(missed, 'header .held, header .missed')).toEqual(['✘ 1 of 2 targets are missed']);
  expect(texts(missed, '#targets .good, #targets .bad'), 'the missed one first').toEqual([
    '✘ 200 %',
    '✔ 95 %',
  ]);
  expect(texts(missed, '.card .kept.bad')).toEqual(['✘ target at most 25 instructions200 %']);
  expect(missed.querySelector('#targets')?.hasAttribute('open'), 'what is missed is unfolded').toBe(true);
});

test('BENCH-26: a run without some of the five figures shows the others, and one without any shows none', async () => {
  const run = (await committedRuns()).at(-1) as Run;
  const questions = (...benchmarks: string[]) =>
    headlineOf({ ...run, results: run.results.filter((each) => benchmarks.includes(each.benchmark)) }).map(
      ({ question, held }) => `${question} ${held?.figure.target ?? 'no target'}`,
    );
  expect(questions('peers')).toEqual([
    'What does everyone else pay? 60',
    'What does an allowed call cost? 150',
    'What does a denial cost? no target',
  ]);
  expect(questions('peers', 'hooks')[2]).toBe('What does a denial cost? 300');
  expect(questions('lookup')).toEqual([]);
});

test('BENCH-06: a difference that repetitions put on both sides of nothing is none', () => {
  const bar = (label: string, value: number, spread?: [number, number]) => ({
    label,
    ours: false,
    figure: {
      ...({ id: label, title: label, unit: 'instructions', value } as const),
      ...(spread && { spread }),
    },
  });
  const bars = [bar('one', 432, [-360, 538]), bar('two|2', 522, [167, 631]), bar('three', -5)];
  expect(comparison([{ id: 'x', title: 'added', unit: 'instructions', bars }]).split('\n')).toEqual([
    '|  | one | two\\|2 | three |',
    '| --- | --- | --- | --- |',
    '| added (instructions) | none seen (-360 to 538) | 522 (167 to 631) | -5 |',
  ]);
});

test('BENCH-31: the page goes from the main questions to the scale, and from there to the tables and the raw data', async () => {
  const runs = await committedRuns();
  const latest = runs.at(-1) as Run;
  const { document } = parseHTML(reportPage({ latest, runs, titles: TITLES, raw: {} }));
  const headings = [...document.querySelectorAll('h2')].map(({ textContent }) => textContent);
  const questions = headlineOf(latest).map(({ question }) => question);
  expect(questions).toHaveLength(5);
  const parts = [...questions, 'among very many', 'Every figure', 'All targets', 'History', 'raw data'];
  const places = parts.map((part) => headings.findIndex((heading) => heading.includes(part)));
  expect(places, headings.join('\n')).not.toContain(-1);
  expect(places).toEqual([...places].sort((a, b) => a - b));
});

test('BENCH-21: a run that lacks a benchmark is not published', async () => {
  const run = (await committedRuns()).at(-1) as Run;
  const names = run.results.map(({ benchmark }) => benchmark);
  expect(publishable([run], names)).toBe(run);
  expect(() => publishable([run], [...names, 'another'])).toThrow(/lacks another; `npm run bench`/);
  const { id, startedAt, sources, results } = run;
  const open = { id, startedAt, sources, results };
  expect(publishable([open], names)).toBeUndefined();
});

test('BENCH-07: what deny prints is read, and a call that is missing is an error', () => {
  const text = ['getppid', 'file', 'null', 'kmsg', 'exec'].map((name, least) =>
    JSON.stringify({ name, least, median: 9, most: 9, answer: 'EPERM' }),
  );
  expect(parseCosts(text.join('\n')).kmsg).toEqual({ least: 3, answer: 'EPERM' });
  expect(() => parseCosts(text.slice(1).join('\n'))).toThrow(/no cost of getppid/);
});

test('BENCH-08: what effort prints is read without its first round, and a program that fails is an error', () => {
  const round = (effort: number, status = 0) => `${JSON.stringify({ effort, status })}\n`;
  const text = `${round(90)}{"id":1}\npid 7\n${round(30)}${round(10)}${round(20)}`;
  expect(parseEfforts(text)).toEqual([30, 10, 20]);
  expect(medianOf(parseEfforts(text))).toEqual({ value: 20, spread: [10, 30] });
  expect(medianOf([5, 5, 5])).toEqual({ value: 5 });
  expect(() => parseEfforts(text + round(20, 1))).toThrow(/not so many rounds/);
  expect(() => parseEfforts(round(90))).toThrow(/not so many rounds/);
});

test('BENCH-09: a run of stress-ng that did not do what it was to is an error', () => {
  const run = (operations: number) =>
    `stress-ng: metrc: [1] fork             ${operations}      0.16      0.06      0.10       634.74         633.54\n273056596 0\n`;
  expect(parseOperations(run(100).repeat(4), 'fork', 100)).toEqual([100, 100, 100, 100]);
  expect(() => parseOperations(run(100) + run(99) + run(100).repeat(2), 'fork', 100)).toThrow(
    /but 100, 99, 100, 100/,
  );
  expect(() => parseOperations(run(100).repeat(3), 'fork', 100)).toThrow(/did not do 100 operations/);
  expect(() => parseOperations(run(100).repeat(4), 'vfork', 100)).toThrow(/of vfork/);
});

test('BENCH-20: the middle and how far others are from it are told as statistics define them', () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2]), median([7])]).toEqual([2, 2.5, 7]);
  expect([deviation([1, 1, 2, 2, 4, 6, 9]), deviation([5, 5, 5])]).toEqual([1, 0]);
});

test('BENCH-10: an operation costs what many of them take more than few, between what rounds leave open', () => {
  const without = perOperation([100, 110], [300, 320], 10);
  expect(without).toEqual({ value: 20, low: 19, high: 22 });
  const withIt = perOperation([100, 100], [310, 310], 10);
  expect(added(without, withIt)).toEqual({ value: 5, low: -4.55, high: 10.53 });
});

/** A line of `crowd` about the last thousand of a size. */
const sized = (size: number, effort: number, slab: number, line = 3000) => ({
  at: { size, effort, added: 250000, own: 0, slab, available: 80000000, line },
});

/** The output of `crowd`, with some lines in the place of others. */
function crowdText(other: Record<string, object | undefined> = {}): string {
  const lines = {
    empty: { empty: { slab: 1000000, available: 90000000 } },
    first: sized(1000, 6000000, 1250000),
    next: sized(2000, 6100000, 1500000),
    last: sized(5000, 6600000, 2250000, 3100),
    full: { full: { size: 5000, available: 80000000 } },
    forkers: undefined,
    left: { left: { slab: 1010000, available: 89900000 } },
    agents: { agents: { passes: 12, lines: 30000, wrong: 0 } },
    events: { events: { events: 90, lost: 10, gaps: 0, recorded: 100 } },
    ...other,
  };
  return Object.values(lines)
    .map((each) => (each ? `${JSON.stringify(each)}\n` : ''))
    .join('');
}

test('BENCH-11: what crowd prints is read in full, and whatever does not hold of very many agents fails the benchmark', () => {
  const limits = { growth: 32, effort: 1.25, left: 8 };
  const wrong = (other: Record<string, object>) => crowdWrong(parseCrowd(crowdText(other)), limits);
  const crowd = parseCrowd(crowdText());
  expect(crowd.at.map(({ size, effort, added, line }) => [size, effort, added, line])).toEqual([
    [1000, 6000000, 250000, 3000],
    [2000, 6100000, 250000, 3000],
    [5000, 6600000, 250000, 3100],
  ]);
  expect(crowd).toMatchObject({ full: 5000, available: 80000000, refused: undefined, again: undefined });
  const [first] = crowd.at;
  if (!first) throw new Error('no size');
  expect(crowd.forkers).toBeUndefined();
  const forkers = { count: 100, least: 40, most: 60, refused: 7 };
  expect(parseCrowd(crowdText({ forkers: { forkers } })).forkers).toEqual(forkers);
  const answer = { error: 'ENOSPC', field: 'memory_limit' };
  expect(parseCrowd(crowdText({ refused: { refused: { size: 5000, answer } } })).refused).toBe(
    '{"error":"ENOSPC","field":"memory_limit"}',
  );
  expect(wrong({})).toEqual([]);
  expect(slopes(crowd).map(({ bytes }) => bytes)).toEqual([250, 250, 250]);
  const grown = sized(5000, 6600000, 2400000);
  expect(wrong({ last: grown })[0]).toMatch(
    /up to 5000 take 50 bytes of slab each more than those up to 2000/,
  );
  const slow = sized(5000, 9000000, 2250000);
  expect(wrong({ last: slow })[0]).toMatch(/took 1.50 times what the first took/);
  const rounds = (slab: number) =>
    crowdWrong(parseCrowd(crowdText({ last: sized(5000, 6600000, slab) })), { ...limits, growth: 8 }, true);
  expect(rounds(1_280_000), 'of rounds none stays').toEqual([]);
  expect(rounds(1_290_000)[0]).toMatch(/each round up to 5000 adds 10.0 bytes/);
  expect(wrong({ left: { left: { slab: 1100000, available: 1 } } })[0]).toMatch(
    /each destroyed agent leaves 20.0 bytes/,
  );
  const agents = (passes: number, wrong: number) => ({ agents: { agents: { passes, lines: 9, wrong } } });
  expect(wrong(agents(0, 0))[0]).toMatch(/never read in whole/);
  expect(wrong(agents(9, 1))[0]).toMatch(/missing, or out of order, 1 times/);
  const events = (lost: number, gaps: number) => ({
    events: { events: { events: 90, lost, gaps, recorded: 100 } },
  });
  expect(wrong(events(10, 1))[0]).toMatch(/events had 1 gaps/);
  expect(wrong(events(9, 0))[0]).toMatch(/of 100 events 90 were seen and 9 told/);
  const pairs = (bytes: (size: number) => number) => ({
    empty: { slab: 0, available: 0 },
    at: [1000, 3000, 6000].map((size) => ({ ...first, size, slab: bytes(size) })),
  });
  expect(bytesOfPair(pairs((size) => 300_000 * size))).toBe(0);
  expect(bytesOfPair(pairs((size) => 300_000 * size + 16 * size * size))).toBeCloseTo(16);
  expect(() => parseCrowd(crowdText({ left: undefined }))).toThrow(/did not come to its end/);
  expect(() => parseCrowd(crowdText({ next: undefined, last: undefined }))).toThrow(/not so many sizes/);
});

test('BENCH-32: 200,000 isolated agents must be there at a time, or on a smaller machine as many as its memory holds', () => {
  const MiB = 1024 ** 2;
  const machine = (MiBs: number) => largestGuest(MiBs * MiB);
  expect([machine(24_152), machine(131_072), machine(16_000)]).toEqual([21_504, 21_504, 13_952]);
  const seen = (full: number, left: number, refused?: string) => ({
    ...parseCrowd(crowdText()),
    ...{ full, refused, available: left * MiB, empty: { slab: 0, available: (left + full / 10) * MiB } },
  });
  const wrong = (guest: number, ...of: Parameters<typeof seen>) => allThere(seen(...of), guest).wrong;
  expect(wrong(21_504, 200_000, 1000)).toEqual([]);
  expect(wrong(21_504, 199_000, 400)[0]).toMatch(/there were 199000, not 200000/);
  expect(wrong(13_952, 130_000, 400), 'its memory is full').toEqual([]);
  expect(wrong(13_952, 130_000, 4000)[0]).toMatch(/4000 MiB were available/);
  expect(wrong(13_952, 130_000, 400, 'ENOSPC')[0]).toMatch(/the next was answered ENOSPC/);
  // Each took a tenth of a MiB, and the guest's kernel 504 MiB.
  const { figures } = allThere(seen(200_000, 1000), 21_504);
  expect(figures.map(({ id, value }) => [id, value])).toEqual([
    ['whole/agents/most', 200_000],
    ['whole/agents/server', 1_305_000],
  ]);
});

test('BENCH-13: a name stands for the benchmarks that begin with it, and one of none is an error that names all', () => {
  const names = (only?: string[]) => chosen(only).map(({ name }) => name);
  expect(names()).toEqual(BENCHMARKS.map(({ name }) => name));
  expect(names(['scale']).length).toBeGreaterThan(1);
  expect(names(['scale']).every((name) => name.startsWith('scale-'))).toBe(true);
  expect(names(['hooks', 'scale-live'])).toEqual(['hooks', 'scale-live']);
  expect(() => chosen(['scal'])).toThrow(/no benchmark scal; there are .*scale-live/);
});

test('BENCH-14: of kernels to compare with only what budgets hold is measured', () => {
  const on = measuredOn(['7.3'], undefined);
  expect(on('7.3')).toEqual(BENCHMARKS);
  expect(on('6.18').map(({ name }) => name)).toEqual(['hooks', 'lookup', 'life', 'reading']);
  expect(measuredOn(['7.3'], ['peers', 'life'])('6.18').map(({ name }) => name)).toEqual(['life']);
});

test("BENCH-15: the policy core's calls are timed from Node: every case, and together no longer than it took", async () => {
  test.setTimeout(600_000);
  const path = await buildNative();
  const begun = performance.now();
  const timed = await timeNative(path, 50);
  const passedNs = (performance.now() - begun) * 1e6;
  expect(timed.map(({ name }) => name)).toEqual(CASES.map(({ name }) => name));
  for (const each of timed) {
    expect(each.least, each.name).toBeGreaterThan(0);
    expect(each.median, each.name).toBeGreaterThanOrEqual(each.least);
  }
  // No sample is shorter than the least, so this holds on a busy machine too; 1 % is for rounding.
  const told = timed.reduce((sum, { least, samples }) => sum + least * samples * CALLS, 0);
  expect(told).toBeLessThan(1.01 * passedNs);
});

/** An addon whose calls take no less than a number of nanoseconds, and which keeps what it was asked. */
const SLOW_ADDON = `
const calls = new Map();
function take(ns, what) {
  const end = process.hrtime.bigint() + ns;
  calls.set(what, (calls.get(what) ?? 0) + 1);
  while (process.hrtime.bigint() < end);
}
module.exports = {
  calls,
  parse(bytes) {
    take(4000n, bytes.toString());
    return { rules: bytes };
  },
  deviceAllowed(rules, ...device) {
    take(2000n, rules + device);
  },
};
`;

test('BENCH-16: what is timed are calls of the addon, and none is told to be shorter than it was', async () => {
  test.setTimeout(600_000);
  const path = join(dir, 'slow.cjs');
  await writeFile(path, SLOW_ADDON);
  const timed = await timeNative(path, 5);
  const { calls } = createRequire(import.meta.url)(path) as { calls: ReadonlyMap<string, number> };
  for (const { name, object, device } of CASES) {
    const { least = NaN, samples = NaN } = timed.find((each) => each.name === name) ?? {};
    expect(least, name).toBeGreaterThanOrEqual(0.99 * (device ? 2000 : 4000));
    expect(samples, name).toBeGreaterThan(0);
    expect(calls.get(`${object}${device?.join() ?? ''}`), name).toBeGreaterThanOrEqual(samples * CALLS);
  }
});

/** The cells of the rows of a page's tables, without what makes them bold or code. */
const cellsOf = (text: string) =>
  text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.slice(2, -2).replace(/[*`]/g, '').split(' | '));

test("BENCH-29: the README's figures of starts and of memory are those of docs/peers.md and docs/memory.md", async () => {
  const page = async (path: string) => readFile(join(repository, path), 'utf8');
  const [readme, peers, memory] = [
    await page('README.md'),
    cellsOf(await page('docs/peers.md')),
    cellsOf(await page('docs/memory.md')),
  ];
  const table = /<!-- peers: bars -->([^]*)<!-- \/peers -->/.exec(readme)?.[1] ?? '';
  const rows = cellsOf(table).slice(2);
  expect(rows.length).toBeGreaterThan(8);
  for (const [title = '', limits = '', millions = ''] of rows) {
    const whole = title + (limits === 'yes' ? ', limits' : '');
    const found = peers.find(([name]) => name === whole);
    expect(found, whole).toBeDefined();
    expect(millions, whole).toBe((Number(found?.[1]?.replaceAll(',', '')) / 1e6).toFixed(1));
  }
  // Whatever takes less than an agent is there.
  const agents = rows.filter(([title = '']) => title.startsWith('SwarmGuard')).map((row) => Number(row[2]));
  expect(agents.length).toBe(2);
  const less = peers.filter(
    ([title = '', count = '']) =>
      /^[\d,]+$/.test(count) &&
      !title.startsWith('SwarmGuard') &&
      peers.some((other) => other[0] === title && other.length > 3) &&
      Number(count.replaceAll(',', '')) < 1e6 * Math.max(...agents),
  );
  expect(rows.map(([title]) => title)).toEqual(expect.arrayContaining(less.map(([title]) => title)));
  const [, none, own] =
    /takes (\d+) kB of kernel memory with network `none`, and (\d+) kB/.exec(readme) ?? [];
  const slab = (title: string) => Number(memory.find(([name]) => name === title)?.[1]?.replaceAll(',', ''));
  expect([none, own]).toEqual(
    [slab('agent, network none'), slab('agent, network own (the default)')].map((bytes) =>
      (bytes / 1000).toFixed(0),
    ),
  );
});

test('BENCH-30: each wait for a lock is counted for one lock, and none is lost', () => {
  const entry = (hits: number, ...stack: string[]) =>
    `{ common_stacktrace:\n${stack.map((name) => `         ${name}+0x1a/0x60\n`).join('')}} hitcount:         ${hits}\n`;
  const totals = (dropped: number) => `\nTotals:\n    Hits: 9\n    Entries: 3\n    Dropped: ${dropped}\n`;
  const text = [
    '# event histogram\n#\n\n',
    entry(5, 'cgroup_kn_lock_live', '__cgroup_procs_write', 'swarm_cgroup_join'),
    entry(3, 'cgroup_kn_lock_live', 'cgroup_mkdir', 'vfs_mkdir'),
    entry(2, 'down_write', 'something'),
  ].join('');
  const waits = parseWaits(text + totals(0));
  const sums = byLock(waits);
  const of = (title: RegExp) => sums[LOCKS.findIndex((lock) => title.test(lock.title))];
  expect(of(/a child joins/)).toBe(5);
  expect(of(/cgroup_mutex.*all others/)).toBe(3);
  expect(sums.at(-1)).toBe(2);
  expect(sums.reduce((sum, each) => sum + each, 0)).toBe(10);
  expect(() => parseWaits(text + totals(1))).toThrow(/1 waits are missing/);
  expect(() => parseWaits(text)).toThrow(/missing/);
});
