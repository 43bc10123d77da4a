/** Orders about very many processes, and the grace periods of RCU that the whole kernel waits for meanwhile. */
import { z } from 'zod';
import { quoted } from '../../client/client.js';
import { expect } from './expect.js';
import type { LoadedGuest } from './loaded-guest.js';
import { uploadRival } from './moments.js';
import type { Stage } from './stage.js';

/** Milliseconds that an order and the longest grace period meanwhile took. */
const took = z.object({ order: z.number(), grace: z.number() });

/**
 * Gives an order that visits each process of an agent, and expects grace periods to end while it is carried out.
 * @param visit the kernel's function that the module calls for each process, which takes a millisecond more here
 * @param file below /proc/swarm
 * @param least processes, so that the order takes so many milliseconds at least
 */
export async function expectPatience(
  guest: LoadedGuest,
  stage: Stage,
  order: { visit: string; file: string; text: string; least: number },
): Promise<void> {
  await uploadRival(guest, stage, 'swarm_delay.ko');
  await guest.sh(`insmod /root/swarm_delay.ko function=${order.visit} comm=handed ms=1`);
  const printed = await guest.sh(`handed patience /proc/swarm/${order.file} ${quoted(order.text)}`, {
    timeoutMs: 120_000,
  });
  await guest.sh('rmmod swarm_delay');
  const times = took.parse(JSON.parse(printed));
  expect(times.order, printed).toBeGreaterThanOrEqual(order.least);
  // If all of it were one RCU read section, a grace period would take as long as that.
  expect(times.grace, printed).toBeLessThan(times.order / 2);
}
