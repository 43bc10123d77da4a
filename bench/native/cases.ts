/** The calls of the policy core whose cost is measured. */

/** Numbers of the core: type, major, minor and access. */
type Device = readonly [number, number, number, number];

/** A call: parsing an object, or asking the rules of an object about a device. */
export interface Case {
  readonly name: string;
  readonly object: string;
  readonly device?: Device;
}

const FULL = {
  ...{ memory_limit: 268435456, cpu_quota: 25, pids_limit: 100, namespace_flags: 127, spawn: true },
  ...{ name: 'worker-17', syscalls: { execve: 'deny', fork: 'audit', thread: 'kill' } },
  exec_paths: ['/usr/bin/', '/srv/agent'],
  devices: Array.from({ length: 16 }, (_, index) => `c ${index + 1}:3 rw`),
};
const full = JSON.stringify(FULL);
const rules = JSON.stringify({ devices: FULL.devices });

const CHARACTER = 2;
const READ = 2;
const device = (major: number) => [CHARACTER, major, 3, READ] as const;

/** Every case, in the order of the tables. */
export const CASES: readonly Case[] = [
  { name: 'parse {}', object: '{}' },
  { name: `parse every key, 16 devices (${full.length} bytes)`, object: full },
  { name: 'parse what is refused', object: '{"cpu_quota":-1}' },
  { name: 'device allowed by the first of 16 rules', object: rules, device: device(1) },
  { name: 'device allowed by the last of 16 rules', object: rules, device: device(16) },
  { name: 'device denied by 16 rules', object: rules, device: device(99) },
];
