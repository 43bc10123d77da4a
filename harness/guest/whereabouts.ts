/** Finds out what a machine is doing that seems to do nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Qmp } from './qmp.js';

/** QEMU answers at once, or hangs itself. */
const ANSWER_MS = 5_000;

const runState = z.object({ status: z.string() });

/** The next instruction of each CPU in QEMU's `info registers -a`, and whether it waits for an interrupt. */
function cpus(registers: string): string[] {
  return registers.split(/^CPU#/m).flatMap((text) => {
    const [, number] = /^(\d+)/.exec(text) ?? [];
    const [, at] = /\b(?:RIP|EIP|PC)=([0-9a-f]+)/.exec(text) ?? [];
    if (number === undefined || at === undefined) return [];
    return [`CPU ${number} ${/\bHLT=1/.test(text) ? 'waits' : 'is'} at 0x${at}`];
  });
}

async function look(qmp: Qmp): Promise<string> {
  const { status } = runState.parse(await qmp.command('query-status'));
  return [`QEMU says ${status}`, ...cpus(await qmp.monitor('info registers -a'))].join(', ');
}

/**
 * Says in a few words whether a machine runs, and where each of its CPUs is; never fails.
 * @param qmp its control socket
 */
export async function whereabouts(qmp: Qmp): Promise<string> {
  const late = new AbortController();
  const silence = sleep(ANSWER_MS, `QEMU has not answered for ${ANSWER_MS / 1000} s`, {
    signal: late.signal,
  });
  try {
    return await Promise.race([look(qmp), silence]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    late.abort();
  }
}
