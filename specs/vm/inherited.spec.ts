/** The things that a process inherits from its launcher: the items of docs/birth.md, of which support/inherited.ts has the list. */
import { jsonLines } from '../../harness/util/json-lines.js';
import { counted, inherited, traced } from '../support/figures.js';
import { join } from 'node:path';
import { quoted } from '../../client/client.js';
import type { AgentRequest } from '../../client/client.js';
import type { Kernel } from '../../harness/kernels/kernel.js';
import { expect, test } from '../support/fixtures.js';
import { attempts, background, expectBorn, hold, onlyAgent } from '../support/guest.js';
import { GIVEN, KEPT, KEPT_IF_KNOWN, LANDLOCK, RESET } from '../support/inherited.js';
import { load } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import { buildTestModules } from '../support/module.js';
import { uploadRival } from '../support/moments.js';

type Items = Record<string, string>;

const LOOK = ['/usr/local/bin/inherit', 'look'];

/** The items of `inherit look`. */
function seen(stdout: string): Items {
  return Object.fromEntries(jsonLines(stdout, inherited).map(({ item, value }) => [item, value]));
}

/**
 * The items that an agent must have if its launcher ran under `under`. Looks outside first, to be sure that every
 * item that this kernel knows is set there.
 */
async function expected(guest: LoadedGuest, { arch }: Kernel, under: string, privileged = false) {
  const outside = seen(await guest.sh(`${under} inherit look`));
  const known: Items = {};
  for (const [item, { set, unknown }] of Object.entries({ ...KEPT_IF_KNOWN, ...LANDLOCK })) {
    const value = outside[item] ?? '';
    expect([set, unknown], item).toContain(value);
    known[item] = value;
  }
  const port = arch === 'amd64' ? GIVEN.port : RESET.port;
  expect(outside, 'what is set is there').toEqual({ ...GIVEN, port, ...KEPT, ...known });
  // Of the securebits only what restricts root.
  return { ...RESET, ...KEPT, ...known, ...(privileged ? { securebits: '0x40' } : {}) };
}

const ALL = 'inherit confined inherit set';

for (const via of ['fork', 'vfork', 'posix_spawn'] as const) {
  test(`BIRTH-12: by ${via} a launcher's privileges are reset and what only restricts is kept`, async ({
    loaded,
    stage,
  }) => {
    const { stdout, stderr } = await loaded.swarm.launch({}, LOOK, { via, under: ALL });
    expect(seen(stdout)).toEqual(await expected(loaded, stage.kernel, ALL));
    expect(stderr).not.toMatch(/: E/);
    await expect(loaded).toHaveActiveAgents(0);
  });
}

test('BIRTH-13: a privileged agent keeps of these only the securebits that restrict it', async ({
  loaded,
  stage,
}) => {
  const request = { namespace_flags: 95, privileged: true };
  const { stdout } = await loaded.swarm.launch(request, LOOK, { under: ALL });
  expect(seen(stdout)).toEqual(await expected(loaded, stage.kernel, ALL, true));
});

/** Two agents to join, and the options of `join` for each: one with a user namespace, one without. */
const JOINED = [
  [{}, ''],
  [{ namespace_flags: 95, privileged: true }, '--ids -1 --enter 6e020000'],
] as const;

test('SPAWN-17: a process that joins an agent loses what a birth resets, and keeps what a birth keeps', async ({
  loaded,
  stage,
}) => {
  await loaded.sh('mkdir -m 777 -p /srv/escape');
  for (const [request, options] of JOINED) {
    const what = JSON.stringify(request);
    const policy = { ...request, syscalls: { keyctl: 'allow' } as const };
    const object = JSON.stringify({ spawn: true, ...policy });
    await background(loaded, `launch ${quoted(object)} /usr/local/bin/consume wait`);
    await expectBorn(loaded, 1);
    const { id, pid } = await onlyAgent(loaded);
    await expect.poll(() => loaded.sh(`cat /proc/${pid}/comm`)).toBe('consume');
    const join = (under: string, program: string) =>
      loaded.sh(`${under} join ${options} ${id} ${pid} ${program}`);

    expect(seen(await join('inherit set', '/usr/local/bin/inherit look')), what).toEqual(
      await expected(loaded, stage.kernel, 'inherit set', 'privileged' in request),
    );
    const look = 'cut -d" " -f7 /proc/self/stat; chrt -p $$ | head -1; nice; cat /proc/self/oom_score_adj';
    for (const under of ['choom -n -500 -- chrt -f 10', 'nice -n -5']) {
      const [terminal, policy, nice, protection] = (await join(under, `/bin/sh -c ${quoted(look)}`)).split(
        '\n',
      );
      expect([terminal, nice, protection], `${what} ${under}`).toEqual(['0', '0', '0']);
      expect(policy, `${what} ${under}`).toMatch(/SCHED_OTHER$/);
    }
    const key = '/usr/local/bin/escape key-session mark';
    expect(await loaded.sh(`outside with-key mark secret ${key}`), 'outside').toBe('key_session ok');
    expect(await join('outside with-key mark secret', key), what).toMatch(/^key_session E/);
    await loaded.swarm.destroy(id);
    await expect(loaded).toHaveActiveAgents(0);
  }
  await loaded.sh('rm -r /srv/escape');
});

