/** Escaping for XML. */

/** Text as XML holds it; characters that XML 1.0 has no way to write are left out. */
export function escapeXml(text: string): string {
  return text
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '')
    .replace(/[<>&"']/g, (found) => `&#${found.charCodeAt(0)};`);
}
