/** One safeguard removed, and whether the specs that are named for it see that. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { $ } from 'zx';
import { readCells } from '../harness/report/runs.js';
import type { TestOutcome } from '../harness/report/runs.js';
import type { Mutation } from './patch.js';

/**
 * The finding of a trial: the specs failed, one of them passed, or nothing can be said, because the patch does not
 * apply, the sources do not build with it, or a spec did not run.
 */
export type Finding = 'caught' | 'missed' | 'unknown';

/** A trial and what it found. */
export interface Trial {
  readonly finding: Finding;
  /** The failure that was expected, or the problem. */
  readonly why: string;
}

const has = (title: string, id: string) => new RegExp(`\\b${id}\\b[^:]*: `).test(title);

/** The number of lines of an outcome that are printed. */
const LINES = 10;

/** The first lines of an outcome that say what went wrong: a compiler's complaint stands below the first. */
const beginningOf = ({ log }: TestOutcome) =>
  log
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(0, LINES)
    .join('\n');

/**
 * Judges a run of the specs that are named for a safeguard, with the safeguard removed.
 * @param specs the ids that have to fail
 * @param outcomes of every test that ran, those that prepare the guest included
 * @returns `caught` only if each of them ran and failed by a finding of its own
 */
export function judge(specs: readonly string[], outcomes: readonly TestOutcome[]): Trial {
  const named = (id: string) => outcomes.filter(({ title }) => has(title, id));
  const others = outcomes.filter(({ title }) => !specs.some((id) => has(title, id)));
  for (const id of specs) {
    const found = named(id);
    const [failed] = found.filter(({ verdict }) => verdict === 'failed');
    if (failed) continue;
    if (found.length > 0 && found.every(({ verdict }) => verdict === 'passed'))
      return { finding: 'missed', why: `${id} passes without it` };
    const broken = [...found, ...others].find(
      ({ verdict }) => verdict === 'infrastructure' || verdict === 'failed',
    );
    const reason = broken ? `${broken.title}: ${beginningOf(broken)}` : 'no test has this id';
    return { finding: 'unknown', why: `${id} did not run to its end (${reason})` };
  }
  return { finding: 'caught', why: specs.join(', ') };
}

/** The suite of a spec's file: the folder below specs. */
const suiteOf = (file: string) => file.split('/')[1] ?? '';

/**
 * Removes a safeguard in a copy of the repository, runs the specs that are named for it, and puts it back.
 * @param copy the directory of the copy, which must be as its commit
 * @param files where each spec stands, by id
 * @param log is handed what the run prints
 */
export async function attempt(
  copy: string,
  { path, specs, kernel }: Mutation,
  files: ReadonlyMap<string, string>,
  log: (text: string) => void,
): Promise<Trial> {
  const inCopy = $({ cwd: copy, nothrow: true, quiet: true });
  const strangers = specs.filter((id) => !files.has(id));
  if (strangers.length > 0)
    return { finding: 'unknown', why: `SPECIFICATION.md has no ${strangers.join(', ')}` };
  const { exitCode, stderr } = await inCopy`git apply --whitespace=nowarn ${path}`;
  if (exitCode !== 0) return { finding: 'unknown', why: `it does not apply: ${stderr.trim()}` };
  try {
    await rm(join(copy, 'report'), { recursive: true, force: true });
    const paths = [...new Set(specs.map((id) => files.get(id) ?? ''))];
    const suites = [...new Set(paths.map(suiteOf))].flatMap((suite) => ['--suite', suite]);
    const of = kernel === undefined ? [] : ['--kernel', kernel];
    const grep = `\\b(${specs.join('|')})\\b`;
    const running =
      inCopy`npx tsx scripts/vm-test.ts ${suites} ${of} --workers 1 --grep ${grep} ${paths}`.quiet();
    for await (const line of running) log(line);
    const cells = await readCells(join(copy, 'report'));
    return judge(
      specs,
      cells.flatMap(({ tests }) => tests),
    );
  } finally {
    await inCopy`git checkout --quiet -- .`;
  }
}
