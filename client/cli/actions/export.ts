/** swarmctl export: a Prometheus endpoint. */
import type { AddressInfo } from 'node:net';
import { exporter } from '../../export/exporter.js';
import { close, serve } from '../../export/server.js';
import type { Address } from '../../export/server.js';
import type { Swarm } from '../../swarm.js';
import { explain, say } from '../output.js';

/** Options of export. */
export interface ExportOptions {
  readonly listen: Address;
  readonly agents: number;
}

/** Answers scrapes until SIGTERM or SIGINT. */
export async function exportCommand(connected: () => Promise<Swarm>, options: ExportOptions): Promise<void> {
  const scrape = exporter(connected, { agents: options.agents });
  const ended = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => {
        resolve();
      });
  });
  const server = await serve(options.listen, scrape);
  const { address, family, port } = server.address() as AddressInfo;
  say(`metrics at http://${family === 'IPv6' ? `[${address}]` : address}:${port}/metrics`);
  await connected().catch((error: unknown) => {
    explain(error);
    say('scrapes are answered with 503 until that is mended');
  });
  await ended;
  await close(server);
}
