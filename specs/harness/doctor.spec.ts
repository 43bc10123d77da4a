/** `npm run doctor`: what this machine lacks. */
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { repository } from '../../harness.config.js';

/** The doctor's exit status and what it prints, where programs are looked for in `path`. */
function doctor(path: string) {
  const args = ['--import', 'tsx', join('scripts', 'doctor.ts')];
  return execa(process.execPath, args, {
    cwd: repository,
    reject: false,
    env: { PATH: path },
    extendEnv: true,
  });
}

test('GUEST-15: a machine that has everything is told so, with what was found', async () => {
  const { exitCode, stdout } = await doctor(process.env['PATH'] ?? '');
  expect(stdout).toMatch(/^✔ mmdebstrap +is installed$/m);
  expect(stdout).toMatch(/^✔ disk +[\d.]+ GiB free in \//m);
  expect(stdout).not.toContain('✘');
  expect(exitCode).toBe(0);
});

test('GUEST-16: what is missing is named, with the package that has it, and ends with 1', async () => {
  const { exitCode, stdout } = await doctor('/nonexistent');
  expect(stdout).toMatch(/^✘ mmdebstrap +apt-get install mmdebstrap$/m);
  expect(stdout).toMatch(/^✘ ps +apt-get install procps$/m);
  expect(exitCode).toBe(1);
});
