/** The page, the chart and the table of the README about what it takes to start a program, beside other tools. */
import { table } from '../../harness/util/markdown.js';
import { barChart } from '../picture.js';
import type { Beside, Started } from './beside.js';

const grouped = (value: number) => Math.round(value).toLocaleString('en-US');
const millions = (value: number) => (value / 1e6).toFixed(1);
const byValue = (started: readonly Started[]) => started.toSorted((one, other) => one.value - other.value);

/** The chart's path, from docs. */
export const CHART = 'peers.svg';

/** The mark of the README's table. */
export const KIND = 'peers';

const words = ({ started }: Beside) =>
  `A program that exits at once, start to end, in millions of instructions: ${byValue(started)
    .map(({ title, value }) => `${title} ${millions(value)}`)
    .join('; ')}`;

/** The chart as an SVG file. */
export function besideChart(report: Beside): string {
  const bars = byValue(report.started).map(({ title, value, ours }) => ({
    label: title,
    value,
    text: millions(value),
    ours: ours === true,
  }));
  return barChart(words(report), bars, 260);
}

/** The rows of the README, the least first: agents with limits, and tools that take less or isolate as much. */
function shortened(started: readonly Started[]): Started[] {
  const most = Math.max(...started.filter(({ ours }) => ours).map(({ value }) => value));
  return byValue(started).filter(({ ours, limits, network, value }) =>
    ours ? limits === 'yes' : network || value < most,
  );
}

/** Characters of the longest bar. */
const WIDTH = 40;

/** Blocks of one to eight eighths. */
const EIGHTHS = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'] as const;

/** A bar of text, at least an eighth of a character long. */
function bar(share: number): string {
  const eighths = Math.max(1, Math.round(share * WIDTH * 8));
  return `${'█'.repeat(eighths >> 3)}${EIGHTHS[(eighths & 7) - 1] ?? ''}`;
}

/** The README's table: its bars are as long as the counts. */
export function besideBars({ started }: Beside): string {
  const rows = shortened(started);
  const most = Math.max(...rows.map(({ value }) => value));
  return table(
    ['', 'limits', 'million instructions', ''],
    rows.map(({ title, limits, value, ours }) => [
      titled({ title: title.replace(', limits', ''), ours }),
      limits,
      millions(value),
      bar(value / most),
    ]),
    { right: [2] },
  );
}

const titled = ({ title, ours }: { title: string; ours?: boolean | undefined }) =>
  ours ? `**${title}**` : title;

/** The ways that take less than an agent with as much of a network and without limits, in words. */
function faster({ started }: Beside): string[] {
  return [false, true].map((network) => {
    const ours = started.find((way) => way.ours && way.limits === 'no' && way.network === network);
    const less = byValue(started).filter(
      (way) => !way.ours && (way.network || !network) && way.value < (ours?.value ?? NaN),
    );
    const than = `*${ours?.title ?? ''}* without limits`;
    return less.length === 0
      ? `No way takes fewer instructions than ${than}.`
      : `Fewer instructions than ${than}: ${less.map(({ title, value }) => `*${title}* (${millions(value)} million)`).join(', ')}.`;
  });
}

/** The page, in Markdown. */
export function besidePage(report: Beside): string {
  const { kernel, versions, rounds, started, births } = report;
  const whole = table(
    ['', 'instructions', 'least', 'most', 'namespaces', 'limits'],
    byValue(started).map((way) => [
      titled(way),
      grouped(way.value),
      ...way.spread.map(grouped),
      way.namespaces,
      way.limits,
    ]),
    { right: [1, 2, 3] },
  );
  const alone = table(
    ['', 'instructions'],
    births
      .toSorted((one, other) => one.whole - other.whole)
      .map((birth) => [titled(birth), grouped(birth.whole)]),
    { right: [1] },
  );
  return `# Starting a program: SwarmGuard and its alternatives

This page compares what it takes to start one small program in isolation, with SwarmGuard and with other tools. \`npm run bench:peers -- --output docs/peers.md\` measures the figures and writes the page.

Every tool starts the same static program, which exits at once. The figures are CPU instructions: all that the machine executes from the start of the tool until nothing is left of the program, the kernel's own work included. An emulated processor counts them, so they do not depend on the machine. They vary a little from round to round, and they are no durations. All tools run in the same guest, one after the other, in ${rounds} rounds; the table has the median, the least and the most of these rounds. The guest has Linux ${kernel} and one CPU, and systemd is its first process.

The chart shows millions of instructions:

![${words(report)}](${CHART})

${whole}

${faster(report)
  .map((line) => `- ${line}`)
  .join('\n')}
- *By hand* is a C program that calls clone3 with the namespace flags and then execve, and nothing else: it mounts nothing, maps no ids and limits nothing. No tool that makes the same namespaces from user space can need fewer instructions.
- SwarmGuard is started by a small C program, \`launch\`, that writes the policy and forks. It also gives the process ids of its own, a procfs and a devpts, drops privileges, and checks every later device, system call and execve.
- unshare(1) and bubblewrap set no limits. bubblewrap also builds a root of bind mounts.
- crun and runc also mount a root of their own and install a seccomp filter and a device program, as the default configuration of \`crun spec\` and \`runc spec\` has it. They set up no device in a network namespace.
- systemd-run asks systemd, which starts the program, logs that and removes the unit.
- *Limits* are memory, CPU and number of processes. Without limits an agent has no cgroup of its own.
- youki is not measured, because Debian 13 has no package of it.

## Birth alone

These figures end with the first instruction of the new process, so they leave out the tool's own start, the execve and the end. Here *clone3 by hand* is a fuller program than above: it also makes the mounts, the cgroup and the limits that SwarmGuard makes.

${alone}

Versions: ${versions.join(', ')}. [benchmarks.md](benchmarks.md) has the other benchmarks, and [bench/peers](../bench/peers/README.md) says how each tool is called.
`;
}