test('BIRTH-14: a launcher is as dumpable after a birth as before it, also after one that fails', async ({
  booted,
  module,
  stage,
}) => {
  const guest = await load(booted, module.ko);
  await guest.upload(
    join(await buildTestModules(stage.kernel, 'rivals'), 'swarm_redirect.ko'),
    '/root/swarm_redirect.ko',
  );
  const expectKept = async () => {
    for (const via of ['fork', 'vfork', 'posix_spawn'] as const) {
      for (const dumpable of [0, 1, 2] as const) {
        // What a change of ids sets it to is neither what it is nor the same each time.
        await guest.sh('sysctl -qw fs.suid_dumpable=2');
        const program = ['/bin/sh', '-c', 'sysctl -qw fs.suid_dumpable=0 2>/dev/null; true'];
        const { stderr } = await guest.swarm.launch({}, program, { via, dumpable });
        expect(stderr, via).toMatch(
          new RegExp(`dumpable before ${dumpable}\n(.*\n)*dumpable after ${dumpable}\n`),
        );
      }
    }
  };
  await expectKept();
  await guest.sh('insmod /root/swarm_redirect.ko comm=launch function=__sys_setresuid answer=-11');
  await expectKept();
  await guest.sh('rmmod swarm_redirect; sysctl -qw fs.suid_dumpable=0');
  await expect(guest).toHaveActiveAgents(0);
  await guest.unload();
});

test('BIRTH-18: real-time scheduling is dropped before the cgroup is joined', async ({
  booted,
  module,
  stage,
}) => {
  const guest = await load(booted, module.ko);
  await guest.upload(
    join(await buildTestModules(stage.kernel, 'rivals'), 'swarm_redirect.ko'),
    '/root/swarm_redirect.ko',
  );
  await guest.sh('insmod /root/swarm_redirect.ko comm=launch function=cgroup_procs_write answer=-12 hold=1');
  const birth = guest.swarm.launch({ pids_limit: 20 }, ['/bin/true'], { under: 'chrt -f 10' });
  const hits = () => guest.sh('cat /sys/module/swarm_redirect/parameters/hits');
  await expect.poll(hits).toBe('1');
  const agent = await onlyAgent(guest);
  expect(await guest.sh(`chrt -p ${agent.pid} | head -1`)).toMatch(/SCHED_OTHER$/);
  await guest.sh('echo 0 >/sys/module/swarm_redirect/parameters/hold');
  expect((await birth).code).toBe(137);
  await guest.sh('rmmod swarm_redirect');
  await expect(guest).toHaveActiveAgents(0);
  await guest.unload();
});

test('SPAWN-27: a process that joins an agent drops real-time scheduling before it joins the cgroup', async ({
  loaded,
  stage,
}) => {
  await uploadRival(loaded, stage, 'swarm_redirect.ko');
  const object = JSON.stringify({ spawn: true, pids_limit: 20 });
  await background(loaded, `launch ${quoted(object)} /usr/local/bin/consume wait`);
  await expectBorn(loaded, 1);
  const { id, pid } = await onlyAgent(loaded);
  await loaded.sh('insmod /root/swarm_redirect.ko comm=join function=cgroup_procs_write answer=-12 hold=1');
  await background(loaded, `chrt -f 10 join ${id} ${pid} /bin/true`);
  await expect.poll(() => loaded.sh('cat /sys/module/swarm_redirect/parameters/hits')).toBe('1');
  const joining = await loaded.sh('pgrep -x --newest join');
  expect(await loaded.sh(`cat /proc/${joining}/wchan /proc/${joining}/stack`), 'held').toContain(
    'redirected',
  );
  expect(await loaded.sh(`chrt -p ${joining} | head -1`)).toMatch(/SCHED_OTHER$/);
  await loaded.sh('echo 0 >/sys/module/swarm_redirect/parameters/hold');
  await expect.poll(() => loaded.sh('pgrep -x join || true'), 'it could not join').toBe('');
  await loaded.sh('rmmod swarm_redirect');
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
});

