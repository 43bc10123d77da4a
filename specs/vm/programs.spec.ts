/** The tests that need only the loaded module, run where users would run them: inside. */
import { join } from 'node:path';
import { repository } from '../../harness.config.js';
import { expect, test } from '../support/fixtures.js';

test('DEMO-01: tests/e2e_test.sh passes', async ({ loaded }) => {
  await loaded.upload(join(repository, 'module/tests/e2e_test.sh'), '/tmp/e2e_test.sh', '755');
  const { code, stdout, stderr } = await loaded.exec('/tmp/e2e_test.sh', { timeoutMs: 120_000 });
  expect(stdout + stderr).not.toMatch(/^not ok/m);
  const plan = Number(/^1\.\.(\d+)$/m.exec(stdout)?.[1]);
  expect(stdout.match(/^ok \d+ - /gm)).toHaveLength(plan);
  expect(plan).toBeGreaterThan(10);
  expect(code).toBe(0);
  await expect(loaded).toHaveActiveAgents(0);
});

test('DEMO-02: cargo test --features integration -- --ignored passes', async ({ loaded, module }) => {
  await loaded.upload(module.integrationTest, '/tmp/integration', '755');
  const { code, stdout } = await loaded.exec('/tmp/integration --ignored --test-threads=1', {
    timeoutMs: 120_000,
  });
  expect(stdout).toMatch(/test result: ok\. [1-9]\d* passed; 0 failed; 0 ignored/);
  expect(code).toBe(0);
  await expect(loaded).toHaveActiveAgents(0);
});
