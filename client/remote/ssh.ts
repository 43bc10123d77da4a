/** A program on another machine, reached by SSH, with its standard input and output as streams. */
import { existsSync, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import ssh2 from 'ssh2';
import type { ClientChannel, ConnectConfig, ServerHostKeyAlgorithm } from 'ssh2';
import { SwarmError } from '../error.js';
import { signalOf, until } from '../signals.js';
import { knownKeys } from './known-hosts.js';
import type { KnownKey } from './known-hosts.js';

/** The address of a machine, and the account to use there. */
export interface ConnectOptions {
  /** Its name or address. */
  readonly host: string;
  /** 22 by default. */
  readonly port?: number;
  /** This user's name by default. */
  readonly username?: string;
  /** The text of a private key; by default those of the agent of SSH_AUTH_SOCK, or a file of ~/.ssh. */
  readonly privateKey?: string;
  /** The passphrase of the private key, if that is encrypted. */
  readonly passphrase?: string;
  /** The file of host keys; ~/.ssh/known_hosts by default. A host that it does not have is refused. */
  readonly knownHosts?: string;
  /** The command that serves there; `swarmctl serve` by default. */
  readonly command?: string;
  /**
   * Milliseconds until the other machine has answered; by default 20,000 for the connection, and 120,000 for the
   * answer of what serves there.
   */
  readonly timeout?: number;
  /** Ends the connecting, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The longest time in milliseconds that connecting may take, including the first answer of the server. */
const CONNECT_TIMEOUT = 20_000;
export const ANSWER_TIMEOUT = 120_000;

/** The longest time in milliseconds that the other machine may take to close the connection. */
const CLOSE_TIMEOUT = 1000;

/** The command that serves. */
export const SERVE = 'swarmctl serve';

/** Private keys that are tried if there is no agent, as ssh(1) has them. */
const IDENTITIES = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

/** An RSA key signs by these algorithms. */
const RSA: readonly ServerHostKeyAlgorithm[] = ['rsa-sha2-512', 'rsa-sha2-256'];

/**
 * The options that an address stands for.
 * @param address ssh://[USER@]HOST[:PORT]
 * @throws {SwarmError} if it is none.
 */
export function parseAddress(address: string): ConnectOptions {
  const url = URL.parse(address);
  if (url?.protocol !== 'ssh:' || url.hostname === '' || (url.pathname !== '' && url.pathname !== '/'))
    throw new SwarmError('EINVAL', `${address} is no address of a machine`, {
      field: 'host',
      hint: 'write ssh://USER@HOST or ssh://USER@HOST:PORT',
    });
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
  };
}

function credentials({ privateKey, passphrase }: ConnectOptions): ConnectConfig {
  const locked = passphrase === undefined ? {} : { passphrase };
  if (privateKey !== undefined) return { privateKey, ...locked };
  const agent = process.env['SSH_AUTH_SOCK'];
  if (agent !== undefined && agent !== '') return { agent };
  const found = IDENTITIES.map((name) => join(homedir(), '.ssh', name)).find((path) => existsSync(path));
  if (found === undefined)
    throw new SwarmError('ENOENT', 'there is no key to log in with', {
      hint: 'start an ssh-agent, or make a key: ssh-keygen -t ed25519',
    });
  return { privateKey: readFileSync(found, 'utf8'), ...locked };
}

/** The keys that we know for a host; the algorithms are limited to theirs, so that the host shows one of them. */
function trust(known: readonly KnownKey[]): Pick<ConnectConfig, 'algorithms' | 'hostVerifier'> {
  const types = [...new Set(known.map(({ type }) => type))] as ServerHostKeyAlgorithm[];
  const serverHostKey = types.flatMap((type) => (type === 'ssh-rsa' ? RSA : [type]));
  return {
    algorithms: { serverHostKey },
    hostVerifier: (shown: Buffer) => {
      const key = shown.toString('base64');
      const same = known.filter((each) => each.key === key);
      return same.length > 0 && same.every(({ revoked }) => !revoked);
    },
  };
}

function failed({ host, port = 22 }: ConnectOptions, error: Error & { level?: string }): SwarmError {
  const where = `ssh://${host}:${port}`;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'ECONNREFUSED';
  if (error.level === 'client-authentication')
    return new SwarmError('EACCES', `${where} does not accept the key`, { cause: error });
  if (/verif/i.test(error.message))
    return new SwarmError('EACCES', `${where} shows another host key than known_hosts has`, {
      hint: 'if it was made anew: ssh-keygen -R HOST, and ssh HOST once',
      cause: error,
    });
  return new SwarmError(code, `${where}: ${error.message}`, { cause: error });
}

/** A channel to a program there. */
export interface Link {
  readonly channel: Duplex;
  /** Calls back with the program's exit status, once it has exited; null if a signal killed it. */
  onExit(told: (status: number | null) => void): void;
  /** The program's output on standard error. */
  complaint(): string;
  close(): void;
}

/**
 * Connects, and starts the program.
 * @throws {SwarmError} if the host is not known or not reached, or refuses us.
 */
export async function link(options: ConnectOptions): Promise<Link> {
  const { host, port = 22, username = userInfo().username, command = SERVE, signal } = options;
  const file = options.knownHosts ?? join(homedir(), '.ssh', 'known_hosts');
  const known = knownKeys(existsSync(file) ? readFileSync(file, 'utf8') : '', host, port);
  if (known.length === 0)
    throw new SwarmError('EACCES', `${host} is not in ${file}`, {
      field: 'host',
      hint: `compare its key and keep it, once: ssh -p ${port} ${host}`,
    });
  signal?.throwIfAborted();
  const client = new ssh2.Client();
  // One time for all of it, the start of the program too, which ssh2 would wait for without end.
  const stop = signalOf({ signal, timeout: options.timeout ?? CONNECT_TIMEOUT });
  const config = { username, readyTimeout: 0, ...credentials(options), ...trust(known) };
  // Our own: ssh2 destroys no socket that it has ended.
  const socket = createConnection({ host, port });
  const opening = new Promise<ClientChannel>((resolve, reject) => {
    client.once('error', (error) => {
      reject(failed(options, error));
    });
    client.once('ready', () => {
      client.exec(command, (error, opened) => {
        if (error) reject(failed(options, error));
        else resolve(opened);
      });
    });
    client.connect({ ...config, sock: socket, keepaliveInterval: 15_000 });
  });
  const channel = await until(opening, stop).catch((error: unknown) => {
    // What comes of a handshake that nobody waits for is of no interest.
    client.on('error', () => undefined);
    socket.destroy();
    if (stop?.aborted !== true || signal?.aborted === true) throw error;
    throw failed(options, Object.assign(new Error('it does not answer'), { code: 'ETIMEDOUT' }));
  });
  // From here on a connection that breaks ends the channel, which tells whoever waits.
  client.on('error', () => undefined);
  let complaint = '';
  channel.stderr.on('data', (data: Buffer) => {
    complaint = (complaint + data.toString()).slice(-4096);
  });
  return {
    channel,
    onExit: (told) => {
      channel.on('exit', told);
    },
    complaint: () => complaint.trim(),
    close: () => {
      channel.end();
      client.end();
      // A machine that says nothing more does not close its side.
      setTimeout(() => socket.destroy(), CLOSE_TIMEOUT).unref();
    },
  };
}
