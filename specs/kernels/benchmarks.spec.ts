/** The benchmarks' page, as a person sees it: in the distribution's Chromium, without a network. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { Browser } from '@playwright/test';
import { committedRuns } from '../../bench/docs.js';
import { shown } from '../../bench/numbers.js';
import { reportPage } from '../../bench/page.js';
import { TITLES } from '../../bench/report.js';
import { groupsOf } from '../../bench/select.js';
import type { Run } from '../../bench/store.js';
import { launchBrowser, openPage } from '../support/browser.js';

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

/** The values that a page shows for each figure on each kernel. */
interface Shown {
  id: string;
  kernel: string;
  text: string;
  href: string;
}

test('every figure of the published run is on the page as the JSON has it, and leads to its raw data', async () => {
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
  for (const href of new Set(seen.map((each) => each.href))) {
    await page.locator(`td[data-figure] a[href="${href}"]`).first().click();
    const raw = page.locator(href).locator('pre').last();
    await expect(raw).toBeVisible();
    const result = JSON.parse((await raw.textContent()) ?? '') as Run['results'][number];
    const is = ({ kernel, benchmark }: typeof result) =>
      kernel === result.kernel && benchmark === result.benchmark;
    expect(result).toEqual(latest.results.find(is));
  }
  expect(said).toEqual([]);
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

test('a chart stands for each comparison, with a bar and its number for each who is compared', async () => {
  const { page } = await open('dark');
  for (const { figures, benchmark } of latest.results) {
    for (const { title, bars } of groupsOf(figures)) {
      const chart = page.locator(`#${benchmark} svg[aria-label^="${title},"]`).first();
      const texts = await chart.locator('text').evaluateAll((all) => all.map((each) => each.textContent));
      for (const { label, figure } of bars)
        expect(texts, title).toEqual(expect.arrayContaining([label, shown(figure.value)]));
    }
  }
  for (const details of await page.locator('#history details').all())
    await details.evaluate((each) => {
      each.setAttribute('open', '');
    });
  const charts = await page.locator('figure svg').all();
  expect(charts.length).toBeGreaterThan(10);
  const found: string[] = [];
  for (const chart of charts) found.push(...(await chart.evaluate(unreadable)));
  expect(found).toEqual([]);
  await page.context().close();
});

test('the page keeps to light and dark, and nothing is wider than it', async () => {
  for (const scheme of ['light', 'dark'] as const) {
    const { page, said } = await open(scheme);
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(background).toBe(scheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(13, 17, 23)');
    // A label has the colour of the text, a bar one of its own.
    const label = page.locator('figure svg text').first();
    expect(await label.evaluate((text) => getComputedStyle(text).fill)).toBe(
      scheme === 'light' ? 'rgb(27, 31, 36)' : 'rgb(230, 237, 243)',
    );
    for (const width of [1280, 420]) {
      await page.setViewportSize({ width, height: 900 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth), `at ${width}`).toBe(width);
    }
    await test
      .info()
      .attach(scheme, { body: await page.screenshot({ fullPage: true }), contentType: 'image/png' });
    expect(said).toEqual([]);
    await page.context().close();
  }
});
