/** The benchmarks' page, as a person sees it: in the distribution's Chromium, without a network. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { Browser, Page } from '@playwright/test';
import { committedRuns } from '../../bench/docs.js';
import { headlineOf } from '../../bench/headline.js';
import { shown, unitName } from '../../bench/numbers.js';
import { reportPage } from '../../bench/page/page.js';
import { TITLES } from '../../bench/report.js';
import { groupsOf } from '../../bench/select.js';
import type { Bar } from '../../bench/select.js';
import type { Run } from '../../bench/store.js';
import { launchBrowser, openPage } from '../support/browser.js';
import { cutOff, lowestContrast, openFolds, tabThrough, tooWide } from '../support/look.js';

test.describe.configure({ timeout: 600_000 });

let dir = '';
let browser: Browser;
let latest: Run;

test.beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'swarm-guard-benchmarks-'));
  const runs = await committedRuns();
  latest = runs.at(-1) as Run;
  await writeFile(join(dir, 'index.html'), reportPage({ latest, runs, titles: TITLES, raw: {} }));
  browser = await launchBrowser(dir);
});

test.afterAll(async () => {
  await browser.close();
  await rm(dir, { recursive: true });
});

const open = (scheme: 'light' | 'dark') => openPage(browser, join(dir, 'index.html'), scheme);

/** Opens every fold of the page. */
const unfold = (page: Page) =>
  page.locator('details').evaluateAll((folds) => {
    for (const fold of folds) fold.setAttribute('open', '');
  });

/** The values that a page shows for each figure on each kernel. */
interface Shown {
  id: string;
  kernel: string;
  text: string;
  href: string;
}

test('BENCH-22: every figure of the published run is on the page as the JSON has it, and leads to its raw data', async () => {
  const { page, said } = await open('light');
  const seen = await page.locator('td[data-figure]').evaluateAll((cells): Shown[] =>
    cells.map((cell) => ({
      id: cell.getAttribute('data-figure') ?? '',
      kernel: cell.getAttribute('data-kernel') ?? '',
      text: cell.querySelector('a')?.textContent ?? '',
      href: cell.querySelector('a')?.getAttribute('href') ?? '',
    })),
  );
  const expected = latest.results.flatMap(({ kernel, figures }) =>
    figures.map(({ id, value }) => `${kernel} ${id} ${shown(value)}`),
  );
  expect(expected.length).toBeGreaterThan(20);
  expect([...new Set(seen.map(({ kernel, id, text }) => `${kernel} ${id} ${text}`))].sort()).toEqual(
    expected.sort(),
  );
  await page.getByRole('button', { name: 'Unfold everything' }).click();
  for (const href of new Set(seen.map((each) => each.href))) {
    const raw = page.locator(href).locator('pre.result');
    await expect(raw).toBeHidden();
    await page.locator(`td[data-figure] a[href="${href}"]`).first().click();
    await expect(raw).toBeInViewport();
    const result = JSON.parse((await raw.textContent()) ?? '') as Run['results'][number];
    const is = ({ kernel, benchmark }: typeof result) =>
      kernel === result.kernel && benchmark === result.benchmark;
    expect(result).toEqual(latest.results.find(is));
  }
  expect(said).toEqual([]);
  await page.context().close();
});

/** Bars as they are seen: labels, numbers and lengths in pixels. */
function seenBars(page: Page, list: string) {
  return page
    .locator(list)
    .locator('li')
    .evaluateAll((all) =>
      all.map((each) => ({
        label: each.querySelector('.who')?.textContent ?? '',
        text: each.querySelector('.value')?.textContent ?? '',
        length: each.querySelector('.bar')?.getBoundingClientRect().width ?? NaN,
        right: each.querySelector('.bar')?.getBoundingClientRect().right ?? NaN,
        target: each.querySelector('.target')?.getBoundingClientRect().left ?? NaN,
      })),
    );
}

