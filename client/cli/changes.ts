/** The limits and rules that options of swarmctl change. */
import { DEFAULT_DEVICES } from '../abi/defaults.js';
import type { AgentRequest } from '../abi/request.js';
import type { PolicyOptions } from './policy.js';

/** Rules of an agent that runs: what `update` may change. */
export function changes(options: PolicyOptions): Partial<AgentRequest> {
  const { memory, cpus: quota, pidsLimit, device: devices, sockets, syscall, execPath, unlisted } = options;
  return {
    ...(memory === undefined ? {} : { memory_limit: memory }),
    ...(quota === undefined ? {} : { cpu_quota: quota }),
    ...(pidsLimit === undefined ? {} : { pids_limit: pidsLimit }),
    ...(devices === undefined ? {} : { devices: [...Object.values(DEFAULT_DEVICES), ...devices] }),
    ...(sockets === undefined ? {} : { sockets: sockets.includes('all') ? 'all' : [...sockets] }),
    ...(syscall === undefined ? {} : { syscalls: syscall }),
    ...(execPath === undefined ? {} : { exec_paths: [...execPath] }),
    ...(unlisted === undefined ? {} : { unlisted }),
  };
}
