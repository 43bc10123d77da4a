/** Litmus tests of model/litmus, checked by herd7 against the kernel's memory model. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInRoot } from '../../harness/archive/tool-root.js';
import { herdRoot } from './roots.js';
import { kernelScripts } from './kernel-scripts.js';

/** A barrier or a lock is marked `// without NAME: REPLACEMENT` on its line; a lock has two such lines. */
const MARK = /^(\s*).*\/\/ (without [^:]*):\s*(.*)$/;

/** The names of what can be taken out of a test. */
export const removable = (text: string): string[] => [
  ...new Set(text.split('\n').flatMap((line) => MARK.exec(line)?.[2] ?? [])),
];

/** A test in which the lines of one name are replaced, as herd7 reads it. */
export function variant(text: string, without = ''): string {
  const lines = text.split('\n').map((line) => {
    const [, indent = '', name, replacement = ''] = MARK.exec(line) ?? [];
    return name && name === without ? indent + replacement : line.replace(/\s*\/\/ without .*$/, '');
  });
  return lines.join('\n');
}

/**
 * Checks a test.
 * @returns whether the outcome behind its `exists` occurs: 'Never', 'Sometimes' or 'Always'; or what herd7 says
 */
export async function observe(test: string): Promise<string> {
  const { memoryModel } = await kernelScripts();
  const dir = await mkdtemp(join(tmpdir(), 'litmus-'));
  try {
    await writeFile(join(dir, 'test.litmus'), test);
    const { output } = await runInRoot(
      await herdRoot(),
      ['herd7', '-I', '/memory-model', '-conf', '/memory-model/linux-kernel.cfg', '/litmus/test.litmus'],
      {
        binds: [
          { host: memoryModel, inside: 'memory-model' },
          { host: dir, inside: 'litmus' },
        ],
      },
    );
    return /^Observation \S+ (\w+)/m.exec(output)?.[1] ?? output;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
