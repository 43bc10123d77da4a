/** Nanoseconds of system calls, where the processor is a real one: without the module, with it, and so on in turn. */
import type { BootedGuest } from '../../harness/guest/guest.js';
import type { Benchmark, Figure, Measured } from '../figures.js';
import { compilerOf, describeGuest } from '../guest.js';
import { deviation, median } from '../statistics.js';
import { ALLOWING, CALLS, LONG, commandLine, countsIn } from './hooks.js';
import { load } from '../../specs/support/loaded-guest.js';
import { Stage } from '../../specs/support/stage.js';

/** The extent of measuring. */
interface Effort {
  boots: number;
  /** In each boot: without the module and with it. */
  rounds: number;
  /** Also where the processor is emulated: to try the way of measuring, never to tell a time. */
  evenEmulated?: boolean;
}

const EFFORT: Effort = { boots: 3, rounds: 10 };

/** The calls that take the same path every time. */
const TIMED = CALLS.filter(({ exact }) => exact);
const LINE = commandLine(TIMED);

/** Nanoseconds of each call in one round, by who made it. */
type Round = Record<'absent' | 'outside' | 'inside', Map<string, number>>;

const WHO = { outside: 'outside agents', inside: 'allowed to an agent' } as const;

/** Ticks of the time-stamp counter in a nanosecond, as the kernel has found out. */
async function ticksOf(guest: BootedGuest): Promise<number> {
  const log = await guest.sh("dmesg | grep -i 'tsc: detected' || true");
  const mhz = /detected ([\d.]+) MHz/i.exec(log)?.[1];
  if (mhz === undefined) throw new Error('the guest does not say how fast its time-stamp counter is');
  return Number(mhz) / 1000;
}

async function oneBoot(stage: Stage, rounds: number, raw: string[]): Promise<Round[]> {
  const guest = await stage.rebooted('benchmark');
  const ticks = await ticksOf(guest);
  await guest.sh('cost exec 1');
  const all: Round[] = [];
  const timed = (text: string) => {
    raw.push(text);
    const counts = countsIn(TIMED, text);
    return new Map([...counts].map(([id, count]) => [id, count.median / ticks]));
  };
  while (all.length < rounds) {
    const absent = timed(await guest.sh(LINE, LONG));
    const loaded = await load(guest, stage.module.ko);
    const outside = timed(await loaded.sh(LINE, LONG));
    const inside = timed((await loaded.swarm.run(ALLOWING, LINE)).stdout);
    await loaded.unload();
    all.push({ absent, outside, inside });
  }
  return all;
}

function added(call: (typeof TIMED)[number], boots: readonly Round[][]): Figure[] {
  const of = (round: Round, who: keyof Round) => round[who].get(call.id) ?? NaN;
  const noise = boots.flatMap((rounds) =>
    rounds.slice(1).map((round, at) => {
      const before = rounds[at];
      return before ? Math.abs(of(round, 'absent') - of(before, 'absent')) : NaN;
    }),
  );
  const figures = (['outside', 'inside'] as const).map((who): Figure => {
    const differences = boots.flat().map((round) => of(round, who) - of(round, 'absent'));
    const [value, mad] = [median(differences), deviation(differences)];
    return {
      id: `time/${call.id}/${who}`,
      title: `${call.title}, ${WHO[who]}`,
      unit: 'nanoseconds',
      value,
      spread: [value - mad, value + mad],
      note: 'added to the whole call, over the module absent in the same round; the spread is the median absolute deviation',
    };
  });
  return [
    ...figures,
    {
      id: `time/${call.id}/noise`,
      title: `${call.title}, module absent against itself`,
      unit: 'nanoseconds',
      value: median(noise),
      note: 'between one round and the next: smaller differences mean nothing',
    },
  ];
}

/** @param effort how often, and whether an emulated processor will do */
export function timeIn({ boots, rounds, evenEmulated = false }: Effort): Benchmark {
  return {
    name: 'time',
    title: 'Time, on a real processor',
    measure: async (kernelName, progress): Promise<Measured> => {
      const stage = await Stage.prepare(kernelName, { findMemoryErrors: false });
      const compiler = await compilerOf(stage.module);
      if (!stage.acceleration.startsWith('kvm') && !evenEmulated) {
        const reason = `an emulated processor's times are not a real one's, and there is none here (${stage.acceleration})`;
        const missing = [{ title: 'nanoseconds of calls', reason }];
        return { kernel: stage.kernel.release, compiler, machine: {}, figures: [], missing, raw: {} };
      }
      const raw: string[] = [];
      const all: Round[][] = [];
      try {
        while (all.length < boots) {
          progress(`times, boot ${all.length + 1} of ${boots}`);
          all.push(await oneBoot(stage, rounds, raw));
        }
        const method = `${stage.acceleration}; ${boots} boots of ${rounds} rounds, in each without the module and with it`;
        const machine = await describeGuest(await stage.booted('benchmark'), method);
        const figures = TIMED.flatMap((call) => added(call, all));
        return {
          kernel: stage.kernel.release,
          compiler,
          machine,
          figures,
          missing: [],
          raw: { times: raw.join('\n') },
        };
      } finally {
        await stage.discard();
      }
    },
  };
}

export const time = timeIn(EFFORT);
