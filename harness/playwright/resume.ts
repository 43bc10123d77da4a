/** Going on with earlier runs: what need not be run again, and what is left. */
import { execa } from 'execa';
import { fileNames, keptCells, parseListing } from '../report/kept.js';
import type { ListedProject, Listing } from '../report/kept.js';
import { cellId, readCells, reportDir } from '../report/runs.js';
import type { Cell } from '../report/runs.js';
import { cleanCommit, unchangedSince } from '../report/sources.js';
import { harness } from '../util/config.js';
import { UsageError } from '../util/errors.js';
import { PLAYWRIGHT } from '../util/playwright.js';
import { PREPARE } from './projects.js';

/** A run that goes on with earlier ones. */
export interface Resumed {
  /** The results of earlier runs that stand. */
  readonly kept: Cell[];
  /** The projects of which anything is left to run. */
  readonly left: ListedProject[];
}

/** The specs that this run consists of, as Playwright lists them. */
async function listed(): Promise<Listing> {
  const [program, ...words] = PLAYWRIGHT;
  const { stdout } = await execa(program, [...words, '--list', '--reporter=json'], { cwd: harness().root });
  return parseListing(stdout);
}

/** The results of earlier runs that need not be run again. */
async function keptOf(all: Listing): Promise<Cell[]> {
  if ((await cleanCommit()) === undefined)
    throw new UsageError('--resume: sources differ from what is committed; commit them first');
  const cells = await readCells(reportDir());
  const commits = new Set(cells.flatMap(({ tests }) => tests.flatMap(({ commit }) => commit ?? [])));
  const standing = new Map<string, (file: string) => boolean>();
  for (const commit of commits) standing.set(commit, await unchangedSince(commit));
  return keptCells(all, cells, standing).filter(({ suite }) => suite !== PREPARE);
}

/** The projects of which anything is left to run; says what is not. */
function remaining(all: Listing, kept: readonly Cell[], say: (line: string) => void): ListedProject[] {
  // A setup project runs with those that depend on it.
  const specs = all.filter(({ suite }) => suite !== PREPARE);
  return specs.flatMap((project) => {
    const { name, files } = project;
    const cell = kept.find((each) => cellId(each) === cellId(project));
    if (!cell) return [project];
    const count = fileNames(cell).length;
    const what = count === files.size ? name : `${count} of ${files.size} files of ${name}`;
    say(`not run again: ${what}, passed since ${cell.startedAt}`);
    return count === files.size ? [] : [project];
  });
}

/**
 * The rest of this run, and the results of earlier ones that stand.
 * @param say is told of what is not run again
 * @throws {UsageError} if sources are not committed: no result would be known to stand.
 */
export async function resume(say: (line: string) => void): Promise<Resumed> {
  const all = await listed();
  const kept = await keptOf(all);
  return { kept, left: remaining(all, kept, say) };
}
