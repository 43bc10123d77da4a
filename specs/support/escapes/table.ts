/** The table of docs/escapes.md, from the corpus and from what a run against the peers has shown. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { NAMESPACES, bitOf, namesOf } from '../../../client/abi/names.js';
import type { AgentRequest } from '../../../client/client.js';
import { repository } from '../../../harness.config.js';
import { table } from '../../../harness/util/markdown.js';
import { PEERS } from './attempt.js';
import type { Attempt, Case, Peer } from './attempt.js';
import { CORPUS } from './corpus.js';
import { COMMAND_LINES } from './command-lines.js';
import { chapter } from './reach-table.js';
import type { ReachRecord } from './reach-table.js';

const answer = z.enum(['denied', 'succeeds']);
const recorded = z.strictObject({
  kernel: z.string(),
  versions: z.record(z.enum(PEERS), z.string()),
  results: z.record(z.string(), z.partialRecord(z.enum(PEERS), answer)),
});

/** The results of a run against the peers. */
export type Recorded = z.infer<typeof recorded>;

/** The file of the last run that was agreed to, and the page that is made of it. */
export const RECORD = join(repository, 'docs/escapes.json');
export const TABLE = join(repository, 'docs/escapes.md');

const COLUMNS = ['attempt', 'SwarmGuard', 'crun', 'runc', 'bubblewrap', 'unshare(1)'];

/** Reads a run. */
export async function readRecord(path = RECORD): Promise<Recorded> {
  return recorded.parse(JSON.parse(await readFile(path, 'utf8')));
}

/** The anchor of a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-');
}

/** Describes how a policy differs from the default; limits are not mentioned. */
function describe({ namespace_flags = 127, privileged, ...rest }: AgentRequest): string {
  const shared = namesOf(NAMESPACES).filter(
    (name) => name !== 'user' && name !== 'time' && !(namespace_flags & bitOf(name)),
  );
  const rules = Object.entries(rest.syscalls ?? {}).map(([name, action]) => `${name} ${action}`);
  return [
    ...(privileged ? ['privileged'] : []),
    ...(shared.length > 0 ? [`sharing the ${shared.join(', ')} namespace`] : []),
    ...(rest.sockets ? [`sockets ${[rest.sockets].flat().join(' ')}`] : []),
    ...(rest.core === undefined ? [] : [`core ${rest.core}`]),
    ...rules,
  ].join(', ');
}

function cell(each: Case): string {
  const what = each.when ?? describe(each.policy ?? {});
  const counted = Object.keys(each.counted ?? {}).length > 0 ? ', counted' : '';
  const text =
    each.outcome === 'denied'
      ? `denied: ${each.by}${counted}`
      : `${each.byDefault ? `denied: ${each.byDefault}${each.byDefault.endsWith(' rule') ? ', counted' : ''}<br>(if allowed) ` : ''}**succeeds**: [${each.section}](threat-model.md#${anchor(each.section)})`;
  return what ? `(${what}) ${text}` : text;
}

function peerCell(attempt: Attempt, peer: Peer, { results }: Recorded): string {
  if (attempt.without?.includes(peer)) return 'nothing of the kind';
  const result = results[attempt.id]?.[peer];
  return result === 'succeeds' ? '**succeeds**' : (result ?? 'not run');
}

function row(attempt: Attempt, record: Recorded): string[] {
  return [
    `\`${attempt.id}\` ${attempt.title}`,
    attempt.ours.map(cell).join('<br>'),
    ...PEERS.map((peer) => peerCell(attempt, peer, record)),
  ];
}

/** The tools that were run, with their versions and command lines. */
function runners({ versions }: Recorded): string[][] {
  return [
    [
      ...['SwarmGuard', 'this one'],
      'the default policy if the table says nothing else, but with all system calls, `"capabilities":"all"` and `"no_new_privs":false`, so that what stands behind these is tried; what succeeds so is tried again with the default policy as it is. No program has to cooperate',
    ],
    [
      ...['crun, runc', `${versions.crun}, ${versions.runc}`],
      "the configuration that `crun spec` and `runc spec` write, without a terminal, on a bind mount of the guest's root, with /srv/escape, 16 MiB of memory and 100 processes; no user namespace",
    ],
    ['bubblewrap', versions.bwrap, `\`${COMMAND_LINES.bwrap}\``],
    ['unshare(1)', versions.unshare, `\`${COMMAND_LINES.unshare}\``],
  ];
}

/**
 * The whole page.
 * @param record a run of the attempts to escape
 * @param reached a run of the ways into the kernel
 */
export function page(record: Recorded, reached: ReachRecord): string {
  const tables = Object.entries(CORPUS).map(([group, attempts]) =>
    [
      `## ${group}`,
      table(
        COLUMNS,
        attempts.map((attempt) => row(attempt, record)),
      ),
    ].join('\n\n'),
  );
  return `# Attempts to escape

Written by \`npm run docs:escapes\` from \`specs/support/escapes\` and a run of \`specs/long/escape-peers.spec.ts\` (\`escapes.json\`), not by hand. Each attempt runs as root would run a container, all in the same guest, with Linux ${record.kernel}. Its effect, seen from outside, says whether it succeeds: a line in the kernel's log, a file, a process in another namespace or cgroup. \`specs/vm/escapes.spec.ts\` fails if SwarmGuard does not do what its column says, or counts another number of violations; \`specs/long/escape-peers.spec.ts\` fails if one of the others does not do what its column says. What SwarmGuard does not deny is in [threat-model.md](threat-model.md). The last chapter, [Reaching the kernel](#reaching-the-kernel), is about what code of the kernel is left to attack.

Root runs each of them with its defaults, without a seccomp profile or a profile of a security module; no such module is loaded in the guest. All of them can be made stricter. Docker, for one, adds a seccomp profile to runc that denies nested user namespaces, io_uring and keyrings; \`--new-session\` keeps bubblewrap's programs from typing into the terminal. None of the others counts what it denies.

${table(['', 'version', 'how it is run'], runners(record))}

"Nothing of the kind" means that there is no rule or limit to get around.

${tables.join('\n\n')}

${chapter(reached)}
`;
}
