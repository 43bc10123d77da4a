/** Why a test went wrong, as far as one line can say. */

/** Of an assertion that failed, what was expected and what came. */
const COMPARED = /^\s*((?:Expected|Received)[^\n]*)$/gm;

/** Why a test went wrong, in one line: the first of its log that says anything, and what an assertion compared. */
export function reason(log: string): string {
  const first = log.split('\n').find((line) => line.trim() !== '') ?? '';
  const compared = first.includes('expect(') ? [...log.matchAll(COMPARED)].slice(0, 2) : [];
  return [first, ...compared.map(([, text = '']) => text)].map((line) => line.trim()).join(' · ');
}
