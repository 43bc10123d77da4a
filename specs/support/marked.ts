/** Documents that are written by hand but for some parts, which stand between marks. */

/**
 * Generates anew what stands between `<!-- KIND: NAME -->` and `<!-- /KIND -->`.
 * @param text the document
 * @param kind of the marks; those of other kinds stay as they are
 * @param part what belongs between the marks of a name, or undefined if nothing does
 * @returns the document; the same if nothing has changed.
 * @throws Error if a mark names nothing there is, or has no end.
 */
export function filled(text: string, kind: string, part: (name: string) => string | undefined): string {
  const end = `<!-- /${kind} -->`;
  const marks = [...text.matchAll(new RegExp(`<!-- ${kind}: ([\\w-]+) -->`, 'g'))];
  return marks.reduce((document, [mark, name = '']) => {
    const from = document.indexOf(mark) + mark.length;
    const to = document.indexOf(end, from);
    const content = part(name);
    if (content === undefined) throw new Error(`there is nothing for the mark "${name}" of ${kind}`);
    if (to < 0) throw new Error(`the mark "${name}" has no ${end}`);
    return `${document.slice(0, from)}\n\n${content}\n\n${document.slice(to)}`;
  }, text);
}
