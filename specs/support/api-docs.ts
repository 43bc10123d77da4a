/** docs/api: the package's functions, classes and types, from their doc comments. */
import { dirname, join } from 'node:path';
import { Application, LogLevel, ReflectionKind, TSConfigReader } from 'typedoc';
import type { DeclarationReflection, ProjectReflection } from 'typedoc';
import { repository } from '../../harness.config.js';

/** The pages. */
export const API = join(repository, 'docs/api');

/** Interfaces whose keys docs/abi describes, not their code. */
const DESCRIBED_ELSEWHERE: ReadonlySet<string> = new Set(['Inspection']);

const CONTAINERS = [ReflectionKind.Class, ReflectionKind.Interface];

function hasComment(reflection: DeclarationReflection): boolean {
  const accessors = [reflection.getSignature, reflection.setSignature];
  const all = [reflection, ...(reflection.signatures ?? []), ...accessors];
  return all.some((each) => each?.comment?.hasVisibleComponent() === true);
}

function undocumentedBelow(reflection: DeclarationReflection): string[] {
  const within =
    CONTAINERS.includes(reflection.kind) && !DESCRIBED_ELSEWHERE.has(reflection.name)
      ? (reflection.children ?? []).filter(({ flags }) => !flags.isInherited && !flags.isExternal)
      : [];
  const own = hasComment(reflection) || reflection.kind === ReflectionKind.Constructor;
  return [...(own ? [] : [reflection.getFullName()]), ...within.flatMap(undocumentedBelow)];
}

/** Names of exports, and of members of exported classes and interfaces, that have no doc comment. */
function undocumented(project: ProjectReflection): string[] {
  return (project.children ?? []).flatMap(undocumentedBelow);
}

/**
 * Reads the doc comments of a package of this repository.
 * @param entry the file that exports what the package offers
 * @returns the names that have no doc comment.
 * @throws if the sources do not compile.
 */
export async function undocumentedExports(entry: string): Promise<string[]> {
  const options = {
    entryPoints: [join(repository, entry)],
    tsconfig: join(repository, dirname(entry), 'tsconfig.json'),
    excludeExternals: true,
    excludePrivate: true,
    logLevel: LogLevel.Warn,
  };
  // Without the reader of typedoc.json, which is about the client.
  const app = await Application.bootstrap(options, [new TSConfigReader()]);
  const project = await app.convert();
  if (!project) throw new Error(`the sources of ${entry} do not compile`);
  return undocumented(project);
}

/**
 * Writes the pages.
 * @param out the directory for them; what it holds is replaced
 * @returns the names that have no doc comment.
 * @throws if the sources do not compile, or a link in a comment leads nowhere.
 */
export async function writeApiDocs(out: string): Promise<string[]> {
  const app = await Application.bootstrapWithPlugins({
    options: join(repository, 'typedoc.json'),
    out,
    logLevel: LogLevel.Warn,
  });
  const project = await app.convert();
  if (!project) throw new Error('the sources of the package do not compile');
  app.validate(project);
  if (app.logger.hasErrors() || app.logger.hasWarnings())
    throw new Error('typedoc has warned, as printed above');
  await app.generateOutputs(project);
  return undocumented(project);
}
