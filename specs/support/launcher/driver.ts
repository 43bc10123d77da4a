/**
 * driver ORDER: uses the launcher in a guest as the order says, a line of JSON, and prints what came of it as JSON.
 * specs/vm/launcher.spec.ts bundles it.
 */
import pWaitFor from 'p-wait-for';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  createReadStream,
  existsSync,
  renameSync,
  rmSync,
  symlinkSync,
  openSync,
  readFileSync,
  readdirSync,
  writeSync,
} from 'node:fs';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import {
  LaunchError,
  launch,
  openPipe,
  openTerminal,
  resize,
  signal,
  terminalSize,
  wait,
  watch,
} from '../../../client/native/launcher.js';
import type { LaunchSpec, Launched } from '../../../client/native/launcher.js';

/** A launch as specs ask for it: what they leave out is that of a shell line in a new agent. */
export interface Order {
  /** The differences from a shell in a new agent. */
  readonly spec?: Partial<Omit<LaunchSpec, 'stdio'>>;
  /** The shell's command line. */
  readonly line?: string;
  /** Sent as soon as it runs. */
  readonly signal?: number;
  /** The program's input; nothing by default. */
  readonly input?: string;
  /** In a terminal: what is typed once something has been printed. */
  readonly then?: readonly [string, string];
  /**
   * The driver's descriptors: 0, 1 and 2 of the program are those at these places of [input, output, output of
   * errors].
   */
  readonly places?: readonly number[];
  readonly directory?: string;
}

/** The outcome of a launch. */
export type Outcome =
  | {
      readonly id: number;
      readonly pid: number;
      readonly out: string;
      readonly err: string;
      readonly end: { exit: number } | { signal: number };
    }
  | { readonly failed: Pick<LaunchError, 'stage' | 'code' | 'errno' | 'what' | 'answer'> };

const PATH = 'PATH=/usr/local/bin:/usr/bin:/bin';

function specOf({ spec, line = 'true' }: Order, stdio: readonly number[]): LaunchSpec {
  return {
    file: 'create',
    object: '{"spawn":true}',
    program: '/bin/sh',
    argv: ['sh', '-c', line],
    env: [PATH],
    ...spec,
    stdio,
  };
}

function ended(pidfd: number): Promise<{ exit: number } | { signal: number }> {
  return new Promise((resolve) => {
    const watching = watch(pidfd, () => {
      const end = wait(pidfd);
      if (!end) return;
      watching.stop();
      closeSync(pidfd);
      resolve(end);
    });
  });
}

async function readAll(fd: number): Promise<string> {
  let text = '';
  for await (const chunk of createReadStream('', { fd, encoding: 'utf8' })) text += String(chunk);
  return text;
}

function failedAs(error: unknown): Outcome {
  if (!(error instanceof LaunchError)) throw error;
  const { stage, code, errno, what, answer } = error;
  return { failed: { stage, code, errno, what, ...(answer !== undefined && { answer }) } };
}

async function run(order: Order): Promise<Outcome> {
  const input = openPipe();
  const output = openPipe();
  const errors = openPipe();
  const given = [input.read, output.write, errors.write];
  const texts = [readAll(output.read), readAll(errors.read)] as const;
  try {
    const stdio = (order.places ?? [0, 1, 2]).map((place) => given[place] ?? 999);
    const launched = await launch(specOf(order, stdio), order.directory);
    given.forEach(closeSync);
    writeSync(input.write, order.input ?? '');
    closeSync(input.write);
    if (order.signal !== undefined) signal(launched.pidfd, order.signal);
    const end = await ended(launched.pidfd);
    const [out, err] = await Promise.all(texts);
    return { id: launched.id, pid: launched.pid, out, err, end };
  } catch (error) {
    [...given, input.write].forEach(closeSync);
    await Promise.all(texts);
    return failedAs(error);
  }
}

