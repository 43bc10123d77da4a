/** The file of --policy, looked at before options change it. */
import { readFileSync } from 'node:fs';
import type { AgentRequest } from '../abi/request.js';
import { SwarmError, systemError } from '../error.js';
import { checkRequest, checkRequests, position } from '../policy/check.js';

const isText = (value: unknown) => typeof value === 'string';
const isFlag = (value: unknown) => typeof value === 'boolean';
const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isList = (value: unknown) => Array.isArray(value) && value.every(isText);
const isListOrAll = (value: unknown) => value === 'all' || isList(value);

/** The kinds of value of the keys that options change or explain reads. */
const KINDS = new Map<string, (value: unknown) => boolean>(
  Object.entries({
    devices: isList,
    exec_paths: isList,
    sockets: isListOrAll,
    capabilities: isListOrAll,
    syscalls: (value) => isObject(value) && Object.values(value).every(isText),
    namespace_flags: Number.isInteger,
    name: isText,
    network: isText,
    unlisted: isText,
    persist: isFlag,
    privileged: isFlag,
    core: isFlag,
  }),
);

/** More CPUs than any machine has: the policy may be for another machine than this one. */
const ANY_CPUS = 1 << 16;

/** The refusal of a file by the policy core, with its place in the file; undefined if the core takes it. */
function refusalOf(path: string, bytes: Uint8Array): SwarmError | undefined {
  const refusal = checkRequest('create', bytes, { cpus: ANY_CPUS });
  if (!refusal) return undefined;
  // The refusal's offset counts from the object.
  const start = checkRequests('create', bytes, { cpus: ANY_CPUS })[0]?.offset ?? 0;
  const { line, column } = position(bytes, start + refusal.offset);
  const key = refusal.field === '' ? '' : `${refusal.field}: `;
  return new SwarmError(refusal.error, `--policy ${path}:${line}:${column}: ${key}${refusal.message}`);
}

/** The place of a key that its object has had before, in a text that is JSON; undefined if there is none. */
function repeated(text: string): number | undefined {
  const open: (Set<string> | undefined)[] = [];
  for (const { 0: token, 1: key, index } of text.matchAll(
    /("(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[[\]{}]/g,
  )) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (key !== undefined) {
      const [keys, name] = [open.at(-1), String(JSON.parse(key))];
      if (keys?.has(name) === true) return index;
      keys?.add(name);
    }
  }
  return undefined;
}

/** @throws {SwarmError} for a key that is given twice: of its values only the last would be left. */
function parsed(path: string, bytes: Uint8Array): unknown {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const at = repeated(text);
  if (at === undefined) return value;
  const refusal = refusalOf(path, bytes);
  if (refusal?.message.endsWith('given twice') === true) throw refusal;
  // The core tells of another fault before it, which options may mend.
  const { line, column } = position(text, Buffer.byteLength(text.slice(0, at)));
  throw new SwarmError('EINVAL', `--policy ${path}:${line}:${column}: the key is given twice`);
}

/**
 * The object in a file. Faults between its keys are found later, with the whole request: options may mend them.
 * @throws {SwarmError} if the file cannot be read, is no JSON object, has a key twice, or a value is of another kind
 * than its key's.
 */
export function fileOf(path: string): Partial<AgentRequest> {
  const bytes = (() => {
    try {
      return readFileSync(path);
    } catch (error) {
      throw systemError(`--policy ${path}`, error);
    }
  })();
  const value = parsed(path, bytes);
  if (isObject(value) && Object.entries(value).every(([key, each]) => KINDS.get(key)?.(each) !== false))
    return value;
  const refusal = refusalOf(path, bytes);
  if (!refusal && isObject(value)) return value;
  throw refusal ?? new SwarmError('EINVAL', `--policy ${path}: a policy is an object in braces`);
}
