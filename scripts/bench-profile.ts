import { writeFile } from 'node:fs/promises';
import '../harness.config.js';
import { readCatalogue } from '../harness/kernels/catalogue.js';
import { command, number } from './support/command.js';
import { PHASES, profileLife, treeOf, whole } from '../bench/measure/profile.js';
import type { Phase } from '../bench/measure/profile.js';

const LIMITS = { memory_limit: 67_108_864, cpu_quota: 50, pids_limit: 64 };

const WHAT: Readonly<Record<Phase, string>> = {
  arming: 'Arming: the write to create',
  clone: 'clone3',
  child: "The child's birth, up to its first own instruction",
  end: 'The end, of a child that exits at once: all that the kernel does until nothing is left',
};

const { kernel, network, least, output } = command(
  'bench:profile',
  `Shows where the instructions of an agent's life go, function by function. The agent has three limits and seven
kinds of namespaces.`,
)
  .option('--kernel <name>', 'a kernel of the catalogue; the newest by default')
  .option('--network <what>', 'own or none', 'none')
  .option(
    '--least <percent>',
    'the share of its part from which on a function is shown',
    number('0 or more', (value) => value >= 0),
    2,
  )
  .option('--output <file>', 'write a page in Markdown there')
  .parse()
  .opts();

const policy = { ...LIMITS, ...(network === 'none' && { network: 'none' as const }) };
const name = kernel ?? (await readCatalogue()).newest;
const profile = await profileLife(name, policy, (step) => {
  console.error(`… ${step}`);
});
const parts = PHASES.map((phase) => {
  const all = whole(profile[phase]);
  const tree = treeOf(profile[phase], (all * least) / 100);
  return `## ${WHAT[phase]}\n\n${all} instructions.\n\n\`\`\`text\n   whole     own  function\n${tree.join('\n')}\n\`\`\`\n`;
});
const total = PHASES.reduce((sum, phase) => sum + whole(profile[phase]), 0);
const page = `# Where the instructions of an agent's life go

\`npm run bench:profile -- --output docs/profile.md\` writes this page. It has the life of one agent in a guest with kernel ${name}: three limits, seven kinds of namespaces${network === 'none' ? ', no network' : ''}, a program that exits at once. Every instruction that the guest executes is counted, ${total} in all. A function is shown if it and what it calls have at least ${least} % of their part. \`a › b\` means that \`a\` calls little else than \`b\`.

${parts.join('\n')}`;
if (output === undefined) console.log(page);
else await writeFile(output, page);
