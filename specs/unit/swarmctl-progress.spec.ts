/** The messages of swarmctl about work that takes long. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@playwright/test';
import { Progress } from '../../client/cli/progress.js';

/** A screen of 40 columns that keeps what is written to it, and what of it can be seen. */
class Paper {
  readonly isTTY: boolean;
  readonly columns = 40;
  written = '';

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.written += text;
  }

  get seen(): string {
    return this.written.split('\r\x1b[K').at(-1) ?? '';
  }
}

test('CLI-73: what takes over two seconds says so on a terminal, with what it is at, until it is over', async () => {
  const paper = new Paper(true);
  const progress = new Progress(paper);
  let at = 1;
  const long = progress.during(
    () => `looking at agent ${at}, one of very, very many`,
    () => sleep(3800),
  );
  const short = progress.during(
    () => 'short',
    () => sleep(1500),
  );
  await sleep(1700);
  expect(paper.written).toBe('');
  await sleep(1000);
  expect(paper.seen).toBe('swarmctl: looking at agent 1, one of ve');
  at = 2;
  await sleep(600);
  expect(paper.seen).toMatch(/^swarmctl: looking at agent 2/);
  // What is printed in between stands alone.
  progress.erase();
  expect(paper.seen).toBe('');
  await Promise.all([long, short]);
  expect(paper.seen).toBe('');
  expect(paper.written).not.toContain('short');
  const { written } = paper;
  const failed = progress.during(
    () => 'failing',
    async () => {
      await sleep(2700);
      throw new Error('it failed');
    },
  );
  await expect(failed).rejects.toThrow('it failed');
  expect(paper.written.slice(written.length)).toMatch(/failing \(2 s\)\r\x1b\[K$/);
  await sleep(700);
  expect(paper.seen).toBe('');
});

test('CLI-74: if standard error is no terminal, nothing is said of what takes long', async () => {
  const paper = new Paper(false);
  await new Progress(paper).during(
    () => 'long',
    () => sleep(2700),
  );
  expect(paper.written).toBe('');
});
