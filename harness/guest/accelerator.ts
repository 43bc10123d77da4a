/** Is there a KVM that really boots a stock kernel? Tried once for each boot of the host. */
import { constants } from 'node:fs';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Root } from '../archive/tool-root.js';
import { cached } from '../util/cache.js';
import { step } from '../util/progress.js';
import { Machine } from './machine.js';
import type { Hardware } from './machine.js';

const finding = z.object({
  mode: z.enum(['kvm', 'tcg']),
  /** The reason, for people. */
  why: z.string(),
});
export type Acceleration = z.infer<typeof finding>;

/** A stock kernel under KVM has said something after this long, or never will. */
const TRY_MS = 15_000;

async function tryKvm(tools: Root, hardware: Omit<Hardware, 'mode'>): Promise<Acceleration> {
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return { mode: 'tcg', why: 'there is no /dev/kvm that can be opened' };
  }
  let machine: Machine | undefined;
  try {
    machine = await Machine.start(tools, { ...hardware, mode: 'kvm' });
    await machine.whileAlive(machine.ready, 'booting under KVM', TRY_MS);
    return { mode: 'kvm', why: 'a stock kernel boots under KVM' };
  } catch (error) {
    const reason = String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
    return { mode: 'tcg', why: `KVM does not boot a stock kernel (${reason})` };
  } finally {
    await machine?.stop();
  }
}

/** The fastest way to run guests that works on this host; the finding is cached until the host reboots. */
export async function acceleration(tools: Root, hardware: Omit<Hardware, 'mode'>): Promise<Acceleration> {
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  const dir = await cached({
    kind: 'accelerator',
    label: 'mode',
    key: [bootId, tools.id],
    keep: 4,
    build: async (dir) => {
      const found = await step('Trying whether KVM boots a stock kernel', () => tryKvm(tools, hardware));
      await writeFile(join(dir, 'finding.json'), JSON.stringify(found));
    },
  });
  return finding.parse(JSON.parse(await readFile(join(dir, 'finding.json'), 'utf8')));
}
