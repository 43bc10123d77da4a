/** The distribution's Chromium, to look at pages as a person does. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from '@playwright/test';
import type { Browser, Page } from '@playwright/test';
import { browserRoot } from './roots.js';

/**
 * Starts the browser.
 * @param dir where its wrapper is written; below /tmp, which the browser sees
 */
export async function launchBrowser(dir: string): Promise<Browser> {
  const { path } = await browserRoot();
  const enter =
    'mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"; mount --bind /tmp "$0/tmp"; exec chroot "$0" chromium "$@"';
  const wrapper = join(dir, 'chromium');
  const line = `exec unshare --mount --propagation private sh -c '${enter}' ${path} "$@"`;
  await writeFile(wrapper, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  return chromium.launch({ executablePath: wrapper });
}

/** A file as a page, with everything that its console and its requests to anywhere say. */
export async function openPage(
  browser: Browser,
  path: string,
  colorScheme: 'light' | 'dark',
): Promise<{ page: Page; said: string[] }> {
  const context = await browser.newContext({
    colorScheme,
    offline: true,
    viewport: { width: 1280, height: 900 },
  });
  const page = await context.newPage();
  const said: string[] = [];
  page.on('console', (message) => said.push(message.text()));
  page.on('pageerror', (error) => said.push(error.message));
  page.on('request', (request) => {
    if (!/^(file|data):/.test(request.url())) said.push(request.url());
  });
  await page.goto(`file://${path}`);
  return { page, said };
}
