/** Running the kernel's own tests, and stress-ng, in a guest. */
import { buildSelftests } from '../build/selftests.js';
import type { Kernel } from '../kernels/kernel.js';
import { parseKtap } from '../util/ktap.js';
import type { Outcome } from '../util/ktap.js';
import type { BootedGuest } from './guest.js';

/** The packages that the guest needs beyond the usual. */
export const SELFTEST_PACKAGES = ['tar', 'gzip', 'stress-ng'];

const DIR = '/root/selftests';

/**
 * Copies the kernel's own tests into a guest.
 * @param collections directories of tools/testing/selftests, such as `seccomp`
 */
export async function installSelftests(
  guest: BootedGuest,
  { arch }: Kernel,
  collections: readonly string[],
): Promise<void> {
  await guest.upload(await buildSelftests(arch, collections), `${DIR}.tar.gz`);
  await guest.sh(`tar -C /root -xzf ${DIR}.tar.gz && rm ${DIR}.tar.gz`, { timeoutMs: 120_000 });
}

/** The tests there are, as `collection:test`. */
export async function listSelftests(guest: BootedGuest): Promise<string[]> {
  // The makefiles' remarks are in that file too.
  const lines = (await guest.sh(`cat ${DIR}/kselftest-list.txt`)).split('\n');
  return lines.filter((line) => /^\w+:\S+$/.test(line));
}

/** The shell line that runs tests with the kernel's own runner, each for so many seconds at most. */
export function selftestsLine(tests: readonly string[], seconds: number): string {
  const options = tests.map((name) => `-t ${name}`).join(' ');
  // The runner appends to its own standard output by name, which has to be a pipe.
  return `cd ${DIR} && ./run_kselftest.sh -f -o ${seconds} ${options} 2>&1 </dev/null | cat`;
}

/**
 * Runs tests, one after the other, each for so many seconds at most.
 * @throws if one of them has no result.
 */
export async function runSelftests(
  guest: BootedGuest,
  tests: readonly string[],
  seconds: number,
): Promise<Map<string, Outcome>> {
  if (tests.length === 0) return new Map();
  const { stdout } = await guest.exec(selftestsLine(tests, seconds), {
    timeoutMs: (seconds + 10) * tests.length * 1000,
  });
  const results = parseKtap(stdout);
  const silent = tests.filter((name) => !results.has(name));
  if (silent.length > 0) throw new Error(`no result of ${silent.join(' ')}:\n${stdout.slice(-4000)}`);
  return results;
}

/** The words for stressors in what stress-ng prints at its end. */
const STRESS: Record<string, Outcome> = { passed: 'ok', failed: 'not ok', skipped: 'skip' };

/** Stressors that refuse to run as root. */
const NOT_AS_ROOT = new Set(['exec', 'spawn']);

function parseStress(text: string): Map<string, Outcome> {
  const results = new Map<string, Outcome>();
  for (const [, word = '', list = ''] of text.matchAll(
    /^stress-ng: \w+: +\[\d+\] (passed|failed|skipped): \d+: (.*)$/gm,
  )) {
    for (const [, name = ''] of list.matchAll(/(\S+) \(\d+\)/g))
      results.set(`stress-ng:${name}`, STRESS[word] ?? 'not ok');
  }
  return results;
}

/**
 * Runs stress-ng's stressors at once, each until it has done so many operations.
 * @param stressors names and operations
 */
export async function runStressors(
  guest: BootedGuest,
  stressors: Readonly<Record<string, number>>,
): Promise<Map<string, Outcome>> {
  const results = new Map<string, Outcome>();
  const names = Object.keys(stressors);
  const groups = [
    { names: names.filter((name) => !NOT_AS_ROOT.has(name)), as: '' },
    {
      names: names.filter((name) => NOT_AS_ROOT.has(name)),
      as: 'setpriv --reuid 65534 --regid 65534 --clear-groups',
    },
  ];
  for (const { names, as } of groups.filter((group) => group.names.length > 0)) {
    const options = names.map((name) => `--${name} 1 --${name}-ops ${stressors[name] ?? 1}`).join(' ');
    const { stdout, stderr } = await guest.exec(
      `cd /tmp && ${as} stress-ng --timeout 200 --verify --oom-avoid --no-rand-seed --mmap-bytes 1M --exec-max 4 ${options} </dev/null`,
      { timeoutMs: 300_000 },
    );
    const found = parseStress(stdout + stderr);
    for (const name of names) {
      const outcome = found.get(`stress-ng:${name}`);
      if (!outcome) throw new Error(`stress-ng does not say how ${name} went:\n${stdout}${stderr}`);
      results.set(`stress-ng:${name}`, outcome);
    }
  }
  return results;
}
