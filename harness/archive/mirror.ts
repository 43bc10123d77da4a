/** The Debian mirror among the sources that apt is configured with. */
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** An entry for binary packages. */
interface Entry {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly signedBy: string;
}

const words = (text = '') => text.split(/\s+/).filter(Boolean);

/** The entries of a file in lines, as sources.list is. */
function inLines(text: string): Entry[] {
  const found = text.matchAll(/^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)([^#\n]*)/gm);
  return [...found].map(([, options = '', uri = '', suite = '', components]) => ({
    ...{ uri, suites: [suite], components: words(components) },
    signedBy: /signed-by=(\S+)/i.exec(options)?.[1] ?? '',
  }));
}

/** The entries of a file in paragraphs of fields, as debian.sources is. */
function inParagraphs(text: string): Entry[] {
  const paragraphs = text.replace(/^#.*\n?/gm, '').split(/\n\s*\n/);
  return paragraphs.flatMap((paragraph) => {
    const lines = paragraph.replace(/\n[ \t]+/g, ' ').matchAll(/^([\w-]+):[ \t]*(.*)$/gm);
    const fields = new Map([...lines].map(([, key = '', value = '']) => [key.toLowerCase(), value.trim()]));
    if (/^(no|false|without|off|disable|0)$/i.test(fields.get('enabled') ?? '')) return [];
    if (!words(fields.get('types')).includes('deb')) return [];
    return words(fields.get('uris')).map((uri) => ({
      ...{ uri, suites: words(fields.get('suites')), components: words(fields.get('components')) },
      signedBy: fields.get('signed-by') ?? '',
    }));
  });
}

const SUITE =
  /^(bullseye|bookworm|trixie|forky|duke|sid|(old)*stable|testing|unstable|experimental)(-updates|-backports(-sloppy)?)?$/;

/** Others use Debian's suites and components as well, or its name in their paths, but hardly all of it. */
const isDebian = ({ suites, components }: Entry) =>
  components.includes('main') && suites.some((suite) => SUITE.test(suite));
const isNamed = ({ uri }: Entry) => /\/debian\/?$/.test(uri);
/** Packages of others have keys of their own. */
const isTrusted = ({ signedBy }: Entry) => signedBy === '' || /debian-archive/.test(signedBy);

/**
 * The mirror that apt uses for Debian itself.
 * @param dir apt's configuration, as /etc/apt is
 * @returns undefined if there is none
 */
export async function configuredMirror(dir: string): Promise<string | undefined> {
  const parts = join(dir, 'sources.list.d');
  const names = existsSync(parts) ? (await readdir(parts)).sort() : [];
  const entries: Entry[] = [];
  for (const path of [join(dir, 'sources.list'), ...names.map((name) => join(parts, name))]) {
    const read = path.endsWith('.list') ? inLines : path.endsWith('.sources') ? inParagraphs : undefined;
    if (read && existsSync(path)) entries.push(...read(await readFile(path, 'utf8')));
  }
  const debian = entries.filter(isDebian);
  return (debian.find(isNamed) ?? debian.find(isTrusted))?.uri.replace(/\/$/, '');
}
