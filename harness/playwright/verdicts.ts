/** The reporter: a line for each spec as it ends, what failed and why, and the counts. */
import { relative } from 'node:path';
import { stripVTControlCharacters, styleText } from 'node:util';
import type {
  FullConfig,
  FullResult,
  Reporter,
  Suite,
  TestCase,
  TestError,
  TestResult,
} from '@playwright/test/reporter';
import { harness } from '../util/config.js';

type Verdict = 'passed' | 'failed' | 'skipped' | 'infrastructure';

const MARKS = {
  passed: ['✔', 'green'],
  failed: ['✘', 'red'],
  skipped: ['-', 'yellow'],
  infrastructure: ['!', 'magenta'],
} as const;

/** Says whether an error is trouble with the machinery: Playwright hands over its name in front of its message. */
const isInfrastructure = ({ message, stack }: TestError) =>
  /^InfrastructureError: /.test(stripVTControlCharacters(message ?? stack ?? ''));

/** Trouble with the machinery counts neither as passed nor as failed, nor does a test that Ctrl-C has ended. */
export function verdictOf(
  test: Pick<TestCase, 'expectedStatus'>,
  result: Pick<TestResult, 'status' | 'annotations' | 'errors'>,
): Verdict {
  if (result.status === 'skipped' || result.status === 'interrupted') return 'skipped';
  if (result.status === test.expectedStatus) return 'passed';
  const { annotations, errors } = result;
  const infrastructure =
    annotations.some(({ type }) => type === 'infrastructure') ||
    (errors.length > 0 && errors.every(isInfrastructure));
  return infrastructure ? 'infrastructure' : 'failed';
}

/** The reason that a test was skipped for. */
export function whySkipped({ status, annotations }: Pick<TestResult, 'status' | 'annotations'>): string {
  if (status === 'interrupted') return 'the run was interrupted';
  return annotations.find(({ type }) => type === 'skip')?.description ?? 'no reason given';
}

function text({ message, stack, value, snippet }: TestError): string {
  const what = stack ?? message ?? value ?? 'unknown error';
  return (snippet ? `${what}\n${snippet}` : what).replace(/^/gm, '    ');
}

/** Lines of an error that are printed again at the end: enough for a difference and how to see it again. */
const REPEATED_LINES = 15;

/** The beginning of an error, without colours; lines after the first are indented. */
function beginning({ message, value }: TestError): string {
  const lines = stripVTControlCharacters(message ?? value ?? 'unknown error')
    .split('\n')
    .filter((line) => line.trim());
  const left = lines.length - REPEATED_LINES;
  const more = left > 0 ? [`… and ${left} more lines, above`] : [];
  return [...lines.slice(0, REPEATED_LINES), ...more].join('\n    ');
}

/** A Playwright reporter that prints each spec with its verdict, and all failures again at the end. */
export default class Verdicts implements Reporter {
  readonly #counts: Record<Verdict, number> = { passed: 0, failed: 0, skipped: 0, infrastructure: 0 };
  readonly #reasons: string[] = [];
  /** The tests that did not pass, printed again at the end, where they are seen. */
  readonly #failures: string[] = [];
  #total = 0;
  #done = 0;

  printsToStdio(): boolean {
    return true;
  }

  onBegin(_config: FullConfig, suite: Suite): void {
    this.#total = suite.allTests().length;
    console.log(`${this.#total} specs`);
  }

  onTestEnd(test: TestCase, result: TestResult): void {
    const verdict = verdictOf(test, result);
    this.#counts[verdict] += 1;
    this.#done += 1;
    const [mark, colour] = MARKS[verdict];
    const project = test.parent.project()?.name ?? '';
    const file = relative(harness().root, test.location.file).replace(/^specs\/(vm|unit)\//, '');
    const seconds = (result.duration / 1000).toFixed(1);
    const title = `${project} ${file} › ${test.title}`;
    const time = styleText('dim', `${seconds} s`);
    console.log(`${styleText(colour, mark)} ${this.#done}/${this.#total} ${title} ${time}`);
    if (verdict === 'failed' || verdict === 'infrastructure') {
      for (const error of result.errors) console.log(text(error));
      for (const { name, path, body } of result.attachments) {
        if (path) console.log(`    ${name}: ${path}`);
        else if (body && body.length < 4000)
          console.log(`    ${name}:\n${body.toString().replace(/^/gm, '    | ')}`);
      }
      this.#failures.push(`${verdict}: ${title}: ${result.errors.slice(0, 1).map(beginning).join()}`);
    }
    if (verdict === 'skipped') {
      this.#reasons.push(`skipped: ${title}: ${whySkipped(result)}`);
    }
  }

  onStdOut(chunk: string | Buffer): void {
    process.stdout.write(chunk);
  }

  onStdErr(chunk: string | Buffer): void {
    process.stderr.write(chunk);
  }

  onError(error: TestError): void {
    const verdict = isInfrastructure(error) ? 'infrastructure' : 'failed';
    this.#counts[verdict] += 1;
    console.log(text(error));
    this.#failures.push(`${verdict}: ${beginning(error)}`);
  }

  onEnd(result: FullResult): Promise<{ status: FullResult['status'] }> {
    const { passed, failed, skipped, infrastructure } = this.#counts;
    for (const line of [...this.#reasons, ...this.#failures]) console.log(line);
    if (skipped > 0) console.log(`${skipped} skipped`);
    if (infrastructure > 0)
      console.log(`${infrastructure} infrastructure: the machinery failed, not the module`);
    if (this.#done < this.#total) console.log(`${this.#total - this.#done} did not run`);
    console.log(`${passed} passed, ${failed} failed`);
    // A run that proved nothing is no success.
    return Promise.resolve({ status: passed === 0 && result.status === 'passed' ? 'failed' : result.status });
  }
}
