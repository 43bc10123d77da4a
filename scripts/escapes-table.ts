import '../harness.config.js';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { REACH_RECORD, THREATS, readReach, withCounts } from '../specs/support/escapes/reach-table.js';
import { RECORD, TABLE, page, readRecord } from '../specs/support/escapes/table.js';
import { command } from './support/command.js';

const program = command('docs:escapes', 'Writes docs/escapes.md, and the counts in docs/threat-model.md.')
  .argument('[file]', 'a run of the peers; the last one that was agreed to by default')
  .option('--reach <file>', 'a run of the ways into the kernel; the last one that was agreed to by default')
  .parse();
const [run] = program.processedArgs;
const { reach } = program.opts();
const record = await readRecord(run);
const reached = await readReach(reach);
if (run) await copyFile(run, RECORD);
if (reach) await copyFile(reach, REACH_RECORD);
await writeFile(TABLE, page(record, reached));
await writeFile(THREATS, withCounts(await readFile(THREATS, 'utf8'), reached));
