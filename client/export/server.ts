/** A Prometheus endpoint. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { SwarmError, codeOf } from '../error.js';
import { CONTENT_TYPE } from './openmetrics.js';

/** The address to listen on. */
export interface Address {
  /** All addresses of the machine if it is undefined. */
  readonly host?: string;
  readonly port: number;
}

/** Milliseconds that a client may take for its request, and that open answers get at the end. */
const PATIENCE = 5000;

function answer(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

const PLAIN = 'text/plain; charset=utf-8';

/** An error as a line, with what to do. */
function lineOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof SwarmError && error.hint !== '' ? `${message}; ${error.hint}\n` : `${message}\n`;
}

async function handle(
  { method, url }: IncomingMessage,
  response: ServerResponse,
  scrape: () => Promise<string>,
): Promise<void> {
  const [path] = (url ?? '').split('?', 1);
  if (path !== '/metrics') {
    answer(response, path === '/' ? 200 : 404, PLAIN, 'The metrics are at /metrics.\n');
    return;
  }
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    answer(response, 405, PLAIN, 'The metrics can be read only.\n');
    return;
  }
  try {
    answer(response, 200, CONTENT_TYPE, await scrape());
  } catch (error) {
    answer(response, 503, PLAIN, lineOf(error));
  }
}

/**
 * Listens, and answers scrapes of /metrics; an error of a scrape is a 503.
 * @throws {SwarmError} if it cannot listen there.
 */
export async function serve({ host, port }: Address, scrape: () => Promise<string>): Promise<Server> {
  const server = createServer({ requestTimeout: PATIENCE, headersTimeout: PATIENCE }, (request, response) => {
    void handle(request, response, scrape);
  });
  try {
    server.listen({ port, ...(host === undefined ? {} : { host }) });
    await once(server, 'listening');
  } catch (error) {
    throw new SwarmError(codeOf(error) ?? 'EIO', error instanceof Error ? error.message : String(error), {
      cause: error,
      ...(codeOf(error) === 'EADDRINUSE' ? { hint: 'name another port: --listen 127.0.0.1:9465' } : {}),
    });
  }
  return server;
}

/** Listens no more, lets the answers that are under way end, and resolves once all connections are closed. */
export async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const late = setTimeout(() => {
    server.closeAllConnections();
  }, PATIENCE);
  await closed;
  clearTimeout(late);
}
