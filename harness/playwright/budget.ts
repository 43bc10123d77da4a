/** Budgets of instructions: what a call may cost, kept in a file of the project. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { BootedGuest } from '../guest/guest.js';
import { sha256 } from '../kernels/image.js';
import type { Kernel } from '../kernels/kernel.js';
import { harness } from '../util/config.js';
import { jsonLines } from '../util/json-lines.js';

const counted = z.strictObject({ least: z.number(), median: z.number() });

/** The cost of a call, in ticks of the time-stamp counter: instructions, in a guest of mode `counted`. */
export type Counted = z.infer<typeof counted>;

/** A call that is counted: a read of so many bytes, a write of a text, or an open. */
export type CountedCall =
  | readonly ['read', path: string, bytes: number]
  | readonly ['write', path: string, text: string]
  | readonly ['open', path: string];

/**
 * Counts what a system call costs.
 * @param guest of mode `counted`
 * @param runs how often it is made
 * @throws {GuestCommandError} if the call fails.
 */
export async function countCall(guest: BootedGuest, call: CountedCall, runs = 1000): Promise<Counted> {
  const text = await guest.sh(['count', `${runs}`, ...call.map(String)]);
  const [found] = jsonLines(text, counted);
  if (!found) throw new Error(`the program count printed no figures: ${text}`);
  return found;
}

/** Budgets by the first digits of the image's SHA-256, then by name: instructions. */
const budgets = z.record(z.string(), z.record(z.string(), z.number()));

const file = () => join(harness().root, 'budgets.json');

async function readBudgets(): Promise<z.infer<typeof budgets>> {
  return existsSync(file()) ? budgets.parse(JSON.parse(await readFile(file(), 'utf8'))) : {};
}

/** The part of its budget by which a cost may exceed it: counts are exact, but a compiler is not always the same. */
const TOLERANCE = 0.02;

/**
 * Holds a cost to its budget in budgets.json. With Playwright's `--update-snapshots` the cost becomes the budget.
 * @param name of the budget
 * @param instructions what was counted
 * @param update whether it becomes the budget
 * @returns what is wrong, or undefined if the budget is kept
 */
export async function overBudget(
  kernel: Kernel,
  name: string,
  instructions: number,
  update: boolean,
): Promise<string | undefined> {
  const image = (await sha256(kernel.image)).slice(0, 16);
  const all = await readBudgets();
  const budget = all[image]?.[name];
  if (update) {
    all[image] = { ...all[image], [name]: instructions };
    await writeFile(file(), `${JSON.stringify(all, null, 2)}\n`);
    return undefined;
  }
  if (budget === undefined)
    return `there is no budget "${name}" for ${kernel.release} in ${file()}; --update-snapshots records ${instructions} instructions`;
  if (instructions <= budget * (1 + TOLERANCE)) return undefined;
  return `"${name}" costs ${instructions} instructions on ${kernel.release}, above its budget of ${budget}; if that is meant, --update-snapshots records it`;
}
