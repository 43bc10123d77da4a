import '../harness.config.js';
import { demonstrate } from '../specs/support/demo/steps.js';
import { Show } from '../specs/support/demo/show.js';
import { command } from './support/command.js';
import { Stage } from '../specs/support/stage.js';

const { kernel: name } = command(
  'demo',
  'Builds the module, boots a guest and shows live what the kernel enforces.',
)
  .option('--kernel <name>', 'a kernel of the catalogue; the newest by default')
  .parse()
  .opts();
const stage = await Stage.prepare(name);
console.log(`Kernel ${stage.kernel.release}, ${stage.acceleration}`);
const show = new Show();
const guest = await stage.booted('demo');
try {
  await demonstrate(show, guest, stage.module);
} finally {
  await stage.discard();
}
process.exitCode = show.end() ? 0 : 1;
