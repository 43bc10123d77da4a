/** SPECIFICATION.md: its rows, the ids in the titles of tests, and what is wrong between the two. */

/** A row of the page. */
export interface Row {
  readonly id: string;
  readonly sentence: string;
  /** The linked file, from the top of the repository. */
  readonly link: string;
}

/** A test as Playwright lists it. */
export interface Titled {
  /** Its file, from the top of the repository. */
  readonly file: string;
  readonly title: string;
}

const ID = '[A-Z]+-\\d{2,3}';
const ROW = new RegExp(`^\\| (${ID}) \\| ([^|]+) \\| \\[([^\\]]+)\\]\\(([^)]+)\\) \\|$`);
const TITLE = new RegExp(`^(${ID}(?:, ${ID})*): \\S`);
/** The head of a table. */
const HEAD = ['| id | promise | spec |', '| --- | --- | --- |'];

/** The ids that a test's title begins with, as in `BIRTH-04, BIRTH-05: a child …`; none if it has none. */
function idsOf(title: string): string[] {
  return TITLE.exec(title)?.[1]?.split(', ') ?? [];
}

/** The rows of a page, and the lines of its tables that are none. */
export function parseRows(page: string): { rows: Row[]; others: string[] } {
  const lines = page.split('\n').filter((line) => line.startsWith('|') && !HEAD.includes(line));
  const parsed = lines.map((line) => {
    const [, id = '', sentence = '', name = '', link = ''] = ROW.exec(line) ?? [];
    return { line, row: { id, sentence, link }, good: link === `specs/${name}.spec.ts` };
  });
  return {
    rows: parsed.flatMap(({ row, good }) => (good ? [row] : [])),
    others: parsed.flatMap(({ line, good }) => (good ? [] : [line])),
  };
}

const repeated = (all: readonly string[]) => [
  ...new Set(all.filter((each, index) => all.indexOf(each) !== index)),
];

/** Words that begin a clause: a row that begins with one has its subject late, or none. */
const CLAUSE = /^(Where|What|Whatever|Which|Whichever|Whoever|However|Of|Also|There) /;
/** Words that promise whatever the test happens to look at. */
const WILDCARD =
  /\b(what (it|they) says?|as documented|works as expected|as usual|(tests?|checks?|script \S+) (all )?pass(es)?)\b/;

/** The faults of one row's own text and link. */
function rowFaults({ id, sentence, link }: Row, isFile: (path: string) => boolean): string[] {
  return [
    ...(/…|\.\.\./.test(sentence) ? [`${id} has an ellipsis`] : []),
    ...(/^[A-Z].*\.$/.test(sentence) ? [] : [`${id} is no sentence from a capital to a full stop`]),
    ...(CLAUSE.test(sentence) ? [`${id} begins with a clause`] : []),
    ...(WILDCARD.test(sentence) ? [`${id} does not say what it promises`] : []),
    ...(sentence.includes('(`npm run') ? [`${id} says how it is run, as the top of the page does`] : []),
    ...(isFile(link) ? [] : [`${id} links ${link}, which does not exist`]),
  ];
}

/**
 * Compares the page with the tests.
 * @param page the text of SPECIFICATION.md
 * @param tests every test that has to have a row
 * @param isFile whether there is a file at a path from the top of the repository
 * @returns a line for each fault; none if every row has its test and every test its row.
 */
export function faults(page: string, tests: readonly Titled[], isFile: (path: string) => boolean): string[] {
  const { rows, others } = parseRows(page);
  const files = new Map<string, Set<string>>();
  for (const { file, title } of tests)
    for (const id of idsOf(title)) files.set(id, (files.get(id) ?? new Set()).add(file));
  const known = new Set(rows.map(({ id }) => id));
  return [
    ...others.map((line) => `no row of an id, a sentence and a link: ${line}`),
    ...repeated(rows.map(({ id }) => id)).map((id) => `${id} stands twice in the page`),
    ...rows.flatMap((row) => rowFaults(row, isFile)),
    ...rows.flatMap(({ id, link }) => (files.get(id)?.has(link) ? [] : [`${id} is in no title of ${link}`])),
    ...tests.flatMap(({ file, title }) => (idsOf(title).length > 0 ? [] : [`no id: ${file}: ${title}`])),
    ...[...files].flatMap(([id, of]) => [
      ...(known.has(id) ? [] : [`${id} has no row: ${[...of].join(', ')}`]),
      ...(of.size > 1 ? [`${id} is in several files: ${[...of].join(', ')}`] : []),
    ]),
  ];
}

/**
 * Compares the page's list of files that must be run whole with the files whose tests need each other.
 * @param page the text of SPECIFICATION.md
 * @param serial the files with tests in a fixed order, such as `specs/vm/system.spec.ts`
 * @returns the names on one side only; none if both are the same.
 */
export function unlistedSerial(page: string, serial: readonly string[]): string[] {
  const line = page.split('\n').find((each) => each.includes('Run these files whole: ')) ?? '';
  const [list = ''] = line.slice(line.indexOf('whole: ')).split('. ');
  const named = [...list.matchAll(/`([^`]+)`/g)].map(([, name = '']) => `specs/${name}.spec.ts`);
  return [
    ...named.filter((each) => !serial.includes(each)),
    ...serial.filter((each) => !named.includes(each)),
  ];
}
