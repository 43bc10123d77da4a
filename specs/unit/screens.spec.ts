/** The parser of the tutorial, and the drawing of screens. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { TOP_COLUMNS } from '../../client/cli/top/columns.js';
import { opensCall } from '../../client/explain/opens.js';
import { CHECKS } from '../../client/doctor/checks.js';
import { repository } from '../../harness.config.js';
import { svgOf } from '../support/screens/svg.js';
import { pattern, stepsOf } from '../support/tutorial.js';

test('TUT-02: a picture has the text, colours and styles of a terminal, and what has scrolled away', async () => {
  const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`);
  const output = [...lines, '\x1b[31mred\x1b[0m \x1b[1mbold\x1b[0m   <&>   \x1b[7minverse\x1b[0m'].join(
    '\r\n',
  );
  const svg = await svgOf(output, 40, 'A & B');
  expect(svg).toContain('<title>A &#38; B</title>');
  for (const line of lines) expect(svg).toContain(`>${line}</text>`);
  expect(svg).toMatch(/ fill="#ef5350">red<\/text>/);
  expect(svg).toMatch(/ font-weight="bold">bold<\/text>/);
  expect(svg).toContain('>&#60;&#38;&#62;</text>');
  expect(svg).toMatch(/<rect [^>]*fill="#e6e6e6"\/>\n<text [^>]* fill="#16191d">inverse</);
});

test('TUT-03: commands of the tutorial are found, and placeholders stand for what varies', () => {
  const page = 'Text\n\n```console\n# one <<END\n> two\n> END\n# three\nfour <pid>\n <time>  x\n```\n# no\n';
  expect(stepsOf(page)).toEqual([
    { command: 'one <<END\ntwo\nEND', printed: '' },
    { command: 'three', printed: 'four <pid>\n <time>  x\n' },
  ]);
  const form = pattern('  <pid> ran <time>, <size> (a.b) <other>\n');
  expect('12   ran 1.5s, 640K (a.b) <other>').toMatch(form);
  expect('12 ran 2m15s, 2.0M (a.b) <other>').toMatch(form);
  for (const wrong of [
    'x ran 1s, 1K (a.b) <other>',
    '12 ran 1s, 1K (aXb) <other>',
    '12 ran 1s, 1K (a.b) <other>!',
  ])
    expect(wrong).not.toMatch(form);
});

/** The texts of a picture, each with where it begins. */
async function textsOf(name: string): Promise<{ x: number; bold: boolean; text: string }[]> {
  const svg = await readFile(join(repository, 'docs/screens', `${name}.svg`), 'utf8');
  return [...svg.matchAll(/<text x="([\d.]+)"([^>]*)>([^<]*)<\/text>/g)].map(
    ([, x, style = '', text = '']) => ({
      x: Number(x),
      bold: style.includes('bold'),
      text,
    }),
  );
}

test('TUT-04: the pictures of doctor, top and explain have the checks, columns and words of today', async () => {
  const doctor = await textsOf('doctor');
  const [verdict = 0, id = 0] = [...new Set(doctor.map(({ x }) => x))].sort((a, b) => a - b);
  expect(id).toBeGreaterThan(verdict);
  expect(doctor.filter(({ x }) => x === id).map(({ text }) => text)).toEqual(CHECKS.map((check) => check.id));
  const top = await textsOf('top');
  expect(top.filter(({ bold }) => bold).map(({ text }) => text)).toEqual(
    TOP_COLUMNS.map(({ title }) => title),
  );
  const explained = (await textsOf('explain')).map(({ text }) => text).join(' ');
  expect(explained).toContain(opensCall('unshare'));
});
