/** docs/api: the package's functions, classes and types, from their doc comments. */
import { join } from 'node:path';
import { Application, LogLevel, ReflectionKind } from 'typedoc';
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
