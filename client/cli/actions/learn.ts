/** swarmctl learn: a program runs with enforce=0, and what it needs becomes a policy. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PIDS_MAX } from '../../abi/limits.js';
import type { AgentRequest } from '../../abi/request.js';
import { SwarmError } from '../../error.js';
import { SwarmGuard } from '../../guard.js';
import { Denials } from '../../explain/denials.js';
import { HERE, placeIn } from '../../explain/places.js';
import type { Place } from '../../explain/places.js';
import { learn } from '../../learn.js';
import type { AgentEnd, Started } from '../../process.js';
import type { Swarm } from '../../swarm.js';
import { located } from '../located.js';
import { destination } from '../destination.js';
import { jsonOf, print, say, styled, visible } from '../output.js';
import { rootOf } from '../root.js';
import { runCommand, statusOf } from './run.js';
import type { RunOptions } from './run.js';

/** Options of learn beside those of run. */
export interface LearnOptions extends RunOptions {
  readonly output?: string | undefined;
  /** Percent. */
  readonly margin: number;
}

/** The exit status if the policy may lack something. */
const INCOMPLETE = 3;

/** More memory than any machine has: the limit is there for the kernel to tell the peak. */
const NO_MEMORY_LIMIT = 2 ** 50;

/** Milliseconds between two looks at how many processes there are. */
const LOOK_AGAIN = 50;

/** Milliseconds that the event of an end may take after the end. */
const PATIENCE = 3000;

const CGROUPS = '/sys/fs/cgroup';

/** The line of the metrics that says that the module was loaded with enforce=0. */
const REPORTS = /^swarm_guard_mode\{swarm_guard_mode="report"\} 1$/m;

async function requireReports(swarm: Swarm): Promise<void> {
  if (REPORTS.test(await swarm.metrics())) return;
  throw new SwarmError(
    'EPERM',
    'the module enforces policies, so the program would be denied what it needs',
    {
      hint: 'load it so that it only reports, where nobody depends on it: rmmod swarm_guard && modprobe swarm_guard enforce=0',
    },
  );
}

function refuse(options: LearnOptions): void {
  const reason =
    options.detach === true || options.persist === true
      ? 'learn ends with the program: it takes neither --detach nor --persist'
      : options.tty === true && options.output === undefined
        ? "with -t, standard output is the program's: name a file by --output"
        : undefined;
  if (reason !== undefined) throw new SwarmError('EINVAL', reason);
}

