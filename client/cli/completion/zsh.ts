/** Completion for zsh. */
import type { ArgumentNode, CommandNode, Kind, OptionNode, Value } from '../tree.js';
import { namesOf, quoted } from './values.js';
import type { Script } from './values.js';

const PROPOSE: Readonly<Record<Kind, string>> = {
  agent: '_swarmctl_agents',
  program: '_command_names -e',
  file: '_files',
  directory: '_files -/',
  text: '',
};

/** A description in the brackets of _arguments. */
const bracketed = (text: string) => text.replace(/[[\]\\]/g, '\\$&');

/** A word between the colons of _arguments. */
const word = (text: string) => text.replace(/[:\\]/g, '\\$&');

function action({ kind, choices }: Value): string {
  return choices.length === 0 ? PROPOSE[kind] : `(${choices.join(' ')})`;
}

/** An option for _arguments. Any may be there several times: the last one counts, or they add up. */
function option({ short, long, value, description }: OptionNode): string {
  const flags = [
    ...(short === undefined ? [] : [value ? `${short}+` : short]),
    ...(long === undefined ? [] : [value ? `${long}=` : long]),
  ];
  const rest = `[${bracketed(description)}]${value ? `:${word(value.name)}:${action(value)}` : ''}`;
  return flags.length === 1 ? quoted(`*${flags[0] ?? ''}${rest}`) : `'*'{${flags.join(',')}}${quoted(rest)}`;
}

function argument(each: ArgumentNode, index: number): string {
  return quoted(`${each.variadic ? '*' : index + 1}:${word(each.name)}:${action(each)}`);
}

const visible = ({ options }: CommandNode) => options.filter(({ hidden }) => !hidden);

function branch(command: CommandNode): string {
  const specs = [
    ...visible(command).map(option),
    ...(command.name === 'help' ? [`'1:command:_swarmctl_commands'`] : command.arguments.map(argument)),
  ];
  const options = command.passesOn ? `-s -A '-*'` : '-s';
  return [
    `                ${namesOf(command).join(' | ')})`,
    `                    _arguments ${options} ${specs.map((spec) => `\\\n                        ${spec}`).join(' ')} ;;`,
  ].join('\n');
}

/** The script: a file _swarmctl in a directory of $fpath, or `source <(swarmctl completion zsh)`. */
export const zsh: Script = (tree) => `#compdef swarmctl
# Completion of swarmctl for zsh, as \`swarmctl completion zsh\` prints it.

_swarmctl_commands() {
    local -a commands=(
${tree.commands.map(({ name, description }) => `        ${quoted(`${name}:${description}`)}`).join('\n')}
    )
    _describe command commands
}

_swarmctl_agents() {
    local -a agents
    [[ $PREFIX == [^0-9]* ]] || agents+=(\${(f)"$(swarmctl ls -q 2>/dev/null)"})
    [[ $PREFIX == [0-9]* ]] || agents+=(\${(f)"$(swarmctl ls --format '{{.name}}' 2>/dev/null)"})
    compadd -- $agents
}

_swarmctl() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    _arguments -C ${visible(tree)
      .map((each) => `\\\n        ${option(each)}`)
      .join(' ')} \\
        '1:command:_swarmctl_commands' \\
        '*::argument:->arguments'
    case $state in
        arguments)
            case $line[1] in
${tree.commands.map(branch).join('\n')}
            esac ;;
    esac
}

if [[ $funcstack[1] == _swarmctl ]]; then
    _swarmctl "$@"
else
    compdef _swarmctl swarmctl
fi
`;
