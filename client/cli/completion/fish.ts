/** Completion for fish. */
import type { CommandNode, Kind, OptionNode, Value } from '../tree.js';
import { namesOf } from './values.js';
import type { Script } from './values.js';

/** Text between single quotes, as fish has it: a backslash stands before ' and \. */
const quoted = (text: string) => `'${text.replace(/['\\]/g, '\\$&')}'`;

const PROPOSE: Readonly<Record<Kind, string>> = {
  agent: `-xa '(__swarmctl_agents)'`,
  program: `-xa '(__fish_complete_command)'`,
  file: '-rF',
  directory: `-xa '(__fish_complete_directories)'`,
  text: '-x',
};

function value({ kind, choices }: Value): string {
  return choices.length === 0 ? PROPOSE[kind] : `-xa ${quoted(choices.join(' '))}`;
}

function option(condition: string, each: OptionNode): string {
  return [
    `complete -c swarmctl -n ${quoted(condition)}`,
    ...(each.short === undefined ? [] : [`-s ${each.short.slice(1)}`]),
    ...(each.long === undefined ? [] : [`-l ${each.long.slice(2)}`]),
    ...(each.value === undefined ? [] : [value(each.value)]),
    `-d ${quoted(each.description)}`,
  ].join(' ');
}

const visible = ({ options }: CommandNode) => options.filter(({ hidden }) => !hidden);

/** The lines for a command: its options, and its arguments by their position. */
function lines(command: CommandNode): string[] {
  const names = namesOf(command).join(' ');
  // Options of a command that starts a program end at its first argument.
  const open = command.passesOn ? `__swarmctl_at 0 0 ${names}` : `__swarmctl_at 0 '' ${names}`;
  return [
    ...visible(command).map((each) => option(open, each)),
    ...command.arguments.map((each, index) => {
      const at = `__swarmctl_at ${index} ${each.variadic ? `''` : index} ${names}`;
      const proposals =
        each.choices.length > 0 || each.kind !== 'file' ? value(each).replace(/^-x$/, '') : '-F';
      return `complete -c swarmctl -n ${quoted(at)} ${proposals}`.trimEnd();
    }),
  ];
}

/** Flags of options that take a value, of all commands. */
const valued = (tree: CommandNode) => [
  ...new Set(
    [tree, ...tree.commands].flatMap(({ options }) =>
      options.flatMap(({ short, long, value: taken }) =>
        taken === undefined ? [] : [short, long].filter((flag) => flag !== undefined),
      ),
    ),
  ),
];

/** The script: a file swarmctl.fish in ~/.config/fish/completions, or `swarmctl completion fish | source`. */
export const fish: Script = (
  tree,
) => `# Completion of swarmctl for fish, as \`swarmctl completion fish\` prints it.

function __swarmctl_agents
    swarmctl ls -q 2>/dev/null
    swarmctl ls --format '{{.name}}' 2>/dev/null
end

# The words that are no options and no values of options: the command, and its arguments.
function __swarmctl_words
    set -l skip
    for word in (commandline -opc)[2..]
        if set -q skip[1]
            set -e skip[1]
        else if contains -- $word ${valued(tree).join(' ')}
            set skip 1
        else if not string match -q -- '-*' $word
            echo $word
        end
    end
end

# Is no command there yet?
function __swarmctl_first
    test (count (__swarmctl_words)) -eq 0
end

# Is the command one of these, with so many arguments at least, and at most if that is not empty?
function __swarmctl_at -a least most
    set -l words (__swarmctl_words)
    set -q words[1]; and contains -- $words[1] $argv[3..]; or return 1
    set -l count (math (count $words) - 1)
    test $count -ge $least; and test -z "$most" -o "$count" -le "$most"
end

complete -c swarmctl -f
${tree.commands
  .map(
    ({ name, description }) =>
      `complete -c swarmctl -n __swarmctl_first -a ${name} -d ${quoted(description)}`,
  )
  .join('\n')}
${visible(tree)
  .map((each) => option('__swarmctl_first', each))
  .join('\n')}
${tree.commands.flatMap(lines).join('\n')}
`;