/** Starts so many agents at once, and lets them end. */
async function crowd(count: number, order: Order): Promise<(Launched | Outcome)[]> {
  const nothing = openSync('/dev/null', 'r+');
  const spec = specOf(order, [nothing, nothing, nothing]);
  const all = Array.from({ length: count }, () => launch(spec).catch(failedAs));
  const launched = await Promise.all(all);
  closeSync(nothing);
  await Promise.all(launched.map(async (each) => ('pidfd' in each ? ended(each.pidfd) : undefined)));
  return launched;
}

async function crowds(threads: number, count: number, order: Order): Promise<unknown[]> {
  const one = () =>
    new Promise<unknown[]>((resolve, reject) => {
      const worker = new Worker(process.argv[1] ?? '', { workerData: { count, order } });
      worker.once('message', resolve).once('error', reject);
    });
  return (await Promise.all(Array.from({ length: threads }, one))).flat();
}

/** A worker that is ended, and what it had to do. */
interface Doomed {
  /** The number of launches at once. */
  readonly count: number;
  readonly orders: readonly Order[];
  /** Milliseconds after which it exits by itself. */
  readonly exit?: number;
}

/** Launches again and again, and waits for every end, until the worker ends. */
async function launchForever({ count, orders, exit }: Doomed): Promise<never> {
  const nothing = openSync('/dev/null', 'r+');
  const one = async (order: Order) => {
    const launched = await launch(specOf(order, [nothing, nothing, nothing])).catch(failedAs);
    if ('pidfd' in launched) await ended(launched.pidfd);
  };
  if (exit !== undefined) setTimeout(() => process.exit(), exit);
  parentPort?.postMessage('launching');
  for (let i = 0; ; i++)
    await Promise.all(Array.from({ length: count }, (_, at) => one(orders[(i + at) % orders.length] ?? {})));
}

async function doomed(time: number, doomed: Doomed): Promise<void> {
  const worker = new Worker(process.argv[1] ?? '', { workerData: { doomed } });
  const ended = new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
  await new Promise((resolve) => worker.once('message', resolve));
  if (doomed.exit === undefined) setTimeout(() => void worker.terminate(), time);
  await ended;
}

/** Ends workers, one time by another thread and one time by themselves, a little later each time. */
async function storm(rounds: number, doom: Doomed): Promise<unknown> {
  await doomed(0, doom);
  const before = possessions();
  for (let i = 0; i < rounds; i++) {
    const time = (i * 7) % 60;
    await doomed(time, doom);
    await doomed(time, { ...doom, exit: time });
  }
  const active = () => readFileSync('/proc/swarm/agents', 'utf8').split('\n').filter(Boolean).length;
  for (let i = 0; i < 400 && (active() > 0 || possessions().children > 0); i++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  return { before, after: possessions(), active: active() };
}

/** The children of a thread; one that has ended meanwhile has left them to another. */
function childrenOf(thread: string): string[] {
  try {
    return readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' ').filter(Boolean);
  } catch {
    return [];
  }
}

/** The resources of this process: descriptors, threads, and children, of which it waits for none. */
function possessions() {
  const threads = readdirSync('/proc/self/task');
  const children = threads.flatMap(childrenOf);
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    children: children.length,
    threads: threads.length,
  };
}

async function repeatedly(count: number, orders: readonly Order[]): Promise<unknown> {
  for (const order of orders) await run(order);
  const before = possessions();
  for (let i = 0; i < count; i++) await run(orders[i % orders.length] ?? {});
  return { before, after: possessions() };
}

/** A program with a terminal, to which `input` is typed. */
async function inTerminal(order: Order): Promise<unknown> {
  const { master, slave } = openTerminal({ rows: 30, columns: 100 });
  const launched = await launch({ ...specOf(order, [slave, slave, slave]), terminal: true });
  resize(master, { rows: 31, columns: 101 });
  const size = terminalSize(slave);
  closeSync(slave);
  writeSync(master, order.input ?? '');
  let out = '';
  const reading = createReadStream('', { fd: master, encoding: 'utf8' });
  // The end of a terminal that nobody has open any more.
  reading.on('error', () => undefined);
  const [printed, typed] = order.then ?? [];
  reading.on('data', (chunk) => {
    const had = printed !== undefined && out.includes(printed);
    out += String(chunk);
    if (!had && printed !== undefined && out.includes(printed))
      setTimeout(() => writeSync(master, typed ?? ''), 500);
  });
  const end = await ended(launched.pidfd);
  await new Promise((resolve) =>
    reading.once('close', () => {
      resolve(undefined);
    }),
  );
  return { out, end, size };
}

