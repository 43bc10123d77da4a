/** Results as JUnit's XML, which most CI systems read. */
import { escapeXml } from '../util/xml.js';
import { cellId } from './runs.js';
import type { Cell, TestOutcome } from './runs.js';

const seconds = (ms: number) => (ms / 1000).toFixed(3);

function testcase({ file, title, verdict, ms, log, reason }: TestOutcome): string {
  const inner = {
    passed: '',
    failed: `<failure message="failed">${escapeXml(log)}</failure>`,
    infrastructure: `<error message="infrastructure">${escapeXml(log)}</error>`,
    skipped: `<skipped message="${escapeXml(reason ?? '')}"/>`,
  }[verdict];
  return `<testcase classname="${escapeXml(file)}" name="${escapeXml(title)}" time="${seconds(ms)}">${inner}</testcase>`;
}

/** A testsuite for each cell; what the machinery could not run is an error, not a failure. */
export function junit(cells: readonly Cell[]): string {
  const suites = cells.map((cell) => {
    const count = (wanted: string) => cell.tests.filter(({ verdict }) => verdict === wanted).length;
    const counts = `tests="${cell.tests.length}" failures="${count('failed')}" errors="${count('infrastructure')}" skipped="${count('skipped')}"`;
    const time = seconds(cell.tests.reduce((sum, { ms }) => sum + ms, 0));
    const head = `<testsuite name="${escapeXml(cellId(cell))}" hostname="${escapeXml(cell.release)}" timestamp="${cell.startedAt}" time="${time}" ${counts}>`;
    return [head, ...cell.tests.map(testcase), '</testsuite>'].join('\n');
  });
  return ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>', ...suites, '</testsuites>', ''].join(
    '\n',
  );
}
