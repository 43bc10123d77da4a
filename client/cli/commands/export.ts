/** The command export of swarmctl. */
import { InvalidArgumentError, Option } from '@commander-js/extra-typings';
import type { Address } from '../../export/server.js';
import type { Registrar } from '../context.js';
import { count } from '../values.js';

/** The most agents with metrics of their own: each has five samples, and a label that is kept for long. */
const MOST_AGENTS = 10_000;

/** The address to listen on: 127.0.0.1:9464, [::1]:9464, or :9464 for all addresses. */
export function address(text: string): Address {
  const [, bracketed, bare, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? bare;
  if (port === undefined || Number(port) > 65535)
    throw new InvalidArgumentError(
      'An address is HOST:PORT: 127.0.0.1:9464, [::1]:9464; :9464 for all addresses.',
    );
  return { port: Number(port), ...(host === undefined || host === '' ? {} : { host }) };
}

function agents(text: string): number {
  const number = count(text);
  if (number > MOST_AGENTS) throw new InvalidArgumentError(`It is ${MOST_AGENTS} at most.`);
  return number;
}

/** Adds it. */
export const exporting: Registrar = (program, connected) => {
  program
    .command('export')
    .description('answer scrapes of Prometheus with the metrics of the module, and of agents')
    .addOption(
      new Option('--listen <address>', 'the address and the port to listen on')
        .argParser(address)
        .default({ host: '127.0.0.1', port: 9464 }, '127.0.0.1:9464'),
    )
    .addOption(
      new Option('--agents <number>', 'metrics of so many agents by themselves, those with the lowest ids')
        .argParser(agents)
        .default(0),
    )
    .action(async (options) => {
      const { exportCommand } = await import('../actions/export.js');
      await exportCommand(connected, options);
    });
};
