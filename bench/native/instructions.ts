/** Instructions of the policy core's calls, as valgrind counts them: exact, and the same on every run. */
import { execa } from 'execa';
import { CASES } from './cases.js';
import type { Case } from './cases.js';

/** Calls that are counted, all of which take the same. */
const CALLS = 100;

/** The program that Node runs under valgrind: the calls of one case. */
const PROGRAM = `
const [path, object, calls, device] = process.argv.slice(1);
const addon = require(path);
const bytes = Buffer.from(object);
const { rules } = addon.parse(bytes, 4);
const call = device ? () => addon.deviceAllowed(rules, ...JSON.parse(device)) : () => addon.parse(bytes, 4);
for (let count = 0; count < Number(calls); count++) call();
`;

async function count(path: string, { object, device }: Case): Promise<number> {
  const counted = device ? 'swarm_device_allowed' : 'swarm_request_parse';
  const { all } = await execa(
    'valgrind',
    [
      ...['--tool=callgrind', '--callgrind-out-file=/dev/null', `--toggle-collect=${counted}`],
      ...[process.execPath, '-e', PROGRAM, path, object, String(CALLS)],
      ...(device ? [JSON.stringify(device)] : []),
    ],
    { all: true },
  );
  const sum = /Collected : (\d+)/.exec(all)?.[1];
  if (sum === undefined) throw new Error(`valgrind did not say what it counted: ${all}`);
  // Every parse is counted, that of the rules to begin with included.
  return Number(sum) / (device ? CALLS : CALLS + 1);
}

/**
 * Instructions in the core's function alone, for each case: without Node, and without the addon around it.
 * @param path from buildNative()
 * @param cases which
 * @returns by the case's name, or why there are none on this machine.
 * @throws if valgrind fails.
 */
export async function countNative(
  path: string,
  cases: readonly Case[] = CASES,
): Promise<Map<string, number> | string> {
  const { exitCode } = await execa('valgrind', ['--version'], { reject: false });
  if (exitCode !== 0)
    return 'instructions are counted where valgrind is installed (apt-get install valgrind)';
  const counts = new Map<string, number>();
  for (const each of cases) counts.set(each.name, await count(path, each));
  return counts;
}
