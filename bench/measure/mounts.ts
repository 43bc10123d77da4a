/** Births on machines with many mounts: a mount namespace is a copy of all mounts of its launcher. */
import { quoted } from '../../client/client.js';
import type { AgentRequest } from '../../client/client.js';
import type { LoadedGuest } from '../../specs/support/loaded-guest.js';
import { countOf, parseCounts } from './counted.js';
import { memoryOf, slabOf } from './memory.js';
import { parseEfforts } from './starts.js';
import { median, medianOf } from '../statistics.js';

const POLICY: AgentRequest = { network: 'none', memory_limit: 67_108_864, cpu_quota: 50, pids_limit: 64 };
const BIRTHS = 8;
/** Turns of births, which differ by some percent. */
const TURNS = 5;
const STARTS = 9;
/** Agents whose memory is measured. */
const AGENTS = 50;
const PLACE = '/srv/mounts';

/** The cost of an agent beside a number of mounts. */
export interface Crowded {
  /** The mounts that the launcher sees. */
  readonly mounts: number;
  /** Instructions of a birth, and of a program that exits at once, from its start to its end. */
  readonly birth: number;
  /** The least and the most of several turns. */
  readonly births: readonly [number, number];
  readonly start: number;
  /** Bytes of slab. */
  readonly slab: number;
}

const OBJECT = quoted(JSON.stringify({ spawn: true, ...POLICY }));
const COUNT = 'wc -l </proc/self/mountinfo';

/**
 * Measures a launcher in a mount namespace of its own, in which `before` has run: its mounts, a birth, and a start.
 */
async function countIn(guest: LoadedGuest, before: string): Promise<Omit<Crowded, 'slab'>> {
  const run = async (line: string) =>
    guest.sh(`unshare -m --propagation unchanged sh -c ${quoted(`${before}; ${line}`)}`, {
      timeoutMs: 600_000,
    });
  const program = `launch ${OBJECT} /usr/local/bin/effort nothing`;
  const births: number[] = [];
  while (births.length < TURNS)
    births.push(countOf(parseCounts(await run(`life birth ${BIRTHS} ${OBJECT}`)), 'whole').median);
  const { value, spread = [value, value] } = medianOf(births);
  return {
    mounts: Number(await run(COUNT)),
    birth: value,
    births: spread,
    start: median(parseEfforts(await run(`effort ${STARTS} ${program}`))),
  };
}

/** Brings the mounts of the guest, shared as systemd makes them, to a number. */
const fill = (to: number) =>
  [
    `mkdir -p ${PLACE} && { mountpoint -q ${PLACE} || mount -t tmpfs -o size=16m none ${PLACE}; }`,
    'mount --make-rshared /',
    `i=$(${COUNT}); while test $i -lt ${to}; do mkdir ${PLACE}/$i && mount --bind ${PLACE}/$i ${PLACE}/$i; i=$((i + 1)); done`,
  ].join('; ');

/** Measures births beside so many mounts, one number after the other, in rising order. */
export async function besideMounts(
  guest: LoadedGuest,
  numbers: readonly number[],
  progress: (step: string) => void,
): Promise<{ crowded: Crowded[]; fewer: Omit<Crowded, 'slab'> }> {
  const crowded: Crowded[] = [];
  for (const number of numbers) {
    progress(`${number} mounts`);
    await guest.sh(fill(number), { timeoutMs: 600_000 });
    const counted = await countIn(guest, 'true');
    const memory = await memoryOf(guest, AGENTS, { network: 'none' });
    crowded.push({ ...counted, slab: slabOf(memory) });
  }
  progress('a launcher that has unmounted them');
  return { crowded, fewer: await countIn(guest, `umount -l ${PLACE}`) };
}
