/** Completion for bash; it needs nothing but bash itself. */
import type { ArgumentNode, CommandNode, Kind, Value } from '../tree.js';
import { flagsOf, namesOf, quoted } from './values.js';
import type { Script } from './values.js';

const PROPOSE: Readonly<Record<Kind, string>> = {
  agent: '_swarmctl_agents',
  program: '_swarmctl_names -c',
  file: '_swarmctl_names -f',
  directory: '_swarmctl_names -d',
  text: ':',
};

function propose({ kind, choices }: Value): string {
  return choices.length === 0 ? PROPOSE[kind] : `_swarmctl_words ${quoted(choices.join(' '))}`;
}

/** Flags of options that take a value. */
const valued = ({ options }: CommandNode) =>
  options.filter(({ value }) => value !== undefined).flatMap(flagsOf);

const proposed = ({ options }: CommandNode) => options.filter(({ hidden }) => !hidden).flatMap(flagsOf);

/** The branches of `case` for the values of a command's options. */
function optionBranches(command: CommandNode): string[] {
  return command.options.flatMap((option) =>
    option.value === undefined
      ? []
      : [
          `        ${command.name}:${flagsOf(option).join(` | ${command.name}:`)}) ${propose(option.value)} ;;`,
        ],
  );
}

/** The pattern of `case` for an argument of a command: `stop:0`, or `stop:*` if the argument may be repeated. */
function argumentBranch(command: CommandNode, argument: ArgumentNode, index: number): string {
  return `        ${command.name}:${argument.variadic ? '*' : index}) ${propose(argument)} ;;`;
}

/** The shell assignments that describe a command, before its words are looked at. */
function facts(command: CommandNode): string {
  return [
    `        ${namesOf(command).join(' | ')})`,
    `            command=${command.name} passes=${command.passesOn ? 1 : ''}`,
    `            options=${quoted(proposed(command).join(' '))}`,
    `            valued=${quoted(valued(command).join(' '))} ;;`,
  ].join('\n');
}

/** The script: `source <(swarmctl completion bash)`. */
export const bash: Script = (
  tree,
) => `# Completion of swarmctl for bash, as \`swarmctl completion bash\` prints it.

_swarmctl_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_swarmctl_names() {
    local what=$1
    # A program may be a path, too.
    [[ $what == -c && $cur == */* ]] && what=-f
    [[ $what == -c ]] || compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$what" -- "$cur")
}

# Ids for what begins with a digit, names for what begins otherwise.
_swarmctl_agents() {
    local agents=
    [[ $cur == [!0-9]* ]] || agents+=" $(swarmctl ls -q 2>/dev/null)"
    [[ $cur == [0-9]* ]] || agents+=" $(swarmctl ls --format '{{.name}}' 2>/dev/null)"
    _swarmctl_words "$agents"
}

_swarmctl_command() {
    case $1 in
${tree.commands.map(facts).join('\n')}
        *) return 1 ;;
    esac
}

_swarmctl() {
    local cur=\${COMP_WORDS[COMP_CWORD]} option= skip= command= passes= position=0 i word
    local options=${quoted(proposed(tree).join(' '))} valued=${quoted(valued(tree).join(' '))}
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=\${COMP_WORDS[i]}
        # bash splits --memory=64m into three words.
        if [[ $word == = ]]; then
            skip=1
        elif [[ $skip ]]; then
            skip= option=
        elif [[ $passes && $position -gt 0 ]]; then
            ((position++))
        elif [[ $word == -* ]]; then
            option=
            [[ " $valued " == *" $word "* ]] && skip=1 option=$word
        elif [[ ! $command ]]; then
            _swarmctl_command "$word" || return
        else
            ((position++))
        fi
    done
    [[ $cur == = ]] && cur= skip=1 option=\${COMP_WORDS[COMP_CWORD - 1]}
    if [[ $skip ]]; then
        case $command:$option in
${[tree, ...tree.commands]
  .flatMap((command) => optionBranches(command === tree ? { ...tree, name: '' } : command))
  .join('\n')}
        esac
    elif [[ $cur == -* && ! ($passes && $position -gt 0) ]]; then
        _swarmctl_words "$options"
    elif [[ ! $command ]]; then
        _swarmctl_words ${quoted(tree.commands.map(({ name }) => name).join(' '))}
    else
        case $command:$position in
${tree.commands
  .flatMap((command) =>
    command.name === 'help'
      ? [`        help:0) _swarmctl_words ${quoted(tree.commands.map(({ name }) => name).join(' '))} ;;`]
      : command.arguments.map((argument, index) => argumentBranch(command, argument, index)),
  )
  .join('\n')}
        esac
    fi
}

complete -F _swarmctl swarmctl
`;
