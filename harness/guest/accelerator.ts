/** Is there a KVM that really boots a stock kernel? Tried once for each boot of the host. */
import { constants } from 'node:fs';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Root } from '../archive/tool-root.js';
import { cached } from '../util/cache.js';
import { step } from '../util/progress.js';
import { Machine } from './machine.js';
import type { Hardware } from './machine.js';

export interface Acceleration {
  readonly accelerator: 'kvm' | 'tcg';
  /** The reason, for people. */
  readonly why: string;
}

/** A stock kernel under KVM has said something after this long, or never will. */
const TRY_MS = 15_000;

async function tryKvm(tools: Root, hardware: Omit<Hardware, 'accelerator'>): Promise<Acceleration> {
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return { accelerator: 'tcg', why: 'there is no /dev/kvm that can be opened' };
  }
  let machine: Machine | undefined;
  try {
    machine = await Machine.start(tools, { ...hardware, accelerator: 'kvm' });
    await machine.while(machine.ready, 'booting under KVM', TRY_MS);
    return { accelerator: 'kvm', why: 'a stock kernel boots under KVM' };
  } catch (error) {
    const reason = String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
    return { accelerator: 'tcg', why: `KVM does not boot a stock kernel (${reason})` };
  } finally {
    await machine?.stop();
  }
}

/** The fastest way to run guests that works on this host; the finding is cached until the host reboots. */
export async function acceleration(
  tools: Root,
  hardware: Omit<Hardware, 'accelerator'>,
): Promise<Acceleration> {
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  const dir = await cached({
    kind: 'accelerator',
    label: 'kvm',
    key: [bootId, tools.id],
    keep: 4,
    build: async (dir) => {
      const finding = await step('Trying whether KVM boots a stock kernel', () => tryKvm(tools, hardware));
      await writeFile(join(dir, 'finding.json'), JSON.stringify(finding));
    },
  });
  return JSON.parse(await readFile(join(dir, 'finding.json'), 'utf8')) as Acceleration;
}
