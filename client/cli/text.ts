/** Sentences on a terminal. */

/**
 * Breaks a text into lines between its words. A word that is longer than a line stays whole.
 * @param indent columns before each line
 * @param width of a line, with these
 * @param hanging more columns before each line but the first
 */
export function indented(text: string, indent: number, width: number, hanging = 0): string[] {
  const lines: string[] = [];
  let line = ' '.repeat(indent);
  let empty = true;
  for (const word of text.split(' ')) {
    if (!empty && line.length + 1 + word.length > width) {
      lines.push(line.trimEnd());
      line = ' '.repeat(indent + hanging);
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  lines.push(line);
  return lines;
}
