/** The attempts to escape of specs/support/escapes against what people would use instead, in one guest. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PEERS } from '../support/escapes/attempt.js';
import { ATTEMPTS } from '../support/escapes/corpus.js';
import { loadDrivers } from '../support/escapes/drivers.js';
import { PEER_PACKAGES, RUNNERS, peerVersions, preparePeers } from '../support/escapes/peers.js';
import { make } from '../support/escapes/run.js';
import { readRecord } from '../support/escapes/table.js';
import type { Recorded } from '../support/escapes/table.js';
import { repository } from '../../harness.config.js';
import { expect, test } from '../support/fixtures.js';

/** The results of this run; `npm run docs:escapes -- test-results/escapes.json` makes the table of them. */
const RUN = join(repository, 'test-results/escapes.json');

// The peers are looked at, not the kernel's memory: without its debugging they are twice as fast.
const append = 'slub_debug=- slab_nomerge kfence.sample_interval=0';
test.use({ guestExtras: { packages: PEER_PACKAGES, memoryMb: 3072, append } });
test.setTimeout(3_600_000);

async function write(change: (run: Recorded) => void): Promise<void> {
  const run = await readRecord(RUN).catch(() => readRecord());
  change(run);
  await mkdir(dirname(RUN), { recursive: true });
  await writeFile(RUN, `${JSON.stringify(run, null, 2)}\n`);
}

for (const peer of PEERS) {
  test(`ESCAPE-02: the table of attempts to escape says what ${peer} does`, async ({ loaded, stage }) => {
    await loadDrivers(loaded, stage.kernel);
    await preparePeers(loaded);
    const versions = await peerVersions(loaded);
    const seen: Record<string, string> = {};
    const log: string[] = [];
    for (const attempt of ATTEMPTS) {
      if (attempt.without?.includes(peer)) continue;
      const { escaped, answers } = await make(loaded, attempt, RUNNERS[peer]);
      const result = escaped ? 'succeeds' : 'denied';
      seen[attempt.id] = result;
      log.push(`${attempt.id}: ${result}\n${answers}\n`);
      await write(({ results }) => ((results[attempt.id] ??= {})[peer] = result));
    }
    await write((run) => Object.assign(run, { kernel: stage.kernel.release, versions }));
    await test.info().attach('answers', { body: log.join('\n'), contentType: 'text/plain' });
    const { results } = await readRecord();
    const said = Object.entries(results).map(([id, each]) => [id, each[peer]] as const);
    expect(seen).toEqual(Object.fromEntries(said.filter(([, result]) => result !== undefined)));
  });
}
