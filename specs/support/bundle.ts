/** Programs of ours as one file each, for guests: they have Node, but none of our modules. */
import { join } from 'node:path';
import { build } from 'esbuild';
import { buildLauncher } from './native.js';
import { buildPolicyWasm } from './policy-wasm.js';
import { cacheDir, sweep, temporaryName } from '../../harness/util/cache.js';
import { repository } from '../../harness.config.js';

/** A guest, or whatever else takes files. */
export interface Receiver {
  /** Copies a file of the host there. */
  upload(local: string, remote: string): Promise<void>;
  /** Makes a file there, of a mode in octal digits. */
  writeFile(path: string, data: string, mode?: string): Promise<void>;
}

let directory: Promise<string> | undefined;

/** A directory for the bundles of this process, once those of processes that have ended are gone. */
async function freshDirectory(): Promise<string> {
  const bundles = join(cacheDir(), 'bundles');
  await sweep(bundles);
  return join(bundles, temporaryName());
}

/**
 * Bundles a program for Node 20. Addons stay outside: client/native/load.ts finds the launcher's beside the bundle, or
 * where SWARM_GUARD_ADDON says.
 * @param entry the program's TypeScript
 * @param name of the bundle, without its ending
 * @returns the path of the bundle.
 */
export async function bundle(entry: string, name: string): Promise<string> {
  directory ??= freshDirectory();
  const outfile = join(await directory, `${name}.mjs`);
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
export async function uploadProgram(guest: Receiver, entry: string, name: string): Promise<string> {
  const remote = `/srv/${name}.mjs`;
  await guest.upload(await bundle(entry, name), remote);
  await guest.upload(await buildLauncher(), '/srv/swarm_launcher.node');
  await guest.upload(await buildPolicyWasm(), '/srv/policy.wasm');
  return remote;
}
