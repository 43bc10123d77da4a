/** The output of the program `crowd`, about very many agents, and the checks of it. */
import { Writable } from 'node:stream';
import { z } from 'zod';
import type { BootedGuest } from '../../harness/guest/guest.js';
import { jsonLines } from '../../harness/util/json-lines.js';

/** Agents that `crowd` counts at a time. */
export const THOUSAND = 1000;

const memory = z.object({ slab: z.number(), available: z.number() });

/** The counts of the last thousand agents of a size. */
const sized = z.object({
  size: z.number(),
  /** Instructions of everything that the thousand took. */
  effort: z.number(),
  /** Bytes of slab that the thousand added. */
  added: z.number(),
  /** Bytes of slab of the processes before they were agents. */
  own: z.number(),
  /** Bytes of slab in all, and bytes available. */
  slab: z.number(),
  available: z.number(),
  /** Instructions to read a line of agents. */
  line: z.number(),
});

/** The counts of agents that fork as fast as they can. */
const forkers = z.object({
  count: z.number(),
  /** Forks of the one that made least, and of the one that made most. */
  least: z.number(),
  most: z.number(),
  /** Forks that a limit refused, and that were tried again. */
  refused: z.number(),
});

/** The counts of the reader of agents: whole reads, their lines, and agents missing or not in order. */
const agentsRead = z.object({ passes: z.number(), lines: z.number(), wrong: z.number() });

/** The counts of the reader of events: lines, events reported as lost, gaps, and events recorded. */
const eventsRead = z.object({
  events: z.number(),
  lost: z.number(),
  gaps: z.number(),
  recorded: z.number(),
});

/** A line that `crowd` prints has one of these. */
const line = z
  .strictObject({
    empty: memory,
    at: sized,
    /** The number of agents in the end, and the memory available then. */
    full: z.object({ size: z.number(), available: z.number() }),
    left: memory,
    /** The number of agents when memory ran short. */
    floor: z.number(),
    /** The answer to the one that was too many. */
    refused: z.object({ size: z.number(), answer: z.looseObject({ error: z.string() }) }),
    /** At which try another was taken after one had been destroyed. */
    again: z.number(),
    forkers,
    agents: agentsRead,
    events: eventsRead,
  })
  .partial();

export type At = z.infer<typeof sized>;
export type Readers = z.infer<typeof agentsRead> & z.infer<typeof eventsRead>;

export interface Crowd {
  empty: z.infer<typeof memory>;
  at: At[];
  full: number;
  available: number;
  left: z.infer<typeof memory>;
  refused: string | undefined;
  again: number | undefined;
  forkers: z.infer<typeof forkers> | undefined;
  readers: Readers;
}

/** Reads what `crowd` printed. @throws if it did not come to its end. */
export function parseCrowd(text: string): Crowd {
  const lines = jsonLines(text, line);
  const at = lines.flatMap((each) => each.at ?? []);
  if (at.length < 2) throw new Error(`not so many sizes:\n${text}`);
  const { empty, full, left, refused, again, forkers, agents, events } = Object.assign(
    {},
    ...lines,
  ) as z.infer<typeof line>;
  if (!empty || !full || !left || !agents || !events)
    throw new Error(`crowd did not come to its end:\n${text}`);
  return {
    ...{ empty, at, left, again, forkers },
    ...{ full: full.size, available: full.available },
    refused: refused && JSON.stringify(refused.answer),
    readers: { ...agents, ...events },
  };
}

/** The bounds that must hold, in bytes or instructions for each agent. */
export interface Limits {
  /**
   * Slab that the last agents may take beyond what the first did, each: between sizes, which tell more than
   * a thousand. In rounds, where none stays, that each round may add.
   */
  growth: number;
  /** The most that the last thousand may take, as a multiple of the first thousand. */
  effort: number;
  /** Slab that each destroyed agent may leave. */
  left: number;
}

/** The faults of the readers: everything that they must have seen and did not. */
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

/** A stream that keeps what is written to it, and hands on each line as it comes. */
function kept(onLine: (text: string) => void = () => undefined) {
  let text = '';
  let seen = 0;
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      for (let end = text.indexOf('\n', seen); end >= 0; end = text.indexOf('\n', seen)) {
        onLine(text.slice(seen, end));
        seen = end + 1;
      }
      done();
    },
  });
  return { stream, text: () => text };
}

/**
 * Runs `crowd` in a guest with the module loaded.
 * @param progress is told of each size that is reached
 * @returns what it printed
 * @throws with what it printed, if it fails.
 */
export async function crowd(
  guest: BootedGuest,
  args: string,
  progress: (step: string) => void = () => undefined,
  timeoutMs = 7_200_000,
): Promise<string> {
  await guest.sh(ROOM);
  const stdout = kept((text) => {
    const [seen] = jsonLines(text, line);
    if (seen?.at) progress(`${seen.at.size.toLocaleString('en-US')} are there`);
    if (seen?.full) progress(`${seen.full.size.toLocaleString('en-US')} in all; they are destroyed`);
  });
  const stderr = kept();
  // Its processes give up their memory, rseq's included.
  const { code } = await guest.exec(`GLIBC_TUNABLES=glibc.pthread.rseq=0 crowd ${args}`, {
    output: { stdout: stdout.stream, stderr: stderr.stream },
    timeoutMs,
  });
  if (code !== 0) throw new Error(`crowd ${args} ended with ${code}:\n${stdout.text()}${stderr.text()}`);
  return stdout.text();
}
