/** Lists of a policy, and what is added to them. */
import { DEVICES_MAX, EXEC_PATHS_MAX, SOCKETS_MAX } from '../abi/limits.js';

/** A list that allows what was asked for, and what had to be widened for it to have room. */
export interface Merged<T> {
  readonly list: T;
  readonly notes: readonly string[];
}

const ACCESSES = ['r', 'w', 'm'];

/** Joins the accesses of rules with the same key; the order is that of the first of each. */
function joined(rules: readonly string[], key: (rule: string) => string): string[] {
  const accesses = new Map<string, Set<string>>();
  for (const rule of rules) {
    const access = rule.split(' ')[2] ?? '';
    const known = accesses.get(key(rule)) ?? new Set<string>();
    for (const each of access) known.add(each);
    accesses.set(key(rule), known);
  }
  return [...accesses].map(([name, set]) => {
    const access = ACCESSES.filter((each) => set.has(each)).join('');
    return access === '' ? name : `${name} ${access}`;
  });
}

/** The type and numbers of a rule on devices: `c 1:3`. */
function numbersOf(rule: string): string {
  return rule.split(' ').slice(0, 2).join(' ');
}

/** The same for every minor number: `c 1:*`. */
function majorOf(rule: string): string {
  return numbersOf(rule).replace(/:.*$/, ':*');
}

/** Does a rule of a list allow a device by its numbers alone, or all of its major's? */
function allows(list: readonly string[], rule: string): boolean {
  const [type = '', numbers = '', wanted = ''] = rule.split(' ');
  const major = numbers.split(':')[0] ?? '';
  const missing = new Set(wanted);
  for (const each of list) {
    const [kind = '', pattern = '', access = 'rwm'] = each.split(' ');
    if (each !== 'a') {
      const [ma, mi] = pattern.split(':');
      if (kind !== 'a' && kind !== type) continue;
      if (ma !== '*' && ma !== major) continue;
      if (mi !== '*' && pattern !== numbers) continue;
    }
    for (const one of access) missing.delete(one);
  }
  return missing.size === 0;
}

/**
 * Rules on devices: those that there are, and those that are missing. The accesses of one device are joined.
 * @param before the rules of the policy
 * @param wanted as events tell them, `c 1:11 r`
 */
export function mergeDevices(before: readonly string[], wanted: readonly string[]): Merged<string[]> {
  const missing = wanted.filter((rule) => !allows(before, rule));
  if (missing.length === 0) return { list: [...before], notes: [] };
  const list = joined([...before, ...missing], numbersOf);
  if (list.length <= DEVICES_MAX) return { list, notes: [] };
  const added = joined(missing, majorOf);
  const wide = joined([...before, ...added], numbersOf);
  if (wide.length <= DEVICES_MAX)
    return {
      list: wide,
      notes: [`a policy has at most ${DEVICES_MAX} rules on devices, so whole major numbers are allowed`],
    };
  return {
    list: ['a'],
    notes: [`a policy has at most ${DEVICES_MAX} rules on devices, and more are needed: all are allowed`],
  };
}

const specific = (list: readonly string[]) => list.filter((entry) => entry.includes('/'));

/** Entries of `sockets`: those that there are, and those that are missing. */
export function mergeSockets(
  before: 'all' | readonly string[],
  wanted: readonly string[],
): Merged<'all' | string[]> {
  if (before === 'all') return { list: 'all', notes: [] };
  const covered = (entry: string) =>
    before.includes(entry) || (!/^inet6?\//.test(entry) && before.includes(entry.split('/')[0] ?? ''));
  const list = [...new Set([...before, ...wanted.filter((entry) => !covered(entry))])];
  if (specific(list).length <= SOCKETS_MAX) return { list, notes: [] };
  // inet and inet6 alone do not mean all of their protocols: docs/abi/create.md, "Sockets".
  const wide = [
    ...new Set(list.map((entry) => (/^inet6?\//.test(entry) ? entry : (entry.split('/')[0] ?? '')))),
  ];
  if (specific(wide).length <= SOCKETS_MAX)
    return {
      list: wide,
      notes: [`at most ${SOCKETS_MAX} entries of sockets may name a protocol, so whole families are allowed`],
    };
  return {
    list: 'all',
    notes: [
      `at most ${SOCKETS_MAX} entries of sockets may name a protocol, and more are needed: all are allowed`,
    ],
  };
}

/** The directory of a path, with a slash at its end. */
function parent(path: string): string {
  return path.replace(/[^/]+\/?$/, '');
}

/** Is a path listed, or in a tree that is? */
function lists(list: readonly string[], path: string): boolean {
  return list.some((each) => each === path || (each.endsWith('/') && path.startsWith(each)));
}

/** Without the paths that a tree of the list has. */
function pruned(list: readonly string[]): string[] {
  const unique = [...new Set(list)];
  return unique.filter(
    (path) =>
      !lists(
        unique.filter((other) => other !== path),
        path,
      ),
  );
}

/** Paths of `exec_paths`: those that there are, and those that are missing. */
export function mergePaths(before: readonly string[], wanted: readonly string[]): Merged<string[]> {
  let list = [...before, ...new Set(wanted.filter((path) => !lists(before, path)))];
  if (list.length <= EXEC_PATHS_MAX) return { list, notes: [] };
  while (list.length > EXEC_PATHS_MAX) {
    // The directory that most paths share; of those with as many, the deepest.
    const counts = new Map<string, number>();
    for (const path of list) counts.set(parent(path), (counts.get(parent(path)) ?? 0) + 1);
    const [tree] = [...counts].sort(([a, m], [b, n]) => n - m || b.length - a.length)[0] ?? [];
    if (tree === undefined || tree === '') break;
    list = pruned([...list, tree]);
  }
  return {
    list,
    notes: [`a policy has at most ${EXEC_PATHS_MAX} exec_paths, so whole directories are allowed`],
  };
}
