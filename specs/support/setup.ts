/** Downloads and builds before the first spec, so that no spec's time pays for it. */
import type { FullConfig } from '@playwright/test';
import { toolRoot } from '../../harness/archive/tool-root.js';
import { stopEntry, stoppedError } from '../../harness/guest/stopped.js';
import { Stage } from './stage.js';

export default async function setup(config: FullConfig): Promise<void> {
  const names = config.projects.flatMap(({ use }) => (use as { kernelName?: string }).kernelName ?? []);
  for (const name of new Set(names)) {
    try {
      await toolRoot();
      const { kernel, acceleration } = await Stage.prepare(name);
      console.error(`kernel ${kernel.release}, ${acceleration}`);
    } catch (error) {
      // The others go on; each spec of this one says why it could not run.
      stopEntry(name, error);
      console.error(stoppedError(name)?.message);
    }
  }
}
