/** Where the instructions of a birth go, by function: every one that the guest executes, by its address. */
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

/** The parts of a birth: the write that arms, clone3, and the child up to its first own instruction. */
export const PHASES = ['arming', 'clone', 'child'] as const;
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

/** The function that a phase begins with; each ends with the first instruction outside the kernel. */
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

  #enter(name: string, begins: boolean): void {
    const at = begins ? -1 : this.#stack.findLastIndex((call) => call.name === name);
    if (at >= 0) {
      this.#stack.length = at + 1;
      return;
    }
    const from = this.#stack.at(-1) ?? this.root;
    const call = from.calls.get(name) ?? empty(name);
    from.calls.set(name, call);
    this.#stack.push(call);
  }
}

/** The last complete birth in a log of {@link BootedGuest.traced}. */
async function lastBirth(log: string, symbols: Symbols): Promise<Profile> {
  let found: Partial<Record<Phase, Calls>> = {};
  let last: Partial<Record<Phase, Calls>> | undefined;
  let phase: Phase | undefined;
  for await (const line of createInterface({ input: createReadStream(log) })) {
    const at = line.indexOf('/') + 1;
    if (!line.startsWith('Trace ') || at === 0) continue;
    if (!line.startsWith('ffff', at)) {
      if (phase === 'child') [last, found] = [found, {}];
      phase = undefined;
      continue;
    }
    const { name, begins } = symbols.at(parseInt(line.slice(at + 4, at + 16), 16));
    const next = begins ? BEGINS[name] : undefined;
    if (next && !found[next] && (next === 'arming' || found.arming)) {
      phase = next;
      found[next] = new Calls(name);
    } else if (phase) found[phase]?.take(name, begins);
  }
  const { arming, clone, child } = last ?? {};
  if (!arming || !clone || !child) throw new Error(`${log} has no whole birth`);
  return { arming: arming.root, clone: clone.root, child: child.root };
}

/** How many births come first, after which everything is as usual. */
const BIRTHS = 4;

/**
 * Profiles the birth of an agent.
 * @param policy of the agent
 * @throws if the guest does not come up.
 */
export async function profileBirth(
  kernelName: string,
  policy: AgentRequest,
  progress: (step: string) => void,
): Promise<Profile> {
  return inCountingGuest(kernelName, {}, async ({ guest, stage }) => {
    const loaded = await load(guest, stage.module.ko);
    await loaded.sh(MEMORY_CGROUP);
    const object = quoted(JSON.stringify({ spawn: true, ...policy }));
    await loaded.sh(`life alone ${BIRTHS} ${object}`);
    const symbols = new Symbols(
      await loaded.sh('echo 0 >/proc/sys/kernel/kptr_restrict; cat /proc/kallsyms'),
    );
    const dir = await mkdtemp(join(tmpdir(), 'profile-'));
    try {
      progress('executing births, instruction by instruction');
      const log = join(dir, 'log');
      await loaded.traced(log, () => loaded.sh(`life alone 2 ${object}`, { timeoutMs: 600_000 }));
      progress('reading what was executed');
      return await lastBirth(log, symbols);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
}
