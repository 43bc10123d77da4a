/** Results of guest specs as KTAP, version 1 (the kernel's Documentation/dev-tools/ktap.rst). */
import { cellId } from './runs.js';
import type { Cell, TestOutcome } from './runs.js';

/** A description is one line, in which `#` would begin a directive. */
const oneLine = (text: string) => text.replaceAll('#', '').replace(/\s+/g, ' ').trim();

function resultLine({ file, title, verdict, reason }: TestOutcome, number: number): string {
  const word = verdict === 'passed' || verdict === 'skipped' ? 'ok' : 'not ok';
  const name = oneLine(`${file}: ${title}`);
  const skip = verdict === 'skipped' ? ` # SKIP ${oneLine(reason ?? '')}`.trimEnd() : '';
  return `${word} ${number} ${name}${skip}`;
}

/** The errors of a test as diagnostic lines; trouble with the machinery says so. */
function diagnostics({ verdict, log }: TestOutcome): string[] {
  if (verdict !== 'failed' && verdict !== 'infrastructure') return [];
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  return [...(verdict === 'infrastructure' ? ['infrastructure'] : []), ...lines].map((line) => `# ${line}`);
}

function cellLines(cell: Cell): string[] {
  return [
    'KTAP version 1',
    `# Subtest: ${cellId(cell)}`,
    `1..${cell.tests.length}`,
    ...cell.tests.flatMap((test, index) => [...diagnostics(test), resultLine(test, index + 1)]),
  ].map((line) => `  ${line}`);
}

/** One test for each kernel and suite that ran in guests, with the specs as its subtests. */
export function ktap(cells: readonly Cell[]): string {
  const inGuests = cells.filter(({ kernel }) => kernel !== '');
  const bad = ({ tests }: Cell) =>
    tests.some(({ verdict }) => verdict === 'failed' || verdict === 'infrastructure');
  const lines = inGuests.flatMap((cell, index) => [
    ...cellLines(cell),
    `${bad(cell) ? 'not ok' : 'ok'} ${index + 1} ${cellId(cell)}`,
  ]);
  return ['KTAP version 1', `1..${inGuests.length}`, ...lines, ''].join('\n');
}
