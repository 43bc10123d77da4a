/** The cost of reading /proc/swarm by the number of agents, and of rules by their number. */
import type { Benchmark, Figure } from '../figures.js';
import {
  OPEN_BENCH,
  benchOrderOfOne,
  countOf,
  instructions,
  loadBench,
  measured,
  parseCounts,
  sectionsOf,
} from './counted.js';
import type { Reading } from './counted.js';
import { load } from '../../specs/support/loaded-guest.js';
import type { LoadedGuest } from '../../specs/support/loaded-guest.js';

const FEW = 1000;
const MANY = 5000;
const DEVICE_RULES = [1, 2, 4, 8, 16];
const EXEC_PATHS = [2, 4, 8];
/** The programs that an agent may execute, with the shell that asks among them. */
const PROGRAMS = ['sh', 'true', 'cat', 'ls', 'dd', 'cp', 'mv', 'rm'].map((name) => `/bin/${name}`);

const FILES = ['status', 'metrics', 'agents'] as const;

async function reads(guest: LoadedGuest): Promise<string> {
  const each = FILES.map((file) => `echo '== ${file}'; cost read 20 /proc/swarm/${file}`);
  return guest.sh(each.join('; '), { timeoutMs: 300_000 });
}

/** Each file's count, by its name. */
const readsIn = (text: string) =>
  new Map([...sectionsOf(text)].map(([file, part]) => [file, countOf(parseCounts(part), 'read')]));

function readingFigures(few: string, many: string): Figure[] {
  const [before, after] = [readsIn(few), readsIn(many)];
  const whole = (['status', 'metrics'] as const).map((file) =>
    instructions(`reading/${file}`, `Reading ${file}`, countOf(after, file).median, {
      series: [
        { x: FEW, y: countOf(before, file).median },
        { x: MANY, y: countOf(after, file).median },
      ],
      note: `in one read, beside ${MANY} agents`,
    }),
  );
  const line = (countOf(after, 'agents').median - countOf(before, 'agents').median) / (MANY - FEW);
  return [
    ...whole,
    instructions('reading/agents/line', 'Reading agents, a line', Math.round(line), {
      note: `from ${FEW} to ${MANY} agents, read in pieces of 64 KiB`,
    }),
  ];
}

/** A series by the number of rules; the figure is the longest one. */
function byNumber(id: string, title: string, points: { x: number; y: number }[], note: string): Figure {
  return instructions(id, title, points.at(-1)?.y ?? NaN, { series: points, note });
}

async function rules(guest: LoadedGuest): Promise<{ figures: Figure[]; raw: Record<string, string> }> {
  const raw: Record<string, string> = {};
  const measure = async (name: string, request: object, order: string) => {
    raw[name] = (await guest.swarm.run(request, benchOrderOfOne(order), { under: OPEN_BENCH })).stdout;
    return countOf(parseCounts(raw[name]), order.split(' ')[0] ?? '').least;
  };
  const allowed: { x: number; y: number }[] = [];
  const denied: { x: number; y: number }[] = [];
  for (const number of DEVICE_RULES) {
    const others = Array.from({ length: number - 1 }, (_, index) => `c 200:${index} rwm`);
    const devices = [...others, 'c 1:3 rwm'];
    allowed.push({ x: number, y: await measure(`devices-${number}`, { devices }, 'device 2 1 3 2') });
    denied.push({ x: number, y: await measure(`devices-denied-${number}`, { devices }, 'device 2 1 11 2') });
  }
  const paths: { x: number; y: number }[] = [];
  for (const number of EXEC_PATHS)
    paths.push({
      x: number,
      y: await measure(`paths-${number}`, { exec_paths: PROGRAMS.slice(0, number) }, 'exec /bin/true'),
    });
  const alone = 'the hook alone';
  return {
    figures: [
      byNumber('rules/devices', 'A device that the last of 16 rules allows', allowed, alone),
      byNumber(
        'rules/devices-denied',
        'A device that none of 16 rules allows',
        denied,
        `${alone}, with the event`,
      ),
      byNumber('rules/exec-paths', 'A program that is among 8 exec_paths', paths, alone),
    ],
    raw,
  };
}

/** @param boots in how many guests, booted apart, to measure */
export function readingIn(boots: 1 | 2): Benchmark {
  return {
    name: 'reading',
    title: 'Reading, and rules by number',
    measure: (kernelName, progress) =>
      measured(kernelName, {}, boots, progress, async ({ guest, stage }): Promise<Reading> => {
        // Every denied call is told.
        const loaded = await load(guest, stage.module.ko, { event_rate: 0 });
        await loadBench(loaded, stage.module.bench);
        progress('rules by number');
        const { figures, raw } = await rules(loaded);
        progress('reading');
        // As many digits in every number before and after.
        await loaded.swarm.write('{}\n'.repeat(FEW));
        const few = await reads(loaded);
        await loaded.swarm.write('{}\n'.repeat(MANY - FEW));
        const many = await reads(loaded);
        return {
          figures: [...readingFigures(few, many), ...figures],
          missing: [],
          raw: { ...raw, few, many },
        };
      }),
  };
}

export const reading = readingIn(2);
