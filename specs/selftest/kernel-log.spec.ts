import { test } from '../support/fixtures.js';

test('leaves a complaint in the kernel log', async ({ booted }) => {
  await booted.sh('echo "<4>BUG: KFENCE: use-after-free read in planted" >/dev/kmsg');
});

test('gets a pristine guest after that', async ({ booted }) => {
  await booted.sh('! dmesg | grep planted');
});

test('panics the guest', async ({ booted }) => {
  await booted.exec('echo c >/proc/sysrq-trigger');
});
