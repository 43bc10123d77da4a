/** swarmctl events and status: what happens, and how much there is. */
import { shownName } from '../../bytes.js';
import type { SwarmEvent } from '../../abi/event.js';
import type { Swarm } from '../../swarm.js';
import { bytes, duration, filled, jsonOf, print, show, styled, visible } from '../output.js';
import type { Printing } from '../output.js';
import { keyAndValue } from '../values.js';

/** Options of events. */
export interface EventsOptions extends Printing {
  readonly follow?: true | undefined;
  readonly since?: number | undefined;
  readonly filter?: readonly string[] | undefined;
}

/** Does an event fit `event=violation` or `agent=7`? Filters on one key are alternatives. */
function fits(event: SwarmEvent, filters: readonly string[]): boolean {
  const wanted = new Map<string, string[]>();
  for (const filter of filters) {
    const [key, value] = keyAndValue(filter);
    wanted.set(key, [...(wanted.get(key) ?? []), value]);
  }
  // What was lost may have been what is looked for.
  if (event.event === 'lost') return true;
  const fields: Readonly<Record<string, unknown>> =
    event.event === 'other'
      ? { ...event.fields, seq: event.seq, time: event.time, event: event.name }
      : { ...event };
  return [...wanted].every(([key, values]) => {
    const value = String(fields[key]);
    if (key !== 'comm') return values.includes(value);
    // As it is read in the events, and typed.
    const name = shownName(value);
    return values.includes(name) || values.includes(visible(name));
  });
}

/** A line about an event, for people. */
function told(event: SwarmEvent): string {
  switch (event.event) {
    case 'created':
      return event.name === undefined ? '' : event.name;
    case 'spawned':
      return `pid ${event.pid} by ${event.by}`;
    case 'fork_failed':
      return `pid ${event.pid}: ${event.error}`;
    case 'violation': {
      const { file, device, syscall, socket, module } = event;
      const what = shownName(file ?? device ?? syscall ?? socket ?? module ?? '');
      return `${event.action} ${event.kind}${what === '' ? '' : ` ${what}`} (${shownName(event.comm)}, pid ${event.pid})`;
    }
    case 'suppressed':
      return `${event.count} more, the last of kind ${event.kind}`;
    case 'oom':
      return `${shownName(event.comm)}, pid ${event.pid}`;
    case 'updated':
      return event.keys.join(', ');
    case 'destroyed':
      return [
        event.reason,
        ...(event.exit === undefined ? [] : [`exit ${event.exit}`]),
        ...(event.signal === undefined ? [] : [`signal ${event.signal}`]),
        ...(event.step === undefined ? [] : [`${event.step}: ${event.error ?? ''}`]),
        ...(event.oom_kills === undefined || event.oom_kills === 0
          ? []
          : [`${event.oom_kills} killed for memory`]),
        ...(event.violations === 0 ? [] : [`${event.violations} denied`]),
        ...(event.runtime_usec === undefined ? [] : [`ran ${duration(event.runtime_usec)}`]),
        ...(event.memory_peak === undefined ? [] : [`at most ${bytes(event.memory_peak)}`]),
      ].join(', ');
    case 'lost':
      return `${event.count} events were overwritten before they were read`;
    case 'other':
      return JSON.stringify({ ...event.fields, agent: undefined });
  }
}

const COLOURS: Readonly<Record<string, 'red' | 'yellow' | 'green'>> = {
  violation: 'red',
  oom: 'red',
  lost: 'yellow',
  suppressed: 'yellow',
  fork_failed: 'yellow',
  spawned: 'green',
};

/** Seconds since the machine started, as `dmesg` has them. */
function shown(event: SwarmEvent): string {
  const seconds = (event.time / 1e9).toFixed(3).padStart(12);
  const fields: object = event.event === 'other' ? event.fields : event;
  const agent = 'agent' in fields ? String(fields.agent) : '';
  const colour = COLOURS[event.event];
  const name = visible(event.event === 'other' ? event.name : event.event).padEnd(11);
  return `${seconds}  ${colour === undefined ? name : styled(colour, name)}  ${agent.padStart(6)}  ${visible(told(event))}`.trimEnd();
}

/** Prints events: those that are kept, and with --follow what happens from then on. */
export async function eventsCommand(swarm: Swarm, options: EventsOptions): Promise<void> {
  const { follow = false, since = 'oldest', filter = [], json, format } = options;
  const stop = new AbortController();
  const interrupted = () => {
    stop.abort();
  };
  process.once('SIGINT', interrupted);
  for await (const event of swarm.events({ since, follow, signal: stop.signal })) {
    if (!fits(event, filter)) continue;
    if (format !== undefined) print(filled(format, event));
    else print(json === true ? jsonOf(event) : shown(event));
  }
  process.off('SIGINT', interrupted);
}

/** Prints the four counters. */
export async function statusCommand(swarm: Swarm, options: Printing): Promise<void> {
  const status = await swarm.status();
  show(status, options, () => [
    `Active agents      ${status.active}`,
    `Created            ${status.created}`,
    `Destroyed          ${status.destroyed}`,
    `Policy violations  ${status.violations}`,
  ]);
}
