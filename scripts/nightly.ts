import { $ } from 'zx';
import { repository } from '../harness.config.js';
import { command } from './support/command.js';

command(
  'nightly',
  `Does what the nightly workflow does, on one machine and one after the other: the specs on every kernel
that can be had, then the suites that take long, safeguards removed, fuzzing, the budgets and very many agents on the newest. Takes hours.`,
).parse();

/** Arguments of npm, in the order in which a failure says most. */
const PARTS = [
  ['run', 'vm:test', '--', '--all'],
  ['run', 'long'],
  ['run', 'scale'],
  ['run', 'mutate'],
  ['run', 'fuzz', '--', '--seconds', '3600'],
  ['run', 'fuzz:kernel', '--', '--seconds', '3600'],
  ['run', 'bench:check'],
  ['run', 'bench:scale'],
];

const rows: string[] = [];
for (const args of PARTS) {
  const name = `npm ${args.join(' ')}`;
  console.log(`== ${name}`);
  const start = performance.now();
  const part = $({ cwd: repository, nothrow: true, stdio: ['inherit', 'pipe', 'inherit'] })`npm ${args}`;
  part.pipe(process.stdout);
  const { exitCode, stdout } = await part;
  const counts = /^\d+ passed, \d+ failed$/gm;
  const last = stdout.trim().split('\n').at(-1) ?? '';
  const summary = [...stdout.matchAll(counts)].at(-1)?.[0] ?? last;
  const minutes = ((performance.now() - start) / 60_000).toFixed(0);
  rows.push(`${exitCode === 0 ? '✔' : '✘'} ${name}: ${summary}, ${minutes} min`);
  if (exitCode !== 0) process.exitCode = 1;
}
console.log(rows.join('\n'));
