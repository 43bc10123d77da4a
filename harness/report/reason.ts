/** The reason why a test failed, as far as one line can say it. */

/** The lines of a failed assertion that say what was expected and what came. */
const COMPARED = /^\s*((?:Expected|Received)[^\n]*)$/gm;

/**
 * The reason why a test failed, in one line: the first line of its log that is not empty, and the values that an
 * assertion compared.
 */
export function reason(log: string): string {
  const first = log.split('\n').find((line) => line.trim() !== '') ?? '';
  const compared = first.includes('expect(') ? [...log.matchAll(COMPARED)].slice(0, 2) : [];
  return [first, ...compared.map(([, text = '']) => text)].map((line) => line.trim()).join(' · ');
}
