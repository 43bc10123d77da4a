/** The tables of docs/troubleshooting.md, as the doctor's checks have them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Place } from '../../client/doctor/check.js';
import { CHECKS } from '../../client/doctor/checks.js';
import { repository } from '../../harness.config.js';
import { table } from '../../harness/util/markdown.js';
import { filled } from './marked.js';

/** The page. */
export const TROUBLESHOOTING = join(repository, 'docs/troubleshooting.md');

const PLACES: Readonly<Record<Place, string>> = {
  insmod: 'message',
  log: 'line of the log',
  create: 'message',
};

/** A message in code, but for what stands for something else. */
const symptoms = (place: Place) =>
  table(
    [PLACES[place], 'reason', 'what to do'],
    CHECKS.flatMap(({ symptoms: all = [], todo: advice }) =>
      all
        .filter((symptom) => symptom.place === place)
        .map(({ says, reason, todo = advice }) => [`\`${says}\``, reason, todo]),
    ),
  );

const TABLES: Readonly<Record<string, () => string>> = {
  insmod: () => symptoms('insmod'),
  log: () => symptoms('log'),
  create: () => symptoms('create'),
  checks: () =>
    table(
      ['check', 'looks at', 'why', 'what to do'],
      CHECKS.map(({ id, looksAt, means, todo }) => [`\`${id}\``, looksAt, means, todo]),
    ),
};

/** The page as it should be. */
export async function troubleshooting(): Promise<string> {
  return filled(await readFile(TROUBLESHOOTING, 'utf8'), 'doctor', (name) => TABLES[name]?.());
}
