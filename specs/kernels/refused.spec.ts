/** A kernel older than what is supported: refused when building, and by the kernel itself when loading. */
import { expect, test } from '@playwright/test';
import { readCatalogue } from '../../harness/kernels/catalogue.js';
import { provideKernel } from '../../harness/kernels/provide.js';
import { guestInitrd } from '../../harness/guest/root.js';
import { Guest } from '../../harness/guest/guest.js';
import { load } from '../support/loaded-guest.js';
import { buildModule, inModule } from '../support/module.js';

test.describe.configure({ timeout: 600_000 });

/** The entry of the catalogue that must be refused. */
async function refusedKernel() {
  const { entries } = await readCatalogue();
  const entry = entries.find(({ refused }) => refused);
  return provideKernel(entry?.name ?? 'none is marked as refused');
}

test(
  'KERNEL-01: building for a kernel below 6.14 is refused with what is needed, and leaves no module',
  { tag: '@refused-kernel' },
  async () => {
    const kernel = await refusedKernel();
    const line = 'make; status=$?; ls *.ko 2>/dev/null; exit $status';
    const { exitCode, output } = await inModule({
      command: ['sh', '-c', line],
      kernel,
      env: { KDIR: kernel.kdir },
    });
    expect(exitCode).not.toBe(0);
    expect(output).toContain(`kernel ${kernel.release} is too old: SwarmGuard needs 6.14 or later`);
    expect(output).not.toMatch(/\.ko$/m);
  },
);

test(
  'KERNEL-02: a module built for another kernel does not load there, and nothing is left of it',
  { tag: '@refused-kernel' },
  async () => {
    const kernel = await refusedKernel();
    const { ko } = await buildModule(await provideKernel());
    const guest = await Guest.create({ kernel, initrd: await guestInitrd(kernel) });
    const booted = await guest.boot();
    try {
      expect(await booted.sh('uname -r')).toBe(kernel.release);
      await expect(load(booted, ko)).rejects.toThrow(
        /does not load: .*[Ii]nvalid module format.*version magic/s,
      );
      expect(await booted.sh('ls /proc/swarm 2>&1; grep -c ^swarm_guard /proc/modules; true')).toMatch(
        /No such file or directory\n0$/,
      );
    } finally {
      await booted.stop();
    }
  },
);
