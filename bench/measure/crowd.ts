/** What the program `crowd` tells of very many agents; and what must hold of it. */
import type { BootedGuest } from '../../harness/guest/guest.js';

/** Agents that `crowd` counts at a time. */
export const THOUSAND = 1000;

/** What was seen of the last thousand of a size. */
export interface At {
  size: number;
  /** Instructions of everything that the thousand took. */
  effort: number;
  /** Bytes of slab that the thousand added. */
  added: number;
  /** Bytes of slab of the processes before they were agents. */
  own: number;
  /** Bytes of slab in all, and bytes available. */
  slab: number;
  available: number;
  /** Instructions to read a line of agents. */
  line: number;
}

/** What readers saw meanwhile. */
export interface Readers {
  /** Reads of agents in whole, and their lines. */
  passes: number;
  lines: number;
  /** Agents that lived through a read and were not in it, or not in order. */
  wrong: number;
  /** Lines of events, those that were told to be lost, gaps, and events that were recorded. */
  events: number;
  lost: number;
  gaps: number;
  recorded: number;
}

export interface Memory {
  slab: number;
  available: number;
}

/** What agents did that fork as fast as they can. */
export interface Forkers {
  /** How many there were. */
  count: number;
  /** Forks of the one that made least, and of the one that made most. */
  least: number;
  most: number;
  /** Forks that a limit refused, and that were tried again. */
  refused: number;
}

export interface Crowd {
  empty: Memory;
  at: At[];
  /** How many there were in the end. */
  full: number;
  /** What was available then. */
  available: number;
  left: Memory;
  /** The answer to the one that was too many. */
  refused: string | undefined;
  /** At which try another was taken after one had been destroyed. */
  again: number | undefined;
  /** Where agents fork. */
  forkers: Forkers | undefined;
  readers: Readers;
}

/** The numbers of the only line that begins with a word. @throws where there is none. */
function numbers(text: string, word: string, count: number): number[] {
  const line = new RegExp(`^${word}((?: -?\\d+){${count}})$`, 'm').exec(text)?.[1];
  if (line === undefined) throw new Error(`there is no line of ${word}:\n${text}`);
  return line.trim().split(' ').map(Number);
}

function memory(text: string, word: string): Memory {
  const [slab = NaN, available = NaN] = numbers(text, word, 2);
  return { slab, available };
}

/** Reads what the readers saw. @throws where they have not told. */
function parseReaders(text: string): Readers {
  const [passes = NaN, lines = NaN, wrong = NaN] = numbers(text, 'agents', 3);
  const [events = NaN, lost = NaN, gaps = NaN, recorded = NaN] = numbers(text, 'events', 4);
  return { passes, lines, wrong, events, lost, gaps, recorded };
}

/** Memory before there were agents, and after they are gone. */
const parseEnds = (text: string) => ({ empty: memory(text, 'empty'), left: memory(text, 'left') });

/** Reads what `crowd` printed. @throws where it did not come to its end. */
export function parseCrowd(text: string): Crowd {
  const at = [...text.matchAll(/^at ((?:-?\d+ ?){7})$/gm)].map(([, line = '']): At => {
    const [size = NaN, effort = NaN, added = NaN, own = NaN, slab = NaN, available = NaN, read = NaN] = line
      .split(' ')
      .map(Number);
    return { size, effort, added, own, slab, available, line: read };
  });
  if (at.length < 2) throw new Error(`not so many sizes:\n${text}`);
  const [full = NaN, available = NaN] = numbers(text, 'full', 2);
  const again = /^again (\d+)$/m.exec(text)?.[1];
  const forkers = /^forkers (\d+) (\d+) (\d+) (\d+)$/m.exec(text)?.slice(1).map(Number);
  const [count = NaN, least = NaN, most = NaN, refused = NaN] = forkers ?? [];
  return {
    ...parseEnds(text),
    at,
    full,
    available,
    refused: /^refused \d+ (.*)$/m.exec(text)?.[1],
    again: again === undefined ? undefined : Number(again),
    forkers: forkers && { count, least, most, refused },
    readers: parseReaders(text),
  };
}

