import { fileURLToPath } from 'node:url';
import { defineHarness } from 'kmod-harness';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

defineHarness({
  name: 'hello',
  root: path('.'),
  modules: { dir: path('module'), modules: ['hello.ko'] },
});
