/** The kernels of a run, as its user asks for them. */
import { harness } from '../util/config.js';
import { UsageError } from '../util/errors.js';
import { findEntry, readCatalogue, runnable } from './catalogue.js';
import { kernelTrees } from './tree.js';

export interface AskedKernels {
  /** Names of the catalogue; without any, those that a tree is given for, or the newest. */
  kernels?: readonly string[] | undefined;
  /** All that can be run here, instead of these. */
  all?: boolean | undefined;
  /** With `all`, those as well that the module must not be built for. */
  refused?: boolean | undefined;
}

/**
 * The names of the kernels that are asked for.
 * @param say is told of each that is left out of all, and why
 * @throws {UsageError} if there is none of a name, or it needs a tree and has none.
 */
export async function askedKernels(
  { kernels = [], all = false, refused: withRefused = false }: AskedKernels,
  say: (line: string) => void,
): Promise<string[]> {
  const trees = kernelTrees();
  const { newest, entries } = await readCatalogue();
  const can = await runnable(trees);
  const named = all || kernels.length === 0 ? [...trees.keys()] : kernels;
  for (const name of named) {
    const { headers } = await findEntry(name);
    if (!can.includes(name) && headers.from === 'tree')
      throw new UsageError(`kernel ${name} needs ${harness().commands.tree(name)}: ${headers.because}`);
  }
  if (!all) return named.length > 0 ? [...named] : [newest];
  for (const { name, headers, refused } of entries) {
    if (refused && !withRefused) say(`not run: kernel ${name} (the module must not be built for it)`);
    if (!can.includes(name) && headers.from === 'tree')
      say(`not run: kernel ${name} (${headers.because}; ${harness().commands.tree(name)} runs it)`);
  }
  const left = entries.filter(({ refused }) => refused && !withRefused).map(({ name }) => name);
  return can.filter((name) => !left.includes(name));
}