/** What must hold; a bound is that of bytes or of instructions for each agent. */
export interface Limits {
  /**
   * Slab that the last agents may take beyond what the first did, each: between sizes, which tell more than
   * a thousand. In rounds, where none stays, that each round may add.
   */
  growth: number;
  /** How many times as much as the first thousand the last may take. */
  effort: number;
  /** Slab that each destroyed agent may leave. */
  left: number;
}

/** What readers must have seen, as what they did not. */
function readersWrong({ passes, wrong, events, lost, gaps, recorded }: Readers): string[] {
  return [
    ...(passes > 0 ? [] : ['agents were never read in whole']),
    ...(wrong === 0
      ? []
      : [`agents that lived through a read were missing, or out of order, ${wrong} times`]),
    ...(gaps === 0 ? [] : [`events had ${gaps} gaps that nothing told of`]),
    ...(events + lost === recorded
      ? []
      : [`of ${recorded} events ${events} were seen and ${lost} told to be lost`]),
  ];
}

/** Bytes of slab for each agent between sizes, from none on. */
export function slopes({ at, empty }: Pick<Crowd, 'at' | 'empty'>): { size: number; bytes: number }[] {
  return at.map(({ size, slab }, index) => {
    const before = at[index - 1] ?? { size: 0, slab: empty.slab };
    return { size, bytes: (slab - before.slab) / (size - before.size) };
  });
}

/** All that does not hold of a crowd, or of rounds in which none stays, in words. */
export function crowdWrong(crowd: Crowd, limits: Limits, rounds = false): string[] {
  const { at, empty, left, full, readers } = crowd;
  const [first, second, last] = [at[0], at[1], at.at(-1)];
  const steepest = slopes(crowd).at(-1);
  if (!first || !second || !last || !steepest) return ['nothing was counted'];
  const grown = rounds
    ? (last.slab - first.slab) / (last.size - first.size)
    : steepest.bytes - (second.slab - empty.slab) / second.size;
  const times = last.effort / first.effort;
  const kept = (left.slab - empty.slab) / full;
  const which = `the last ${THOUSAND} of ${last.size}`;
  return [
    ...(grown <= limits.growth
      ? []
      : [
          rounds
            ? `each round up to ${last.size} adds ${grown.toFixed(1)} bytes of slab, not ${limits.growth}`
            : `agents up to ${last.size} take ${grown.toFixed(0)} bytes of slab each more than those up to ${second.size}, not ${limits.growth}`,
        ]),
    ...(times <= limits.effort
      ? []
      : [`${which} took ${times.toFixed(2)} times what the first took, not ${limits.effort}`]),
    ...(kept <= limits.left
      ? []
      : [`each destroyed agent leaves ${kept.toFixed(1)} bytes of slab, not ${limits.left}`]),
    ...readersWrong(readers),
  ];
}

/** Fails a benchmark of which something does not hold. */
export function mustHold(what: string, wrong: readonly string[], text: string): void {
  if (wrong.length > 0) throw new Error(`${what}: ${wrong.join('; ')}\n${text}`);
}

/** As many processes and namespaces as there is memory for. */
const ROOM = [
  'sysctl -qw kernel.pid_max=4194304 kernel.threads-max=2000000 fs.mount-max=10000000',
  'for f in /proc/sys/user/max_*_namespaces; do echo 2000000 >$f; done',
].join('; ');

/** Runs `crowd` in a guest with the module loaded. */
export async function crowd(guest: BootedGuest, args: string, timeoutMs = 7_200_000): Promise<string> {
  await guest.sh(ROOM);
  return guest.sh(`crowd ${args}`, { timeoutMs });
}
