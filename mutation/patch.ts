/** The patches, each of which removes one safeguard, and what they say of themselves. */
import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { parseRows } from '../specs/support/specification.js';
import { repository } from '../harness.config.js';

/** The directory of the patches. */
const PATCHES = join(repository, 'mutation/patches');

/** A patch that removes one safeguard. */
export interface Mutation {
  /** Its file's name without the ending. */
  readonly name: string;
  readonly path: string;
  /** The promise that the patch breaks, a sentence. */
  readonly safeguard: string;
  /** The ids of the specs that must fail with it, as they stand in SPECIFICATION.md. */
  readonly specs: readonly string[];
  /** The kernel that the specs run on, by its name in the catalogue; the newest if there is none. */
  readonly kernel?: string | undefined;
}

const ID = /^[A-Z]+-\d{2,3}$/;
const header = z.strictObject({
  Safeguard: z.string().regex(/^[A-Z].*\.$/, 'has to be a sentence'),
  Fails: z
    .string()
    .transform((text) => text.split(/,\s*/))
    .pipe(z.array(z.string().regex(ID, 'has to be ids of SPECIFICATION.md, such as BIRTH-04')).min(1)),
  Kernel: z.string().optional(),
});

/** The lines `Key: value` above a diff; a line that begins with a space goes on with the one above. */
function fieldsOf(head: string): Record<string, string> {
  const lines = head.replace(/\n[ \t]+/g, ' ').split('\n');
  const pairs = lines.flatMap((line) => {
    const [, key, value] = /^([A-Z][a-z]+):\s*(.*)$/.exec(line) ?? [];
    return key !== undefined && value !== undefined ? [[key, value] as const] : [];
  });
  return Object.fromEntries(pairs);
}

/**
 * Reads what a patch says of itself, in the lines above its diff: `Safeguard:`, the promise that it breaks; `Fails:`, the
 * specs that see it; and `Kernel:` if those need another kernel than the newest.
 * @param path of the patch's file
 * @param text what the file holds
 * @throws if something of that is missing, or is not as it should be; the message names the file and the field
 */
export function parsePatch(path: string, text: string): Mutation {
  const start = text.search(/^(diff|---) /m);
  if (start < 0) throw new Error(`${path} holds no diff`);
  const found = header.safeParse(fieldsOf(text.slice(0, start)));
  if (!found.success) throw new Error(`${path}: ${z.prettifyError(found.error)}`);
  const { Safeguard: safeguard, Fails: specs, Kernel: kernel } = found.data;
  return { name: basename(path, '.patch'), path, safeguard, specs, kernel };
}

/** Every patch of the repository, by name. */
export async function readPatches(): Promise<Mutation[]> {
  const names = (await readdir(PATCHES)).filter((name) => name.endsWith('.patch')).sort();
  return Promise.all(
    names.map(async (name) => parsePatch(join(PATCHES, name), await readFile(join(PATCHES, name), 'utf8'))),
  );
}

/** The file of each spec, by its id, as SPECIFICATION.md links them. */
export async function filesOfSpecs(): Promise<Map<string, string>> {
  const { rows } = parseRows(await readFile(join(repository, 'SPECIFICATION.md'), 'utf8'));
  return new Map(rows.map(({ id, link }) => [id, link]));
}
