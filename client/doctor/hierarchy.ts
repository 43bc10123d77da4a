/** The hierarchy of cgroup v2, as far as this process sees it. */
import { PARAMETERS } from '../abi/parameters.js';
import { numberIn, parameter } from './facts.js';
import type { Facts } from './facts.js';

/** The mount of cgroup v2: its directory, and the options of the hierarchy; undefined if it is not mounted. */
export function mount(facts: Facts): { point: string; options: readonly string[] } | undefined {
  // `29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate`: proc_pid_mountinfo(5).
  for (const line of (facts.read('/proc/self/mountinfo') ?? '').split('\n')) {
    const [before = '', behind = ''] = line.split(' - ', 2);
    const [type, , options = ''] = behind.split(' ');
    const point = before.split(' ')[4];
    if (type === 'cgroup2' && point !== undefined) return { point, options: options.split(',') };
  }
  return undefined;
}

/** The directory where cgroup v2 is mounted; undefined if it is not. */
export const mountPoint = (facts: Facts): string | undefined => mount(facts)?.point;

/** The cgroup that agents' cgroups are below, as the parameter has it. */
export function parent(facts: Facts): string {
  return parameter(facts, 'cgroup_parent', PARAMETERS.cgroup_parent.default);
}

/** A cgroup and those above it, but for the root: `a/b` and `a`. */
export function upwards(path: string): string[] {
  const names = path.split('/').filter(Boolean);
  return names.map((_, index) => names.slice(0, names.length - index).join('/'));
}

/** The cgroup of this process; empty at the root. */
export function own(facts: Facts): string {
  return /^0::\/(.*)$/m.exec(facts.read('/proc/self/cgroup') ?? '')?.[1] ?? '';
}

/** The room that the limits of a cgroup and of its ancestors leave. */
export interface Room {
  /** The file that leaves the least room, from the root of cgroup v2. */
  readonly file: string;
  readonly left: number;
}

/**
 * The least room that a limit leaves in a cgroup and in those above it; undefined if none limits.
 * @param limit the file of the limit: pids.max
 * @param used how much of it a cgroup uses
 */
export function room(
  facts: Facts,
  cgroup: string,
  limit: string,
  used: (directory: string) => number,
): Room | undefined {
  const mount = mountPoint(facts);
  if (mount === undefined) return undefined;
  const rooms = upwards(cgroup).flatMap((name) => {
    const most = numberIn(facts, `${mount}/${name}/${limit}`);
    return most === undefined
      ? []
      : [{ file: `${name}/${limit}`, left: Math.max(0, most - used(`${mount}/${name}`)) }];
  });
  return rooms.reduce<Room | undefined>(
    (least, each) => (least && least.left <= each.left ? least : each),
    undefined,
  );
}
