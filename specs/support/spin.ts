/** The model of model/, searched by SPIN. */
import { appendFile, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { InfrastructureError } from '../../harness/util/errors.js';
import { repository } from '../../harness.config.js';

/** The directory of the model. */
export const modelDir = join(repository, 'model');

/** The parameters of a search. */
export interface Search {
  /** A scenario of scenarios.pml. */
  readonly scenario: string;
  /** The number of threads in all. */
  readonly tasks: number;
  /** Further macros, such as a fault. */
  readonly define?: readonly string[];
  /** A condition that some end must meet; the search stops at the first, as if `witness` were violated. */
  readonly witness?: string;
  /** Looks for runs without an end instead of violated properties. */
  readonly cycles?: boolean;
  /** For searches of minutes: the compiler optimises, which takes longer than a short search. */
  readonly long?: boolean;
}

/** The result of a search. */
export interface Found {
  /** The property that does not hold, `invalid end state`, or '' if there is none. */
  readonly violated: string;
  /** True if every state was visited. */
  readonly exhausted: boolean;
  readonly states: number;
  /** The output of the search. */
  readonly output: string;
}

/** Compiles what `spin -a` has made. */
async function compile(dir: string, { cycles, long }: Search): Promise<void> {
  const mode = cycles ? ['-DNP'] : ['-DSAFETY'];
  const options = ['-DNOFAIR', '-DCOLLAPSE', '-DMEMLIM=3000', '-DVECTORSZ=1024'];
  await execa('gcc', [long ? '-O2' : '-O0', ...mode, ...options, '-o', 'pan', 'pan.c'], { cwd: dir });
}

/** Reads the output of a search. */
function parseSearch(output: string): Found {
  const [, property] = /^pan:\d+: (?:assertion violated\s+)?(.*?) \(at depth \d+\)/m.exec(output) ?? [];
  const [, errors] = /errors: (\d+)/.exec(output) ?? [];
  const [, states] = /^\s*(\d+(?:\.\d+)?(?:e\+\d+)?) states, stored/m.exec(output) ?? [];
  return {
    violated: property ?? '',
    exhausted:
      errors === '0' && !/Search not completed|max search depth too small|out of memory/.test(output),
    states: Number(states ?? 0),
    output,
  };
}

/**
 * Searches a scenario of the model.
 * @throws {InfrastructureError} if there is no SPIN.
 */
export async function search(what: Search): Promise<Found> {
  const dir = await mkdtemp(join(tmpdir(), 'spin-'));
  try {
    for (const name of ['lifecycle.pml', 'scenarios.pml']) await cp(join(modelDir, name), join(dir, name));
    if (what.witness) await appendFile(join(dir, 'scenarios.pml'), `#define WITNESS ${what.witness}\n`);
    const macros = [what.scenario, `TASKS=${what.tasks}`, ...(what.define ?? [])].map((each) => `-D${each}`);
    await execa('spin', ['-a', ...macros, 'lifecycle.pml'], { cwd: dir }).catch((error: unknown) => {
      throw new InfrastructureError('spin fails, or is missing: apt-get install spin', '', { cause: error });
    });
    await compile(dir, what);
    const table = what.long ? '-w25' : '-w20';
    const { all } = await execa(join(dir, 'pan'), ['-m50000', table, ...(what.cycles ? ['-l'] : [])], {
      cwd: dir,
      all: true,
      reject: false,
    });
    return parseSearch(all);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
