/** Runs of a spec file in a shuffled order. */
import { relative } from 'node:path';
import { repository } from '../../harness.config.js';

/**
 * Returns arguments for Playwright that shuffle the specs of a file. They still run one after the other and in the
 * same guest, and the specs of a serial group stay together.
 * @param seed decides the order: the same seed and titles give the same order
 */
export function inAnotherOrder(seed: string | number): string[] {
  return ['--fully-parallel', '--workers=1', `--shuffle=${seed}`];
}

/**
 * Returns the command that runs a spec file in the same order again.
 * @param file its absolute path
 * @param seed as for {@link inAnotherOrder}
 */
export function orderAgain(file: string, seed: string | number): string {
  return ['npm test --', relative(repository, file), ...inAnotherOrder(seed)].join(' ');
}

/**
 * Returns the titles of a file's specs in the order in which they ran.
 * @param text the output of the reporter `verdicts`
 * @param name the file's name without its folder
 */
export function titlesRun(text: string, name: string): string[] {
  const lines = text.matchAll(/^[✔✘!-] \d+\/\d+ (?:.* )?(\S+) › (.*) \d+\.\d s$/gm);
  return [...lines].flatMap(([, file = '', title = '']) => (file.endsWith(name) ? [title] : []));
}