test('BIRTH-15: the authority over a key that is asked for, and the keyring that has it, stay with the launcher', async ({
  loaded,
}) => {
  const inherit = '/usr/local/bin/inherit';
  const launch = (object: AgentRequest) =>
    `/usr/local/bin/launch ${quoted(JSON.stringify({ spawn: true, ...object }))} `;
  // The kernel starts it with the key's id as its second argument, and the authority in its session keyring.
  const asked = async (name: string, launcher: string) => {
    const line = `exec ${inherit} authority $2 ${launcher}${inherit} instantiate $2 >/run/authority 2>/dev/null`;
    await loaded.writeFile('/sbin/request-key', `#!/bin/sh\n${line}\n`);
    await loaded.sh('chmod 755 /sbin/request-key');
    const asker = await loaded.sh(`escape request-key ${name}`);
    return [...attempts(await loaded.sh('cat /run/authority')), asker.trim()];
  };
  expect(await asked('outside', ''), 'whoever has it may use it, once').toEqual([
    'instantiate ok',
    // It is revoked, and soon gone.
    expect.stringMatching(/^assume (EKEYREVOKED|ENOKEY)$/),
    'instantiate EPERM',
    'request_key ok',
  ]);
  const nothing = ['instantiate EPERM', 'assume ENOKEY', 'instantiate EPERM', 'request_key ENOKEY'];
  expect(await asked('agent', launch({ syscalls: { keyctl: 'allow' } }))).toEqual(nothing);
  expect(await asked('privileged', launch({ namespace_flags: 95, privileged: true }))).toEqual(nothing);
  await loaded.sh('rm /sbin/request-key');
  await expect(loaded).toHaveActiveAgents(0);
});

test("BIRTH-41: an agent is traced by its launcher's tracer, counted by its perf events, and keeps its locks of open files", async ({
  loaded,
}) => {
  const launch = (program: string) =>
    `/usr/local/bin/launch '{"spawn":true}' /bin/sh -c ${quoted(program)} 2>/dev/null`;
  // The agent's first process, and the one that it forks.
  expect(jsonLines(await loaded.sh(`inherit traced ${launch('(:); :')}`), traced)).toEqual([{ traced: 2 }]);

  const busy = 'i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done';
  const [time] = jsonLines(await loaded.sh(`inherit counted ${launch(busy)}`), counted);
  const ended = (await loaded.swarm.events()).at(-1);
  const used = ended?.event === 'destroyed' ? (ended.cpu_usec ?? 0) : 0;
  expect(used).toBeGreaterThan(10_000);
  // It counts from before the birth to the very end; the agent's time may be rounded up.
  expect(time?.counted).toBeGreaterThan(used / 2);

  const { line, release } = hold(loaded);
  await loaded.sh(
    `exec 9>/srv/lock; flock 9; echo '{"spawn":true}' >/proc/swarm/create; sh -c ${quoted(line)} >/dev/null 2>&1 </dev/null &`,
  );
  await expectBorn(loaded, 1);
  const lock = async () => (await loaded.exec('flock --nonblock /srv/lock true')).code;
  expect(await lock(), 'its launcher has exited').toBe(1);
  await release();
  await expect(loaded).toHaveActiveAgents(0);
  expect(await lock()).toBe(0);
});

test('BIRTH-42: an agent is born in the time namespace that its launcher has for its children, and in such a pid namespace if it has none of its own', async ({
  loaded,
}) => {
  const under = 'unshare --time --boottime 1000000';
  const { stdout } = await loaded.swarm.run({}, 'cat /proc/uptime', { under });
  expect(Number.parseFloat(stdout)).toBeGreaterThan(1_000_000);

  const pids = { under: 'unshare --pid' };
  const events = await loaded.swarm.eventsDuring(async () => {
    const { code, stderr } = await loaded.swarm.tryLaunch({}, ['/bin/true'], pids);
    expect([code, stderr]).toEqual([126, expect.stringMatching(/^fork: EINVAL$/m)]);
    await expect(loaded).toHaveActiveAgents(0);
  });
  expect(events).toContainEqual(expect.objectContaining({ event: 'fork_failed', error: 'EINVAL' }));

  const { line, release } = hold(loaded);
  const running = loaded.swarm.run({ namespace_flags: 94, privileged: true }, line, pids);
  await expectBorn(loaded, 1);
  const { pid } = await onlyAgent(loaded);
  expect(await loaded.sh(`grep ^NSpid: /proc/${pid}/status`)).toMatch(new RegExp(`^NSpid:\\s${pid}\\s1$`));
  await release();
  await running;
  await expect(loaded).toHaveActiveAgents(0);
});
