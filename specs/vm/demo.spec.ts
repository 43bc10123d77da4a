/** `make demo` and `npm run vm:shell`, as people run them. */
import { execa } from 'execa';
import { repository } from '../../harness.config.js';
import { expect, test } from '../support/fixtures.js';

const tsx = ['--import', 'tsx'];

test('DEMO-03: the demonstration exits 0: everything that it shows is as expected', async ({ stage }) => {
  const { all, exitCode } = await execa('node', [...tsx, 'scripts/demo.ts', '--kernel', stage.kernel.name], {
    cwd: repository,
    all: true,
    reject: false,
    env: { FORCE_COLOR: '0' },
  });
  expect(all).not.toContain('✘');
  expect(all, 'what specs have built is there').not.toMatch(/Building|Packing/);
  expect(all.match(/✔/g)?.length).toBeGreaterThan(30);
  for (const shown of ['read EPERM', 'setns EPERM', 'socket EAFNOSUPPORT', 'mount-type EPERM', '5 more'])
    expect(all).toContain(shown);
  expect(all).toMatch(
    /guest# echo '\{"memory_limit":268435456,.*"spawn":true\}' > \/proc\/swarm\/create && .\/my-agent\n/,
  );
  expect(all).toMatch(/Everything was as expected: 11 steps in \d+ s$/);
  expect(exitCode).toBe(0);
});

test('GUEST-01: npm run vm:shell opens a shell with the module loaded', async ({ stage }) => {
  const { stdout, exitCode } = await execa(
    'node',
    [...tsx, 'scripts/vm-shell.ts', '--kernel', stage.kernel.name],
    { cwd: repository, input: 'cat /proc/swarm/status; exit 7\n', reject: false },
  );
  expect(stdout).toContain('Active agents: 0');
  expect(exitCode).toBe(7);
});
