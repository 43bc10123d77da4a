/** The fuzzer of the loaded module: on the module as it is, and with safeguards removed. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { repository } from '../../harness.config.js';
import { committedCopy } from '../support/copy.js';
import { expect, test } from '../support/fixtures.js';
import { COVER, fuzzAgain, fuzzKernel, loadForFuzzing, programsFile } from '../support/fuzz-kernel.js';
import { buildModule } from '../support/module.js';

/** The longest time to look for a planted fault, in seconds. */
const HOUR = 3600;

test('FUZZ-03: two minutes of fuzzing find nothing, and execute more than the kept programs', async ({
  booted,
  stage,
}) => {
  test.setTimeout(900_000);
  await loadForFuzzing(booted, stage, await buildModule(stage.kernel, [COVER]));
  const programs = (await readFile(programsFile, 'utf8')).trim().split('\n');
  const counts: number[] = [];
  const { finding, runs, blocks } = await fuzzKernel(booted, 120, 7, (now, done) => {
    if (done <= programs.length) counts.push(now);
  });
  expect(finding).toBeUndefined();
  expect(runs, 'programs in two minutes').toBeGreaterThan(200);
  expect(blocks).toBeGreaterThan(Math.max(...counts));
  const hits = await booted.sh('cat /sys/module/swarm_windows/parameters/hits');
  expect(Number(hits), 'delays').toBeGreaterThan(100);
  const again = await fuzzAgain(booted, programs[0] ?? '', 3);
  expect(again.finding).toBeUndefined();
});

const REMOVED = [
  ['FUZZ-04', 'a process that is adopted during its fork', ['adopt-being-forked'], /./],
  [
    'FUZZ-05',
    'a child that is born outside its agent',
    ['clone-agent-destroyed', 'birth-destroyed-meanwhile'],
    /no members/,
  ],
] as const;

for (const [id, fault, patches, says] of REMOVED)
  test(`${id}: the fuzzer finds ${fault}, if the safeguards against that are removed`, async () => {
    test.setTimeout(2 * HOUR * 1000);
    const dir = await mkdtemp(join(tmpdir(), 'swarm-guard-fuzz-'));
    try {
      const copy = await committedCopy(join(dir, 'copy'));
      for (const name of patches)
        await execa('git', ['apply', join(repository, 'mutation/patches', `${name}.patch`)], { cwd: copy });
      const { exitCode, stdout } = await execa(
        'npx',
        ['tsx', 'scripts/fuzz-kernel.ts', '--seconds', String(HOUR), '--seed', '1'],
        { cwd: copy, reject: false },
      );
      expect(exitCode, stdout).toBe(1);
      expect(stdout).toMatch(/^✘ /m);
      expect(stdout).toMatch(says);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
