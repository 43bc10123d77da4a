/** Sending a signal to an agent's first process. */
import { closeSync } from 'node:fs';
import { SwarmError, codeOf, systemError } from './error.js';
import { openProcess, signal as send } from './native/launcher.js';
import { signalNumber } from './signals.js';
import type { CallOptions, Swarm } from './swarm.js';

/**
 * The oldest process of an agent that has executed its program.
 * @throws {SwarmError} ESRCH if there is none.
 */
async function firstOf(swarm: Swarm, id: number, options: CallOptions = {}): Promise<number> {
  const { members, joining } = await swarm.inspect(id, options);
  const pid = members.find((member) => !joining.includes(member));
  if (pid !== undefined) return pid;
  throw new SwarmError('ESRCH', `agent ${id} has no process`, {
    field: 'id',
    hint: 'spawn() with its id gives it a first process',
  });
}

/**
 * Sends a signal to the first process of an agent of this machine, and to no other: the process is opened, and
 * then looked for among the agent's once more, because its number may have become another's in between.
 * @throws {SwarmError} EINVAL if there is no such signal, ESRCH if there is no such process.
 */
export async function killFirst(
  swarm: Swarm,
  id: number,
  signal: NodeJS.Signals | number,
  options: CallOptions,
): Promise<void> {
  const number = signalNumber(signal);
  const pid = await firstOf(swarm, id, options);
  const gone = new SwarmError('ESRCH', `process ${pid} of agent ${id} has exited meanwhile`);
  let pidfd: number;
  try {
    pidfd = openProcess(pid);
  } catch (error) {
    throw codeOf(error) === 'ESRCH' ? gone : systemError(`process ${pid}`, error);
  }
  try {
    const { members } = await swarm.inspect(id, options);
    if (!members.includes(pid)) throw gone;
    send(pidfd, number);
  } catch (error) {
    throw codeOf(error) === 'ESRCH' ? gone : systemError(`process ${pid}`, error);
  } finally {
    closeSync(pidfd);
  }
}
