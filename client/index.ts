/**
 * Agents from TypeScript, and the interface of /proc/swarm as schemas and types. {@link SwarmGuard.open} is where a
 * program begins; docs/abi describes the objects and files of the kernel.
 *
 * @packageDocumentation
 */
export { agentId } from './abi/agent.js';
export { answer, parseAnswer } from './abi/answer.js';
export type { Answer } from './abi/answer.js';
export { DEFAULT_CAPABILITIES, DEFAULT_DEVICES } from './abi/defaults.js';
export { ATTACH_ERRORS, ERRORS, SPAWN_ERRORS, UPDATE_ERRORS } from './abi/errors.js';
export { eventLine, parseEvent } from './abi/event.js';
export type { OtherEvent, SwarmEvent } from './abi/event.js';
export { FILES } from './abi/files.js';
export { inspection } from './abi/inspection.js';
export type { Inspection } from './abi/inspection.js';
export { SCHEMAS, jsonSchema } from './abi/json-schema.js';
export * from './abi/limits.js';
export { parseAgentLine, parseStatus } from './abi/listing.js';
export type { AgentLine, Status } from './abi/listing.js';
export { METRICS, TRACEPOINTS } from './abi/metrics.js';
export {
  ACTIONS,
  CAPABILITIES,
  EVENTS,
  FREEZES,
  KINDS,
  NAMESPACES,
  NETWORKS,
  ORIGINS,
  OUTCOMES,
  PROPAGATIONS,
  REASONS,
  STATES,
  SYSCALLS,
  bitOf,
} from './abi/names.js';
export type { Action, Capability, EventName, Kind, Namespace, Syscall } from './abi/names.js';
export { PARAMETERS } from './abi/parameters.js';
export { attachRequest, createRequest, updateRequest } from './abi/request.js';
export type { AgentRequest, UpdateRequest } from './abi/request.js';
export { parseEvents } from './events.js';
export { parseInspection } from './inspect.js';
export { checkRequest, checkRequests, position } from './policy/check.js';
export type { Checked, CheckOptions, OrderFile, Refusal } from './policy/check.js';
export { SwarmError } from './error.js';
export type { SwarmErrorDetails } from './error.js';
export type { EventOptions } from './files/events.js';
export type { Located, Wanted } from './files/locate.js';
export { SwarmGuard } from './guard.js';
export type { OpenOptions } from './guard.js';
export type { AgentEnd, AgentHandle, AgentProcess, Started, Terminal, TerminalSize } from './process.js';
export type { ConnectOptions } from './remote/ssh.js';
export type { RootSpec } from './native/launcher.js';
export type { SpawnOptions } from './spawn.js';
export type { Stdio, StdioOptions } from './stdio.js';
export type { CallOptions, CreateRequest, Created, Swarm, Target } from './swarm.js';
