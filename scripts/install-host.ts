import '../harness.config.js';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { $, which } from 'zx';
import { cacheDir } from '../harness/util/cache.js';
import { command } from './support/command.js';

const [goals] = command(
  'host',
  `Installs by apt what the host itself lacks, and says so; does nothing if everything is there. Compilers,
rustc and QEMU are not among it: they come in a Debian root of their own.`,
)
  .argument('[goal...]', 'what make is to do; tests need more than the demonstration')
  .parse().processedArgs;
const tests = goals.some((goal) => goal.startsWith('test'));

/** Debian's packages, by a program or a file of theirs. */
const NEEDED = {
  ...{ mmdebstrap: 'mmdebstrap', 'dpkg-deb': 'dpkg', git: 'git', xz: 'xz-utils', mount: 'mount' },
  ...{ unshare: 'util-linux', setpriv: 'util-linux', ps: 'procps' },
  '/usr/share/keyrings/debian-archive-keyring.gpg': 'debian-archive-keyring',
  // The tests build the policy core's Node addon, and search the model of the life cycle.
  ...(tests && { 'g++': 'g++', make: 'make', python3: 'python3', spin: 'spin' }),
};

/** Says whether Node is Debian's, which has its headers in a package of their own. */
async function isDebiansNode(): Promise<boolean> {
  return /^Maintainer: Debian/m.test((await $({ nothrow: true, quiet: true })`dpkg -s nodejs`).stdout);
}

const there = async (what: string) => existsSync(what) || (await which(what, { nothrow: true })) !== null;
const missing = new Set<string>();
for (const [what, name] of Object.entries(NEEDED)) if (!(await there(what))) missing.add(name);
if (tests && !existsSync('/usr/include/node/node_version.h') && (await isDebiansNode()))
  missing.add('libnode-dev');

if (missing.size > 0) {
  const names = [...missing].sort();
  console.log(`Installing with apt-get: ${names.join(' ')}`);
  const apt = $({ nothrow: true, quiet: true, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  const install = () => apt`apt-get install -y --no-install-recommends ${names}`;
  let { exitCode, stderr } = await install();
  if (exitCode !== 0) {
    // The indexes may be missing, or old.
    const updated = await apt`apt-get update -qq`;
    ({ exitCode, stderr } = await install());
    stderr = updated.stderr + stderr;
  }
  if (exitCode !== 0) throw new Error(`apt-get install ${names.join(' ')} failed:\n${stderr.trim()}`);
}

if (!existsSync(join(cacheDir(), 'roots')))
  console.log(`Downloading, once, into ${cacheDir()} (about 400 MB from the Debian mirror of /etc/apt):
  a kernel with its headers, a Debian root with compilers, rustc and QEMU, a small one for guests.
  Nothing else of this system is changed.`);
