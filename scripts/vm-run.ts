/** npm run vm:run -- [--kernel NAME] [--log] COMMAND — a shell line in a fresh guest with the module loaded. */
import { parseArgs } from 'node:util';
import { Stage } from '../harness/vm/stage.js';

const { values, positionals } = parseArgs({
  options: { kernel: { type: 'string' }, log: { type: 'boolean' } },
  allowPositionals: true,
});
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
