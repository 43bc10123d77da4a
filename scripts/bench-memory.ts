import { writeFile } from 'node:fs/promises';
import '../harness.config.js';
import { inCountingGuest } from '../bench/guest.js';
import { memoryPage } from '../bench/measure/memory-page.js';
import { MEMORY_GUEST, account } from '../bench/measure/memory.js';
import { besideMounts } from '../bench/measure/mounts.js';
import { readCatalogue } from '../harness/kernels/catalogue.js';
import { command, number } from './support/command.js';
import { load } from '../specs/support/loaded-guest.js';

const { kernel, agents, output } = command(
  'bench:memory',
  `Measures what kernel memory an agent takes, by slab cache and by what it is for, and what a birth costs
on a machine with many mounts.`,
)
  .option('--kernel <name>', 'a kernel of the catalogue; the newest by default')
  .option(
    '--agents <number>',
    'how many agents of each kind are born',
    number('1 or more', (value) => Number.isInteger(value) && value > 0),
    500,
  )
  .option('--output <file>', 'write the page there, in Markdown')
  .parse()
  .opts();

const say = (step: string) => {
  console.error(`… ${step}`);
};
const name = kernel ?? (await readCatalogue()).newest;
const page = await inCountingGuest(name, MEMORY_GUEST, async ({ guest, stage, about }) => {
  const loaded = await load(guest, stage.module.ko);
  await loaded.sh('cd /sys/fs/cgroup && echo "+cpu +memory +pids" >cgroup.subtree_control');
  const [mounts = NaN, cpus = NaN] = (await loaded.sh('wc -l </proc/self/mountinfo; nproc'))
    .split('\n')
    .map(Number);
  const taken = await account(loaded, agents, say);
  const beside = await besideMounts(loaded, [20, 200, 2000], say);
  return memoryPage({ kernel: about.kernel, count: agents, mounts, cpus, account: taken, ...beside });
});
if (output === undefined) console.log(page);
else await writeFile(output, page);
