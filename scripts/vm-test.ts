import '../harness.config.js';
import { parseTrees } from '../harness/kernels/tree.js';
import { runSpecs } from '../harness/playwright/run-specs.js';
import { command, number, several, someOf } from './support/command.js';

const SUITES = ['unit', 'harness', 'vm', 'debug', 'kcsan', 'kernels', 'long', 'scale'];

const program = command(
  'vm:test',
  `Runs the guest specs, on the newest kernel unless told otherwise. A run with --shard or --blob leaves a
file for npm run report:merge.`,
)
  .argument('[file...]', 'spec files, and arguments of Playwright behind --; all specs by default')
  .option('--kernel <name>', 'a kernel of the catalogue, may be repeated', several)
  .option('--all', 'run on all kernels that can be had')
  .option(
    '--kernel-tree <name=path>',
    'a kernel of your own for one of the catalogue, may be repeated',
    several,
  )
  .option('--suite <name>', `${SUITES.join(', ')}, may be repeated; vm by default`, someOf(SUITES))
  .option('--resume', 'go on: a spec file that passed on a kernel is run again only if something changed')
  .option('--record', 'record the guests; npm run vm:replay runs a failure again')
  .option(
    '--workers <number>',
    'spec files at a time',
    number('1 or more', (value) => Number.isInteger(value) && value > 0),
  )
  .option('--grep <pattern>', 'only specs whose title or tag matches, such as @many-events')
  .option('--shard <part/parts>', 'only this part of the specs')
  .option('--blob <file.zip>', 'where the file for report:merge goes')
  .option('--list', 'list the specs, and run none')
  .parse();
const [files] = program.processedArgs;
const { kernel, all, kernelTree, suite, resume, record, workers, grep, shard, blob, list } = program.opts();

const part = shard && `blob-report/shard-${shard.replace('/', '-of-')}.zip`;
process.exitCode = await runSpecs(
  {
    ...{ kernels: kernel, all, refused: true, trees: parseTrees(kernelTree ?? []), resume, record, workers },
    suites: suite ?? (all ? ['vm', 'kernels'] : ['vm']),
    blob: blob ?? part,
    args: [
      ...(grep ? [`--grep=${grep}`] : []),
      ...(shard ? [`--shard=${shard}`] : []),
      ...(list ? ['--list', '--reporter=list'] : []),
      ...files,
    ],
  },
  console.log,
);
