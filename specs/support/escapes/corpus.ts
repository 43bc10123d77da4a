/** Every attempt, in the order of the table. */
import type { Attempt } from './attempt.js';
import { devices } from './devices.js';
import { filesystems } from './filesystems.js';
import { kernel } from './kernel.js';
import { namespaces } from './namespaces.js';
import { processes } from './processes.js';
import { programs } from './programs.js';
import { resources } from './resources.js';
import { terminals } from './terminals.js';

/** Groups of attempts, as the table has them. */
export const CORPUS: Readonly<Record<string, readonly Attempt[]>> = {
  'Namespaces, cgroups and mounts': namespaces,
  'File systems that are mounted inside': filesystems,
  'Devices and files': devices,
  'Programs, with exec_paths': programs,
  'Processes outside, and descendants': processes,
  Terminals: terminals,
  'Privileges and resources': resources,
  'Sockets, helpers of the kernel, other entries': kernel,
};

/** All of them. */
export const ATTEMPTS: readonly Attempt[] = Object.values(CORPUS).flat();
