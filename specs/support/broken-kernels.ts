/** Issues about kernels on which the module does not work. */
import { cellId, cellVerdict } from '../../harness/report/runs.js';
import type { Cell } from '../../harness/report/runs.js';
import { harness } from '../../harness/util/config.js';

/** An issue, found again by its title. */
export interface Issue {
  readonly title: string;
  /** In Markdown. */
  readonly body: string;
}

/** Lines of a failure's log that an issue quotes. */
const QUOTED = 30;

function failure({ file, title, log }: Cell['tests'][number]): string {
  // A fence longer than any in the log.
  const fence = '`'.repeat(Math.max(3, ...[...log.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  return [`### ${file}: ${title}`, fence, log.split('\n').slice(0, QUOTED).join('\n'), fence].join('\n');
}

/**
 * An issue for each kernel on which a spec failed; trouble with the machinery says nothing about a kernel.
 * @param where address of the run's page, for readers
 */
export function brokenKernels(cells: readonly Cell[], where: string): Issue[] {
  const broken = cells.filter((cell) => cell.kernel !== '' && cellVerdict(cell) === 'failed');
  return [...new Set(broken.map(({ kernel }) => kernel))].map((kernel) => {
    const own = broken.filter((cell) => cell.kernel === kernel);
    const lines = own.flatMap((cell) => {
      const failed = cell.tests.filter(({ verdict }) => verdict === 'failed');
      return [
        `## ${cellId(cell)}: ${failed.length} of ${cell.tests.length} specs failed`,
        `On ${cell.release}, ${cell.startedAt.slice(0, 16).replace('T', ' ')}.`,
        ...failed.map(failure),
      ];
    });
    const again = `\`${harness().commands.test(kernel)}\` runs them on any machine.`;
    return {
      title: `Kernel ${kernel} is broken`,
      body: [`Found by ${where}. ${again}`, ...lines].join('\n\n'),
    };
  });
}
