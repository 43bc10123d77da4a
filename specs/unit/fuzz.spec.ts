/** A moment of fuzzing of the policy core, from the inputs that are kept. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { buildFuzzer, fuzz, unpackCorpus } from '../support/fuzz.js';

test('FUZZ-01: twenty seconds of fuzzing find nothing, and little that the kept inputs do not reach', async () => {
  test.setTimeout(600_000);
  const fuzzer = await buildFuzzer();
  const corpus = await mkdtemp(join(tmpdir(), 'swarm-guard-corpus-'));
  try {
    await unpackCorpus(corpus);
    const kept = await fuzz(fuzzer, corpus, 0);
    expect(kept.failure?.says).toBeUndefined();
    const after = await fuzz(fuzzer, corpus, 20);
    expect(after.failure?.says, JSON.stringify(after.failure?.input.toString('latin1'))).toBeUndefined();
    expect(after.runs, 'inputs in that time').toBeGreaterThan(3000);
    // The model alone has a few hundred edges: without the core's there are far fewer.
    expect(kept.edges).toBeGreaterThan(2000);
    expect(kept.edges / after.edges, 'npm run fuzz -- --keep takes what is new').toBeGreaterThan(0.95);
  } finally {
    await rm(corpus, { recursive: true, force: true });
  }
});
