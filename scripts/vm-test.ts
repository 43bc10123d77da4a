/**
 * npm run vm:test [-- [--kernel NAME]... [--all] [--grep PATTERN] [--shard I/N] [FILE...]] — the guest
 * specs, on the newest kernel unless told otherwise.
 */
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { readCatalogue } from '../harness/kernels/catalogue.js';
import { repository } from '../harness/util/repository.js';

const { values, positionals } = parseArgs({
  options: {
    kernel: { type: 'string', multiple: true },
    all: { type: 'boolean', default: false },
    grep: { type: 'string' },
    shard: { type: 'string' },
  },
  allowPositionals: true,
});
const { newest, entries } = await readCatalogue();
const names = values.all ? entries.map(({ name }) => name) : (values.kernel ?? [newest]);
const args = [
  ...names.map((name) => `--project=vm-${name}`),
  ...(values.grep ? [`--grep=${values.grep}`] : []),
  ...(values.shard ? [`--shard=${values.shard}`] : []),
];
const { exitCode } = await execa('npx', ['playwright', 'test', ...args, ...positionals], {
  cwd: repository,
  env: { SWARMGUARD_KERNELS: names.join(',') },
  stdio: 'inherit',
  reject: false,
});
process.exitCode = exitCode ?? 1;
