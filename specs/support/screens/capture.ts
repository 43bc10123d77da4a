/** Screens of swarmctl, captured at a terminal in a guest. */
import { join } from 'node:path';
import { quoted } from '../../../client/client.js';
import { repository } from '../../../harness.config.js';
import { uploadProgram } from '../bundle.js';
import type { LoadedGuest } from '../loaded-guest.js';
import { installPackage } from '../swarmctl-package.js';

/** A screen. */
export interface Screen {
  /** The name of its file, without ending. */
  readonly name: string;
  /** A description of the screen, in words. */
  readonly title: string;
  /** The output, with escape sequences. */
  readonly output: string;
}

/** The terminal of specs/support/cli/terminal.ts. */
export const COLUMNS = 80;

/** Leaves the second screen, on which top draws: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html */
const SECOND_SCREEN_ENDS = '\x1b[?1049l';

/** Pairs of a text to wait for, and the keys to type then. */
type Typed = readonly (readonly [waited: string, typed: string])[];

/** Agents that do something, for top. */
const AGENTS = [
  ...['--name web --memory 256m --cpus 0.5 --pids-limit 50', '--name worker --memory 128m --cpus 0.25'],
  ...['--name build --memory 512m --pids-limit 200', '--name cron --memory 32m', '--name idle'],
];
const WORK = [
  'while :; do :; done',
  'while :; do :; done',
  'while :; do seq 20000 >/dev/null; sleep 1; done',
  'while :; do sleep 1; cat /dev/kmsg; done',
  'exec sleep 1000',
];

/** Types into a program at a terminal, and returns what is printed there. */
async function typed(guest: LoadedGuest, terminal: string, orders: Typed, program: string): Promise<string> {
  const line = `cd /srv; TERM=xterm-256color node ${terminal} ${quoted(JSON.stringify(orders))} ${program}`;
  const { stdout } = await guest.exec(line, { timeoutMs: 120_000 });
  return stdout;
}

const PROMPT = '# ';

/** Captures the screens. */
export async function captureScreens(guest: LoadedGuest): Promise<Screen[]> {
  await installPackage(guest);
  const terminal = await uploadProgram(guest, join(repository, 'specs/support/cli/terminal.ts'), 'terminal');
  // A session of its own, for job control, and errors where the rest is printed.
  const shell = `setsid -c -w sh -c ${quoted(`exec 2>&1; PS1='${PROMPT}' exec bash --norc --noediting -i`)}`;
  const explain = await typed(
    guest,
    terminal,
    [
      [PROMPT, `swarmctl run -it --name build -e PS1='build# ' bash --norc --noediting\n`],
      ['\nbuild# ', 'unshare --user make install\n'],
      ['\nbuild# ', 'exit\n'],
      [`\n${PROMPT}`, 'swarmctl explain build\n'],
      [`\n${PROMPT}`, 'exit\n'],
    ],
    shell,
  );
  const doctor = await typed(guest, terminal, [], 'swarmctl doctor');
  for (const [index, options] of AGENTS.entries())
    await guest.sh(`swarmctl run -d ${options} sh -c ${quoted(WORK[index] ?? '')}`);
  // Two screens: only from the second on is it known what was used since the one before.
  const top = await typed(
    guest,
    terminal,
    [
      ['cron', ''],
      ['cron', ''],
      ['cron', ''],
      ['cron', 'q'],
    ],
    'swarmctl top --interval 5s',
  );
  for (const { id } of await guest.swarm.agents()) await guest.swarm.destroy(id);
  return [
    {
      name: 'explain',
      title: 'swarmctl run -it, and swarmctl explain',
      // Without the last prompt, at which the shell was left.
      output: explain.slice(0, explain.lastIndexOf(`\n${PROMPT}`)),
    },
    { name: 'top', title: 'swarmctl top', output: top.split(SECOND_SCREEN_ENDS)[0] ?? '' },
    { name: 'doctor', title: 'swarmctl doctor', output: doctor },
  ];
}
