/** The harness's configuration for this repository: SwarmGuard, its companions, and the programs of its guests. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineHarness } from './harness/util/config.js';
import { moduleSources } from './specs/support/sources.js';

/** The repository's root. */
export const repository = fileURLToPath(new URL('.', import.meta.url));

const guest = join(repository, 'vm-images/guest');

defineHarness({
  name: 'swarm-guard',
  title: 'SwarmGuard',
  root: repository,
  modules: moduleSources(join(repository, 'module')),
  caches: ['swarm_*'],
  commands: {
    replay: (recording) => `npm run vm:replay -- ${recording}`,
    update: 'npm run kernels:update',
    tree: (kernel) => `--kernel-tree ${kernel}=PATH`,
    test: (kernel) => `npm run vm:test -- --kernel ${kernel}`,
  },
  guest: { programs: guest, files: { '/srv/my-agent': join(guest, 'my-agent') } },
  // The reference parser of OpenMetrics.
  tools: ['python3-prometheus-client'],
  kernels: join(repository, 'vm-images/kernels'),
  // Everything but the pages that people read.
  sources: [
    ...[
      'module',
      'vm-images',
      'harness',
      'client',
      'specs',
      'scripts',
      'bench',
      'docs/abi',
      'docs/examples',
      'docs/policies',
    ],
    ...['package-lock.json', 'playwright.config.ts', 'harness.config.ts'],
  ],
  // What only starts runs, writes down what came of them, or explains; specs read what docs/abi explains.
  reporting:
    /^(scripts\/vm-test\.ts|harness\/(report\/.*|playwright\/(results|resume|run-specs)\.ts|util\/command\.ts)|(?!docs\/).*\.md)$/,
});
