/** A module is loaded into no kernel whose structures it was not built with. */
import { readFile, cp } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { imageFacts } from '../../harness/kernels/image.js';
import { provideKernel } from '../../harness/kernels/provide.js';
import { unpack } from '../../harness/kernels/packages.js';
import { StructureError } from '../../harness/build/kernel-modules.js';
import { buildModule, inModule } from '../support/module.js';

test.describe.configure({ timeout: 900_000 });

/** An image three patch releases later than the headers: same release of the series, other structures. */
const LATER = {
  release: '6.19.14+deb13-cloud-amd64',
  packages: [
    {
      name: 'linux-binary-6.19.14+deb13-cloud-amd64',
      version: '6.19.14-1~bpo13+1',
      size: 13030208,
      sha256: '2c7b515d7846cc4ff80943dde6c22e323214b54bfc3e73e02c470034d953193a',
    },
  ] as const,
};

const later = async () => (await unpack({ ...LATER, packages: [...LATER.packages] })).image;

test('KERNEL-03: what an image exports is read from it as the header package lists it, line by line', async () => {
  const kernel = await provideKernel('7.3');
  const host = kernel.headers.find(({ inside }) => `/${inside}` === kernel.kdir)?.host ?? '';
  const listed = await readFile(join(host, 'Module.symvers'), 'utf8');
  const own = listed.split('\n').filter((line) => line.split('\t')[2] === 'vmlinux');
  const { symvers } = await imageFacts(kernel.image);
  expect(own.length).toBeGreaterThan(10_000);
  expect((await readFile(symvers, 'utf8')).split('\n').filter(Boolean).sort()).toEqual(own.sort());
});

test('KERNEL-04: make audit: with the kernel’s own headers nothing differs, with almost the right ones it says what does', async () => {
  const kernel = await provideKernel('6.19');
  expect(kernel.release, 'the headers under test').toMatch(/^6\.19\.11\+/);
  const audit = async (image: string) => {
    const { btf } = await imageFacts(image);
    const prepare = (dir: string) => cp(btf, join(dir, 'kernel.btf'));
    return inModule({ command: ['make', '-s', 'audit', 'BTF=kernel.btf', 'PYTHON3=true'], kernel, prepare });
  };
  const right = await audit(kernel.image);
  expect(right.output).toMatch(/^audit: [1-9]\d\d+ types compared with the kernel's, 0 differ$/m);
  expect(right.exitCode).toBe(0);
  const wrong = await audit(await later());
  expect(wrong.output).toMatch(
    /^struct cgroup: 2304 bytes, in the kernel 2368; the module has .*, the kernel has /m,
  );
  expect(wrong.output).toMatch(/^audit: [1-9]\d\d+ types compared with the kernel's, [1-9]\d* differ$/m);
  expect(wrong.output).toContain('loading it would corrupt memory');
  expect(wrong.exitCode).not.toBe(0);
});

test('KERNEL-05: building for such a kernel stops with the list, and caches no module', async () => {
  const kernel = { ...(await provideKernel('6.19')), image: await later() };
  for (const attempt of ['first', 'second']) {
    const building = buildModule(kernel);
    await expect(building, attempt).rejects.toThrow(StructureError);
    await expect(building, attempt).rejects.toThrow(/^struct cgroup: 2304 bytes, in the kernel 2368;/m);
  }
});
