/** Downloads and builds before the first spec, so that no spec's time pays for it. */
import type { FullConfig } from '@playwright/test';
import { toolRoot } from '../harness/roots/tool-root.js';
import { Stage } from '../harness/vm/stage.js';

export default async function setup(config: FullConfig): Promise<void> {
  await toolRoot();
  for (const { use } of config.projects) {
    const { kernelName } = use as { kernelName?: string };
    if (!kernelName) continue;
    const { kernel, acceleration } = await Stage.prepare(kernelName);
    console.error(`kernel ${kernel.release}, ${acceleration}`);
  }
}
