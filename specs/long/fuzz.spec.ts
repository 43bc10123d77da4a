/** Faults that are planted in the policy core, and what the fuzzer says of them. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { fuzz, unpackCorpus, withChangedFuzzer } from '../support/fuzz.js';

/** The planted faults: a file of module/src, a text in it, and the text to put in its place. */
const PLANTED: readonly (readonly [fault: string, file: string, text: string, instead: string])[] = [
  [
    'a minor number of 2^20 is taken',
    'device.rs',
    'const MINOR_MAX: u32 = 0xf_ffff;',
    'const MINOR_MAX: u32 = 0x10_0000;',
  ],
  [
    'one rule must allow every access',
    'device.rs',
    'missing &= !rule.access;',
    'missing = access & !rule.access;',
  ],
  [
    'a surrogate pair becomes another character',
    'json.rs',
    '((scalar & 0x3ff) << 10)',
    '((scalar & 0x3ff) << 9)',
  ],
  [
    'numbers wrap around at 2^64',
    'json.rs',
    '.and_then(|v| v.checked_mul(10))',
    '.map(|v| v.wrapping_mul(10))',
  ],
  [
    'update changes a key that it does not name',
    'policy.rs',
    'if self.has(7) {',
    'if self.has(7) || self.has(8) {',
  ],
  [
    'attach takes pid and pidfd',
    'policy.rs',
    '(_, Some(_), pidfd @ Some(_)) => Err',
    '(_, Some(_), pidfd @ Some(_)) if attach.pid == 0 => Err',
  ],
  [
    'an id of 2^53 is taken',
    'policy.rs',
    'pub const ID_MAX: u64 = (1 << 53) - 1;',
    'pub const ID_MAX: u64 = 1 << 53;',
  ],
  [
    'an index may panic',
    'frame.rs',
    'self.depth = self.depth.saturating_sub(1);',
    'self.depth -= 1; let _ = [0u8; 4][usize::from(self.depth)];',
  ],
  [
    'an object that is cut loses its beginning',
    'frame.rs',
    'if self.state == State::Between {\n            self.length = 0;\n        }',
    'self.length = 0;',
  ],
];

for (const [fault, file, text, instead] of PLANTED)
  test(`FUZZ-02: the fuzzer finds that ${fault}, if that is planted`, async () => {
    test.setTimeout(600_000);
    const corpus = await mkdtemp(join(tmpdir(), 'swarm-guard-corpus-'));
    try {
      await unpackCorpus(corpus);
      const plant = async (dir: string) => {
        const path = join(dir, 'src', file);
        const source = await readFile(path, 'utf8');
        expect(source.split(text), `${file} has it once`).toHaveLength(2);
        await writeFile(path, source.replace(text, instead));
      };
      const { failure } = await withChangedFuzzer(plant, (fuzzer) => fuzz(fuzzer, corpus, 120));
      expect(failure?.says).toMatch(/does not hold|deadly signal|runtime error/);
    } finally {
      await rm(corpus, { recursive: true, force: true });
    }
  });
