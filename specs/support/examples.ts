/** The examples of docs/examples, made ready to run in a guest. */
import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import ts from 'typescript';
import { runInRoot, toolRoot } from '../../harness/archive/tool-root.js';
import { goRoot } from './roots.js';
import type { Root } from '../../harness/archive/tool-root.js';
import { ARCHITECTURES } from '../../harness/util/architecture.js';
import type { Architecture } from '../../harness/util/architecture.js';
import { cached } from '../../harness/util/cache.js';
import { repository } from '../../harness.config.js';

/** The directory of the examples. */
export const EXAMPLES = join(repository, 'docs/examples');

/** An example as a guest runs it. */
interface Runnable {
  /** A file of the host. */
  readonly path: string;
  /** The command that runs it; empty for a program. */
  readonly interpreter: string;
}

/** A compiler: a command that builds `/src/FILE` as `/out/FILE`, without its ending, in a root. */
interface Compiler {
  readonly root: Root;
  readonly command: readonly string[];
  readonly env?: Record<string, string>;
}

async function compiled(path: string, arch: Architecture, compiler: Compiler): Promise<Runnable> {
  const { root, command, env = {} } = compiler;
  const dir = await cached({
    kind: 'examples',
    label: `${arch}-${basename(path)}`,
    key: [root.id, ...command, JSON.stringify(env), await readFile(path, 'utf8')],
    keep: 2,
    build: async (dir) => {
      const binds = [
        { host: dirname(path), inside: 'src' },
        { host: dir, inside: 'out' },
      ];
      const { exitCode, output } = await runInRoot(root, [...command], { binds, env });
      if (exitCode !== 0) throw new Error(`${basename(path)} does not build:\n${output}`);
    },
  });
  return { path: join(dir, basename(path, extname(path))), interpreter: '' };
}

async function compiledC(path: string, arch: Architecture): Promise<Runnable> {
  const flags = ['-static', '-O2', '-Wall', '-Wextra', '-Werror'];
  const command = [ARCHITECTURES[arch].cc, ...flags, '-o', `/out/${basename(path, '.c')}`];
  command.push(`/src/${basename(path)}`);
  return compiled(path, arch, { root: await toolRoot(arch), command });
}

async function compiledGo(path: string, arch: Architecture): Promise<Runnable> {
  const source = `/src/${basename(path)}`;
  const build = `go vet ${source} && go build -o /out/${basename(path, '.go')} ${source}`;
  const env = { GOARCH: arch, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOCACHE: '/tmp/go' };
  return compiled(path, arch, { root: await goRoot(), command: ['sh', '-c', build], env });
}

/** Node of Debian 13 does not take the types away by itself yet. */
async function withoutTypes(path: string): Promise<Runnable> {
  const text = await readFile(path, 'utf8');
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };
  const { outputText } = ts.transpileModule(text, { compilerOptions: options });
  const dir = await cached({
    kind: 'examples',
    label: basename(path),
    key: [ts.version, text],
    keep: 2,
    build: (dir) => writeFile(join(dir, 'agent.mjs'), outputText),
  });
  return { path: join(dir, 'agent.mjs'), interpreter: 'node' };
}

/**
 * Builds an example, if it needs that.
 * @param name of a file in {@link EXAMPLES}
 * @param arch of the guest
 * @throws with the compiler's output if it does not build without a warning.
 */
export async function prepareExample(name: string, arch: Architecture): Promise<Runnable> {
  const path = join(EXAMPLES, name);
  switch (extname(name)) {
    case '.sh':
      return { path, interpreter: 'sh' };
    case '.py':
      return { path, interpreter: 'python3' };
    case '.ts':
      return withoutTypes(path);
    case '.c':
      return compiledC(path, arch);
    case '.go':
      return compiledGo(path, arch);
    default:
      throw new Error(`${name}: no example is written in ${extname(name)}`);
  }
}

/**
 * Builds the C program that a page of docs contains as an indented block.
 * @param page its path below docs
 * @param first what the program's first line begins with
 * @param arch of the guest
 * @throws with the compiler's output if it does not build without a warning.
 */
export async function prepareDocumented(page: string, first: string, arch: Architecture): Promise<Runnable> {
  const lines = (await readFile(join(repository, 'docs', page), 'utf8')).split('\n');
  const block = lines.slice(lines.findIndex((line) => line.startsWith(`    ${first}`)));
  const end = block.findIndex((line) => line !== '' && !line.startsWith('    '));
  const text = block
    .slice(0, end)
    .map((line) => line.slice(4))
    .join('\n');
  const dir = await cached({
    kind: 'examples',
    label: basename(page),
    key: [text],
    keep: 2,
    build: (dir) => writeFile(join(dir, 'agent.c'), text),
  });
  return compiledC(join(dir, 'agent.c'), arch);
}

/**
 * Builds a program in Go.
 * @param name of the program
 * @param text of its only file
 * @param arch of the guest
 * @returns the path of the program, which is linked statically.
 * @throws with the compiler's output if it does not build without a warning.
 */
export async function prepareGo(name: string, text: string, arch: Architecture): Promise<string> {
  const dir = await cached({
    kind: 'examples',
    label: `${name}.go`,
    key: [text],
    keep: 2,
    build: (dir) => writeFile(join(dir, `${name}.go`), text),
  });
  return (await compiledGo(join(dir, `${name}.go`), arch)).path;
}
