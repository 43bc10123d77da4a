/** The Debian packages on a Debian machine: installed, used, upgraded, removed, signed. */
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Guest } from '../../harness/guest/guest.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import { guestInitrd } from '../../harness/guest/root.js';
import type { Kernel } from '../../harness/kernels/kernel.js';
import { buildDebianPackages } from '../support/debian/build.js';
import { contentsOf, fieldOf } from '../support/debian/contents.js';
import { BUILDING, DEBIAN_GUEST, apt, installKernel, uploadPackages } from '../support/debian/guest.js';
import { expect, test } from '../support/fixtures.js';

test.use({ guestExtras: DEBIAN_GUEST });
test.describe.configure({ mode: 'serial', timeout: 2 * BUILDING });

const UNIT = 'swarm-guard.service';

/** Directories that everything writes to, or that are none of a disk's. */
const CHANGING = ['proc', 'sys', 'dev', 'run', 'tmp', 'srv', 'root', 'var/log', 'var/lib/apt', 'var/cache'];
/** Files that dpkg and DKMS keep of any package, and the key that DKMS makes itself. */
const OTHERS = String.raw`^/var/lib/dpkg/|^/var/lib/dkms/mok\.|^/var/lib/systemd/(random-seed|timers)|^/usr/lib/modules/[^/]*/modules\.|^/etc/(machine-id|\.pwd\.lock)`;

/** A shell line that lists what a package may leave behind on a machine. */
const REMAINS = [
  `find / ${CHANGING.map((dir) => `-path /${dir} -prune -o`).join(' ')} -print | grep -vE '${OTHERS}'`,
  `sed 's/^/account /' /etc/passwd /etc/group`,
  `cut -d' ' -f1 /proc/modules | grep swarm | sed 's/^/module /'`,
  `find /sys/fs/cgroup -type d | grep swarm`,
  `systemctl list-unit-files --no-legend --no-pager | sed 's/^/unit file /'`,
  `systemctl list-units --all --no-legend --plain --no-pager 'swarm*' | sed 's/^/unit /'`,
  `sysctl kernel.pid_max kernel.threads-max`,
  `dpkg-query -W -f 'package \${Package} \${db:Status-Abbrev}\n'`,
].join('; ');

const remains = async (guest: BootedGuest) =>
  (await guest.exec(`(${REMAINS}) | sort -u`, { timeoutMs: 300_000 })).stdout.split('\n');

/** The files that were there before the packages were installed. */
let before: string[] | undefined;

const SIGNER = 'A key for modules';
/** A key that DKMS is to sign with, as administrators name it to DKMS. */
const OWN_KEY = `openssl req -new -x509 -newkey rsa:2048 -nodes -days 3650 -subj '/CN=${SIGNER}/' -outform DER -keyout /root/own.key -out /root/own.der 2>/dev/null
printf '%s\n' mok_signing_key=/root/own.key mok_certificate=/root/own.der >/etc/dkms/framework.conf.d/own-key.conf`;
/** A shell line that prints the module that DKMS has installed, unpacked, in base64. */
const MODULE = `f=$(modinfo -n swarm_guard); case $f in *.xz) xz -dc $f ;; *.zst) zstd -dc $f ;; *) cat $f ;; esac | base64 -w0`;

/** The certificate of that key, and the module that DKMS has signed with it. */
let signed: { readonly certificate: Buffer; readonly module: Buffer } | undefined;

const download = async (guest: BootedGuest, line: string) =>
  Buffer.from(await guest.sh(line, { timeoutMs: 300_000 }), 'base64');

