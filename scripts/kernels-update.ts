/** npm run kernels:update — move every kernel to the newest patch release that the archive offers. */
import { readCatalogue, readLock, writeLock } from '../harness/kernels/catalogue.js';
import { lockRelease, newestRelease } from '../harness/kernels/update.js';
import { aptUpdate } from '../harness/roots/debian.js';
import { step } from '../harness/util/progress.js';

await step("Reading the archive's indexes", aptUpdate);
const before = await readLock();
const after = { ...before };
for (const entry of (await readCatalogue()).entries) {
  const release = await newestRelease(entry);
  const old = before[entry.name]?.release;
  if (release === undefined) {
    console.log(`${entry.name}: the archive has no headers for it${old ? `; stays at ${old}` : ''}`);
    continue;
  }
  after[entry.name] = await lockRelease(entry, release);
  console.log(`${entry.name}: ${old === release ? `${release}, unchanged` : `${old ?? 'new'} → ${release}`}`);
}
await writeLock(after);
