/** swarmctl explain: what an agent was denied, and what would allow it. */
import { Denials } from '../../explain/denials.js';
import type { Denial } from '../../explain/denials.js';
import { ELSEWHERE, HERE } from '../../explain/places.js';
import type { Place } from '../../explain/places.js';
import { hopeless, merged, needsOf, proposalOf, remedyOf } from '../../explain.js';
import type { Proposal, Remedy, Rules } from '../../explain.js';
import { SwarmError } from '../../error.js';
import type { Inspection } from '../../inspect.js';
import type { Swarm } from '../../swarm.js';
import { everyAgent } from '../context.js';
import { shownName } from '../../bytes.js';
import { fileOf } from '../policy-file.js';
import { filled, jsonOf, print, styled, visible } from '../output.js';
import { indented } from '../text.js';

/** Options of explain. */
export interface ExplainOptions {
  readonly json?: true | undefined;
  readonly format?: string | undefined;
  readonly policy?: string | undefined;
  readonly last?: number | undefined;
}

/** The history of an agent, as far as the kernel still has its events. */
interface History {
  readonly denials: Denials;
  name: string | null;
  /** The counts of the event `destroyed`, if the agent is gone. */
  ended: { readonly violations: number; readonly audited: number } | undefined;
}

/** The histories of all agents that the events tell of, the one that was denied something last at the end. */
async function histories(swarm: Swarm): Promise<Map<number, History>> {
  const found = new Map<number, History>();
  const of = (id: number) => {
    const history = found.get(id) ?? { denials: new Denials(), name: null, ended: undefined };
    found.set(id, history);
    return history;
  };
  for await (const event of swarm.events({ since: 'oldest', follow: false })) {
    if (event.event === 'created') of(event.agent).name = event.name ?? null;
    else if (event.event === 'destroyed') of(event.agent).ended = event;
    else if (event.event === 'violation' || event.event === 'suppressed') {
      const history = of(event.agent);
      history.denials.add(event);
      found.delete(event.agent);
      found.set(event.agent, history);
    }
  }
  return found;
}

const denied = ({ denials }: History) => denials.told > 0 || denials.suppressed.count > 0;

/** The agent that is meant: by id or name, running or gone; without a name, the one that was denied something last. */
async function chosen(
  swarm: Swarm,
  named: string | undefined,
  found: ReadonlyMap<number, History>,
): Promise<number | undefined> {
  if (named === undefined) return [...found].filter(([, history]) => denied(history)).at(-1)?.[0];
  if (/^\d{1,15}$/.test(named)) return Number(named);
  const running: number[] = [];
  for await (const { id, name } of everyAgent(swarm)) if (name === named) running.push(id);
  const [id, ...others] = running;
  if (others.length > 0)
    throw new SwarmError('EEXIST', `several agents are called ${named}: ${running.join(', ')}`, {
      hint: 'name one by its id',
    });
  // The id that was given last is the highest.
  const gone = [...found].filter(([, { name }]) => name === named).map(([each]) => each);
  const latest = id ?? (gone.length > 0 ? Math.max(...gone) : undefined);
  if (latest !== undefined) return latest;
  throw new SwarmError('ESRCH', `no agent is called ${named}, and no event that is kept tells of one`, {
    hint: '`swarmctl events` prints the events that are kept',
  });
}

/** One kind of denial, with what would allow it. */
interface Explained {
  readonly denial: Denial;
  readonly remedies: readonly Remedy[];
}

/** Everything that is told of an agent. */
interface Explanation {
  readonly id: number;
  readonly name: string | null;
  readonly state: string;
  readonly explained: readonly Explained[];
  readonly denials: Denials;
  readonly place: Place;
  /** Violations and audits that the kernel has counted, and no event that is kept tells of. */
  readonly unkept: number;
  readonly proposal: Proposal;
  /** The whole policy, where it is known. */
  readonly whole: object | undefined;
  readonly notes: readonly string[];
}

/** An audit that the rule asks for went ahead, and needs nothing to be allowed. */
const needsNothing = ({ rule }: Denial) => rule === 'audit';