/** The guest with the packages installed by apt, its unit active and the module loaded by it. */
async function installed(guest: BootedGuest, kernel: Kernel): Promise<void> {
  if ((await guest.exec('dpkg-query -W swarm-guard')).code !== 0) {
    await installKernel(guest, kernel);
    const dir = await uploadPackages(guest, await buildDebianPackages());
    await guest.sh(OWN_KEY, { timeoutMs: 300_000 });
    before = await remains(guest);
    const { code, stdout } = await apt(guest, `install ${dir}/*.deb`);
    expect(code, stdout).toBe(0);
    expect(await guest.sh(`systemctl is-enabled ${UNIT}; systemctl is-active ${UNIT}`), stdout).toBe(
      'enabled\nactive',
    );
    signed = {
      certificate: await download(guest, 'base64 -w0 /root/own.der'),
      module: await download(guest, MODULE),
    };
  }
  // Before each spec the module is taken out, if it was there.
  await guest.sh(`systemctl is-active -q ${UNIT} && [ -e /proc/swarm ] || systemctl restart ${UNIT}`);
}

const loadedSource = (guest: BootedGuest) => guest.sh('cat /sys/module/swarm_guard/srcversion');
const installedSource = (guest: BootedGuest) => guest.sh('modinfo -F srcversion swarm_guard');

/** An agent's id, state and processes. */
const seen = (guest: BootedGuest, name: string) =>
  guest.sh(`swarmctl inspect ${name} --format '{{.id}} {{.state}} {{.members}}'`);

/** Starts an agent with a limit as a user would, in a unit of its own; returns what is seen of it. */
async function startAgent(guest: BootedGuest, name: string): Promise<string> {
  await guest.sh(
    `systemd-run --quiet --collect --unit=${name} swarmctl run --name ${name} --memory 64m sleep 100000; until swarmctl inspect ${name} --format '{{.state}}' 2>/dev/null | grep -q running; do sleep 1; done`,
    { timeoutMs: 120_000 },
  );
  return seen(guest, name);
}

test('DEB-02: the packages build with Debian’s tools, lintian finds no fault, and they hold what they should', async () => {
  const packages = await buildDebianPackages();
  expect([...packages.paths.keys()].sort()).toEqual([
    'swarm-guard',
    'swarm-guard-dbgsym',
    'swarm-guard-dkms',
  ]);
  const client = await contentsOf(packages, 'swarm-guard');
  expect(client).toEqual(
    expect.arrayContaining([
      '/usr/bin/swarmctl',
      '/usr/lib/systemd/system/swarm-guard.service',
      '/usr/lib/x86_64-linux-gnu/nodejs/swarm-guard/dist/index.js',
      '/usr/lib/x86_64-linux-gnu/nodejs/swarm-guard/dist/policy.wasm',
      '/usr/lib/x86_64-linux-gnu/nodejs/swarm-guard/dist/swarm_launcher.node',
      '/usr/share/bash-completion/completions/swarmctl',
      '/usr/share/doc/swarm-guard/examples/agent.ts',
      '/usr/share/doc/swarm-guard/grafana/swarm-guard.json',
      '/usr/share/fish/vendor_completions.d/swarmctl.fish',
      '/usr/share/man/man1/swarmctl.1.gz',
      '/usr/share/zsh/vendor-completions/_swarmctl',
    ]),
  );
  expect(await fieldOf(packages, 'swarm-guard', 'Version')).toBe('0.1.0-1');
  expect(await fieldOf(packages, 'swarm-guard', 'Depends')).toMatch(/\bnodejs \(>= 20\.19\)/);
  const module = await contentsOf(packages, 'swarm-guard-dkms');
  expect(module).toEqual(
    expect.arrayContaining([
      '/etc/modprobe.d/swarm-guard.conf',
      '/usr/lib/sysctl.d/60-swarm-guard.conf',
      '/usr/src/swarm-guard-0.1.0/Kbuild',
      '/usr/src/swarm-guard-0.1.0/compat/probe.sh',
      '/usr/src/swarm-guard-0.1.0/dkms.conf',
      '/usr/src/swarm-guard-0.1.0/src/lib.rs',
    ]),
  );
  expect(await fieldOf(packages, 'swarm-guard-dkms', 'Architecture')).toBe('all');
  expect(await fieldOf(packages, 'swarm-guard-dkms', 'Depends')).toMatch(/\brustc \(>= 1\.85\), dkms\b/);
});

