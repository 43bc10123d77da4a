/** The source of the Debian packages. What they are made into, and how they behave, is looked at by long/debian. */
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { z } from 'zod';
import { repository } from '../../harness.config.js';
import { writeDebianSource } from '../support/debian/source.js';

const text = (path: string) => readFile(join(repository, path), 'utf8');

test('DEB-01: the packages have the version of package.json, the documented unit, and a source that DKMS knows', async () => {
  test.setTimeout(300_000);
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(await text('package.json')));
  const dir = await mkdtemp(join(tmpdir(), 'debian-'));
  try {
    await writeDebianSource(dir, 3);
    const of = (path: string) => readFile(join(dir, path), 'utf8');
    expect(await of('debian/changelog')).toContain(`swarm-guard (${version}-3) trixie;`);
    const documented = /```ini\n([^]*?)```/.exec(await text('docs/systemd.md'))?.[1];
    expect(await of('debian/swarm-guard.service')).toBe(documented);
    const { stdout } = await execa(
      'sh',
      [
        '-c',
        '. ./debian/swarm-guard-dkms.dkms; echo "$PACKAGE_NAME $PACKAGE_VERSION $BUILD_EXCLUSIVE_KERNEL_MIN"',
      ],
      { cwd: dir },
    );
    // dh_dkms puts the version in.
    expect(stdout).toBe('swarm-guard #MODULE_VERSION# 6.14');
    expect(await readdir(join(dir, 'module'))).not.toContain('tests');
    for (const name of (await readdir(join(dir, 'debian'))).filter((each) =>
      /\.(postinst|prerm|postrm)$/.test(each),
    ))
      await execa('sh', ['-n', join(dir, 'debian', name)]);
    expect(await of('client/dist/swarmctl.js')).toMatch(/^#!\/usr\/bin\/node\n/);
    expect((await execa('node', [join(dir, 'client/dist/swarmctl.js'), '--help'])).stdout).toContain(
      'swarmctl',
    );
    expect(await of('completion/_swarmctl')).toMatch(/^#compdef swarmctl\n/);
  } finally {
    await rm(dir, { recursive: true });
  }
});

/** A machine for maintainer scripts: their paths are below a directory. */
class Machine {
  private readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  async make(): Promise<void> {
    const own = `for name in pid_max threads-max; do echo 4194304 >'${this.dir}/proc/sys/kernel/'$name; done`;
    // The machine's other files set nothing.
    const applies = `#!/bin/sh\n[ "$1" != 60-swarm-guard.conf ] || { ${own}; }\n`;
    for (const each of ['proc/sys/kernel', 'run/systemd/system', 'usr/lib/systemd', 'var/lib'])
      await mkdir(join(this.dir, each), { recursive: true });
    await writeFile(join(this.dir, 'usr/lib/systemd/systemd-sysctl'), applies, { mode: 0o755 });
  }

  async set(pidMax: number, threadsMax: number): Promise<void> {
    await writeFile(join(this.dir, 'proc/sys/kernel/pid_max'), `${pidMax}\n`);
    await writeFile(join(this.dir, 'proc/sys/kernel/threads-max'), `${threadsMax}\n`);
  }

  async sysctls(): Promise<number[]> {
    const of = async (name: string) =>
      Number(await readFile(join(this.dir, 'proc/sys/kernel', name), 'utf8'));
    return [await of('pid_max'), await of('threads-max')];
  }

  /** Runs a maintainer script of swarm-guard-dkms. */
  async run(script: string, ...words: readonly string[]): Promise<void> {
    const lines = await text(`packaging/debian/swarm-guard-dkms.${script}`);
    const here = lines.replaceAll(/(?<![\w/$.'])\/(?=(?:proc|sys|run|usr|var)\/)/g, `${this.dir}/`);
    await execa('sh', ['-c', here, script, ...words]);
  }

  async keepsNothing(): Promise<boolean> {
    return stat(join(this.dir, 'var/lib/swarm-guard-dkms')).then(
      () => false,
      () => true,
    );
  }
}

test('CLI-113: removing swarm-guard-dkms gives kernel.pid_max and kernel.threads-max the values they had before', async ({}, info) => {
  const machine = new Machine(info.outputPath('machine'));
  await machine.make();
  const raised = [4194304, 4194304];
  await machine.set(32768, 21599);
  await machine.run('postinst', 'configure', '');
  expect(await machine.sysctls()).toEqual(raised);
  // An upgrade does not take the raised values for those of the machine.
  await machine.run('postrm', 'upgrade', '2');
  await machine.run('postinst', 'configure', '1');
  expect(await machine.sysctls()).toEqual(raised);
  await machine.run('postrm', 'remove');
  expect(await machine.sysctls()).toEqual([32768, 21599]);
  expect(await machine.keepsNothing()).toBe(true);
  await machine.set(40000, 40000);
  await machine.run('postrm', 'purge');
  expect(await machine.sysctls()).toEqual([40000, 40000]);
  // Somebody else's value stays, and one that was right before.
  await machine.set(4194304, 21599);
  await machine.run('postinst', 'configure', '');
  await machine.set(4194304, 90000);
  await machine.run('postrm', 'remove');
  expect(await machine.sysctls()).toEqual([4194304, 90000]);
  expect(await machine.keepsNothing()).toBe(true);
});
