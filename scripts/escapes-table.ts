/** npm run docs:escapes [-- FILE] — writes docs/escapes.md, from FILE's run of the peers where there is one. */
import { copyFile, writeFile } from 'node:fs/promises';
import { RECORD, TABLE, page, readRecord } from '../harness/escapes/table.js';

const [run] = process.argv.slice(2);
const record = await readRecord(run);
if (run) await copyFile(run, RECORD);
await writeFile(TABLE, page(record));
