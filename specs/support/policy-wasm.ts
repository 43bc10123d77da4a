/** Building the policy core as WebAssembly, which the client's package carries. */
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runInRoot } from '../../harness/archive/tool-root.js';
import { wasmRoot } from './roots.js';
import { cached } from '../../harness/util/cache.js';
import { step } from '../../harness/util/progress.js';
import { repository } from '../../harness.config.js';

const sources = join(repository, 'module/src');

/** Functions of policy.h that client/policy/core.ts calls. */
const EXPORTS = ['frame_next', 'request_parse', 'update_parse', 'attach_parse', 'target_parse', 'id_parse'];

/*
 * Neither libcore nor a panic handler is linked: as in the module, a panic that survives optimisation is an
 * undefined symbol, and the build fails. The compiler's own routines are, for memcmp.
 */
const BUILD = `set -e
rustc --edition 2021 --crate-name swarm_policy --crate-type rlib --target wasm32-unknown-unknown \
  -D warnings -C opt-level=s -C panic=abort -C codegen-units=1 -C target-feature=+bulk-memory \
  --emit obj=/build/policy.o /src/lib.rs
wasm-ld --no-entry --gc-sections --strip-all --stack-first -z stack-size=32768 --export=__heap_base \
  ${EXPORTS.map((name) => `--export=swarm_${name}`).join(' ')} \
  /build/policy.o "$(rustc --print sysroot)"/lib/rustlib/wasm32-unknown-unknown/lib/libcompiler_builtins-*.rlib \
  -o /build/policy.wasm`;

async function build(dir: string): Promise<void> {
  const { exitCode, output } = await runInRoot(await wasmRoot(), ['sh', '-c', BUILD], {
    binds: [
      { host: sources, inside: 'src' },
      { host: dir, inside: 'build' },
    ],
  });
  if (exitCode !== 0) throw new Error(`the policy core does not build as WebAssembly:\n${output}`);
  await rm(join(dir, 'policy.o'));
}

/**
 * Builds the policy core as WebAssembly if it is not in the cache; a few seconds.
 * @returns the path of policy.wasm.
 * @throws with the compiler's or the linker's output if it does not build.
 */
export async function buildPolicyWasm(): Promise<string> {
  const files = (await readdir(sources)).sort().map((name) => join(sources, name));
  const texts = await Promise.all(files.map((path) => readFile(path, 'utf8')));
  const dir = await cached({
    kind: 'policy',
    label: 'wasm',
    key: [(await wasmRoot()).id, BUILD, ...texts],
    keep: 3,
    build: (dir) => step('Building the policy core as WebAssembly', () => build(dir)),
  });
  return join(dir, 'policy.wasm');
}
