/** The instructions of a life by function: every instruction that the guest executes, by its address. */
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { quoted } from '../../client/client.js';
import type { AgentRequest } from '../../client/client.js';
import { load } from '../../specs/support/loaded-guest.js';
import { inCountingGuest } from '../guest.js';
import { MEMORY_CGROUP } from './counted.js';

/**
 * The parts of a life: the write that arms, clone3, the child up to its first own instruction, and all that the kernel
 * does from then on, with a child that exits at once, until nothing of it is left.
 */
export const PHASES = ['arming', 'clone', 'child', 'end'] as const;
export type Phase = (typeof PHASES)[number];

/** A function, called from where it is in the tree. */
export interface Call {
  readonly name: string;
  /** Instructions of its own, without those of what it calls. */
  own: number;
  readonly calls: Map<string, Call>;
}

/** The functions of each phase, from the one that it begins with. */
export type Profile = Readonly<Record<Phase, Call>>;

/** The function that a phase begins with; each ends with the first instruction outside the kernel, the last one never. */
const BEGINS: Readonly<Record<string, Phase>> = {
  swarm_objects_write: 'arming',
  kernel_clone: 'clone',
  ret_from_fork_asm: 'child',
};

/** Jumps that the compiler makes a function of: they belong to whoever jumps. */
const JUMP = /^(__x86_(indirect|return)_|retbleed_|srso_|__fentry__|__pi___x86)/;

/** Instructions of a call and of all that it calls. */
export function whole(call: Call): number {
  return [...call.calls.values()].reduce((sum, each) => sum + whole(each), call.own);
}

/**
 * Lines of Markdown that show calls as a tree, the largest first: instructions of the whole, of it the function's own,
 * and the function, with functions that call little else than one before it.
 * @param above instructions from which on a call is shown
 */
export function treeOf(call: Call, above: number, level = 0): string[] {
  const names = [call.name];
  const count = whole(call);
  let last = call;
  for (;;) {
    const [only, ...others] = shown(last, above);
    if (!only || others.length > 0 || whole(only) < 0.8 * whole(last)) break;
    names.push(only.name);
    last = only;
  }
  const chain = names.length > 4 ? [...names.slice(0, 2), '…', ...names.slice(-2)] : names;
  const numbers = `${String(count).padStart(8)} ${String(last.own).padStart(7)}`;
  return [
    `${numbers}  ${'  '.repeat(level)}${chain.join(' › ')}`,
    ...shown(last, above).flatMap((each) => treeOf(each, above, level + 1)),
  ];
}

const shown = (call: Call, above: number) =>
  [...call.calls.values()]
    .filter((each) => whole(each) >= above)
    .toSorted((one, other) => whole(other) - whole(one));

/** The functions of a running kernel, as /proc/kallsyms lists them: by address. */
class Symbols {
  readonly #starts: number[];
  readonly #names: string[];

  constructor(kallsyms: string) {
    const seen = new Map<number, string>();
    for (const line of kallsyms.split('\n')) {
      const [address = '', type = '', name = ''] = line.split(/\s/);
      // The low 48 bits tell addresses of the kernel apart, and are exact as a number.
      if (/^[tTwW]$/.test(type)) seen.set(parseInt(address.slice(-12), 16), name);
    }
    const sorted = [...seen].toSorted(([one], [other]) => one - other);
    this.#starts = sorted.map(([start]) => start);
    this.#names = sorted.map(([, name]) => name);
  }

  /** The function that an address is in, and whether it is where that begins: behind its ENDBR, at most. */
  at(address: number): { name: string; begins: boolean } {
    let [low, high] = [0, this.#starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] ?? Infinity) <= address) low = middle;
      else high = middle;
    }
    return { name: this.#names[low] ?? '?', begins: address - (this.#starts[low] ?? 0) <= 4 };
  }
}

/** The function in which the kernel goes on with another task. */
const SWITCH = '__switch_to_asm';

const empty = (name: string): Call => ({ name, own: 0, calls: new Map() });

/** Puts instructions together to calls. */
class Calls {
  readonly root: Call;
  readonly #stack: Call[];
  #last = '';