async function inTurn<T, R>(all: readonly T[], work: (each: T) => Promise<R>): Promise<R[]> {
  const results = [];
  for (const each of all) results.push(await work(each));
  return results;
}

/** Waits for a condition, a minute at most. */
async function until(condition: () => boolean): Promise<void> {
  await pWaitFor(condition, { interval: 50, timeout: 60_000 });
}

/** Runs a program in an agent that runs, and ends the agent. */
async function join([first, second]: readonly [Order, Order]): Promise<unknown> {
  const nothing = openSync('/dev/null', 'r+');
  const leader = await launch(specOf(first, [nothing, nothing, nothing]));
  const { id, pid } = leader;
  await until(() => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n');
  const spec = { ...second.spec, file: 'spawn', object: JSON.stringify({ id }), join: { pid } } as const;
  const joined = await run({ ...second, spec });
  const agents = readFileSync('/proc/swarm/agents', 'utf8');
  signal(leader.pidfd, 9);
  return { first: { id, pid }, joined, agents, end: await ended(leader.pidfd) };
}

/** Launches that leave their threads armed, as far as they can, and a child afterwards. */
async function armed(count: number, order: Order): Promise<unknown> {
  const failed = [];
  const threads = () => readdirSync('/proc/self/task').length;
  await run(order);
  const before = threads();
  for (let i = 0; i < count; i++) failed.push(await run(order));
  const cgroup = execFileSync('cat', ['/proc/self/cgroup'], { encoding: 'utf8' });
  return { failed, cgroup, threads: [before, threads()] };
}

/** A directory that is a link every other moment. */
interface Swap {
  readonly path: string;
  readonly link: string;
}

/** A launch may make the directory while it has no name. */
function swapForever({ path, link }: Swap): never {
  for (;;) {
    renameSync(path, `${path}.own`);
    rmSync(path, { recursive: true, force: true });
    symlinkSync(link, path);
    rmSync(path, { recursive: true, force: true });
    renameSync(`${path}.own`, path);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
}

/** Launches while another thread swaps a directory for a link. */
async function whileSwapped(count: number, order: Order, swap: Swap): Promise<unknown[]> {
  const worker = new Worker(process.argv[1] ?? '', { workerData: { swap } });
  worker.on('error', () => undefined);
  const outcomes = [];
  for (let i = 0; i < count; i++) outcomes.push(await run(order));
  await worker.terminate();
  rmSync(swap.path, { force: true, recursive: true });
  if (existsSync(`${swap.path}.own`)) renameSync(`${swap.path}.own`, swap.path);
  return outcomes;
}

async function carryOut(mode: string, args: readonly unknown[]): Promise<unknown> {
  const [first, second, third] = args;
  if (mode === 'runs') return inTurn(first as Order[], run);
  if (mode === 'crowds') return crowds(Number(first), Number(second), third as Order);
  if (mode === 'repeat') return repeatedly(Number(first), second as Order[]);
  if (mode === 'swapped') return whileSwapped(Number(first), second as Order, third as Swap);
  if (mode === 'armed') return armed(Number(first), second as Order);
  if (mode === 'storm') return storm(Number(first), second as Doomed);
  if (mode === 'terminal') return inTerminal(first as Order);
  if (mode === 'joins') return inTurn(first as [Order, Order][], join);
  throw new Error(`no mode ${mode}`);
}

if (isMainThread) {
  const [mode, ...args] = JSON.parse(process.argv[2] ?? '[]') as [string, ...unknown[]];
  console.log(JSON.stringify(await carryOut(mode, args)));
} else {
  const { count, order, swap, doomed } = workerData as {
    count: number;
    order: Order;
    swap?: Swap;
    doomed?: Doomed;
  };
  if (swap) swapForever(swap);
  if (doomed) await launchForever(doomed);
  parentPort?.postMessage(await crowd(count, order));
}
