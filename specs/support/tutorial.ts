/** docs/tutorial.md: its commands, and what they print. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repository } from '../../harness.config.js';

/** A command of the tutorial. */
export interface Step {
  /** Lines that root types into a shell. */
  readonly command: string;
  /** Lines that are printed, with placeholders. */
  readonly printed: string;
}

/** The commands of a page: in blocks of the language console, after a prompt `# `; `> ` goes on with a command. */
export function stepsOf(page: string): Step[] {
  return [...page.matchAll(/^```console\n([^]*?)^```$/gm)].flatMap(([, block = '']) =>
    block
      .split(/^# /m)
      .slice(1)
      .map((text) => {
        const [first = '', ...rest] = text.split('\n');
        const more = rest.findIndex((line) => !line.startsWith('> '));
        return {
          command: [first, ...rest.slice(0, more).map((line) => line.slice(2))].join('\n'),
          printed: rest.slice(more).join('\n'),
        };
      }),
  );
}

/** The program of a page: its block of JavaScript. */
export function programOf(page: string): string {
  const [, program = ''] = /^```js\n([^]*?)^```$/m.exec(page) ?? [];
  return program;
}

/** The page. */
export async function tutorial(): Promise<string> {
  return readFile(join(repository, 'docs/tutorial.md'), 'utf8');
}

/** The patterns that placeholders stand for. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  clock: String.raw`\d\d:\d\d|\d{4}-\d\d-\d\d`,
  container: String.raw`[0-9a-f]{12}`,
  id: String.raw`\d+`,
  pid: String.raw`\d+`,
  number: String.raw`\d+`,
  percent: String.raw`[\d.]+`,
  size: String.raw`[\d.]+[KMG]?`,
  time: String.raw`-|\d+m\d+s|[\d.]+(?:ms|s)?`,
};

/**
 * A pattern of the output that a command may have.
 * @param printed lines of the page. `<pid>` and the like stand for values that vary; where they are, columns of
 * tables vary too, so any space stands for one or several.
 */
export function pattern(printed: string): RegExp {
  const literal = printed.trimEnd().replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const filled = literal.replace(/<(\w+)>/g, (all, name: string) =>
    name in PLACEHOLDERS ? `(?:${PLACEHOLDERS[name] ?? ''})` : all,
  );
  return new RegExp(`^${filled.replace(/^ +/gm, ' *').replace(/(?<=\S) +/g, ' +')}$`);
}