test('DEB-03: installed by apt, DKMS builds the module, the unit loads it, and swarmctl runs agents', async ({
  booted: guest,
  stage,
}) => {
  await installed(guest, stage.kernel);
  expect(await guest.sh('dkms status swarm-guard')).toContain(`${stage.kernel.release}, x86_64: installed`);
  expect(await loadedSource(guest)).toBe(await installedSource(guest));
  expect(await guest.sh('modinfo -F signer swarm_guard')).toBe(SIGNER);
  expect(await guest.sh('cat /sys/module/swarm_guard/parameters/cgroup_parent')).toBe(`system.slice/${UNIT}`);
  expect(await guest.sh('sysctl -n kernel.threads-max')).toBe('4194304');
  const doctor = await guest.exec('swarmctl doctor', { timeoutMs: 300_000 });
  expect(doctor, doctor.stdout).toMatchObject({ code: 0, stderr: '' });
  const run = await guest.exec(
    'swarmctl run --memory 64m --init sh -c "cat /proc/1/comm; head -c1 /dev/kmsg; exit 7"',
    { timeoutMs: 120_000 },
  );
  expect(run).toMatchObject({
    code: 7,
    stdout: 'tini\n',
    stderr: expect.stringContaining('Operation not permitted'),
  });
  // The library, for programs anywhere on the machine.
  const program = `require('swarm-guard').SwarmGuard.open().then(async (swarm) => console.log((await swarm.status()).active))`;
  expect(await guest.sh(['node', '-e', program])).toBe('0');
});

test('DEB-04: upgraded while agents run, the loaded module stays and says so, and the new one is used from the next load', async ({
  booted: guest,
  stage,
}) => {
  await installed(guest, stage.kernel);
  const agent = await startAgent(guest, 'worker');
  const old = await loadedSource(guest);
  const newer = await buildDebianPackages({
    revision: 2,
    edit: (source) => appendFile(join(source, 'module/main.c'), '\nstatic_assert(sizeof(long) == 8);\n'),
  });
  const { code, stdout } = await apt(guest, `install ${await uploadPackages(guest, newer)}/*.deb`);
  expect(code, stdout).toBe(0);
  expect(stdout).toContain('the one that is loaded stays, and its agents go on');
  expect(stdout).toContain('The new one is used from the next load');
  expect(await guest.sh(`dpkg-query -W -f '\${Version}' swarm-guard-dkms`)).toBe('0.1.0-2');
  expect(await loadedSource(guest)).toBe(old);
  expect(await installedSource(guest)).not.toBe(old);
  expect(await guest.sh(`systemctl is-active ${UNIT} worker`)).toBe('active\nactive');
  expect(await seen(guest, 'worker')).toBe(agent);
  expect((await guest.exec('swarmctl run true', { timeoutMs: 120_000 })).code).toBe(0);
  await guest.sh('swarmctl stop worker', { timeoutMs: 120_000 });
  await guest.sh(`systemctl restart ${UNIT}`);
  expect(await loadedSource(guest)).toBe(await installedSource(guest));
});

test('DEB-08: the version that stays when an upgrade fails has its module again', async ({
  booted: guest,
  stage,
}) => {
  await installed(guest, stage.kernel);
  const version = `dpkg-query -W -f '\${db:Status-Abbrev} \${Version}' swarm-guard-dkms`;
  const [was, source] = [await guest.sh(version), await installedSource(guest)];
  const broken = await buildDebianPackages({
    revision: 9,
    edit: (dir) =>
      writeFile(
        join(dir, 'debian/swarm-guard-dkms.preinst'),
        '#!/bin/sh\nset -e\n[ "$1" != upgrade ]\n\n#DEBHELPER#\n',
      ),
  });
  const { code, stdout } = await apt(
    guest,
    `install ${await uploadPackages(guest, broken)}/swarm-guard-dkms_*.deb`,
  );
  expect(code, stdout).toBe(100);
  expect(await guest.sh(version), stdout).toBe(was);
  expect(await installedSource(guest), stdout).toBe(source);
  expect(await guest.sh(`systemctl is-active ${UNIT}`)).toBe('active');
});

