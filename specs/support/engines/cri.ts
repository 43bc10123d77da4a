/** The Container Runtime Interface of a guest's containerd, called as a kubelet calls it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js';
import type { Client, ServiceClientConstructor, ServiceDefinition } from '@grpc/grpc-js';
import { load } from '@grpc/proto-loader';
import { z } from 'zod';
import type { BootedGuest } from '../../../harness/guest/guest.js';
import { repository } from '../../../harness.config.js';

const PROTO = join(repository, 'specs/support/engines/cri.proto');
const SERVICE = 'runtime.v1.RuntimeService';

/** containerd's socket in the guest. */
const SOCKET = '/run/containerd/containerd.sock';

/** The time that a call may take: the guest is emulated. */
const CALL_MS = 120_000;

/** The answers, as far as they are looked at. */
const answers = {
  RunPodSandbox: z.object({ pod_sandbox_id: z.string() }),
  StopPodSandbox: z.object({}),
  RemovePodSandbox: z.object({}),
  CreateContainer: z.object({ container_id: z.string() }),
  StartContainer: z.object({}),
  StopContainer: z.object({}),
  RemoveContainer: z.object({}),
  ContainerStatus: z.object({
    status: z.object({
      state: z.string(),
      exit_code: z.int(),
      reason: z.string(),
      message: z.string(),
    }),
  }),
  ContainerStats: z.object({
    stats: z.object({ memory: z.object({ working_set_bytes: z.object({ value: z.coerce.number() }) }) }),
  }),
  ExecSync: z.object({ stdout: z.instanceof(Buffer), stderr: z.instanceof(Buffer), exit_code: z.int() }),
} as const;

type Method = keyof typeof answers;
type AnswerOf<M extends Method> = z.infer<(typeof answers)[M]>;

/** The service's client, which makes its methods of its description. */
async function serviceClient(): Promise<ServiceClientConstructor> {
  const definitions = await load(PROTO, { keepCase: true, longs: String, enums: String, defaults: true });
  const definition = definitions[SERVICE];
  if (definition === undefined || 'format' in definition) throw new Error(`${PROTO} has no ${SERVICE}`);
  return makeGenericClientConstructor(definition, SERVICE);
}

/** A socket of the host that leads to containerd's in the guest, one command there for each connection. */
function forward(guest: BootedGuest, path: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    const output = { stdout: socket, stderr: process.stderr };
    void guest
      .exec(`socat - UNIX-CONNECT:${SOCKET}`, { stdin: socket, output, timeoutMs: Infinity })
      .catch(() => socket.destroy());
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      resolve(server);
    });
  });
}

/** A connection to a guest's containerd. */
export class Cri {
  readonly #client: Client;
  readonly #methods: ServiceDefinition;
  readonly #server: Server;
  readonly #dir: string;

  private constructor(parts: { client: Client; methods: ServiceDefinition; server: Server; dir: string }) {
    this.#client = parts.client;
    this.#methods = parts.methods;
    this.#server = parts.server;
    this.#dir = parts.dir;
  }

  /** Connects to a guest, which has socat. */
  static async connect(guest: BootedGuest): Promise<Cri> {
    const dir = await mkdtemp(join(tmpdir(), 'cri-'));
    const path = join(dir, 'socket');
    const server = await forward(guest, path);
    const Service = await serviceClient();
    const client = new Service(`unix:${path}`, credentials.createInsecure());
    return new Cri({ client, methods: Service.service, server, dir });
  }

  /**
   * Calls a method.
   * @throws with the runtime's own words if it fails.
   */
  async call<M extends Method>(method: M, request: object): Promise<AnswerOf<M>> {
    const described = this.#methods[method];
    if (described === undefined) throw new Error(`${PROTO} has no method ${method}`);
    const { path, requestSerialize, responseDeserialize } = described;
    const answer = await new Promise<unknown>((resolve, reject) => {
      const deadline = Date.now() + CALL_MS;
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        { deadline },
        (error, value) => {
          if (error) reject(new Error(`${method}: ${error.details}`));
          else resolve(value);
        },
      );
    });
    return answers[method].parse(answer) as AnswerOf<M>;
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    this.#client.close();
    this.#server.close();
    await rm(this.#dir, { recursive: true });
  }
}
