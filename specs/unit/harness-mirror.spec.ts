/** The mirror that the harness finds in apt's configuration. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { configuredMirror } from '../../harness/archive/mirror.js';

/** The mirror of a configuration of such files. */
async function mirrorOf(files: Readonly<Record<string, string>>): Promise<string | undefined> {
  const dir = await mkdtemp(join(tmpdir(), 'mirror-'));
  try {
    await mkdir(join(dir, 'sources.list.d'));
    for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
    return await configuredMirror(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

const stanza = (uri: string, suites: string, components: string, more = '') =>
  `Types: deb\n# Debian\nURIs: ${uri}\nSuites: ${suites}\nComponents: ${components}\n${more}\n`;

const OTHERS = {
  'sources.list.d/adoptium.list':
    'deb [signed-by=/etc/apt/keyrings/adoptium.asc] https://packages.adoptium.net/artifactory/deb bookworm main\n',
  'sources.list.d/azure-cli.sources': stanza(
    'https://packages.microsoft.com/repos/azure-cli/',
    'bookworm',
    'main',
    'Signed-By: /etc/apt/keyrings/microsoft.gpg\n',
  ),
  'sources.list.d/brave.list':
    'deb [signed-by=/usr/share/keyrings/brave.gpg] https://brave-browser-apt-release.s3.brave.com/ stable main\n',
  'sources.list.d/caddy-stable.list':
    'deb https://dl.cloudsmith.io/public/caddy/stable/deb/debian any-version main\n',
  'sources.list.d/docker.list': 'deb https://download.docker.com/linux/debian bookworm stable\n',
};

test('HARNESS-34: the mirror is that of Debian, whatever comes before it', async () => {
  const security = stanza('http://security.debian.org/debian-security', 'bookworm-security', 'main');
  const debian = stanza('http://deb.debian.org/debian/', 'bookworm bookworm-updates', 'main');
  expect(await mirrorOf({ ...OTHERS, 'sources.list.d/debian.sources': `${security}\n${debian}` })).toBe(
    'http://deb.debian.org/debian',
  );
  expect(
    await mirrorOf({ 'sources.list': '# deb http://a/debian sid main\ndeb http://b/debian sid main # c\n' }),
  ).toBe('http://b/debian');
  expect(await mirrorOf({ ...OTHERS, 'sources.list': 'deb http://own/mirror/ trixie main contrib\n' })).toBe(
    'http://own/mirror',
  );
  expect(await mirrorOf(OTHERS)).toBeUndefined();
  const off = stanza('http://off/debian', 'bookworm', 'main', 'Enabled: no\n');
  expect(await mirrorOf({ 'sources.list.d/off.sources': `${off}\n${debian}` })).toBe(
    'http://deb.debian.org/debian',
  );
  expect(
    await mirrorOf({ 'sources.list.d/off.list.save': 'deb http://off/debian sid main\n' }),
  ).toBeUndefined();
});