test('DEB-05: while agents run, removal is refused and says what to do, and nothing changes', async ({
  booted: guest,
  stage,
}) => {
  await installed(guest, stage.kernel);
  const agent = await startAgent(guest, 'keeper');
  for (const name of ['swarm-guard', 'swarm-guard-dkms']) {
    const { code, stdout } = await apt(guest, `remove ${name}`);
    expect(code, stdout).toBe(100);
    expect(stdout).toContain(`${name}: not removed, because`);
    expect(stdout).toContain('swarmctl stop ID');
    expect(await guest.sh(`dpkg-query -W -f '\${db:Status-Abbrev}' ${name}`)).toBe('ii ');
  }
  expect(await guest.sh(`systemctl is-active ${UNIT} keeper`)).toBe('active\nactive');
  expect(await seen(guest, 'keeper')).toBe(agent);
  await guest.sh('modinfo swarm_guard && swarmctl stop keeper', { timeoutMs: 120_000 });
});

test('DEB-06: purged, the packages leave nothing: no file, module, cgroup, account, unit or sysctl', async ({
  booted: guest,
  stage,
}) => {
  await installed(guest, stage.kernel);
  const { code, stdout } = await apt(guest, 'purge swarm-guard swarm-guard-dkms');
  expect(code, stdout).toBe(0);
  const journal = await guest.sh(`journalctl --no-pager -o cat -u ${UNIT} | tail -n 20`);
  const after = await remains(guest);
  expect(
    after.filter((line) => before?.includes(line) !== true),
    journal,
  ).toEqual([]);
  expect(before?.filter((line) => !after.includes(line))).toEqual([]);
});

/** Tries to load modules, by name, into a kernel that loads signed ones only; says what each comes to. */
async function enforced(kernel: Kernel, modules: Readonly<Record<string, Buffer>>, trusts?: string) {
  const initrd = await guestInitrd(kernel);
  const described = {
    kernel,
    initrd,
    append: 'module.sig_enforce=1',
    ...(trusts !== undefined && { trusts }),
  };
  const guest = await (await Guest.create(described)).boot();
  try {
    expect(await guest.sh('cat /proc/cmdline')).toContain('module.sig_enforce=1');
    const results: Record<string, string> = {};
    for (const [name, module] of Object.entries(modules)) {
      await guest.writeFile(`/root/${name}.ko`, module);
      const { code, stderr } = await guest.exec(`dmesg -C; insmod /root/${name}.ko && rmmod swarm_guard`);
      const log = await guest.kernelLog();
      results[name] = code === 0 ? 'loaded' : (/Loading of .* is rejected/.exec(log)?.[0] ?? stderr);
    }
    return results;
  } finally {
    await guest.stop();
  }
}

test('DEB-07: DKMS signs with a given key; with module.sig_enforce=1 the module loads if the kernel trusts that key, and otherwise not', async ({
  stage,
}) => {
  if (!signed) throw new Error('the module is that of DEB-03');
  // One guest at a time.
  await stage.discard();
  const modules = { signed: signed.module, unsigned: await readFile(stage.module.ko) };
  expect(await enforced(stage.kernel, modules)).toEqual({
    signed: 'Loading of module with unavailable key is rejected',
    unsigned: 'Loading of unsigned module is rejected',
  });
  const dir = await mkdtemp(join(tmpdir(), 'certificate-'));
  try {
    await writeFile(join(dir, 'own.der'), signed.certificate);
    expect(await enforced(stage.kernel, modules, join(dir, 'own.der'))).toEqual({
      signed: 'loaded',
      unsigned: 'Loading of unsigned module is rejected',
    });
  } finally {
    await rm(dir, { recursive: true });
  }
});
