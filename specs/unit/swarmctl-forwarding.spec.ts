/** Signals that swarmctl gets while it runs a program. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { repository } from '../../harness.config.js';

/** A process that sends signals on to a program that only notes what it gets. */
const PROGRAM = `
  import { writeFileSync } from 'node:fs';
  import { forwarding } from './client/cli/forwarding.ts';
  const note = (line) => writeFileSync(1, line + '\\n');
  const slow = Number(process.env.SLOW);
  const running = {
    started: Promise.resolve({ id: 1, pid: 1 }),
    kill: (signal) => (note(signal), true),
    destroy: async () => note('destroyed'),
    freeze: async (frozen) => {
      await new Promise((done) => setTimeout(done, slow));
      note(frozen ? 'frozen' : 'thawed');
    },
  };
  forwarding(running, {
    whole: process.env.WHOLE === 'yes',
    terminal: process.env.TERMINAL === 'yes',
    leave: () => note('left'),
    enter: () => note('entered'),
  });
  setInterval(() => undefined, 1000);
  note('ready');
`;

/** The state of a process, as ps(1) has it: S, T, Z. */
async function stateOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').charAt(0);
}

interface Told {
  readonly send: (signal: NodeJS.Signals) => void;
  readonly lines: () => string[];
  readonly state: () => Promise<string>;
}

async function running(
  env: Readonly<Record<'WHOLE' | 'TERMINAL' | 'SLOW', string>>,
  work: (told: Told) => Promise<void>,
): Promise<void> {
  const child = execa('node', ['--import', 'tsx', '--input-type=module', '-e', PROGRAM], {
    cwd: repository,
    env,
    reject: false,
    stderr: 'inherit',
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const lines = () => text.split('\n').slice(0, -1);
  try {
    await expect.poll(lines, { timeout: 20_000 }).toEqual(['ready']);
    await work({
      send: (signal) => void child.kill(signal),
      lines: () => lines().slice(1),
      state: () => stateOf(child.pid ?? 0),
    });
  } finally {
    child.kill('SIGKILL');
    await child;
  }
}

test('CLI-111: run sends on the signals that docker run sends on, and not those about its own doings', async () => {
  await running({ WHOLE: 'yes', TERMINAL: 'no', SLOW: '0' }, async ({ send, lines }) => {
    const wanted = [
      ...(['SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGVTALRM', 'SIGIO', 'SIGPWR'] as const),
      ...(['SIGXCPU', 'SIGXFSZ', 'SIGCONT', 'SIGWINCH', 'SIGINT'] as const),
    ];
    for (const [at, signal] of wanted.entries()) {
      send(signal);
      await expect.poll(lines).toEqual(wanted.slice(0, at + 1));
    }
    for (const signal of ['SIGCHLD', 'SIGPIPE', 'SIGURG'] as const) send(signal);
    send('SIGTERM');
    await expect.poll(lines).toEqual([...wanted, 'SIGTERM']);
    send('SIGTERM');
    await expect.poll(lines).toEqual([...wanted, 'SIGTERM', 'destroyed']);
  });
  // A terminal of the program's own tells of its size itself.
  await running({ WHOLE: 'yes', TERMINAL: 'yes', SLOW: '0' }, async ({ send, lines }) => {
    send('SIGWINCH');
    send('SIGUSR1');
    await expect.poll(lines).toEqual(['SIGUSR1']);
  });
});

test('CLI-112: Ctrl-Z stops the agent and swarmctl, and SIGCONT lets both go on', async () => {
  await running({ WHOLE: 'yes', TERMINAL: 'no', SLOW: '0' }, async ({ send, lines, state }) => {
    send('SIGTSTP');
    await expect.poll(state).toBe('T');
    expect(lines()).toEqual(['frozen', 'left']);
    send('SIGCONT');
    await expect.poll(lines).toEqual(['frozen', 'left', 'entered', 'thawed']);
    expect(await state()).not.toBe('T');
    // It can be stopped again; a SIGCONT without a stop is the program's.
    send('SIGTSTP');
    await expect.poll(state).toBe('T');
    send('SIGCONT');
    await expect.poll(() => lines().length).toBe(8);
    send('SIGCONT');
    await expect.poll(() => lines().slice(8)).toEqual(['SIGCONT']);
  });
  // SIGCONT that comes while the agent is being stopped: nothing stays stopped.
  await running({ WHOLE: 'yes', TERMINAL: 'no', SLOW: '700' }, async ({ send, lines, state }) => {
    send('SIGTSTP');
    await sleep(200);
    send('SIGCONT');
    await expect.poll(lines).toEqual(['frozen', 'entered', 'thawed']);
    expect(await state()).not.toBe('T');
  });
  // A program that has joined an agent stops alone.
  await running({ WHOLE: 'no', TERMINAL: 'no', SLOW: '0' }, async ({ send, lines, state }) => {
    send('SIGTSTP');
    await expect.poll(state).toBe('T');
    expect(lines()).toEqual(['SIGSTOP', 'left']);
    send('SIGCONT');
    await expect.poll(lines).toEqual(['SIGSTOP', 'left', 'entered', 'SIGCONT']);
  });
});
