/** Asks a kernel that checks itself for its findings: see the fragments of its configuration in vm-images/kernels. */
import type { Checks } from '../kernels/catalogue.js';
import type { BootedGuest } from './guest.js';

const KMEMLEAK = '/sys/kernel/debug/kmemleak';

/** A question, and what the answer contains unless the check is off. */
const ASKED: Record<Checks, { command: string; on: Readonly<Record<string, RegExp>> }> = {
  debug: {
    command: `grep debug_locks: /proc/lockdep_stats; head -c 0 ${KMEMLEAK} 2>&1 && echo kmemleak is on`,
    on: { lockdep: /debug_locks: +1$/m, kmemleak: /kmemleak is on/ },
  },
  kcsan: { command: 'cat /sys/kernel/debug/kcsan', on: { KCSAN: /^enabled: 1$/m } },
};

/**
 * The checks of a kernel that are off: lockdep and KASAN say nothing any more once they have found
 * something, and lockdep nothing once its tables are full, so silence alone is no proof.
 * @param checks what it looks for
 */
export async function checksOff(guest: BootedGuest, checks: Checks): Promise<string[]> {
  const { command, on } = ASKED[checks];
  const { stdout } = await guest.exec(command);
  return Object.entries(on).flatMap(([name, answer]) => (answer.test(stdout) ? [] : [`${name} is off`]));
}

/** The reports of kmemleak: memory that nothing in the kernel points to. */
export async function leaks(guest: BootedGuest): Promise<string[]> {
  const scan = `echo scan >${KMEMLEAK}`;
  // Reported is what two scans have found, unchanged in between, and is at least five seconds old.
  await guest.sh(`${scan} && sleep 5 && ${scan}`, { timeoutMs: 120_000 });
  return (await guest.sh(`cat ${KMEMLEAK}`)).split(/^(?=unreferenced object)/m).filter(Boolean);
}
