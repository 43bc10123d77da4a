/** The pages made from the commands of swarmctl: completion for shells, and the manual page. */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { MANUAL, manualPage } from '../support/manual.js';
import { swarmctl } from '../support/swarmctl.js';

test.describe.configure({ timeout: 120_000 });

/** Commands that --help lists, but for help. */
async function commands(): Promise<string[]> {
  const help = await swarmctl('--help');
  return [...help.slice(help.indexOf('\nCommands:')).matchAll(/^ {2}([a-z]+)/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help');
}

const known = new Map<string, Promise<string[]>>();

/** Long options that --help of a command lists; asked once. */
function options(command: string): Promise<string[]> {
  const asked = async () =>
    [...(await swarmctl(command, '--help')).matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(
      ([, name = '']) => name,
    );
  const found = known.get(command) ?? asked();
  known.set(command, found);
  return found;
}

/** A directory with a swarmctl that knows three agents, and the completion of the real one for a shell. */
async function shell<T>(
  name: string,
  use: (script: string, environment: NodeJS.ProcessEnv) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'swarmctl-completion-'));
  try {
    const stub = join(directory, 'swarmctl');
    await writeFile(
      stub,
      `#!/bin/sh\ncase "$*" in\n'ls -q') printf '7\\n12\\n123\\n';;\n'ls --format {{.name}}') printf 'web\\n\\nwebby\\n';;\nesac\n`,
    );
    await chmod(stub, 0o755);
    await mkdir(join(directory, 'folder'));
    await writeFile(join(directory, 'folder/a file.json'), '');
    const script = join(directory, `completion.${name}`);
    await writeFile(script, `${await swarmctl('completion', name)}\n`);
    const path = [directory, process.env['PATH'] ?? ''].join(delimiter);
    return await use(script, { PATH: path, HOME: directory });
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** A script that prints bash's proposals for the last of the words, as it splits them itself. */
const PROPOSALS = `
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_swarmctl
printf '%s\\n' "\${COMPREPLY[@]}"
`;

/** Words of a line, what must be among the proposals, and what must not be. */
const LINES: readonly [words: string[], among: string[], not: string[]][] = [
  [[''], ['run', 'ls', 'doctor', 'completion'], ['man', 'web']],
  [['ru'], ['run'], ['rm', 'exec']],
  [['-'], ['--version', '--help'], ['--directory', '--memory']],
  [['run', '--mem'], ['--memory'], ['--name']],
  [['run', '--network', ''], ['own', 'none', 'host'], ['web']],
  [['run', '--network', '=', 'no'], ['none'], ['own']],
  [['run', '--network', '='], ['own', 'none', 'host'], []],
  [['run', '--memory', '=', '64m', '--unlisted', 'k'], ['kill'], ['deny']],
  [['run', '-m', '64m', 'ba'], ['bash'], ['web']],
  [['run', '--policy', 'folder/'], ['folder/a file.json'], []],
  [['run', 'cat', 'fol'], ['folder'], []],
  [['run', 'cat', '--'], [], ['--memory', '--help']],
  [['run', './fol'], ['./folder'], []],
  [['stop', ''], ['7', '12', '123', 'web', 'webby'], ['run']],
  [
    ['stop', '-t', '5s', '1'],
    ['12', '123'],
    ['7', 'web'],
  ],
  [['stop', '7', 'we'], ['web', 'webby'], ['7']],
  [['rm', 'we'], ['web', 'webby'], []],
  [['exec', 'w'], ['web'], []],
  [['exec', 'web', 'ba'], ['bash'], ['web']],
  [['inspect', 'web', '--fo'], ['--format'], []],
  [['completion', ''], ['bash', 'zsh', 'fish'], []],
  [['help', 'ru'], ['run'], []],
  [['nonsense', ''], [], ['run', '7']],
];

test('CLI-42: bash completes commands, options, choices, files and agents', async () => {
  await shell('bash', async (script, env) => {
    const propose = async (...words: string[]) => {
      const { stdout, stderr } = await execa(
        'bash',
        ['-c', PROPOSALS, 'bash', script, 'swarmctl', ...words],
        {
          env,
          extendEnv: false,
          cwd: env['HOME'] ?? '/',
        },
      );
      expect(stderr).toBe('');
      return stdout.split('\n').filter(Boolean);
    };
    for (const [words, among, not] of LINES) {
      const proposals = await propose(...words);
      expect(proposals, words.join(' ')).toEqual(expect.arrayContaining(among));
      expect(
        proposals.filter((each) => not.includes(each)),
        words.join(' '),
      ).toEqual([]);
    }
    const names = await commands();
    expect(names.length).toBeGreaterThan(12);
    expect((await propose('')).filter((name) => name !== 'help')).toEqual(names);
    for (const name of names) expect(await propose(name, '--'), name).toEqual(await options(name));
  });
});

/** Is there such a program? */
const has = async (program: string) => (await execa('which', [program], { reject: false })).exitCode === 0;

test('CLI-42: the scripts for zsh and fish have every command and every option', async () => {
  const names = await commands();
  for (const [name, option] of [
    ['zsh', (long: string) => long],
    ['fish', (long: string) => `-l ${long.slice(2)} `],
  ] as const)
    await shell(name, async (script) => {
      const text = await readFile(script, 'utf8');
      if (await has(name)) await execa(name, ['-n', script]);
      for (const command of names) {
        const from = name === 'zsh' ? text.search(new RegExp(`^ +${command}\\b.*\\)$`, 'm')) : 0;
        const all = text
          .slice(from, name === 'zsh' ? text.indexOf(';;', from) : undefined)
          .split('\n')
          .filter(
            (line) =>
              name === 'zsh' ||
              new RegExp(`__swarmctl_at [^']*(''|\\\\'\\\\'|0)[^']*\\b${command}\\b`).test(line),
          );
        expect(text).toMatch(new RegExp(`\\b${command}\\b`));
        for (const long of await options(command))
          if (long !== '--help')
            expect(
              all.some((line) => `${line} `.includes(option(long))),
              `${name}: ${command} ${long}`,
            ).toBe(true);
      }
      expect(text).not.toMatch(/-l directory|--directory=/);
    });
});

test('CLI-44: the manual page is as npm run docs:man writes it, whole, and without warnings', async () => {
  const page = await readFile(MANUAL, 'utf8');
  expect(page).toBe(await manualPage());
  const program = (await has('man')) ? ['man', '--warnings', '-l'] : ['groff', '-man', '-ww', '-z'];
  const { stdout, stderr } = await execa(program[0] ?? '', [...program.slice(1), MANUAL], {
    env: { MANWIDTH: '80', LC_ALL: 'C.UTF-8', MAN_KEEP_FORMATTING: '' },
  });
  expect(stderr).toBe('');
  const names = await commands();
  if (program[0] === 'man') {
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
    for (const name of names) expect(stdout).toMatch(new RegExp(`^   ${name}\\b`, 'm'));
    for (const name of await options('run')) expect(stdout).toContain(name);
  }
});
