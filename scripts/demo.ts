/** make demo [KERNEL=name] — build the module, boot a guest and show live what the kernel enforces. */
import { parseArgs } from 'node:util';
import { demonstrate } from '../harness/demo/steps.js';
import { Show } from '../harness/demo/show.js';
import { Stage } from '../harness/vm/stage.js';

const { values } = parseArgs({ options: { kernel: { type: 'string' } } });
const stage = await Stage.prepare(values.kernel);
console.log(`Kernel ${stage.kernel.release}, ${stage.acceleration}`);
const show = new Show();
const guest = await stage.booted('demo');
try {
  await demonstrate(show, guest, stage.module);
} finally {
  await stage.discard();
}
process.exitCode = show.end() ? 0 : 1;