/** Follows the events of an agent that is about to start. */
class Lesson {
  readonly denials = new Map<number, Denials>();
  lost = 0;
  #id: number | undefined;
  readonly #stop = new AbortController();
  readonly #reading: Promise<void>;
  #ended: () => void = () => undefined;
  /** Resolves with the event of the agent's end, or when it may have been lost. */
  readonly #end = new Promise<void>((resolve) => {
    this.#ended = resolve;
  });

  constructor(swarm: Swarm, since: number) {
    this.#reading = this.#read(swarm, since);
    this.#reading.catch(() => undefined);
  }

  /** The newest event that there is. */
  static async newest(swarm: Swarm): Promise<number> {
    let newest = 0;
    for await (const { seq } of swarm.events({ since: 'oldest', follow: false })) newest = seq;
    return newest;
  }

  /** Events of other agents are of no use from now on. */
  is(id: number): void {
    this.#id = id;
    for (const each of this.denials.keys()) if (each !== id) this.denials.delete(each);
  }

  async #read(swarm: Swarm, since: number): Promise<void> {
    try {
      for await (const event of swarm.events({ since, signal: this.#stop.signal })) {
        if (event.event === 'lost') this.lost += event.count;
        else if (event.event === 'violation' || event.event === 'suppressed') {
          if (this.#id !== undefined && event.agent !== this.#id) continue;
          const denials = this.denials.get(event.agent) ?? new Denials();
          denials.add(event);
          this.denials.set(event.agent, denials);
        } else if (event.event === 'destroyed' && event.agent === this.#id) return;
      }
    } finally {
      this.#ended();
    }
  }

  /** Ends the reading, which would keep this process running. */
  abandon(): void {
    this.#stop.abort();
  }

  /** Waits for what was told until the agent's end. */
  async finish(): Promise<void> {
    const timer = setTimeout(this.#ended, PATIENCE);
    await this.#end;
    clearTimeout(timer);
    this.abandon();
    await this.#reading;
  }
}

/** Looks at how many processes an agent has, again and again. */
class Headcount {
  peak: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(swarm: Swarm, id: number) {
    const look = async (): Promise<void> => {
      try {
        const { usage, cgroup } = await swarm.inspect(id);
        // A look may miss the peak; the cgroup knows it, if the kernel has pids.peak.
        const peak = cgroup === null ? undefined : await peakOf(cgroup);
        if (usage.pids > 0) this.peak = Math.max(this.peak ?? 0, usage.pids, peak ?? 0);
      } catch {
        return;
      }
      if (!this.#over) this.#timer = setTimeout(() => void look(), LOOK_AGAIN);
    };
    void look();
  }

  stop(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }
}

async function peakOf(cgroup: string): Promise<number | undefined> {
  return readFile(join(CGROUPS, cgroup, 'pids.peak'), 'utf8').then(Number, () => undefined);
}

/** The policy of the run: limits that only measure, where none are given. */
function measured(policy: Partial<AgentRequest>): Partial<AgentRequest> {
  const { memory_limit = 0, pids_limit = 0 } = policy;
  return {
    ...policy,
    memory_limit: memory_limit === 0 ? NO_MEMORY_LIMIT : memory_limit,
    pids_limit: pids_limit === 0 ? PIDS_MAX : pids_limit,
  };
}

/** The root in which the program's files are looked up. */
async function placeOf(swarm: Swarm, options: LearnOptions): Promise<Place> {
  const root = rootOf(await located(swarm, options));
  return root === undefined ? HERE : placeIn(root);
}

/**
 * Runs a program as `run` does, and writes the smallest policy that would have sufficed for what it did. Without
 * --output, what the program prints goes to standard error, and the policy to standard output.
 * @returns the exit status: 0, or 3 if the policy may lack something.
 * @throws {SwarmError} if the module enforces policies, or the program does not start.
 */
export async function learnCommand(
  swarm: Swarm,
  argv: readonly string[],
  options: LearnOptions,
): Promise<number> {
  if (!(swarm instanceof SwarmGuard))
    throw new SwarmError('EOPNOTSUPP', 'learn looks at the cgroups of this machine, not of another', {
      hint: 'run swarmctl learn there',
    });
  refuse(options);
  const write = options.output === undefined ? undefined : await destination(options.output);
  const place = await placeOf(swarm, options);
  await requireReports(swarm);
  const lesson = new Lesson(swarm, (await Lesson.newest(swarm)) + 1);
  let given: Partial<AgentRequest> = {};
  let headcount: Headcount | undefined;
  const ends: AgentEnd[] = [];
  const started = ({ id }: Started) => {
    lesson.is(id);
    headcount = new Headcount(swarm, id);
  };
  try {
    await runCommand(
      swarm,
      argv,
      { ...options, quiet: true },
      {
        policy: (policy) => measured((given = policy)),
        ...(options.output === undefined ? { spawn: { stdout: process.stderr.fd } } : {}),
        started,
        ended: (end) => ends.push(end),
      },
    );
    headcount?.stop();
    if (ends.length > 0) await lesson.finish();
  } finally {
    headcount?.stop();
    lesson.abandon();
  }
  const [end] = ends;
  if (!end) throw new SwarmError('ESRCH', 'the program has not ended');
  const learned = learn(
    {
      given,
      denials: lesson.denials.get(end.id) ?? new Denials(),
      end,
      pidsPeak: headcount?.peak,
      lost: lesson.lost,
      place,
    },
    options.margin,
  );
  const text = jsonOf(learned.policy, 2);
  try {
    if (write) await write(text);
    else print(text);
  } finally {
    report(learned, statusOf(end));
  }
  return learned.doubts.length > 0 ? INCOMPLETE : 0;
}

/** Says what was learnt. */
export function report({ remarks, doubts }: ReturnType<typeof learn>, status: number): void {
  if (status !== 0) say(`the program ended with status ${status}; the policy is for what it did until then`);
  for (const remark of remarks) say(visible(remark));
  for (const doubt of doubts)
    say(`${styled('yellow', 'the policy may be incomplete:', process.stderr)} ${visible(doubt)}`);
}
