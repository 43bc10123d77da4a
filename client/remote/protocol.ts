/** The protocol between a client and `swarmctl serve` on another machine: JSON-RPC over standard input and output. */
import { NotificationType, RequestType, ResponseError } from 'vscode-jsonrpc/node';
import * as z from 'zod';
import { SwarmError } from '../error.js';

/** Calls with one answer. */
export const CALLS = [
  'create',
  'attach',
  'update',
  'freeze',
  'destroy',
  'kill',
  'inspect',
  'metrics',
  'status',
  'locate',
] as const;
/** Calls with many answers. */
export const ITERATORS = ['agents', 'events', 'inspectAll', 'createMany'] as const;

const callParams = z.object({ method: z.enum(CALLS), args: z.array(z.unknown()) });
const openParams = z.object({ method: z.enum(ITERATORS), args: z.array(z.unknown()) });
const handle = z.int().min(1);
const stream = z.enum(['stdout', 'stderr']);

/** The parameters of each message, checked where they arrive. */
export const PARAMS = {
  call: callParams,
  open: openParams,
  next: z.object({ handle }),
  close: z.object({ handle }),
  spawn: z.object({
    handle,
    agent: z.int().min(1).optional(),
    argv: z.array(z.string()),
    options: z.record(z.string(), z.unknown()),
  }),
  input: z.object({ handle, data: z.string() }),
  inputEnd: z.object({ handle }),
  kill: z.object({ handle, signal: z.union([z.string(), z.int()]) }),
  resize: z.object({ handle, rows: z.int(), columns: z.int() }),
  destroy: z.object({ handle }),
  started: z.object({ handle, id: z.int(), pid: z.int() }),
  output: z.object({ handle, stream, data: z.string() }),
  outputEnd: z.object({ handle, stream }),
  exited: z.object({ handle, end: z.record(z.string(), z.unknown()) }),
  ended: z.object({
    handle,
    end: z.record(z.string(), z.unknown()).optional(),
    error: z.record(z.string(), z.unknown()).optional(),
  }),
} as const;

type Params = { [K in keyof typeof PARAMS]: z.infer<(typeof PARAMS)[K]> };

const request = <K extends keyof Params, R>(name: K) => new RequestType<Params[K], R, unknown>(name);
const notification = <K extends keyof Params>(name: K) => new NotificationType<Params[K]>(name);

/** The messages. A request that carries data is answered when the data has been taken: that limits who sends. */
export const MESSAGES = {
  call: request<'call', unknown>('call'),
  open: request<'open', number>('open'),
  next: request<'next', { values: unknown[]; done: boolean }>('next'),
  close: request<'close', null>('close'),
  spawn: notification('spawn'),
  input: request<'input', null>('input'),
  inputEnd: notification('inputEnd'),
  kill: notification('kill'),
  resize: notification('resize'),
  destroy: request<'destroy', null>('destroy'),
  started: notification('started'),
  output: request<'output', null>('output'),
  outputEnd: notification('outputEnd'),
  /** The program is over; {@link MESSAGES.ended} follows when what it has printed has been taken. */
  exited: notification('exited'),
  ended: notification('ended'),
} as const;

const errorData = z.object({
  name: z.string(),
  code: z.string(),
  message: z.string(),
  field: z.string(),
  offset: z.number(),
  hint: z.string(),
});

/** An error as it is sent. */
export function sent(error: unknown): z.infer<typeof errorData> {
  if (error instanceof SwarmError) {
    const { name, code, message, field, offset, hint } = error;
    return { name, code, message, field, offset, hint };
  }
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return { name, code: '', message, field: '', offset: 0, hint: '' };
}

/** The same, as the failure of a request. */
export function failure(error: unknown): ResponseError<unknown> {
  const data = sent(error);
  return new ResponseError(1, data.message, data);
}

/** The error that was sent. */
export function received(data: unknown): Error {
  const parsed = errorData.safeParse(data);
  if (!parsed.success) return new SwarmError('EPROTO', `the other machine failed: ${JSON.stringify(data)}`);
  const { name, code, message, ...details } = parsed.data;
  if (code !== '') return new SwarmError(code, message, details);
  return Object.assign(new Error(message), { name });
}

/** Waits for an answer; an error comes back as what it was there. */
export async function errorsOf<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error;
    const data: unknown = error.data;
    throw data === undefined
      ? new SwarmError('EPROTO', `the other machine failed: ${error.message}`)
      : received(data);
  }
}

/**
 * The message that the other machine has sent.
 * @param what it does: "answers"
 * @throws {SwarmError} EPROTO if it is not what this version understands.
 */
export function expected<T>(schema: z.ZodType<T>, value: unknown, what = 'answers'): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new SwarmError('EPROTO', `the other machine ${what} in another way than this version understands`, {
    hint: 'install the same version of swarm-guard on both machines',
    cause: parsed.error,
  });
}

const handled = z.looseObject({ handle });

/** The handle of a message, whatever else it has. */
export function handleIn(value: unknown): number | undefined {
  return handled.safeParse(value).data?.handle;
}
