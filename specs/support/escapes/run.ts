/** Runs an attempt to escape in a guest, and looks from outside at what came of it. */
import { quoted } from '../../../client/client.js';
import type { AgentRequest, Shell } from '../../../client/client.js';
import { ALL_CALLS } from '../former-calls.js';
import type { Attempt } from './attempt.js';

/** The shell lines that start and end a container. */
export interface Runner {
  readonly name: string;
  /** The simple command that runs a program in a container and waits for it. */
  command(program: string): string;
  /** The shell line that ends the container; the file run has the process of {@link Runner.command}. */
  readonly stop: string;
  /** A shell command that succeeds while something of the container is left. */
  readonly left: string;
}

/** The result of an attempt. */
export interface Outcome {
  readonly escaped: boolean;
  /** Violations of SwarmGuard's policies that were counted meanwhile, by kind. */
  readonly counted: Readonly<Record<string, number>>;
  /** Its output inside, for people. */
  readonly answers: string;
}

const DIR = '/srv/escape';

/**
 * As an agent of SwarmGuard with all capabilities and all calls: then what stands behind the lack of a
 * capability, and behind the rules on calls, is tried.
 */
export function swarmGuard(policy: AgentRequest = {}): Runner {
  const syscalls = { ...(policy.privileged ? {} : ALL_CALLS), ...policy.syscalls };
  return agentOf({ capabilities: 'all', no_new_privs: false, ...policy, syscalls });
}

/** As an agent of SwarmGuard with just this policy. */
export function agentOf(policy: AgentRequest): Runner {
  const object = JSON.stringify({ spawn: true, ...policy });
  return {
    name: 'SwarmGuard',
    command: (program) => `launch ${quoted(object)} ${program}`,
    stop: "sed -n 's/^ID: \\([0-9]*\\), PID: [1-9].*/\\1/p' /proc/swarm/agents >/proc/swarm/destroy",
    left: 'grep -q "PID: [1-9]" /proc/swarm/agents',
  };
}

const PRELUDE = `
mkdir -p ${DIR} && cd ${DIR} && rm -rf ./* && chmod 1777 . && umask 022
mkfifo -m 666 gate ready && exec 3<>gate 4<>ready
violations() {
  sed -n 's/^swarm_guard_violations_total{kind="\\([a-z]*\\)",action="\\(deny\\|kill\\)"}/'$1' \\1/p' /proc/swarm/metrics
}
# The values of a line of JSON, for a shell's variables.
figures() { sed 's/"[a-z]*"://g; s/[{}"]//g; s/,/ /g'; }
created() { grep created /proc/swarm/status | tr -dc 0-9; }
ends() { for i in {1..100}; do "$@" >/dev/null || return 0; sleep 0.05; done; return 1; }`;

/** The shell script of an attempt: what is prepared, run, looked at and tidied. */
function script(attempt: Attempt, runner: Runner, mark: string): string {
  const { before = ':', under = ':', wrap = '', inside, hold = false, escaped, after = ':' } = attempt;
  const program = `/bin/sh ${DIR}/inside`;
  const header = `MARK=${mark}; cd ${DIR}; [ ! -e vars ] || . ./vars`;
  const run = `${under}; exec ${wrap} ${runner.command(program)}`;
  return [
    `MARK=${mark}`,
    PRELUDE,
    `violations before >violations`,
    `stop() { ${runner.stop}; }`,
    before,
    `printf '%s\\n' ${quoted(header)} ${quoted(inside)} >inside`,
    hold
      ? // Either the processes tell that they stay, or their end does.
        `{ (${run}) >out 2>err </dev/null & echo $! >run; wait; echo ended >ready; } 3>&- 4>&- &\nread -r -t 40 -u 4 || echo "neither ready nor ended" >>err`
      : `(${run}) >out 2>err </dev/null 3>&- 4>&-`,
    `if ${escaped}; then result=escaped; else result=contained; fi`,
    `printf '%64s' >&3; wait`,
    after,
    `ends ${runner.left} || echo "something is left" >>err`,
    `violations after >>violations`,
    `echo "RESULT $result"; cat violations; echo ANSWERS; cat out err`,
  ].join('\n');
}

/** The counters that have risen between lines "before KIND N" and "after KIND N". */
function risen(lines: string): Record<string, number> {
  const sums = new Map<string, number>();
  for (const line of lines.split('\n').filter(Boolean)) {
    const [when, kind = '', n] = line.split(' ');
    sums.set(kind, (sums.get(kind) ?? 0) + (when === 'after' ? 1 : -1) * Number(n));
  }
  return Object.fromEntries([...sums].filter(([, n]) => n !== 0));
}

/**
 * Makes an attempt.
 * @throws if it could not be made or not be looked at.
 */
export async function make(guest: Shell, attempt: Attempt, runner: Runner): Promise<Outcome> {
  const mark = `${runner.name}-${attempt.id}-${Math.random().toString(36).slice(2)}`;
  const { stdout, stderr } = await guest.exec(`bash -s`, {
    stdin: script(attempt, runner, mark),
    timeoutMs: 120_000,
  });
  const [, result, violations, answers] =
    /^RESULT (escaped|contained)\n((?:(?:before|after) .*\n)*)ANSWERS\n([^]*)$/m.exec(stdout) ?? [];
  if (answers === undefined || /neither ready nor ended|^usage:$|something is left/m.test(answers)) {
    throw new Error(`${attempt.id} by ${runner.name} could not be made:\n${stdout}${stderr}`);
  }
  return {
    escaped: result === 'escaped',
    counted: risen(violations ?? ''),
    answers: `${answers}${stderr}`.trim(),
  };
}
