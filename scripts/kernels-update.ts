import '../harness.config.js';
import { readCatalogue, readLock, writeLock } from '../harness/kernels/catalogue.js';
import type { CatalogueEntry, LockedKernel } from '../harness/kernels/catalogue.js';
import { update } from '../harness/build/kernels-update.js';
import { aptUpdate } from '../harness/archive/debian.js';
import { buildModule } from '../specs/support/module.js';
import { step } from '../harness/util/progress.js';
import { command, refuse } from '../harness/util/command.js';

const USAGE = `npm run kernels:update -- [NAME]...

Moves kernels, all or those named, to the newest patch release that the archive offers.`;

const { positionals: only } = command(USAGE, { allowPositionals: true });
const before = await readLock();
const after: Record<string, LockedKernel> = {};
const { entries } = await readCatalogue();
for (const name of only) {
  if (!entries.some((entry) => entry.name === name))
    refuse(`there is no kernel ${name}; there are ${entries.map((entry) => entry.name).join(', ')}`);
}
const updated = entries.filter(({ name }) => only.length === 0 || only.includes(name));
for (const arch of new Set(updated.map((entry) => entry.arch)))
  await step(`Reading the archive's indexes for ${arch}`, () => aptUpdate(arch));
// Those that take another's configuration come after it.
const borrows = ({ headers }: CatalogueEntry) => 'config' in headers && headers.config !== undefined;
for (const entry of [...entries.filter((each) => !borrows(each)), ...entries.filter(borrows)]) {
  const old = before[entry.name];
  const wanted = only.length === 0 || only.includes(entry.name);
  const { locked, notes } = wanted
    ? await update(entry, old, buildModule)
    : { locked: old, notes: ['left as it was'] };
  for (const note of notes) console.log(`${entry.name}: ${note}`);
  const kept = locked ?? old;
  if (!kept) continue;
  after[entry.name] = kept;
  // At once, for those that come after.
  await writeLock({ ...before, ...after });
  const change =
    old?.release === kept.release
      ? `${kept.release}, unchanged`
      : `${old?.release ?? 'new'} → ${kept.release}`;
  console.log(`${entry.name}: ${locked ? change : `stays at ${kept.release}`}`);
}
const inOrder = entries.flatMap(({ name }) => (after[name] ? [[name, after[name]] as const] : []));
await writeLock(Object.fromEntries(inOrder));
