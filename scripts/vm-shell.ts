import '../harness.config.js';
import { command } from './support/command.js';
import { Stage } from '../specs/support/stage.js';

const { kernel: name } = command('vm:shell', 'Opens a shell in a fresh guest with the module loaded.')
  .option('--kernel <name>', 'a kernel of the catalogue; the newest by default')
  .parse()
  .opts();
const stage = await Stage.prepare(name);
const guest = await stage.loaded('shell');
try {
  console.log(`Kernel ${stage.kernel.release}, ${stage.acceleration}`);
  console.log(
    'swarm_guard is loaded; leave with exit or Ctrl-D. An agent cannot enter /root: start it from /srv.',
  );
  process.exitCode = await guest.interactive('cd /srv; exec bash -l');
} finally {
  await stage.discard();
}
