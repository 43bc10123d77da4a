/** Tables in Markdown. */
import { markdownTable } from 'markdown-table';

/** Every cell counts as three wide: none is padded, so a change of one cell changes one line of a document. */
const unpadded = { stringLength: () => 3 };

/**
 * A table for a document. Its rows are as long as they need to be.
 * @param head the columns' names
 * @param rows cells as Markdown; a bar in one is escaped, unless it is already
 * @param aligned pads the cells, for people who see the table on a terminal
 * @param right the columns whose cells are aligned to the right, as numbers are
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { aligned = false, right = [] }: { aligned?: boolean; right?: readonly number[] } = {},
): string {
  const escaped = [head, ...rows].map((cells) => cells.map((cell) => cell.replace(/(?<!\\)\|/g, '\\|')));
  const align = head.map((_, column) => (right.includes(column) ? 'right' : null));
  return markdownTable(escaped, aligned ? { align } : { align, ...unpadded });
}
