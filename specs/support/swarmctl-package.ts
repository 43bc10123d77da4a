/** The package swarm-guard in guests, laid out as npm does when it installs the package for the machine. */
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BootedGuest } from '../../harness/guest/guest.js';
import { repository } from '../../harness.config.js';
import { bundle } from './bundle.js';
import { buildLauncher } from './native.js';
import { buildPolicyWasm } from './policy-wasm.js';
import { bundleSwarmctl } from './swarmctl-bundle.js';

/** The directory of the package in a guest. */
export const PACKAGE = '/usr/local/lib/node_modules/swarm-guard';

/**
 * Installs the package in a guest that has Node: swarmctl as `npm pack` makes it, and the library with its
 * dependencies in one file.
 */
export async function installPackage(guest: BootedGuest): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'swarm-guard-package-'));
  try {
    await bundleSwarmctl(directory);
    await guest.sh(`mkdir -p ${PACKAGE}/dist/swarmctl ${PACKAGE}/native/launcher/build/Release`);
    for (const file of await readdir(directory, { recursive: true }))
      if (file.endsWith('.js')) await guest.upload(join(directory, file), `${PACKAGE}/dist/${file}`);
  } finally {
    await rm(directory, { recursive: true });
  }
  await guest.writeFile(
    `${PACKAGE}/package.json`,
    await readFile(join(repository, 'client/package.json'), 'utf8'),
  );
  // One directory down, so that it finds the addon as the files of dist/native do.
  await guest.sh(`mkdir -p ${PACKAGE}/dist/library`);
  await guest.upload(
    await bundle(join(repository, 'client/index.ts'), 'swarm-guard'),
    `${PACKAGE}/dist/library/index.js`,
  );
  await guest.writeFile(`${PACKAGE}/dist/index.js`, "export * from './library/index.js';\n");
  await guest.upload(await buildPolicyWasm(), `${PACKAGE}/dist/policy.wasm`);
  await guest.upload(await buildLauncher(), `${PACKAGE}/native/launcher/build/Release/swarm_launcher.node`);
  await guest.sh(
    `chmod 755 ${PACKAGE}/dist/swarmctl.js && ln -sf ${PACKAGE}/dist/swarmctl.js /usr/local/bin/swarmctl`,
  );
}
