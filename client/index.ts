/** swarm-guard: the interface of /proc/swarm, as schemas and types, with what parses it. */
export { answer, parseAnswer } from './abi/answer.js';
export type { Answer } from './abi/answer.js';
export { ATTACH_ERRORS, ERRORS, SPAWN_ERRORS, UPDATE_ERRORS } from './abi/errors.js';
export { eventLine, parseEvent } from './abi/event.js';
export type { SwarmEvent } from './abi/event.js';
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
export {
  DEFAULT_CAPABILITIES,
  DEFAULT_DEVICES,
  agentId,
  attachRequest,
  createRequest,
  updateRequest,
} from './abi/request.js';
export type { AgentRequest, UpdateRequest } from './abi/request.js';
export { parseEvents } from './events.js';
export { parseInspection } from './inspect.js';
export { checkRequest, checkRequests, position } from './policy/check.js';
export type { Checked, CheckOptions, OrderFile, Refusal } from './policy/check.js';
