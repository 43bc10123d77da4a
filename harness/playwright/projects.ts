/** Playwright's projects: one that makes a kernel ready, on which those depend that use it. */
import { basename, dirname, extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Project } from '@playwright/test';
import { cellId } from '../report/runs.js';
import type { CellKey } from '../report/runs.js';

/** Options of a kernel's projects. */
export interface KernelOptions {
  /** Its name in the catalogue. */
  kernelName: string;
}

/** The suite of the setup projects. */
export const PREPARE = 'prepare';

/** Beside this file: as it is here, or as it was compiled. */
const here = fileURLToPath(import.meta.url);

/**
 * The parts of a project that make it the cell of a report: its metadata say which suite and kernel it is, its name shows it.
 * @param key the suite, and the kernel or, without one, an empty name
 */
export function cellProject(key: CellKey): { name: string; metadata: CellKey } {
  return { name: cellId(key), metadata: key };
}

/** The setup project of a kernel. */
function prepareProject(kernelName: string): Project<object, KernelOptions> {
  return {
    ...cellProject({ suite: PREPARE, kernel: kernelName }),
    testDir: dirname(here),
    testMatch: `prepare${extname(basename(here))}`,
    use: { kernelName },
  };
}

/**
 * The projects of a kernel, behind its setup project: if that fails, which is told once, they are not run.
 * @param kernelName in the catalogue
 * @param projects of which each has a suite's name
 */
export function kernelProjects(
  kernelName: string,
  projects: readonly (Project<object, KernelOptions> & { name: string })[],
): Project<object, KernelOptions>[] {
  if (projects.length === 0) return [];
  const prepare = prepareProject(kernelName);
  return [
    prepare,
    ...projects.map((project) => ({
      ...project,
      name: cellId({ suite: project.name, kernel: kernelName }),
      metadata: { ...project.metadata, suite: project.name, kernel: kernelName },
      use: { ...project.use, kernelName },
      dependencies: [prepare.name ?? ''],
    })),
  ];
}
