/**
 * driver NAME [ARGUMENT]: does one thing with the client in a guest, and prints what came of it as JSON.
 * specs/vm/client.spec.ts bundles it.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { SwarmError } from '../../../client/error.js';
import { SwarmGuard } from '../../../client/guard.js';
import { openProcess } from '../../../client/native/launcher.js';
import type { AgentProcess } from '../../../client/process.js';

/** The fields of an error. */
function told(error: unknown): object {
  if (error instanceof SwarmError) {
    const { code, errno, field, offset, message, hint } = error;
    return { code, errno, field, offset, message, hint };
  }
  return error instanceof Error ? { name: error.name, message: error.message } : { error };
}

/** The error that a promise rejects with. */
async function failure(promise: Promise<unknown>): Promise<object> {
  return promise.then(
    () => ({ resolved: true }),
    (error: unknown) => told(error),
  );
}

/** The descriptors that are open, but for those that reading them opens, by what they are of. */
function descriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)];
      } catch {
        return [];
      }
    })
    .map((path) => path.replace(/\d+/g, 'N'))
    .sort();
}

const swarm = await SwarmGuard.open();

const SH = (line: string) => ['/bin/sh', '-c', line];

const SCENARIOS: Readonly<Record<string, (argument: string) => Promise<unknown>>> = {
  /** Each call once. */
  calls: async () => {
    const { id } = await swarm.create({ name: 'calls', memory_limit: 64 << 20 });
    await swarm.update(id, { pids_limit: 10 });
    const { policy, name, state } = await swarm.inspect(id);
    const listed = [];
    for await (const agent of swarm.agents()) listed.push(agent);
    const status = await swarm.status();
    const metrics = await swarm.metrics();
    await swarm.destroy(id);
    const gone = await failure(swarm.inspect(id));
    return {
      id,
      name,
      state,
      limits: [policy.memory_limit, policy.pids_limit],
      listed,
      active: status.active,
      metrics: metrics.endsWith('# EOF\n'),
      gone,
    };
  },

  /** Processes of this machine that become an agent's, by their number and by a descriptor. */
  attaches: async () => {
    const first = swarm.spawn(['sleep', '600'], { policy: { privileged: true, namespace_flags: 0 } });
    const { id, pid } = await first.started;
    const outside = ['600', '601'].map((time) => spawn('sleep', [time], { cwd: '/', stdio: 'ignore' }));
    const [one = 0, two = 0] = outside.map((each) => each.pid ?? 0);
    const pidfd = openProcess(two);
    const before = (await swarm.inspect(id)).members;
    const answers = [await swarm.attach(id, { pid: one }), await swarm.attach(id, { pidfd })];
    closeSync(pidfd);
    const { members } = await swarm.inspect(id);
    const refused = [
      await failure(swarm.attach(id, { pid: one })),
      await failure(swarm.attach(4242, { pid: one })),
      await failure(swarm.attach(id, { pidfd: 999 })),
    ];
    const exits = outside.map((each) => once(each, 'exit'));
    await first.destroy();
    const ends = (await Promise.all(exits)).map(([, signal]) => String(signal));
    await first;
    return {
      before: before.map((each) => each === pid),
      members: [pid, one, two].map((each) => members.includes(each)),
      answers: answers.map((each) => ({ same: each.id === id, kept: each.kept })),
      refused,
      ends,
    };
  },

  /** The changes of an agent through its handle. */
  handles: async () => {
    const program = swarm.spawn(['sleep', '600'], { policy: { name: 'handled' } });
    // Before it has started, so that this has to wait.
    await program.update({ pids_limit: 5 });
    const id = program.id ?? 0;
    const limited = (await swarm.inspect(id)).policy.pids_limit;
    await program.freeze();
    const frozen = (await swarm.inspect(id)).state;
    await program.freeze(false);
    const thawed = (await swarm.inspect(id)).state;
    const refused = await failure(program.update({ memory_limit: 1 }));
    const aborted = await failure(program.update({ pids_limit: 6 }, { signal: AbortSignal.abort() }));
    await program.destroy();
    await program;
    const gone = await failure(program.freeze());
    const unborn = await failure(swarm.spawn(['nothing']).update({ pids_limit: 5 }));
    return { limited, frozen, thawed, refused, aborted, gone, unborn };
  },

  /** Files, descriptors, the pidfd, and an agent that had no process. */
  files: async () => {
    const dir = mkdtempSync('/run/files-');
    const read = (name: string) => readFileSync(`${dir}/${name}`, 'utf8');
    writeFileSync(`${dir}/in`, 'given\n');
    writeFileSync(`${dir}/out`, 'kept\n');
    writeFileSync(`${dir}/err`, 'overwritten, and longer\n');
    await swarm.spawn(SH('cat; echo wrong >&2'), {
      stdin: { path: `${dir}/in` },
      stdout: { path: `${dir}/out`, flags: 'a' },
      stderr: { path: `${dir}/err` },
    });
    const more = ['three', 'four'].map((name) => openSync(`${dir}/${name}`, 'w'));
    const list = swarm.spawn(SH('echo third >&3; echo fourth >&4; echo /proc/self/fd/*'), {
      descriptors: more,
    });
    more.forEach((fd) => {
      closeSync(fd);
    });
    const open = await text(list.stdout);
    await list;
    const held = swarm.spawn(['sleep', '600']);
    const early = held.pidfd;
    const { pid } = await held.started;
    const info = readFileSync(`/proc/self/fdinfo/${held.pidfd ?? 'none'}`, 'utf8');
    held.kill('SIGKILL');
    await held;
    const { id } = await swarm.create({ name: 'filled', persist: true });
    const first = await swarm.spawn(SH('exit 3'), { id });
    const between = (await swarm.inspect(id)).state;
    const second = await swarm.spawn(SH('exit 4'), { id });
    await swarm.destroy(id);
    return {
      files: ['out', 'err', 'three', 'four'].map(read),
      open,
      pidfds: [early, Number(/^Pid:\s*(\d+)$/m.exec(info)?.[1]) === pid, held.pidfd],
      exits: [first.exit, second.exit],
      same: first.id === id && second.id === id,
      between,
    };
  },

  /** The refusals, by the client here and by the kernel. */
  refusals: async () => [
    await failure(swarm.create({ memory_limit: 1 })),
    await failure(swarm.create({ exec_paths: ['/nowhere'] })),
    await failure(swarm.create({ spawn: true } as object)),
    await failure(swarm.update(4242, { pids_limit: 1 })),
    await failure(SwarmGuard.open({ directory: '/proc/none' })),
    await failure(swarm.spawn(['/bin/nothing'])),
    await failure(swarm.spawn(['/bin/true'], { policy: { cpu_quota: 1_000_000 } })),
    await failure(swarm.spawn(['/bin/true'], { policy: { exec_paths: ['/usr/bin/sleep'] } })),
  ],

  /** Many agents, of which some are refused, streamed and destroyed. */
  many: async (count) => {
    function* requests() {
      for (let i = 0; i < Number(count); i++)
        yield i % 1000 === 7 ? { exec_paths: ['/nowhere'] } : { name: `n${i}` };
    }
    const kinds: Record<string, number> = {};
    let at = 0;
    const refused: number[] = [];
    for await (const answer of swarm.createMany(requests())) {
      kinds[answer.kind] = (kinds[answer.kind] ?? 0) + 1;
      if (answer.kind === 'refused') refused.push(at);
      at += 1;
    }
    let seen = 0;
    let last = 0;
    let rising = true;
    for await (const { id } of swarm.agents()) {
      seen += 1;
      rising &&= id > last;
      last = id;
    }
    return { kinds, seen, rising, orderly: refused.every((place) => place % 1000 === 7) };
  },

  /** A program's streams, and how it ended. */
  spawn: async () => {
    const one = swarm.spawn(SH('cat; echo wrong >&2; cat /dev/kmsg; unshare -U true; exit 7'), {
      policy: { memory_limit: 64 << 20, name: 'one' },
      env: { HOME: '/tmp' },
    });
    one.stdin?.end('typed\n');
    const [out, err] = await Promise.all([text(one.stdout), text(one.stderr)]);
    const end = await one;
    const killed = swarm.spawn(['sleep', '600'], { stdout: 'ignore' });
    await killed.started;
    killed.kill('SIGKILL');
    const hungry = swarm.spawn(SH('head -c 200000000 /dev/zero | tail'), {
      policy: { memory_limit: 32 << 20 },
    });
    return { out, err, end, killed: await killed, hungry: await hungry, before: one.id === end.id };
  },

  /** Ways of ending a program early. */
  ends: async () => {
    const stopped = swarm.spawn(SH("trap 'echo bye; exit 4' TERM; echo ready; while :; do sleep 0.1; done"));
    const output = text(stopped.stdout);
    await stopped.started;
    await sleep(1500);
    const stop = await stopped.stop(20_000);
    const deaf = swarm.spawn(['sleep', '600']);
    await deaf.started;
    const forced = await deaf.stop(300);
    const late = await failure(swarm.spawn(['sleep', '600'], { timeout: 500 }));
    const abort = new AbortController();
    const aborted = swarm.spawn(['sleep', '600'], { signal: abort.signal });
    await aborted.started;
    abort.abort();
    const reason = await failure(aborted);
    const never = await failure(swarm.spawn(['sleep', '600'], { signal: AbortSignal.abort() }));
    const { active } = await swarm.status();
    return { output: await output, stop, forced, late, reason, never, active, again: deaf.kill() };
  },

  /** A terminal, another process in the agent, and a freeze. */
  joins: async () => {
    const first = swarm.spawn(['sleep', '600'], { policy: { name: 'joined', pids_limit: 20 } });
    const { id } = await first.started;
    const second = swarm.exec(id, SH('hostname; echo $$; stty size'), {
      terminal: { rows: 11, columns: 99 },
    });
    let printed = '';
    second.terminal?.on('data', (data: Buffer) => (printed += data.toString()));
    const exec = await second;
    await swarm.freeze(id);
    const frozen = (await swarm.inspect(id)).state;
    await swarm.freeze(id, false);
    const thawed = (await swarm.inspect(id)).state;
    await first.destroy();
    return { printed, exec, frozen, thawed, end: await first };
  },

  /** A reader of events that is slow, and one that is aborted. */
  events: async (count) => {
    const abort = new AbortController();
    const seen: Record<string, number> = {};
    let lost = 0;
    let finish: (value?: unknown) => void = () => undefined;
    const made = new Promise((resolve) => (finish = resolve));
    const reader = (async () => {
      for await (const event of swarm.events({ signal: abort.signal })) {
        seen[event.event] = (seen[event.event] ?? 0) + 1;
        if (event.event === 'lost') lost += event.count;
        await made;
      }
      return 'ended';
    })();
    await sleep(200);
    let last = 0;
    for await (const answer of swarm.createMany(Array.from({ length: Number(count) }, () => ({}))))
      if (answer.kind === 'created') last = answer.id;
    await swarm.destroy(last);
    finish();
    for (let waited = 0; waited < 200 && (seen['created'] ?? 0) + lost < Number(count); waited++)
      await sleep(50);
    abort.abort();
    const from = [];
    for await (const event of swarm.events({ since: 'oldest', follow: false })) from.push(event.seq);
    const middle = from[Math.floor(from.length / 2)] ?? 0;
    const since = [];
    for await (const event of swarm.events({ since: middle, follow: false })) since.push(event.seq);
    return { ended: await reader, seen, lost, first: since[0] === middle, rest: since.length };
  },

  /** An agent that stops whoever comes, before it has executed its program: how each way of giving up ends. */
  hostile: async () => {
    const STOPPER =
      'while :; do for p in /proc/[0-9]*; do case $p in /proc/1);; *) kill -STOP ${p#/proc/};; esac; done; done';
    const first = swarm.spawn(['/bin/bash', '-c', STOPPER], { stderr: 'ignore' });
    const { id } = await first.started;
    await sleep(1000);
    // Many places to look at, so that the program is not found before it is stopped.
    const PATH = Array.from({ length: 3000 }, (_, i) => `/nowhere/${i}`).join(':');
    const join = (options: object) =>
      swarm.exec(id, ['true'], { env: { PATH }, stdin: 'ignore', ...options });
    const hung = async (running: AgentProcess) =>
      Promise.race([
        running.started.then(
          () => false,
          () => false,
        ),
        sleep(3000).then(() => true),
      ]);
    const late = join({ timeout: 3500 });
    const abort = new AbortController();
    const aborted = join({ signal: abort.signal });
    const destroyed = join({});
    const stopped = join({});
    const caught = await Promise.all([late, aborted, destroyed, stopped].map(hung));
    abort.abort();
    const ends = await Promise.race([
      Promise.all([
        failure(late),
        failure(aborted),
        destroyed.destroy().then(async () => failure(destroyed)),
        failure(stopped.stop(100)),
      ]),
      sleep(20_000).then(() => 'hung'),
    ]);
    const children = readFileSync('/proc/self/task/' + String(process.pid) + '/children', 'utf8');
    const { members, state } = await swarm.inspect(id);
    await first.destroy();
    return {
      caught,
      ends,
      others: members.length - 1,
      state,
      end: await first,
      children: children.trim().split(' ').length,
    };
  },

  /** An agent whose first process has not executed its program yet; it does when something is written to a file. */
  newborn: async (fifo) => {
    const line = `exec 3<>/proc/swarm/create; echo '{"spawn":true,"name":"newborn"}' >&3; ( read go <${fifo}; exec sleep 600 ) & read answer <&3; echo "$answer"; wait`;
    const shell = execFile('/bin/sh', ['-c', line]);
    const [answer] = (await once(shell.stdout ?? process, 'data')) as [Buffer];
    const { id } = JSON.parse(String(answer)) as { id: number };
    for (let i = 0; i < 200 && (await swarm.inspect(id)).members.length === 0; i++) await sleep(10);
    const { starting, members } = await swarm.inspect(id);
    const late = await failure(swarm.exec(id, ['true'], { timeout: 1000 }));
    const unready = await failure(swarm.exec(id, ['true']));
    const waiting = swarm.exec(id, ['true']);
    let early = false;
    void waiting.started.then(() => (early = true));
    await sleep(1000);
    const before = early;
    writeFileSync(fifo, 'go\n');
    const end = await waiting;
    const after = (await swarm.inspect(id)).starting;
    await swarm.destroy(id);
    return { starting: starting.length, members: members.length, late, unready, before, end, after };
  },

  /** Nothing is left open, whatever was done: run under a time limit, it also ends by itself. */
  leaks: async () => {
    const work = async () => {
      const running = [];
      for (let i = 0; i < 20; i++)
        running.push(
          swarm.spawn(SH('echo out; echo err >&2; exit 3')),
          swarm.spawn(['nothing']).catch(() => undefined),
          swarm.spawn(['true'], { policy: { memory_limit: 1 } }).catch(() => undefined),
          swarm.spawn(['sleep', '600'], { timeout: 20 }).catch(() => undefined),
          swarm.spawn(['true'], { terminal: true }),
          swarm.spawn(['true'], { stdout: { path: '/dev/null' }, stdin: 'ignore', stderr: 'inherit' }),
          swarm.spawn(['true'], { umask: 0o1000, terminal: true }).catch(() => undefined),
        );
      await Promise.all(running);
      for (const terminal of [true, false])
        try {
          void swarm.spawn(['true'], { terminal, descriptors: [0, 999] });
        } catch {
          // One of its descriptors is none: nothing of the others, or of the terminal, may stay open.
        }
      // A loop that is left early closes the file too.
      for await (const { id } of swarm.agents()) if (id > 0) break;
      await failure(swarm.create({}, { signal: AbortSignal.abort() }));
      await failure(swarm.spawn(['true'], { signal: AbortSignal.abort() }));
      await failure(swarm.exec(4242, ['true'], { terminal: true }));
    };
    await work();
    await sleep(500);
    const before = descriptors();
    await work();
    await sleep(500);
    const after = descriptors();
    return {
      before,
      after,
      resources: process.getActiveResourcesInfo(),
      active: (await swarm.status()).active,
    };
  },
};

let unhandled = 0;
process.on('unhandledRejection', () => (unhandled += 1));

const [name = '', argument = ''] = process.argv.slice(2);
/** Programs that this process does not wait for: it says which, and is over. */
if (name === 'unref') {
  const left = swarm.spawn(['sleep', '600'], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' });
  left.unref();
  const { id } = await left.started;
  const second = swarm.exec(id, SH('sleep 1; echo second'), {
    stdin: 'ignore',
    stdout: 'inherit',
    stderr: 'ignore',
  });
  second.unref();
  if (argument === 'ref') second.ref();
  await second.started;
  console.log(id);
  second.then(
    () => {
      console.log('seen');
    },
    () => undefined,
  );
}
const result = await SCENARIOS[name]?.(argument);
process.on('exit', () => {
  if (name === 'unref') return;
  console.log(JSON.stringify({ result, unhandled }));
});
