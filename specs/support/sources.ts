/** The module and its companions, as the harness builds them. */
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ARCHITECTURES } from '../../harness/util/architecture.js';
import type { ModuleBuild, ModuleSources } from '../../harness/util/config.js';
import { buildFailure } from '../../harness/build/outcome.js';

/** The sources that no build of the module reads, by their paths in its directory. */
export const UNUSED = /^README\.md$|^tests\/([^/]*\.(c|sh)|(rivals|peers)\/.*|.*\.md)$/;

/** cargo's messages; only the one that names the test program is of interest. */
const artifact = z.object({ executable: z.string(), target: z.object({ name: z.literal('integration') }) });

/** The Rust integration test, a program to be run in the guest. */
async function buildIntegrationTest({ arch, dir, run }: ModuleBuild): Promise<void> {
  const { rust, cc } = ARCHITECTURES[arch];
  const { stdout, exitCode, output } = await run(
    [
      ...['cargo', 'test', '--offline', '--features', 'integration', '--test', 'integration'],
      ...(arch === 'amd64' ? [] : ['--target', rust, '--config', `target.${rust}.linker="${cc}"`]),
      ...['--no-run', '--message-format=json'],
    ],
    { CARGO_TARGET_DIR: '/build/target', RUSTFLAGS: '-Ctarget-feature=+crt-static' },
  );
  if (exitCode !== 0) throw buildFailure('the integration test does not build', output);
  for (const line of stdout.split('\n').filter((each) => each.startsWith('{'))) {
    const found = artifact.safeParse(JSON.parse(line));
    if (found.success)
      await rename(join(dir, found.data.executable.slice('/build/'.length)), join(dir, 'integration'));
  }
  if (!(await readdir(dir)).includes('integration'))
    throw new Error('cargo named no integration test program');
}

/**
 * The module, the oracle and the benchmark module.
 * @param dir of the module's sources
 */
export const moduleSources = (dir: string): ModuleSources => ({
  dir,
  targets: ['all', 'oracle', 'bench'],
  modules: ['swarm_guard.ko', 'tests/oracle/swarm_oracle.ko', 'tests/bench/swarm_bench.ko'],
  unused: UNUSED,
  audit: 'scripts/audit.sh',
  also: { build: buildIntegrationTest, file: fileURLToPath(import.meta.url) },
});
