/** Code that the three shells have in common. */
import type { CommandNode, OptionNode } from '../tree.js';

/** A shell's script of completion. */
export type Script = (tree: CommandNode) => string;

/** The names of a command: its own and its aliases. */
export function namesOf({ name, aliases }: CommandNode): string[] {
  return [name, ...aliases];
}

/** The flags of an option: `-m`, `--memory`. */
export function flagsOf({ short, long }: OptionNode): string[] {
  return [short, long].filter((flag) => flag !== undefined);
}

/** Text between single quotes, as sh and zsh have it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
