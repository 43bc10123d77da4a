import '../harness.config.js';
import { demonstrate } from '../specs/support/demo/steps.js';
import { Show } from '../specs/support/demo/show.js';
import { command } from '../harness/util/command.js';
import { Stage } from '../specs/support/stage.js';

const USAGE = `npm run demo -- [--kernel NAME]

Builds the module, boots a guest and shows live what the kernel enforces.`;

const { values } = command(USAGE, { options: { kernel: { type: 'string' } } });
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
