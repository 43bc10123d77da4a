/** The commands of swarmctl as data: completion and the manual page are made from it. */
import type { Argument, CommandUnknownOpts, Option } from '@commander-js/extra-typings';

/** The kind of a value, as far as a shell can propose any. */
export type Kind = 'agent' | 'program' | 'file' | 'directory' | 'text';

/** The value of an option. */
export interface Value {
  /** As --help has it: `size`. */
  readonly name: string;
  readonly kind: Kind;
  /** All that it may be; empty if it may be anything. */
  readonly choices: readonly string[];
}

/** An option. */
export interface OptionNode {
  /** `-m`. */
  readonly short?: string;
  /** `--memory`. */
  readonly long?: string;
  /** Absent if the option takes none. */
  readonly value?: Value;
  readonly description: string;
  /** The default value, as --help shows it. */
  readonly byDefault?: string;
  /** It works, but nobody is told of it. */
  readonly hidden: boolean;
}

/** An argument. */
export interface ArgumentNode extends Value {
  readonly description: string;
  readonly required: boolean;
  /** The last one may be there several times. */
  readonly variadic: boolean;
}

/** A command. */
export interface CommandNode {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly description: string;
  readonly options: readonly OptionNode[];
  readonly arguments: readonly ArgumentNode[];
  readonly commands: readonly CommandNode[];
  /** Options end at its first argument: what comes then is a program's. */
  readonly passesOn: boolean;
}

/** Values whose name says what they are. */
const KINDS: Readonly<Record<string, Kind>> = {
  agent: 'agent',
  program: 'program',
  argument: 'file',
  file: 'file',
  path: 'file',
  directory: 'directory',
  rootfs: 'directory',
};

function valueOf(name: string, choices: readonly string[] | undefined): Value {
  return { name, kind: KINDS[name] ?? 'text', choices: choices ?? [] };
}

function option(each: Option, isVisible: boolean): OptionNode {
  const [, name] = /[<[](.+?)(?:\.\.\.)?[>\]]$/.exec(each.flags) ?? [];
  const { defaultValue, defaultValueDescription } = each as {
    defaultValue?: unknown;
    defaultValueDescription?: string;
  };
  const byDefault =
    defaultValueDescription ?? (defaultValue === undefined ? undefined : JSON.stringify(defaultValue));
  return {
    ...(each.short === undefined ? {} : { short: each.short }),
    ...(each.long === undefined ? {} : { long: each.long }),
    ...(name === undefined ? {} : { value: valueOf(name, each.argChoices) }),
    description: each.description,
    ...(byDefault === undefined || each.isBoolean() ? {} : { byDefault }),
    hidden: !isVisible,
  };
}

function argument(each: Argument): ArgumentNode {
  return {
    ...valueOf(each.name(), each.argChoices),
    description: each.description,
    required: each.required,
    variadic: each.variadic,
  };
}

/** A command with all below it; those that --help does not list are left out. */
export function treeOf(command: CommandUnknownOpts): CommandNode {
  const help = command.createHelp();
  const visible = help.visibleOptions(command);
  const hidden = command.options.filter((each) => !visible.includes(each));
  const [program] = command.registeredArguments.filter((each) => each.name() === 'program');
  return {
    name: command.name(),
    aliases: command.aliases(),
    description: command.description(),
    options: [...visible.map((each) => option(each, true)), ...hidden.map((each) => option(each, false))],
    arguments: command.registeredArguments.map(argument),
    commands: help.visibleCommands(command).map(treeOf),
    passesOn: program !== undefined,
  };
}
