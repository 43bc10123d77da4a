import '../harness.config.js';
import { doctor } from '../harness/guest/doctor.js';
import { command } from './support/command.js';

const MARKS = { ok: '✔', slow: '-', missing: '✘' } as const;

command(
  'doctor',
  `Says what this machine lacks for building the module and running guests, and what to do about it.
Ends with 1 if anything is missing.`,
).parse();
const findings = await doctor();
const width = Math.max(...findings.map(({ what }) => what.length));
for (const { what, verdict, detail } of findings)
  console.log(`${MARKS[verdict]} ${what.padEnd(width)}  ${detail}`);
if (findings.some(({ verdict }) => verdict === 'missing')) process.exitCode = 1;
