/** The policy that the options of swarmctl make for a new agent. */
import { DEFAULT_CAPABILITIES, NAMESPACES_DEFAULT } from '../abi/defaults.js';
import { CAPABILITIES, bitOf, namesOf } from '../abi/names.js';
import type { Capability } from '../abi/names.js';
import type { AgentRequest } from '../abi/request.js';
import { SwarmError } from '../error.js';
import { fileOf } from './policy-file.js';
import { changes } from './changes.js';
import type { PolicyOptions } from './policy.js';
import { DIGITS } from './values.js';

function cut(
  before: AgentRequest['capabilities'],
  add: readonly (Capability | 'all')[],
  drop: readonly (Capability | 'all')[],
): AgentRequest['capabilities'] {
  if (add.includes('all') && drop.length === 0) return 'all';
  const all = namesOf(CAPABILITIES);
  const start = add.includes('all') || before === 'all' ? all : [...(before ?? DEFAULT_CAPABILITIES)];
  const kept = drop.includes('all') ? [] : start.filter((name) => !drop.includes(name));
  const named = add.filter((name) => name !== 'all');
  return [...new Set([...kept, ...named])];
}

/**
 * A policy with the network that --network asks for.
 * @param named whether the command line names sockets: those of a file are left out if the agent cannot have them
 */
function withNetwork(
  policy: Partial<AgentRequest>,
  network: PolicyOptions['network'],
  named: boolean,
): Partial<AgentRequest> {
  if (network === undefined) return policy;
  const flags = policy.namespace_flags ?? NAMESPACES_DEFAULT;
  const changed = { ...policy };
  delete changed.network;
  if (network === 'host') return { ...changed, namespace_flags: flags & ~bitOf('net') };
  if (network === 'none' && !named && changed.sockets?.length !== 0) delete changed.sockets;
  return { ...changed, network, namespace_flags: flags | bitOf('net') };
}

/**
 * The policy of a new agent.
 * @throws {SwarmError} if the file of --policy is none (see {@link fileOf}), or names the agent by digits alone. What
 * else a policy says is checked later.
 */
export function policyOf(options: PolicyOptions): Partial<AgentRequest> {
  const base = options.policy === undefined ? {} : fileOf(options.policy);
  const { capAdd = [], capDrop = [], network, name, hostname, persist, rm, privileged } = options;
  const made = changes(options);
  if (base.devices && options.device) made.devices = [...base.devices, ...options.device];
  if (base.syscalls && made.syscalls) made.syscalls = { ...base.syscalls, ...made.syscalls };
  const policy = {
    ...base,
    ...made,
    ...(capAdd.length + capDrop.length === 0
      ? {}
      : { capabilities: cut(base.capabilities, capAdd, capDrop) }),
    ...(name === undefined ? {} : { name }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(persist === true ? { persist } : {}),
    ...(rm === true ? { persist: false } : {}),
    ...(privileged === true ? { privileged } : {}),
  };
  if (/^\d+$/.test(policy.name ?? ''))
    throw new SwarmError('EINVAL', `--policy ${options.policy ?? ''}: name: ${DIGITS}`);
  return withNetwork(policy, network, made.sockets !== undefined);
}
