/** npm run vm:run [-- --kernel NAME] COMMAND — run a shell line in a fresh guest with the module loaded. */
import { parseArgs } from 'node:util';
import { buildModule } from '../harness/build/module.js';
import { provideKernel } from '../harness/kernels/provide.js';
import { guestInitrd } from '../harness/roots/guest-root.js';
import { Guest } from '../harness/vm/guest.js';

const { values, positionals } = parseArgs({
  options: { kernel: { type: 'string' }, log: { type: 'boolean' } },
  allowPositionals: true,
});
const kernel = await provideKernel(values.kernel);
const { ko } = await buildModule(kernel);
const booted = await (await Guest.create({ kernel, initrd: await guestInitrd(kernel) })).restore();
try {
  const guest = await booted.load(ko);
  const { code, stdout, stderr } = await guest.exec(positionals.join(' '), { timeoutMs: 600_000 });
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  if (values.log) process.stderr.write(await guest.kernelLog());
  process.exitCode = code;
} finally {
  await booted.stop();
}
