import { Stage } from '../harness/vm/stage.js';
import { command, refuse } from '../harness/util/command.js';

const USAGE = `npm run vm:run -- [--kernel NAME] [--log] COMMAND

Runs a shell line in a fresh guest with the module loaded; --log prints the kernel's log after it.`;

const { values, positionals } = command(USAGE, {
  options: { kernel: { type: 'string' }, log: { type: 'boolean' } },
  allowPositionals: true,
});
if (positionals.length === 0) refuse(`say what to run\n\n${USAGE}`);
const stage = await Stage.prepare(values.kernel);
const guest = await stage.loaded('run');
try {
  const { code, stdout, stderr } = await guest.exec(positionals.join(' '), { timeoutMs: 600_000 });
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  if (values.log) process.stderr.write(await guest.kernelLog());
  process.exitCode = code;
} finally {
  await stage.discard();
}
