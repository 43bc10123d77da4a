/** The results' pages, as a person sees them: in the distribution's Chromium, without a network. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { Browser, Page } from '@playwright/test';
import { listedKernels } from '../../harness/playwright/results.js';
import { renderPages } from '../../harness/report/page.js';
import type { Cell } from '../../harness/report/runs.js';
import { launchBrowser, openPage } from '../support/browser.js';

test.describe.configure({ timeout: 600_000, mode: 'serial' });

let dir = '';
let browser: Browser;

const HOUR = 3_600_000;

function cell(suite: string, kernel: string, hours: number, verdict: Cell['tests'][number]['verdict']): Cell {
  const log =
    verdict === 'passed' ? '' : 'Error: the kernel complains:\nBUG: KFENCE: <use-after-free> in planted';
  const outcome = { file: `specs/${suite}/x.spec.ts`, title: `${suite} holds`, verdict, ms: 61_000, log };
  return {
    suite,
    kernel,
    release: `${kernel}.4+deb13-cloud-amd64`,
    startedAt: new Date(Date.now() - hours * HOUR).toISOString(),
    tests: [outcome, { ...outcome, title: 'another', verdict: 'passed', log: '' }],
  };
}

test.beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'swarm-guard-page-'));
  const cells = [
    cell('vm', '7.3', 2, 'passed'),
    { ...cell('long', '7.3', 3, 'passed'), part: '1 of 12 files' },
    cell('vm', '6.18', 30, 'failed'),
    cell('vm', '6.17', 50, 'infrastructure'),
  ];
  await renderPages(dir, cells, await listedKernels());
  browser = await launchBrowser(dir);
});

test.afterAll(async () => {
  await browser.close();
  await rm(dir, { recursive: true });
});

const open = (colorScheme: 'light' | 'dark') => openPage(browser, join(dir, 'index.html'), colorScheme);

const kernels = (page: Page) =>
  page.locator('tbody tr:visible').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-kernel')));

test('the results are sorted, filtered and opened, by keyboard too, with no word on the console', async () => {
  const { page, said } = await open('light');
  expect(await kernels(page)).toEqual(['7.3', '6.18', '6.17']);
  await expect(page.locator('tr[data-kernel="6.18"] time')).toHaveText('1 d ago');
  await expect(page.locator('tr[data-kernel="6.17"] td.infrastructure')).toHaveText(
    /! infrastructure.*1 passed, 1 infrastructure/,
  );
  await expect(page.getByRole('link', { name: 'long 7.3: passed in part' }).locator('..')).toHaveText(
    /✔ passed.*in part: 1 of 12 files.*2 passed/,
  );
  await page.getByRole('button', { name: 'Kernel' }).focus();
  await page.keyboard.press('Enter');
  expect(await kernels(page)).toEqual(['6.17', '6.18', '7.3']);
  await page.keyboard.press('Space');
  expect(await kernels(page)).toEqual(['7.3', '6.18', '6.17']);
  await page.getByRole('button', { name: 'vm' }).click();
  expect(await kernels(page)).toEqual(['6.18', '6.17', '7.3']);
  await page.getByLabel('Show').selectOption('failed');
  expect(await kernels(page)).toEqual(['6.18']);
  await expect(page.locator('#shown')).toHaveText('1 of 3 kernels');
  await page.getByRole('link', { name: 'vm 6.18: failed' }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('vm on 6.18.4+deb13-cloud-amd64');
  await expect(page.locator('pre')).toContainText('BUG: KFENCE: <use-after-free> in planted');
  expect(said).toEqual([]);
  await page.context().close();
});

/** The lowest ratio of contrast among texts that are seen, by WCAG's formula. */
function lowestContrast(page: Page): Promise<[number, string]> {
  return page.evaluate(() => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const luminance = (colour: string) => {
      if (!canvas) throw new Error('no canvas');
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const [r = 0, g = 0, b = 0] = [...canvas.getImageData(0, 0, 1, 1).data]
        .map((value) => value / 255)
        .map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element: Element | null): string => {
      for (let at = element; at; at = at.parentElement) {
        const colour = getComputedStyle(at).backgroundColor;
        if (colour !== 'rgba(0, 0, 0, 0)') return colour;
      }
      return 'white';
    };
    const found = [...document.querySelectorAll('body *')]
      .filter((each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim()))
      .filter((each) => !['SCRIPT', 'STYLE', 'OPTION', 'SELECT'].includes(each.tagName))
      .map((each): [number, string] => {
        const [a, b] = [luminance(getComputedStyle(each).color), luminance(behind(each))];
        return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), each.outerHTML.slice(0, 80)];
      });
    return found.sort(([a], [b]) => a - b)[0] ?? [0, 'no text'];
  });
}

for (const scheme of ['light', 'dark'] as const) {
  test(`the results can be read in ${scheme} colours`, async ({}, info) => {
    const { page } = await open(scheme);
    const [ratio, where] = await lowestContrast(page);
    expect(ratio, where).toBeGreaterThanOrEqual(4.5);
    await info.attach(scheme, { body: await page.screenshot({ fullPage: true }), contentType: 'image/png' });
    await page.context().close();
  });
}