function explanationOf(
  id: number,
  { denials, name, ended }: History,
  agent: Inspection | undefined,
  file: Rules | undefined,
  isRooted: boolean | undefined,
): Explanation {
  const place = isRooted === true ? ELSEWHERE : HERE;
  const rules: Rules | undefined = file ?? (agent && rulesOf(agent));
  const groups = denials.groups;
  const explained = groups.map((denial) => ({
    denial,
    remedies: needsOf(denial.last, rules, place).map((need) => {
      const remedy = remedyOf(need, rules);
      return { ...remedy, allowed: rules !== undefined && remedy.allowed };
    }),
  }));
  const wanted = groups.filter((denial) => !needsNothing(denial));
  const proposal = proposalOf(
    wanted
      .flatMap(({ last }) => needsOf(last, rules, place))
      .filter((need) => !rules || !remedyOf(need, rules).allowed),
    rules,
  );
  const counted = agent ?? ended;
  const unkept = counted ? counted.violations + counted.audited - denials.told - denials.suppressed.count : 0;
  const listed = proposal.policy.exec_paths !== undefined;
  return {
    id,
    name: agent?.name ?? name,
    state: agent?.state ?? (id === 0 ? 'refused' : 'gone'),
    explained,
    denials,
    place,
    unkept: Math.max(0, unkept),
    proposal,
    whole: file && merged(file, proposal.policy),
    notes: [
      ...proposal.notes,
      ...(listed && isRooted === undefined
        ? [
            'exec_paths are paths of the machine: if the agent had a root of its own (--rootfs), name the files there instead',
          ]
        : []),
      ...(listed && rules === undefined
        ? [
            'exec_paths is a whole list, and the policy of an agent that is gone is not known: list what it listed too, or name its policy by --policy',
          ]
        : []),
    ],
  };
}

function rulesOf({ policy }: Inspection): Rules {
  // What the kernel prints is a request's policy; names that a later version adds are passed on.
  const { devices, sockets, syscalls, exec_paths, unlisted } = policy as Rules;
  return {
    ...(devices ? { devices } : {}),
    ...(sockets ? { sockets } : {}),
    ...(syscalls ? { syscalls } : {}),
    ...(exec_paths ? { exec_paths } : {}),
    ...(unlisted ? { unlisted } : {}),
  };
}

const DONE: Readonly<Record<string, string>> = {
  deny: 'denied',
  kill: 'killed',
  audit: 'audited',
  report: 'reported',
};

const COLOURS: Readonly<Record<string, 'red' | 'yellow' | 'cyan'>> = {
  deny: 'red',
  kill: 'red',
  audit: 'cyan',
  report: 'yellow',
};

function shown({ denial, remedies }: Explained, place: Place, width: number): string[] {
  const { count, action, rule, kind, what, last } = denial;
  const done = DONE[action] ?? action;
  const did = visible(done);
  const would = action === 'report' ? ` (the rule says ${rule}; enforce=0)` : '';
  const by = `by ${visible(shownName(last.comm))}, pid ${last.pid}, at ${(last.time / 1e9).toFixed(3)}`;
  const subject = visible(`${what === '' || what === kind ? kind : `${kind} ${what}`}${would}`);
  const first = `${String(count).padStart(5)}×  ${did.padEnd(8)}  ${subject}`;
  const colour = COLOURS[action];
  const lines = [
    colour === undefined ? first : first.replace(did, styled(colour, did)),
    ...indented(by, 18, width),
  ];
  if (needsNothing(denial))
    return [...lines, ...indented('it went ahead: the policy asks to be told of it', 18, width)];
  if (remedies.length === 0) return [...lines, ...indented(visible(hopeless(last, place)), 18, width)];
  return [
    ...lines,
    ...remedies.flatMap(({ policy, option, opens, allowed }) => [
      ...indented(
        allowed
          ? 'the policy allows it by now'
          : `allow:  ${option === '' ? jsonOf(policy) : visible(option)}`,
        18,
        width,
      ),
      ...indented(`opens:  ${visible(opens)}`, 18, width, 8),
    ]),
  ];
}

