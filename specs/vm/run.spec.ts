/** `npm run vm:run`, as it is used. */
import { execa } from 'execa';
import { repository } from '../../harness.config.js';
import { expect, test } from '../support/fixtures.js';

test.describe.configure({ timeout: 300_000 });

/** Starts it for a kernel; whatever it ends with is an answer. */
function run(kernel: string, ...words: string[]) {
  const script = ['--import', 'tsx', 'scripts/vm-run.ts', '--kernel', kernel];
  return execa(process.execPath, [...script, ...words], { cwd: repository, reject: false });
}

test('GUEST-21: vm:run prints what a command prints as it comes, and passes on what it is told', async ({
  stage,
}) => {
  const command = 'echo ready; read -r line; echo "told $line"; cat >&2; exit 3';
  const running = run(stage.kernel.name, command);
  const ready = new Promise<void>((resolve) => {
    running.stdout.on('data', (data: Buffer) => {
      if (data.toString().includes('ready')) resolve();
    });
  });
  // The command ends only when it has been told something.
  await Promise.race([ready, running]);
  running.stdin.write('something\n');
  running.stdin.end('the rest');
  const { exitCode, stdout, stderr } = await running;
  expect([exitCode, stdout]).toEqual([3, 'ready\ntold something']);
  expect(stderr).toMatch(/the rest$/);
});

test('GUEST-22: vm:run takes a program with arguments as they are, options of its own included', async ({
  stage,
}) => {
  const words = ['two words', '$HOME', "it's", '--log', '', '*'];
  const { exitCode, stdout } = await run(stage.kernel.name, 'printf', '[%s]', ...words);
  expect([exitCode, stdout]).toEqual([0, words.map((word) => `[${word}]`).join('')]);
});

test('GUEST-23: vm:run ends with 125 where the guest panics, after what was printed before, however long the command', async ({
  stage,
}) => {
  const line = `: ${'x'.repeat(20_000)}; echo printed; echo c >/proc/sysrq-trigger; sleep 60`;
  const { exitCode, stdout, stderr } = await run(stage.kernel.name, line);
  expect([exitCode, stdout]).toEqual([125, 'printed']);
  expect(stderr).toMatch(/the guest's kernel panicked: Kernel panic - not syncing: sysrq/);
  expect(stderr).not.toMatch(/^ +at /m);
  const given = await run(stage.kernel.name, '--timeout', '1', 'echo begun; sleep 60');
  expect([given.exitCode, given.stdout]).toEqual([125, 'begun']);
  expect((await run(stage.kernel.name, 'false')).exitCode).toBe(1);
});
