/** What a kernel that checks itself says when it is asked: a debug kernel, see vm-images/kernels/debug.config. */
import type { BootedGuest } from './guest.js';

const KMEMLEAK = '/sys/kernel/debug/kmemleak';

/**
 * Which of its checks are off: lockdep and KASAN say nothing any more once they have found something,
 * and lockdep nothing once its tables are full, so silence alone is no proof.
 */
export async function checksOff(guest: BootedGuest): Promise<string[]> {
  const { stdout } = await guest.exec(
    `grep debug_locks: /proc/lockdep_stats; head -c 0 ${KMEMLEAK} 2>&1 && echo kmemleak is on`,
  );
  return [
    ...(/debug_locks: +1$/m.test(stdout) ? [] : ['lockdep is off']),
    ...(stdout.includes('kmemleak is on') ? [] : ['kmemleak is off']),
  ];
}

/** What kmemleak finds, a report each: memory that nothing in the kernel points to. */
export async function leaks(guest: BootedGuest): Promise<string[]> {
  const scan = `echo scan >${KMEMLEAK}`;
  // Reported is what two scans have found, unchanged in between, and is at least five seconds old.
  await guest.sh(`${scan} && sleep 5 && ${scan}`, { timeoutMs: 120_000 });
  return (await guest.sh(`cat ${KMEMLEAK}`)).split(/^(?=unreferenced object)/m).filter(Boolean);
}