/** The lines for people. */
function told(explanation: Explanation, last: number, width: number): string[] {
  const { id, name, state, explained, denials, place, unkept, proposal, whole, notes } = explanation;
  const who =
    id === 0
      ? 'adoptions that were refused'
      : visible(`agent ${id}${name === null ? '' : ` (${name})`}, ${state}`);
  const { suppressed } = denials;
  const none = explained.length === 0 && suppressed.count === 0;
  if (none)
    return [
      unkept > 0
        ? `${who}: no denial that is still kept; ${unkept} older ones are not`
        : `${who}: nothing was denied, audited or reported`,
    ];
  const hidden = explained.length - last;
  const { policy, options } = proposal;
  const update = state === 'gone' || id === 0 ? undefined : `swarmctl update ${id}`;
  const known = whole ?? policy;
  return [
    styled(
      'bold',
      `${who}: ${count(denials.told, 'event')} of ${count(explained.length, 'kind')}, newest first`,
    ),
    '',
    ...explained.slice(0, last).flatMap((each) => [...shown(each, place, width), '']),
    ...(hidden > 0 ? [`${count(hidden, 'more kind')}: --last ${explained.length} shows all`, ''] : []),
    ...(suppressed.count > 0
      ? [
          ...indented(
            `${suppressed.count} more were summed up (event_rate), of: ${visible(suppressed.kinds.join(', '))}. What follows may lack some of them.`,
            0,
            width,
          ),
          '',
        ]
      : []),
    ...(unkept > 0
      ? [...indented(`${unkept} older ones are not kept any more (event_buffer).`, 0, width), '']
      : []),
    ...(Object.keys(policy).length === 0
      ? ['There is nothing more that a policy could allow.']
      : [
          styled('bold', 'To allow all of it:'),
          // What only the keys can say would be missing here.
          ...(proposal.complete
            ? [...continued([update ?? 'swarmctl run …', ...options.map(visible)], width), '']
            : []),
          styled(
            'bold',
            `${proposal.complete ? 'or, for' : 'For'} ${update === undefined ? '--policy' : '/proc/swarm/update'}:`,
          ),
          `  ${jsonOf(update === undefined ? known : { id, ...policy })}`,
        ]),
    ...notes.flatMap((note) => indented(`note: ${visible(note)}`, 0, width, 6)),
  ];
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** Words of a command, on as many lines as they need. */
function continued([first = '', ...rest]: readonly string[], width: number): string[] {
  const lines: string[] = [`  ${first}`];
  for (const option of rest) {
    const line = lines.at(-1) ?? '';
    if (line.length + option.length + 3 > width && line.trim() !== '') {
      lines[lines.length - 1] = `${line} \\`;
      lines.push(`    ${option}`);
    } else lines[lines.length - 1] = `${line} ${option}`;
  }
  return lines;
}

function asJson({
  id,
  name,
  state,
  explained,
  denials,
  place,
  unkept,
  proposal,
  whole,
  notes,
}: Explanation): object {
  return {
    id,
    name,
    state,
    denials: explained.map(({ denial: { last, ...denial }, remedies }) => ({
      ...denial,
      seq: last.seq,
      time: last.time,
      pid: last.pid,
      comm: last.comm,
      remedies,
      ...(remedies.length === 0 ? { hopeless: hopeless(last, place) } : {}),
    })),
    suppressed: denials.suppressed,
    unkept,
    policy: whole ?? proposal.policy,
    options: proposal.options,
    notes,
  };
}

/**
 * Prints what an agent was denied lately, and what would allow it.
 * @param named an id or a name, of an agent that runs or is gone; the one that was denied something last by default
 * @throws {SwarmError} if there is none, and no event of it is kept.
 */
export async function explainCommand(
  swarm: Swarm,
  named: string | undefined,
  options: ExplainOptions,
): Promise<void> {
  const found = await histories(swarm);
  const id = await chosen(swarm, named, found);
  if (id === undefined) {
    if (options.json === true) print('null');
    else if (options.format === undefined) print('No denial of any agent is kept.');
    return;
  }
  const agent = id === 0 ? undefined : await running(swarm, id);
  const history = found.get(id);
  if (!agent && !history && id !== 0)
    throw new SwarmError('ESRCH', `there is no agent ${id}, and no event that is kept tells of one`);
  const file = options.policy === undefined ? undefined : (fileOf(options.policy) as Rules);
  const empty = { denials: new Denials(), name: null, ended: undefined };
  const isRooted = agent && (await hasOwnRoot(swarm, agent));
  const explanation = explanationOf(id, history ?? empty, agent, file, isRooted);
  if (options.format !== undefined || options.json === true) {
    const fields = asJson(explanation);
    print(options.format === undefined ? jsonOf(fields) : filled(options.format, fields));
    return;
  }
  const width = process.stdout.isTTY ? process.stdout.columns : 80;
  for (const line of told(explanation, options.last ?? 20, width)) print(line);
}

/** Tells if a process of an agent has another root than the machine; undefined if that cannot be told. */
async function hasOwnRoot(swarm: Swarm, { members }: Inspection): Promise<boolean | undefined> {
  const { rooted = [] } = await swarm.locate({ processes: members });
  const known = rooted.filter((each) => each !== null);
  return known.length === 0 ? undefined : known.includes(true);
}

/** The agent, if it is there. */
async function running(swarm: Swarm, id: number): Promise<Inspection | undefined> {
  for await (const agent of swarm.inspectAll([id])) return agent;
  return undefined;
}
