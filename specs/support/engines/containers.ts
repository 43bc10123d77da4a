/** Containers of swarm-runtime in a guest. */
import { expect } from '../expect.js';
import { onlyAgent } from '../guest.js';
import type { LoadedGuest } from '../loaded-guest.js';
import { makeBundle } from './guest.js';

/** Shell lines for a container: what it may not, with an answer. */
export const DENIED = 'unshare -u true 2>/dev/null || echo denied';

export const run = (guest: LoadedGuest, line: string) => guest.exec(line, { timeoutMs: 120_000 });

/** The name of the only agent. */
export const nameOfOnly = async (guest: LoadedGuest) =>
  (await guest.swarm.inspect((await onlyAgent(guest)).id)).name;

/** Creates and starts a container that sleeps; returns its bundle. */
export async function sleeping(guest: LoadedGuest, id: string): Promise<string> {
  const bundle = await makeBundle(guest, id, ['sleep', '1000']);
  await guest.sh(
    `cd ${bundle} && swarm-runtime create ${id} >/dev/null </dev/null && swarm-runtime start ${id}`,
  );
  return bundle;
}

export async function remove(guest: LoadedGuest, id: string): Promise<void> {
  await guest.sh(`swarm-runtime delete --force ${id}`);
  await expect(guest).toHaveActiveAgents(0);
}
