/**
 * speed COUNT TURNS: what a program of /bin/true takes from its start to its end, by the launcher and by child_process,
 * from one thread of Node and from four, in turn. Prints a line of JSON for each measurement: what all tasks of the
 * machine ran for, in nanoseconds of its clock, by program. bench/measure/launches.ts bundles it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { launch, wait, watch } from '../../../client/native/launcher.js';

/** Ways of starting a program; an object of create is the launcher's. */
const WAYS = {
  'child-process': undefined,
  bare: '{"spawn":true,"privileged":true,"namespace_flags":0}',
  agent: '{"spawn":true}',
} as const;

type Way = keyof typeof WAYS;

interface Task {
  readonly way: Way;
  readonly count: number;
}

const THREADS = [1, 4] as const;

/** Milliseconds in which the kernel clears away what it has put off: namespaces, cgroups. */
const SETTLE = 300;

async function byNode(): Promise<void> {
  const child = spawn('/bin/true', { stdio: 'ignore', env: {} });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`it ended with ${code}`);
}

async function byLauncher(object: string, nothing: number): Promise<void> {
  const { pidfd } = await launch({
    file: 'create',
    object,
    program: '/bin/true',
    argv: ['true'],
    env: [],
    stdio: [nothing, nothing, nothing],
  });
  await new Promise<void>((resolve) => {
    const watching = watch(pidfd, () => {
      watching.stop();
      resolve();
    });
  });
  const end = wait(pidfd);
  closeSync(pidfd);
  if (!end || !('exit' in end) || end.exit !== 0) throw new Error(`it ended with ${JSON.stringify(end)}`);
}

/** The time that all tasks have run for; a task's time is added when it gives its processor away. */
async function busy(): Promise<number> {
  await sleep(1);
  const lines = readFileSync('/proc/schedstat', 'utf8').matchAll(/^cpu\d+ (.*)$/gm);
  let all = 0;
  for (const [, fields = ''] of lines) all += Number(fields.split(' ')[6]);
  return all;
}

async function serve(): Promise<void> {
  const nothing = openSync('/dev/null', 'r+');
  parentPort?.on('message', ({ way, count }: Task) => {
    const object = WAYS[way];
    void (async () => {
      for (let i = 0; i < count; i++) await (object === undefined ? byNode() : byLauncher(object, nothing));
      parentPort?.postMessage('done');
    })();
  });
  return Promise.resolve();
}

async function measure(workers: readonly Worker[], way: Way, count: number): Promise<number> {
  await sleep(SETTLE);
  const before = await busy();
  const done = workers.map((worker) => once(worker, 'message'));
  for (const worker of workers) worker.postMessage({ way, count: count / workers.length } satisfies Task);
  await Promise.all(done);
  await sleep(SETTLE);
  return Math.round(((await busy()) - before) / count);
}

async function all(count: number, turns: number): Promise<void> {
  const workers = Array.from({ length: Math.max(...THREADS) }, () => new Worker(process.argv[1] ?? ''));
  // The first turn compiles and fills caches.
  for (let turn = 0; turn <= turns; turn++)
    for (const threads of THREADS)
      for (const way of Object.keys(WAYS) as Way[]) {
        const each = await measure(workers.slice(0, threads), way, count);
        if (turn > 0) console.log(JSON.stringify({ way, threads, each }));
      }
  await Promise.all(workers.map((worker) => worker.terminate()));
}

if (isMainThread) await all(Number(process.argv[2]), Number(process.argv[3]));
else await serve();
