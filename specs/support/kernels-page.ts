/** docs/kernels.md: which kernels are tested and why, and what the module's build finds different in them. */
import { inModule } from './module.js';
import { readCatalogue, readLock, runnable } from '../../harness/kernels/catalogue.js';
import type { CatalogueEntry, LockedKernel } from '../../harness/kernels/catalogue.js';
import { provideKernel } from '../../harness/kernels/provide.js';
import type { Kernel } from '../../harness/kernels/kernel.js';
import { kernelTrees } from '../../harness/kernels/tree.js';
import { checkReviewed, treeOf } from './reviewed.js';
import type { Review } from './reviewed.js';
import { table } from '../../harness/util/markdown.js';

/** An answer to a question of module/compat. */
export interface Answer {
  name: string;
  yes: boolean;
  question: string;
}

/**
 * The output of `make probe` for a kernel.
 * @throws if it fails.
 */
export async function probe(kernel: Kernel): Promise<Answer[]> {
  const { exitCode, output } = await inModule({ command: ['make', '-s', 'probe'], kernel });
  if (exitCode !== 0) throw new Error(`make probe failed for ${kernel.release}:\n${output}`);
  return [...output.matchAll(/^(yes|no) +(\S+) +(.*)$/gm)].map(([, answer, name = '', question = '']) => ({
    name,
    yes: answer === 'yes',
    question,
  }));
}

function headersOf({ headers, refused }: CatalogueEntry, locked: LockedKernel | undefined): string {
  if (refused) return 'packages; it must be refused';
  switch (headers.from) {
    case 'packages':
      return 'packages';
    case 'source':
      return `prepared from the source of ${locked?.source?.version.replace(/-.*/, '') ?? '?'}`;
    case 'build':
      return 'built here, as the whole kernel is';
    case 'tree':
      return `none: ${headers.because}; \`--kernel-tree\` runs it`;
  }
}

/**
 * The page's text.
 * @param reviews the system calls that somebody has read
 * @throws {Error} if a kernel has another system call, or cannot be probed.
 */
export async function kernelsPage(reviews: readonly Review[]): Promise<string> {
  const [{ entries }, lock] = [await readCatalogue(), await readLock()];
  const can = await runnable(kernelTrees());
  const built = entries.filter(({ name, refused }) => can.includes(name) && !refused);
  const answers = new Map<string, Answer[]>();
  for (const { name } of built) {
    const kernel = await provideKernel(name);
    await checkReviewed(name, treeOf(kernel), reviews);
    answers.set(name, await probe(kernel));
  }
  const questions = answers.get(built[0]?.name ?? '') ?? [];
  const kernels = entries.map((entry) => {
    const locked = lock[entry.name];
    return [entry.name, locked?.release ?? 'not in the archive', entry.why, headersOf(entry, locked)];
  });
  const probes = questions.map(({ name, question }) => [
    `\`${name}\``,
    question,
    ...built.map((kernel) =>
      answers.get(kernel.name)?.find((each) => each.name === name)?.yes ? 'yes' : 'no',
    ),
  ]);
  return [
    '# Kernels',
    '',
    'Written by `npm run kernels:probe`. Releases are those of `vm-images/kernels/lock.json`; `npm run vm:test -- --kernel NAME` runs the specs on one.',
    '',
    table(['name', 'release', 'why it is there', 'headers'], kernels),
    '',
    '## How they differ',
    '',
    'The questions of `module/compat/probes`, answered by compiling against each kernel.',
    '',
    table(['probe', 'question', ...built.map(({ name }) => name)], probes),
    '',
  ].join('\n');
}
