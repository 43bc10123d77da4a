import '../harness.config.js';
import { copyFile, writeFile } from 'node:fs/promises';
import { RECORD, TABLE, page, readRecord } from '../specs/support/escapes/table.js';
import { command } from '../harness/util/command.js';

const [run] = command('docs:escapes', 'Writes docs/escapes.md.')
  .argument('[file]', 'a run of the peers; the last one that was agreed to by default')
  .parse().processedArgs;
const record = await readRecord(run);
if (run) await copyFile(run, RECORD);
await writeFile(TABLE, page(record));
