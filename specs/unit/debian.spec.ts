/** The source of the Debian packages. What they are made into, and how they behave, is looked at by long/debian. */
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
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
      /\.(postinst|prerm)$/.test(each),
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