  constructor(name: string) {
    this.root = empty(name);
    this.#stack = [this.root];
    this.#last = name;
  }

  take(name: string, begins: boolean): void {
    const top = this.#stack.at(-1) ?? this.root;
    if (!JUMP.test(name) && (name !== top.name || (begins && this.#last !== name))) this.#enter(name, begins);
    (this.#stack.at(-1) ?? this.root).own++;
    this.#last = name;
  }

  /** Ends all calls: none of them called the function that comes next. */
  leave(): void {
    this.#stack.length = 1;
  }

  #enter(name: string, begins: boolean): void {
    // Another task goes on from here, or an idle processor.
    if (name === SWITCH) this.leave();
    const at = begins ? -1 : this.#stack.findLastIndex((call) => call.name === name);
    if (at >= 0) {
      this.#stack.length = at + 1;
      return;
    }
    // A return to where the call was not seen.
    if (!begins) this.leave();
    const from = this.#stack.at(-1) ?? this.root;
    const call = from.calls.get(name) ?? empty(name);
    from.calls.set(name, call);
    this.#stack.push(call);
  }
}

/** The last complete life in a log of {@link BootedGuest.traced}. */
async function lastLife(log: string, symbols: Symbols): Promise<Profile> {
  let found: Partial<Record<Phase, Calls>> = {};
  let last: Partial<Record<Phase, Calls>> | undefined;
  let phase: Phase | undefined;
  for await (const line of createInterface({ input: createReadStream(log) })) {
    const at = line.indexOf('/') + 1;
    if (!line.startsWith('Trace ') || at === 0) continue;
    if (!line.startsWith('ffff', at)) {
      if (phase === 'child') found.end = new Calls('end');
      found.end?.leave();
      phase = found.end && 'end';
      continue;
    }
    const { name, begins } = symbols.at(parseInt(line.slice(at + 4, at + 16), 16));
    const next = begins ? BEGINS[name] : undefined;
    if (next === 'arming' && found.end) [last, found] = [found, {}];
    if (next && !found[next] && (next === 'arming' || found.arming)) {
      phase = next;
      found[next] = new Calls(name);
    } else if (phase) found[phase]?.take(name, begins);
  }
  const { arming, clone, child, end } = last ?? {};
  if (!arming || !clone || !child || !end) throw new Error(`${log} has no whole life`);
  return { arming: arming.root, clone: clone.root, child: child.root, end: end.root };
}

/** The number of lives to run first, after which every life takes the same way. */
const BEFORE = 4;

/**
 * Profiles the birth and the end of an agent.
 * @param policy of the agent
 * @throws if the guest does not come up.
 */
export async function profileLife(
  kernelName: string,
  policy: AgentRequest,
  progress: (step: string) => void,
): Promise<Profile> {
  return inCountingGuest(kernelName, {}, async ({ guest, stage }) => {
    const loaded = await load(guest, stage.module.ko);
    await loaded.sh(MEMORY_CGROUP);
    const object = quoted(JSON.stringify({ spawn: true, ...policy }));
    await loaded.sh(`life alone ${BEFORE} ${object}`);
    const symbols = new Symbols(
      await loaded.sh('echo 0 >/proc/sys/kernel/kptr_restrict; cat /proc/kallsyms'),
    );
    const dir = await mkdtemp(join(tmpdir(), 'profile-'));
    try {
      progress('executing lives, instruction by instruction');
      const log = join(dir, 'log');
      await loaded.traced(log, () => loaded.sh(`life alone 3 ${object}`, { timeoutMs: 600_000 }));
      progress('reading what was executed');
      return await lastLife(log, symbols);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
}
