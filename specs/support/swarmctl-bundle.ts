/** swarmctl as the package has it: a small file for each need, and none that a command does not need. */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Metafile } from 'esbuild';
import { repository } from '../../harness.config.js';

/** The licences of the packages of which the bundle holds code. */
async function licences({ inputs }: Metafile): Promise<string> {
  const names = Object.keys(inputs).flatMap((path) => {
    const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path) ?? [];
    return name === undefined ? [] : [name];
  });
  const texts = [...new Set(names)].sort().map(async (name) => {
    const directory = join(repository, 'node_modules', name);
    const file = (await readdir(directory)).find((each) => /^licen[cs]e/i.test(each));
    if (file === undefined) throw new Error(`${name} has no licence beside it`);
    return `${name}\n\n${(await readFile(join(directory, file), 'utf8')).trim()}\n`;
  });
  return (await Promise.all(texts)).join(`\n${'-'.repeat(72)}\n\n`);
}

/**
 * Bundles swarmctl for Node 20. ssh2, which has native parts, stays a dependency.
 * @param outdir an absolute path; gets swarmctl.js, which Node runs, and swarmctl/ with the rest of it
 * @returns what is in each file, as esbuild tells it.
 */
export async function bundleSwarmctl(outdir: string): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: repository,
    entryPoints: [{ in: join(repository, 'client/cli/main.ts'), out: 'swarmctl' }],
    outdir,
    chunkNames: 'swarmctl/[name]-[hash]',
    bundle: true,
    splitting: true,
    minify: true,
    legalComments: 'none',
    metafile: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['ssh2', '*.node'],
    // Dependencies that are CommonJS ask for modules of Node.
    banner: {
      js: "import { createRequire as $createRequire } from 'node:module'; const require = $createRequire(import.meta.url);",
    },
  });
  await writeFile(join(outdir, 'swarmctl/LICENSES.txt'), await licences(metafile));
  return metafile;
}
