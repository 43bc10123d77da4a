/** Moves kernels of the lock file to what the archive offers now. */
import { aptUpdate } from '../archive/debian.js';
import { findEntry, readCatalogue, readLock, writeLock } from '../kernels/catalogue.js';
import type { CatalogueEntry, LockedKernel } from '../kernels/catalogue.js';
import { step } from '../util/progress.js';
import { update } from './kernels-update.js';
import type { Build } from './kernels-update.js';

/** Does an entry take the configuration of another? */
const borrows = ({ headers }: CatalogueEntry) => 'config' in headers && headers.config !== undefined;

/** The move of a kernel in the lock file, if there was one. */
function change(old: LockedKernel | undefined, moved: LockedKernel | undefined, kept: LockedKernel): string {
  if (!moved) return `stays at ${kept.release}`;
  return old?.release === kept.release
    ? `${kept.release}, unchanged`
    : `${old?.release ?? 'new'} → ${kept.release}`;
}

/**
 * Moves kernels to the newest patch release that the archive offers.
 * @param only names of the catalogue; all if it is empty
 * @param build builds modules for a kernel, which its headers must be good enough for
 * @param say is told of each kernel
 * @throws {UsageError} if there is no kernel of a name.
 */
export async function updateLock(
  only: readonly string[],
  build: Build,
  say: (line: string) => void,
): Promise<void> {
  for (const name of only) await findEntry(name);
  const before = await readLock();
  const after: Record<string, LockedKernel> = {};
  const { entries } = await readCatalogue();
  const isWanted = ({ name }: CatalogueEntry) => only.length === 0 || only.includes(name);
  for (const arch of new Set(entries.filter(isWanted).map((entry) => entry.arch)))
    await step(`Reading the archive's indexes for ${arch}`, () => aptUpdate(arch));
  // Those that take another's configuration come after it.
  for (const entry of [...entries.filter((each) => !borrows(each)), ...entries.filter(borrows)]) {
    const { name } = entry;
    const old = before[name];
    const { locked, notes } = isWanted(entry)
      ? await update(entry, old, build)
      : { locked: old, notes: ['left as it was'] };
    for (const note of notes) say(`${name}: ${note}`);
    const kept = locked ?? old;
    if (!kept) continue;
    after[name] = kept;
    // At once, for those that come after.
    await writeLock({ ...before, ...after });
    say(`${name}: ${change(old, locked, kept)}`);
  }
  const inOrder = entries.flatMap(({ name }) => (after[name] ? [[name, after[name]] as const] : []));
  await writeLock(Object.fromEntries(inOrder));
}
