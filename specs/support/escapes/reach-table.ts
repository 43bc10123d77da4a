/** The chapter "Reaching the kernel" of docs/escapes.md, and the counts at the head of the threat model. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { repository } from '../../../harness.config.js';
import { table } from '../../../harness/util/markdown.js';
import { filled } from '../marked.js';
import { ALL_WAYS, REACHED, WAYS } from './reach.js';
import type { Way } from './reach.js';
import { PEOPLE, WHO } from './reach-who.js';
import type { Who } from './reach-who.js';

const recorded = z.strictObject({
  kernel: z.string(),
  versions: z.record(z.string(), z.string()),
  went: z.partialRecord(z.enum(WHO), z.record(z.string(), z.string())),
});

/** A run of everybody who is compared. */
export type ReachRecord = z.infer<typeof recorded>;

/** The file of the last run that was agreed to. */
export const REACH_RECORD = join(repository, 'docs/reach.json');
/** The page whose head has the counts. */
export const THREATS = join(repository, 'docs/threat-model.md');

/** Reads a run. */
export async function readReach(path = REACH_RECORD): Promise<ReachRecord> {
  return recorded.parse(JSON.parse(await readFile(path, 'utf8')));
}

const wentOf = ({ went }: ReachRecord, who: Who, { name }: Way) => went[who]?.[name] ?? 'not run';

/** Says whether somebody reached a way. */
export const reaches = (record: ReachRecord, who: Who, way: Way) => REACHED.test(wentOf(record, who, way));

/** The ways that there are in the kernel of a run: those that root outside reaches. */
export const there = (record: ReachRecord): Way[] => ALL_WAYS.filter((way) => reaches(record, 'root', way));

function cell(record: ReachRecord, who: Who, way: Way): string {
  const went = wentOf(record, who, way);
  if (!REACHED.test(went)) return went;
  return went === 'reached' ? '**reached**' : '**reached** by a user namespace';
}

const PEERS = WHO.filter((who) => who !== 'root');

/** The number of these ways that each tool leaves reachable, in a column for each. */
function counts(record: ReachRecord, ways: readonly Way[]): string[] {
  return PEERS.map((who) => String(ways.filter((way) => reaches(record, who, way)).length));
}

/** The counts by group, for the chapter. */
function groupTable(record: ReachRecord): string {
  const ways = there(record);
  const rows = Object.entries(WAYS).flatMap(([group, all]) => {
    const some = all.filter((way) => ways.includes(way));
    return some.length > 0 ? [[group, String(some.length), ...counts(record, some)]] : [];
  });
  return table(
    ['ways into the kernel', 'root outside', ...PEERS.map((who) => PEOPLE[who].name)],
    [...rows, ['**all**', ...[String(ways.length), ...counts(record, ways)].map((n) => `**${n}**`)]],
  );
}

/** The table at the head of the threat model. */
function countTable(record: ReachRecord): string {
  const ways = there(record);
  const rows = counts(record, ways).map((n, index) => {
    const who = PEERS[index] ?? 'root';
    return [
      PEOPLE[who].name,
      record.versions[who] ?? '',
      n,
      `${Math.round((100 * Number(n)) / ways.length)} %`,
    ];
  });
  const head = ['', 'version', `ways into the kernel left, of ${ways.length}`, 'share'];
  return table(head, [[PEOPLE.root.name, '', String(ways.length), '100 %'], ...rows]);
}

/** The threat model with the counts of a run. */
export function withCounts(text: string, record: ReachRecord): string {
  return filled(text, 'reach', (name) => (name === 'counts' ? countTable(record) : undefined));
}

/** The chapter of docs/escapes.md. */
export function chapter(record: ReachRecord): string {
  const ways = there(record);
  const named = (some: readonly Way[]) => some.map(({ name }) => `\`${name}\``).join(', ');
  const others = ALL_WAYS.filter((way) => !ways.includes(way));
  // Newer than the run.
  const untried = others.filter(({ name }) => record.went.root?.[name] === undefined);
  const absent = others.filter((way) => !untried.includes(way));
  const tables = Object.entries(WAYS).map(([group, all]) => {
    const rows = all
      .filter((way) => ways.includes(way))
      .map((way) => [`\`${way.name}\` ${way.title}`, ...PEERS.map((who) => cell(record, who, way))]);
    const head = ['way', ...PEERS.map((who) => PEOPLE[who].name)];
    return rows.length > 0 ? [`### ${group}\n\n${table(head, rows)}`] : [];
  });
  const people = WHO.map((who) => [PEOPLE[who].name, record.versions[who] ?? '', PEOPLE[who].how]);
  return `## Reaching the kernel

A bug of the kernel is of use to an attacker only if the attacker reaches the code that has it. This chapter counts ways into the kernel: families of sockets, system calls, mounts, devices, programs that the kernel starts. The program \`reach\` (\`vm-images/guest/probe/reach.c\`) tries each by its effect, with Linux ${record.kernel}, once as each of these, all in the same guest:

${table(['', 'version', 'how it is run'], people)}

*Reached* means that code of the subsystem has run for the caller: a socket was made, a mount took place, a ring was returned, or the subsystem itself complained about what it was asked, after the kernel had checked the permission. It does not mean that anything was exploited. Otherwise the table has the answer. A way is tried a second time, in a user namespace that the program makes for itself, if it can. The table has the ways that root outside reaches. The modules behind them are loaded before, so nobody is kept out by a module that is not there. \`specs/vm/reach.spec.ts\` fails if a default agent reaches more, or less; \`specs/long/reach-peers.spec.ts\` fails if anybody does. \`npm run docs:escapes\` writes this chapter from \`reach.json\`.

${groupTable(record)}

${tables.flat().join('\n\n')}

Not in this kernel, so not counted: ${named(absent)}.${untried.length > 0 ? `\n\nNot tried yet in this run, so not counted: ${named(untried)}.` : ''}`;
}
