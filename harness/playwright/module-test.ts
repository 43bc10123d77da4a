/** Playwright's `test` for the modules that defineHarness() names: the first of them is loaded. */
import { basename, join } from 'node:path';
import { buildKernelModules } from '../build/kernel-modules.js';
import type { BuiltModules } from '../build/kernel-modules.js';
import type { BootedGuest, LoadedModule } from '../guest/guest.js';
import type { ModuleParameters } from '../guest/lines.js';
import { GuestStage, provideGuest } from '../guest/stage.js';
import { harness } from '../util/config.js';
import { overBudget } from './budget.js';
import { guestTest } from './fixtures.js';

interface ModuleFixtures {
  /** A guest without any module. */
  guest: BootedGuest;
  /** The modules, built for the guest's kernel. */
  built: BuiltModules;
  /** The module's parameters: `test.use({ parameters: { … } })`. */
  parameters: ModuleParameters;
  /** The first module, loaded into `guest` and unloaded behind the spec. */
  loaded: LoadedModule;
  /**
   * Holds a cost to its budget in budgets.json.
   * @throws if it costs more, or there is no such budget.
   */
  budget: (name: string, instructions: number) => Promise<void>;
}

/** Specs of the modules: with guests, and with the first module loaded in them. */
export const test = guestTest(
  async (name, extras) => new GuestStage(await provideGuest(name, extras)),
).extend<ModuleFixtures>({
  guest: async ({ booted }, use) => {
    await use(booted);
  },
  built: async ({ stage }, use) => {
    await use(await buildKernelModules(stage.kernel, harness().modules));
  },
  parameters: [{}, { option: true }],
  loaded: async ({ booted, built, parameters }, use) => {
    const [first] = harness().modules.modules;
    if (first === undefined) throw new Error('defineHarness() names no module');
    const module = await booted.load(join(built.dir, basename(first)), parameters);
    try {
      await use(module);
    } finally {
      await module[Symbol.asyncDispose]();
    }
  },
  budget: async ({ stage }, use, info) => {
    await use(async (name, instructions) => {
      const update = info.config.updateSnapshots === 'all' || info.config.updateSnapshots === 'changed';
      const wrong = await overBudget(stage.kernel, name, instructions, update);
      if (wrong !== undefined) throw new Error(wrong);
    });
  },
});
