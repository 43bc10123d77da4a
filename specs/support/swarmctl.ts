/** swarmctl as one file, on the host and in guests. */
import { join } from 'node:path';
import { execa } from 'execa';
import { repository } from '../../harness.config.js';
import { bundle } from './bundle.js';
import type { Receiver } from './bundle.js';
import { buildLauncher } from './native.js';

let bundled: Promise<string> | undefined;

/** The bundle's path; it is made once. */
function path(): Promise<string> {
  bundled ??= bundle(join(repository, 'client/cli/main.ts'), 'swarmctl-host');
  return bundled;
}

/**
 * Runs it on the host.
 * @returns what it has printed to standard output.
 * @throws {ExecaError} if it fails.
 */
export async function swarmctl(...args: string[]): Promise<string> {
  const { stdout } = await execa(process.execPath, [await path(), ...args]);
  return stdout;
}

/** The same, for a user whose home is another, without an agent that has keys. */
export async function swarmctlAt(home: string, ...args: string[]): Promise<string> {
  const env = { HOME: home, SSH_AUTH_SOCK: '' };
  const { stdout } = await execa(process.execPath, [await path(), ...args], { env, stdin: 'ignore' });
  return stdout;
}

/** Installs it in a guest that has Node, whether the module is loaded or not. */
export async function installSwarmctl(guest: Receiver): Promise<void> {
  await guest.upload(await path(), '/srv/swarmctl.mjs');
  await guest.upload(await buildLauncher(), '/srv/swarm_launcher.node');
  await guest.writeFile('/usr/local/bin/swarmctl', '#!/bin/sh\nexec node /srv/swarmctl.mjs "$@"\n', '755');
}