/** Are bars as long as what they stand for? Two pixels are seen of any. */
function expectLengths(bars: readonly Bar[], lengths: ReadonlyMap<string, number>): void {
  const most = [...bars].sort((a, b) => Math.abs(b.figure.value) - Math.abs(a.figure.value))[0];
  const unit = (lengths.get(most?.label ?? '') ?? NaN) / Math.abs(most?.figure.value ?? NaN);
  for (const { label, figure } of bars)
    expect(Math.abs((lengths.get(label) ?? NaN) - Math.abs(figure.value) * unit), label).toBeLessThan(2.5);
}

test('BENCH-25: five figures stand on the first screen, each with a bar beside its peers and with its target', async () => {
  const { page } = await open('light');
  await page.setViewportSize({ width: 1200, height: 800 });
  const answers = headlineOf(latest);
  expect(answers).toHaveLength(5);
  for (const { question, figure, bars, held, ...answer } of answers) {
    const id = `.card[data-figure="${figure.id}"]`;
    const card = page.locator(id);
    await expect(card.getByRole('heading')).toHaveText(question);
    await expect(card.locator('.answer a')).toHaveText(shown(figure.value));
    const box = await card.boundingBox();
    expect((box?.y ?? NaN) + (box?.height ?? NaN), question).toBeLessThanOrEqual(800);
    const seen = await seenBars(page, `${id} .bars`);
    expect(bars.length, question).toBeGreaterThan(1);
    expect(seen.map(({ text }) => text)).toEqual(
      bars
        .map((bar) => bar.figure.value)
        .sort((a, b) => a - b)
        .map(shown),
    );
    const label = (bar: Bar) => bar.label.split(/, | \(/)[0] ?? '';
    expectLengths(
      bars.map((bar) => ({ ...bar, label: label(bar) })),
      new Map(seen.map((bar) => [bar.label, bar.length])),
    );
    const { target = NaN, value } = held?.figure ?? {};
    await expect(card.locator('.kept')).toContainText(`target at most ${shown(target)}`);
    const meter = await card.locator('.meter').evaluate((each) => ({
      bar: each.querySelector('.bar')?.getBoundingClientRect().width ?? NaN,
      whole: each.querySelector('.track')?.getBoundingClientRect().width ?? NaN,
    }));
    expect(meter.bar / meter.whole, question).toBeCloseTo((value ?? NaN) / target, 1);
    if (answer.target !== undefined) {
      const own = seen.find(({ text }) => text === shown(figure.value));
      expect(own?.right, 'left of the target').toBeLessThan(own?.target ?? NaN);
    }
  }
  await expect(page.locator('.bars .ours .who').first()).toHaveCSS('font-weight', '700');
  await page.context().close();
});

/** Labels of a chart that lie on one another, or beyond it. */
function unreadable(chart: SVGElement | HTMLElement): string[] {
  const room = chart.getBoundingClientRect();
  const labels = [...chart.querySelectorAll('text')].map((text) => ({
    text: text.textContent,
    box: text.getBoundingClientRect(),
  }));
  const where = chart.getAttribute('aria-label') ?? '';
  const overlaps = labels.flatMap((a, index) =>
    labels
      .slice(index + 1)
      .filter(({ box }) => a.box.left < box.right && box.left < a.box.right)
      .filter(({ box }) => a.box.top + 2 < box.bottom && box.top + 2 < a.box.bottom)
      .map((b) => `${where}: ${a.text} on ${b.text}`),
  );
  const cut = labels.filter(({ box }) => box.left < room.left || box.right > room.right);
  return [...overlaps, ...cut.map(({ text }) => `${where}: ${text} is cut off`)];
}

test('BENCH-23: a chart stands for each comparison, with a bar and its number for each who is compared', async () => {
  const { page } = await open('dark');
  await page.setViewportSize({ width: 1200, height: 800 });
  await unfold(page);
  for (const { figures, benchmark } of latest.results) {
    for (const { title, unit, bars } of groupsOf(figures)) {
      const seen = await seenBars(page, `#${benchmark} ul.bars[aria-label="${title}, ${unitName(unit)}"]`);
      const pairs = seen.map(({ label, text }) => `${label} ${text}`);
      expect(pairs.sort(), title).toEqual(
        bars.map((bar) => `${bar.label} ${shown(bar.figure.value)}`).sort(),
      );
      expectLengths(bars, new Map(seen.map(({ label, length }) => [label, length])));
    }
  }
  const charts = await page.locator('figure svg').all();
  expect(charts.length).toBeGreaterThan(10);
  const found: string[] = [];
  for (const chart of charts) found.push(...(await chart.evaluate(unreadable)));
  expect(found).toEqual([]);
  expect(await cutOff(page, '.who, .value, td.number')).toEqual([]);
  await page.context().close();
});

test('BENCH-27: the tables are folded; everything is reached by keyboard and shows it, and every fold opens', async () => {
  const { page } = await open('dark');
  expect(await page.locator('details[open]').count()).toBe(0);
  const stops = await tabThrough(page);
  expect(stops.length).toBeGreaterThan(20);
  expect(stops.filter(({ outlined }) => !outlined)).toEqual([]);
  expect(await openFolds(page)).toEqual([]);
  expect(await page.locator('details').count()).toBeGreaterThan(latest.results.length);
  await page.context().close();
});

test('BENCH-28: hostile titles, notes and raw data are shown as text', async () => {
  const evil = '</pre></style><script>window.hostile = 1</script><img src=x onerror="hostile=1">';
  const results = latest.results.map((result) => ({
    ...result,
    machine: { [evil]: evil },
    missing: [{ title: evil, reason: evil }],
    figures: result.figures.map((figure) => ({ ...figure, title: `${figure.title} ${evil}`, note: evil })),
  }));
  const run = { ...latest, sources: evil, results };
  const [first] = results;
  if (!first) throw new Error('no result');
  const raw = { [`${first.kernel} ${first.benchmark}`]: { [evil]: evil } };
  const path = join(dir, 'hostile.html');
  const titles = Object.fromEntries(results.map(({ benchmark }) => [benchmark, evil]));
  await writeFile(path, reportPage({ latest: run, runs: [latest, run], titles, raw }));
  const { page, said } = await openPage(browser, path, 'light');
  await unfold(page);
  await expect(page.locator('header')).toContainText(evil);
  await expect(page.locator('.fold > summary h2').nth(1)).toHaveText(evil);
  await expect(page.locator('#raw dd').nth(2)).toHaveText(evil);
  await expect(page.locator('#raw pre').first()).toHaveText(evil);
  await expect(page.locator('#targets tbody th').first()).toContainText(evil);
  const charts = page.locator('#history svg').first();
  expect(await charts.getAttribute('aria-label')).toContain(evil);
  expect(await page.evaluate(() => 'hostile' in window)).toBe(false);
  expect(said).toEqual([]);
  await page.context().close();
});

test('BENCH-24: the page keeps to light and dark, can be read in both, and nothing is wider than it', async ({}, info) => {
  for (const scheme of ['light', 'dark'] as const) {
    const { page, said } = await open(scheme);
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(background).toBe(scheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(13, 17, 23)');
    await page.setViewportSize({ width: 1200, height: 800 });
    await info.attach(scheme, { body: await page.screenshot({ fullPage: true }), contentType: 'image/png' });
    await unfold(page);
    const [ratio, where] = await lowestContrast(page);
    expect(ratio, where).toBeGreaterThanOrEqual(4.5);
    const [bars, bar] = await lowestContrast(page, '.track .bar');
    expect(bars, bar).toBeGreaterThanOrEqual(3);
    expect(await tooWide(page), 'at 1200').toEqual([]);
    for (const width of [700, 420]) {
      await page.setViewportSize({ width, height: 800 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth), `at ${width}`).toBe(width);
    }
    expect(said).toEqual([]);
    await page.context().close();
  }
});
