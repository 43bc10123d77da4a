/** The results' pages, as a person sees them: in the distribution's Chromium, without a network. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { Browser, Page } from '@playwright/test';
import { listedKernels } from '../../harness/playwright/results.js';
import { renderPages } from '../../harness/report/page.js';
import type { Cell, Verdict } from '../../harness/report/runs.js';
import { launchBrowser, openPage } from '../support/browser.js';
import { cutOff, lowestContrast, openFolds, tabThrough, tooWide } from '../support/look.js';

test.describe.configure({ timeout: 600_000 });

let dir = '';
let browser: Browser;

const HOUR = 3_600_000;
const LOG = 'Error: the kernel complains:\nBUG: KFENCE: <use-after-free> in planted';

/** A run of a suite on a kernel: one test that ended so, and one that passed. */
function cell(suite: string, kernel: string, hours: number, verdict: Verdict): Cell {
  const outcome = {
    file: `specs/${suite}/x.spec.ts`,
    title: `${suite} holds`,
    verdict,
    ms: 61_000,
    log: verdict === 'passed' ? '' : LOG,
  };
  return {
    suite,
    kernel,
    release: `${kernel}.4+deb13-cloud-amd64`,
    startedAt: new Date(Date.now() - hours * HOUR).toISOString(),
    tests: [outcome, { ...outcome, title: 'another', verdict: 'passed', log: '' }],
  };
}

/** With more failures than stand before the matrix. */
function broken(): Cell {
  const failed = cell('vm', '6.18', 30, 'failed');
  const [first, ...others] = failed.tests;
  if (!first) throw new Error('no test');
  const more = ['a', 'b', 'c', 'd'].map((title) => ({ ...first, title, log: `Error: ${title}` }));
  return { ...failed, tests: [first, ...more, ...others] };
}

const CELLS = [
  cell('vm', '7.3', 2, 'passed'),
  { ...cell('long', '7.3', 3, 'passed'), part: '1 of 12 files' },
  { ...cell('vm', '7.3', 20, 'infrastructure'), part: '3 of 40 files' },
  broken(),
  cell('vm', '7.3', 40, 'failed'),
  cell('vm', '6.17', 50, 'infrastructure'),
  cell('vm', '7.2', 51, 'failed'),
  cell('unit', '', 52, 'passed'),
];

test.beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'swarm-guard-page-'));
  await renderPages(dir, { title: 'The matrix', cells: CELLS, kernels: await listedKernels() });
  browser = await launchBrowser(dir);
});

test.afterAll(async () => {
  await browser.close();
  await rm(dir, { recursive: true });
});

const open = (colorScheme: 'light' | 'dark', name = 'index.html') =>
  openPage(browser, join(dir, name), colorScheme);

const kernels = (page: Page) =>
  page.locator('tbody tr:visible').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-kernel')));

test('RESULT-03: failures stand first in the matrix, with their reasons before it', async () => {
  const { page, said } = await open('light');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('The matrix');
  expect(await kernels(page)).toEqual(['7.2', '6.18', '6.17', '7.3', 'no kernel']);
  const problems = page.locator('#problems details.problem');
  const [first] = await problems.allTextContents();
  expect(first, 'on two kernels, once').toMatch(
    /^✘ vm holds vm-7\.2vm-6\.18Error: the kernel complains:.*BUG: KFENCE: <use-after-free> in planted/s,
  );
  await expect(problems.last()).toContainText('! vm holds');
  await expect(page.locator('#problems > .rest > summary')).toHaveText('3 more that went wrong');
  const [reasons, matrix] = [
    await page.locator('#problems').boundingBox(),
    await page.locator('.matrix').boundingBox(),
  ];
  expect((reasons?.y ?? NaN) + (reasons?.height ?? NaN)).toBeLessThanOrEqual(matrix?.y ?? NaN);
  expect(said).toEqual([]);
  await page.context().close();
});

test('RESULT-05: figures of the matrix can be read from two metres, and marks tell what colours do', async () => {
  const { page } = await open('light');
  const figures = await page.locator('td:not(.none) .figures > a').evaluateAll((all) =>
    all.map((each) => ({
      verdict: each.closest('td')?.getAttribute('data-verdict') ?? '',
      text: each.textContent,
      // In CSS pixels: 28 are 7.4 mm, which is 13 minutes of arc at two metres.
      size: parseFloat(getComputedStyle(each).fontSize),
      behind: getComputedStyle(each.closest('td') ?? each).backgroundColor,
    })),
  );
  expect(figures.map(({ verdict, text }) => `${verdict} ${text}`).sort()).toEqual([
    ...['failed ✘ 1', 'failed ✘ 5', 'infrastructure ! 1', 'passed ✔ 2', 'passed ✔ 2', 'passed ✔ 2'],
  ]);
  expect(Math.min(...figures.map(({ size }) => size))).toBeGreaterThanOrEqual(28);
  const colours = new Map(figures.map(({ verdict, behind }) => [verdict, behind]));
  expect(new Set(colours.values()).size).toBe(3);
  await page.context().close();
});

test('RESULT-06: each cell shows how its earlier runs went, the newest on the right, and its page lists them', async () => {
  const { page } = await open('light');
  const history = page.getByRole('link', { name: 'vm on 7.3: history of 3 runs' });
  await expect(history).toHaveText('✘!✔');
  const told = page.locator('[role=tooltip]').first();
  await expect(told).toBeHidden();
  await history.focus();
  await expect(told).toBeVisible();
  await expect(told.locator('li')).toHaveText([
    /✔ 2 passed$/,
    /! 1 infrastructure, 1 passed \(3 of 40 files\)$/,
    /✘ 1 failed, 1 passed$/,
  ]);
  await page.keyboard.press('Enter');
  await expect(page.locator('#history tbody tr')).toHaveText([
    /✔ 2 passed.*all of the suite/s,
    /! 1 infrastructure.*3 of 40 files.*vm holds/s,
    /✘ 1 failed.*vm holds/s,
  ]);
  await page.context().close();
});

