/** Results of earlier runs that stand, so that what they are of need not be run again. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { run } from '../util/run.js';
import { cellId, cellOf, cellSchema } from './runs.js';
import type { Cell, CellKey, TestOutcome } from './runs.js';

/** The tests of a file, by their titles. */
export type ListedFiles = ReadonlyMap<string, readonly string[]>;

/** A project that would be run, and its files. */
export interface ListedProject extends CellKey {
  readonly name: string;
  readonly files: ListedFiles;
}

/** All projects that would be run. */
export type Listing = readonly ListedProject[];

const spec = z.object({
  title: z.string(),
  file: z.string(),
  tests: z.array(z.object({ projectName: z.string() })),
});
interface ListedSuite {
  title: string;
  specs: z.infer<typeof spec>[];
  suites?: ListedSuite[] | undefined;
}
const listedSuite: z.ZodType<ListedSuite> = z.object({
  title: z.string(),
  specs: z.array(spec),
  suites: z.lazy(() => z.array(listedSuite)).optional(),
});
const listing = z.object({
  config: z.object({ projects: z.array(z.object({ name: z.string(), metadata: z.unknown() })) }),
  suites: z.array(listedSuite),
});

/** Reads what Playwright prints with --list and its reporter json. */
export function parseListing(text: string): Listing {
  const { config, suites } = listing.parse(JSON.parse(text));
  const projects = config.projects.map((project) => {
    return { name: project.name, ...cellOf(project), files: new Map<string, string[]>() };
  });
  const byName = new Map(projects.map((project) => [project.name, project.files]));
  const walk = ({ specs, suites: inner = [] }: ListedSuite, titles: readonly string[]) => {
    for (const { title, file, tests } of specs) {
      for (const { projectName } of tests) {
        const files = byName.get(projectName);
        files?.set(file, [...(files.get(file) ?? []), [...titles, title].join(' › ')]);
      }
    }
    for (const each of inner) walk(each, [...titles, each.title]);
  };
  for (const each of suites) walk(each, []);
  return projects;
}

/** Milliseconds from a cell's first moment to its last, without what lies between runs of its parts. */
export function elapsed({ startedAt, endedAt = startedAt, ms }: Cell): number {
  return ms ?? Date.parse(endedAt) - Date.parse(startedAt);
}

/** The answer of {@link unchangedSince} for each commit. */
export type Standing = ReadonlyMap<string, (file: string) => boolean>;

/** A test's newest outcome, and the cell that it is in. */
interface Found {
  readonly cell: Cell;
  readonly test: TestOutcome;
}

/** The newest outcomes of a file's tests; undefined unless every one has passed, or was skipped, and stands. */
function standingTests(
  file: string,
  titles: readonly string[],
  cells: readonly Cell[],
  standing: Standing,
): Found[] | undefined {
  const found: Found[] = [];
  for (const title of titles) {
    const isIt = (test: TestOutcome) => test.file === file && test.title === title;
    const cell = cells.find(({ tests }) => tests.some(isIt));
    const test = cell?.tests.find(isIt);
    if (!cell || !test || (test.verdict !== 'passed' && test.verdict !== 'skipped')) return undefined;
    if (test.commit === undefined || !standing.get(test.commit)?.(file)) return undefined;
    found.push({ cell, test });
  }
  return found;
}

/** The cells that a project has kept, newest first. */
function keptOf({ suite, kernel, files }: ListedProject, cells: readonly Cell[], standing: Standing): Cell {
  const found = [...files].flatMap(([file, titles]) => standingTests(file, titles, cells, standing) ?? []);
  // Tests ran beside others: each took the share of its cell's time that it had of the work.
  const pace = (cell: Cell) =>
    elapsed(cell) /
    Math.max(
      1,
      cell.tests.reduce((all, { ms }) => all + ms, 0),
    );
  return {
    ...{ suite, kernel },
    release: found[0]?.cell.release ?? '',
    startedAt: found.map(({ cell }) => cell.startedAt).sort()[0] ?? '',
    ms: found.reduce((all, { cell, test }) => all + test.ms * pace(cell), 0),
    tests: found.map(({ test }) => test),
  };
}

/**
 * The cells that need not be run again.
 * @param listed what would be run
 * @param cells all there are, newest first
 * @returns a cell for each project of which anything stands
 */
export function keptCells(listed: Listing, cells: readonly Cell[], standing: Standing): Cell[] {
  return listed
    .map((project) => {
      const own = cells.filter((cell) => cellId(cell) === cellId(project));
      return keptOf(project, own, standing);
    })
    .filter(({ tests }) => tests.length > 0);
}

/** The cells that a run goes on with: those in the file that the run names, by {@link cellId}. */
export async function readKept(): Promise<Map<string, Cell>> {
  const path = run().kept;
  if (!path) return new Map();
  const cells = z.array(cellSchema).parse(JSON.parse(await readFile(path, 'utf8')));
  return new Map(cells.map((cell) => [cellId(cell), cell]));
}

/** The spec files of a cell, by their names alone. */
export function fileNames({ tests }: Cell): string[] {
  return [...new Set(tests.map(({ file }) => file.replace(/^.*\//, '')))];
}
