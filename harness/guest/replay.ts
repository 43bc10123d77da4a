/** Running a recorded guest once more, exactly as it ran. */
import { z } from 'zod';
import { Machine } from './machine.js';
import type { Kept } from './recording.js';

/** The result of a replay: whether the same happened again, and what to print. */
export interface Outcome {
  /** True if the guest printed the same on its console as when it was recorded. */
  readonly reproduced: boolean;
  /** The outcome as a sentence, for people. */
  readonly message: string;
}

/** A replay that executes no instruction for so long waits for what is not in its log. */
const STUCK_MS = 60_000;

const position = z.object({ icount: z.number() });

/** Waits for the end of the log; returns why it was not reached, or undefined. */
async function toTheEnd(machine: Machine): Promise<string | undefined> {
  let [last, since] = [-1, performance.now()];
  while (!(await machine.exited(1000))) {
    const answer = await machine.qmp.command('query-replay').catch(() => undefined);
    const { icount } = position.safeParse(answer).data ?? { icount: last };
    if (icount !== last) [last, since] = [icount, performance.now()];
    else if (performance.now() - since > STUCK_MS) return `the replay is stuck at instruction ${icount}`;
  }
  return undefined;
}

/** The first line in which two texts differ, as each has it. */
function difference(recorded: string, replayed: string): string {
  const [before, now] = [recorded.split('\n'), replayed.split('\n')];
  const at = before.findIndex((line, index) => line !== now[index]);
  const line = at < 0 ? before.length : at;
  return `line ${line + 1} was\n  ${before[line] ?? '(none)'}\nand is\n  ${now[line] ?? '(none)'}`;
}

/**
 * Runs a recorded guest again until its log ends. The failure is reproduced where the console says
 * the same, byte for byte: every time stamp and address included.
 * @param echo is given the console as it is printed
 */
export async function replay(recording: Kept, echo: (text: string) => void): Promise<Outcome> {
  const { tools, hardware, log, console, meta } = recording;
  const machine = await Machine.start(tools, hardware, { tape: { mode: 'replay', log }, echo });
  let stopped: string | undefined;
  try {
    stopped = await toTheEnd(machine);
  } finally {
    await machine.stop();
  }
  const again = machine.console();
  if (!stopped && again === console) return { reproduced: true, message: `reproduced: ${meta.failure}` };
  const why = [stopped, machine.errors(), again === console ? undefined : difference(console, again)];
  return { reproduced: false, message: ['not reproduced', ...why.filter(Boolean)].join(': ') };
}
