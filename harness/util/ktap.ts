/** Results of tests by name, from KTAP (the kernel's form of TAP), and how two lists of them differ. */

/** The outcome of a test; `missing` if only another list has it. */
export type Outcome = 'ok' | 'not ok' | 'skip' | 'xfail' | 'missing';

/** Outcomes by the names of tests; a subtest's name begins with its test's. */
export type Results = ReadonlyMap<string, Outcome>;

const RESULT = /^(not ok|ok)\b(?: (\d+))?(?: -)?[ \t]*(.*)$/;
const TEST = /^# selftests: (\S+): (\S+)$/;
const DIRECTIVE = /\s*#\s*(SKIP|XFAIL|TODO)\b.*$/i;

/** The part of a result's description that is the same in every run. */
function stable(description: string): string {
  return description
    .replace(DIRECTIVE, '')
    .replace(/\s*#.*$/, '')
    .replace(/0x[0-9a-f]+/gi, '0x…')
    .replace(/\d{3,}/g, '…')
    .trim();
}

function outcome(word: string, description: string): Outcome {
  const directive = DIRECTIVE.exec(description)?.[1]?.toLowerCase();
  if (directive === 'skip') return 'skip';
  if (directive === 'xfail' || directive === 'todo') return 'xfail';
  return word === 'ok' ? 'ok' : 'not ok';
}

/**
 * Reads what run_kselftest.sh prints: each test's line, and before it those of its subtests behind `# `.
 * A name that a test uses again is numbered.
 */
export function parseKtap(text: string): Map<string, Outcome> {
  const results = new Map<string, Outcome>();
  const add = (name: string, value: Outcome) => {
    let unique = name;
    for (let n = 2; results.has(unique); n++) unique = `${name} (${n})`;
    results.set(unique, value);
  };
  let test = '';
  for (const line of text.split('\n')) {
    const begin = TEST.exec(line);
    if (begin) {
      test = `${begin[1] ?? ''}:${begin[2] ?? ''}`;
      continue;
    }
    const nested = /^#[ #]*(.*)$/.exec(line)?.[1];
    const [, word, number, description = ''] = RESULT.exec(nested ?? line) ?? [];
    if (word === undefined) continue;
    if (nested === undefined) {
      const own = /^selftests: (\S+): (\S+)/.exec(description);
      add(own ? `${own[1] ?? ''}:${own[2] ?? ''}` : stable(description), outcome(word, description));
    } else {
      add(`${test} › ${stable(description) || (number ?? '')}`, outcome(word, description));
    }
  }
  return results;
}

/** The outcomes of a test that varied, without something and with it. */
export interface Varying {
  /** Its name. */
  readonly name: string;
  /** Its outcomes in the runs without something. */
  readonly without: readonly Outcome[];
  /** Its outcomes in the runs with it. */
  readonly withIt: readonly Outcome[];
}

/** The differences between runs without something and runs with it. */
export interface Comparison {
  /** Goes otherwise with it, as far as these runs tell. */
  readonly changed: Varying[];
  /** Varies by itself, or not more with it than chance explains. */
  readonly flaky: Varying[];
}

/**
 * The probability below which chance alone does not explain a difference. A pair of lists holds some hundreds of
 * tests that never vary, of which none is judged by it, and a dozen that do.
 */
const CHANCE = 0.01;

/**
 * The probability that, of all runs that went otherwise than is usual without, at least as many fall to
 * the runs with it by chance: Fisher's exact test, one-sided (R. A. Fisher, 1935).
 */
export function chance({ without, withIt }: Varying): number {
  const count = (of: Outcome) => without.filter((each) => each === of).length;
  const usual = [...new Set(without)].sort((a, b) => count(b) - count(a))[0];
  const odd = (runs: readonly Outcome[]) => runs.filter((each) => each !== usual).length;
  const [n, m] = [without.length, withIt.length];
  const all = odd(without) + odd(withIt);
  const choose = (of: number, k: number): number => (k === 0 ? 1 : (choose(of - 1, k - 1) * of) / k);
  let probability = 0;
  for (let k = odd(withIt); k <= Math.min(m, all); k++)
    probability += (choose(m, k) * (all - k <= n ? choose(n, all - k) : 0)) / choose(n + m, all);
  return probability;
}

/** Once is not often enough to tell; always or never is, and the rest is for statistics. */
function isChange(varying: Varying): boolean {
  const { without, withIt } = varying;
  return !withIt.some((each) => without.includes(each)) || chance(varying) < CHANCE;
}

/**
 * Compares runs without something with runs with it. A test is changed where it never went with it as it
 * went without it, or where it goes otherwise more often than by chance. Few runs tell little: what is
 * changed after one is to be repeated.
 */
export function compare(without: readonly Results[], withIt: readonly Results[]): Comparison {
  const names = new Set([...without, ...withIt].flatMap((results) => [...results.keys()]));
  const outcomes = (runs: readonly Results[], name: string) =>
    runs.map((results) => results.get(name) ?? ('missing' as const));
  const varying = [...names]
    .sort()
    .map((name) => ({ name, without: outcomes(without, name), withIt: outcomes(withIt, name) }))
    .filter((each) => new Set([...each.without, ...each.withIt]).size > 1);
  return {
    changed: varying.filter(isChange),
    flaky: varying.filter((each) => !isChange(each)),
  };
}

/** A count of each outcome, for people. */
export function summary(results: Results): string {
  const counts = new Map<Outcome, number>();
  for (const value of results.values()) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].map(([value, count]) => `${count} ${value}`).join(', ');
}
