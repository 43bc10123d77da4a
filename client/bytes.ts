/** Names that others have chosen. In events they have each byte that is not ASCII as a character: docs/abi/events.md. */

/**
 * Characters that a terminal obeys or does not show, so that a text is not what it seems to be: control characters,
 * those that change the direction of writing or have no width, and those that end a line.
 */
export const DECEPTIVE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text that the bytes of a name are; undefined if they are not UTF-8. */
export function textOf(bytes: string): string | undefined {
  try {
    return UTF8.decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return undefined;
  }
}

/** A name as it is shown: bytes that are not UTF-8 as \xe9. */
export function shownName(bytes: string): string {
  return (
    textOf(bytes) ??
    bytes.replace(/[\u0080-\u00ff]/g, (byte) => String.raw`\x${byte.charCodeAt(0).toString(16)}`)
  );
}
