/** Reading events from a plain file, as somebody has kept them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { events } from '../../client/files/events.js';

const LINES = [1, 2, 3].map((seq) =>
  JSON.stringify({ seq, time: seq, event: 'updated', agent: 7, keys: ['frozen'] }),
);

test('CLIENT-49: events of a plain file end after the last one', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'events-'));
  try {
    for (const end of ['\n', '']) {
      const path = join(dir, 'events');
      writeFileSync(path, LINES.join('\n') + end);
      const seen = [];
      for await (const { seq } of events(path, { since: 2, follow: false })) seen.push(seq);
      expect(seen).toEqual([2, 3]);
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});