test('RESULT-01: the results are sorted, filtered and opened, by keyboard too, with no word on the console', async () => {
  const { page, said } = await open('light');
  await expect(page.locator('tr[data-kernel="6.18"] time')).toHaveText('1 d ago');
  await expect(page.locator('tr[data-kernel="6.17"] td.infrastructure')).toHaveText(
    /! 1.*infrastructure, 1 passed/s,
  );
  await expect(page.locator('td[data-suite="long"].passed')).toHaveText(
    /✔ 2.*passed.*in part: 1 of 12 files/s,
  );
  await page.getByRole('button', { name: 'Kernel' }).focus();
  await page.keyboard.press('Enter');
  expect(await kernels(page)).toEqual(['6.17', '6.18', '7.2', '7.3', 'no kernel']);
  await page.keyboard.press('Space');
  expect(await kernels(page)).toEqual(['no kernel', '7.3', '7.2', '6.18', '6.17']);
  await page.getByRole('button', { name: 'vm' }).click();
  expect((await kernels(page)).slice(0, 3).sort()).toEqual(['6.17', '6.18', '7.2']);
  await page.getByRole('button', { name: /^✘ 2 failed/ }).focus();
  await page.keyboard.press('Enter');
  expect((await kernels(page)).sort()).toEqual(['6.18', '7.2']);
  await page.getByLabel('Kernel').fill('6.1');
  expect(await kernels(page)).toEqual(['6.18']);
  await expect(page.locator('#shown')).toHaveText('1 of 5 kernels');
  await page.getByRole('link', { name: 'vm on 6.18: 5 failed' }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('vm on 6.18.4+deb13-cloud-amd64');
  await expect(page.locator('pre').first()).toContainText('BUG: KFENCE: <use-after-free> in planted');
  expect(said).toEqual([]);
  await page.context().close();
});

test('RESULT-07: everything on the results’ pages is reached by keyboard, shows it, and every fold opens', async () => {
  for (const name of ['index.html', 'cells/vm-6.18.html']) {
    const { page } = await open('dark', name);
    const stops = await tabThrough(page);
    expect(stops.length).toBeGreaterThan(5);
    expect(stops.filter(({ outlined }) => !outlined)).toEqual([]);
    expect(await openFolds(page)).toEqual([]);
    expect(await page.locator('details').count()).toBeGreaterThan(1);
    await page.context().close();
  }
});

test('RESULT-08: a hostile name, title or log is shown as text', async () => {
  const evil = '</pre></title><script>window.hostile = 1</script><img src=x onerror="hostile=1">\'"&lt;';
  const hostile = await mkdtemp(join(dir, 'hostile-'));
  const { tests, ...rest } = cell('../<b>vm', evil, 1, 'failed');
  const cells = [1, 2].map((hours) => ({
    ...{ ...rest, release: evil, part: evil },
    startedAt: new Date(Date.now() - hours * HOUR).toISOString(),
    tests: tests.map((each) => ({ ...each, file: evil, title: evil, log: evil, reason: evil })),
  }));
  await renderPages(hostile, { title: evil, cells, kernels: [{ name: 'x', why: evil, because: evil }] });
  const { page, said } = await openPage(browser, join(hostile, 'index.html'), 'light');
  expect(await page.title()).toContain('<script>window.hostile = 1</script>');
  await expect(page.locator('.kernel')).toHaveText(evil);
  await expect(page.locator('#not-run li')).toContainText(evil);
  await page.locator('.figures > a').click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText(evil);
  await expect(page.locator('pre').first()).toHaveText(evil);
  await expect(page.locator('.reason').first()).toHaveText(evil);
  await expect(page.locator('#history tbody')).toContainText(evil);
  expect(await page.evaluate(() => 'hostile' in window)).toBe(false);
  expect(said).toEqual([]);
  await page.context().close();
});

for (const scheme of ['light', 'dark'] as const) {
  test(`RESULT-02: the results can be read in ${scheme} colours`, async ({}, info) => {
    for (const name of ['index.html', 'cells/vm-6.18.html']) {
      const { page } = await open(scheme, name);
      const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      expect(background).toBe(scheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(13, 17, 23)');
      await openFolds(page);
      const [ratio, where] = await lowestContrast(page);
      expect(ratio, where).toBeGreaterThanOrEqual(4.5);
      await info.attach(`${scheme} ${name}`, {
        body: await page.screenshot({ fullPage: true }),
        contentType: 'image/png',
      });
      await page.context().close();
    }
  });
}

test('RESULT-09: nothing on the results’ pages is wider than the screen, at 1200 pixels and at 700', async () => {
  for (const name of ['index.html', 'cells/vm-6.18.html', 'cells/vm-7.3.html']) {
    const { page } = await open('light', name);
    await openFolds(page);
    for (const width of [1200, 700]) {
      await page.setViewportSize({ width, height: 800 });
      expect(await tooWide(page), `${name} at ${width}`).toEqual([]);
      expect(await cutOff(page, '.figures > a, .kernel, .chip'), `${name} at ${width}`).toEqual([]);
    }
    await page.context().close();
  }
});
