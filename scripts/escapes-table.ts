import '../harness.config.js';
import { copyFile, writeFile } from 'node:fs/promises';
import { RECORD, TABLE, page, readRecord } from '../specs/support/escapes/table.js';
import { command } from '../harness/util/command.js';

const USAGE = `npm run docs:escapes -- [FILE]

Writes docs/escapes.md, from the run of the peers in FILE if it is given, else from the last one.`;

const { positionals } = command(USAGE, { allowPositionals: true });
const [run] = positionals;
const record = await readRecord(run);
if (run) await copyFile(run, RECORD);
await writeFile(TABLE, page(record));
