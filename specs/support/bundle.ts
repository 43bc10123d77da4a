/** Programs of ours as one file each, for guests: they have Node, but none of our modules. */
import { join } from 'node:path';
import { build } from 'esbuild';
import type { LoadedGuest } from './loaded-guest.js';
import { buildLauncher } from './native.js';
import { buildPolicyWasm } from './policy-wasm.js';
import { cacheDir } from '../../harness/util/cache.js';
import { repository } from '../../harness.config.js';

/**
 * Bundles a program for Node 20. Addons stay outside: client/native/load.ts finds the launcher's beside the bundle, or
 * where SWARM_GUARD_ADDON says.
 * @param entry the program's TypeScript
 * @param name of the bundle, without its ending
 * @returns the path of the bundle.
 */
export async function bundle(entry: string, name: string): Promise<string> {
  const outfile = join(cacheDir(), 'bundles', `${name}-${process.pid}.mjs`);
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['*.node'],
    // What is written for users names the package.
    alias: { 'swarm-guard': join(repository, 'client/index.ts') },
    // What is CommonJS asks for modules of Node, and for its directory.
    banner: {
      js: "import { createRequire as $createRequire } from 'node:module'; const require = $createRequire(import.meta.url), __dirname = import.meta.dirname;",
    },
  });
  return outfile;
}

/**
 * Brings a program that uses the launcher to a guest, with the addon and the policy core beside it.
 * @param entry the program's TypeScript
 * @param name of the program there
 * @returns its path there; `node` runs it.
 */
export async function uploadProgram(guest: LoadedGuest, entry: string, name: string): Promise<string> {
  const remote = `/srv/${name}.mjs`;
  await guest.upload(await bundle(entry, name), remote);
  await guest.upload(await buildLauncher(), '/srv/swarm_launcher.node');
  await guest.upload(await buildPolicyWasm(), '/srv/policy.wasm');
  return remote;
}
