/** The privileges that an agent has: capabilities, no_new_privs, and what its birth does for it because it has none. */
import { CAPABILITIES, namesOf } from '../../client/abi/names.js';
import type { Capability } from '../../client/abi/names.js';
import { DEFAULT_CAPABILITIES } from '../../client/abi/defaults.js';
import { quoted } from '../../client/client.js';
import type { AgentRequest } from '../../client/client.js';
import { expect, test } from '../support/fixtures.js';
import { MOUNT_CALLS } from '../support/former-calls.js';
import { background, expectBorn, hold, onlyAgent } from '../support/guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

const NAMES = namesOf(CAPABILITIES);

/** A set as /proc/PID/status prints it. */
function printed(capabilities: readonly Capability[] | 'all'): string {
  const kept = capabilities === 'all' ? NAMES : capabilities;
  const bits = kept.reduce((all, each) => all | (1n << BigInt(NAMES.indexOf(each))), 0n);
  return bits.toString(16).padStart(16, '0');
}

/** The lines of /proc/PID/status of root whose program may use `capabilities`. */
function rootWith(capabilities: readonly Capability[] | 'all', noNewPrivileges: boolean) {
  const set = printed(capabilities);
  const none = printed([]);
  return {
    ...{ CapInh: none, CapPrm: set, CapEff: set, CapBnd: set, CapAmb: none },
    NoNewPrivs: noNewPrivileges ? '1' : '0',
  };
}

const LOOK = ['/bin/grep', '-E', '^(Cap|NoNewPrivs)', '/proc/self/status'];
const look = LOOK.map(quoted).join(' ');

/** The lines that {@link LOOK} printed. */
function seen(stdout: string): Record<string, string> {
  const lines = [...stdout.matchAll(/^(Cap\w+|NoNewPrivs):\s+(\w+)$/gm)];
  return Object.fromEntries(lines.map(([, name = '', value]) => [name, value ?? '']));
}

/** Runs a program whose launcher's child takes some steps before it executes it. */
async function early(guest: LoadedGuest, request: AgentRequest, steps: string) {
  const object = JSON.stringify({ spawn: true, ...request });
  return guest.exec(`early ${quoted(object)} ${steps} ${look}`);
}

test('CAP-01: an agent has the capabilities of its policy, by default those of a default container, and no_new_privs', async ({
  loaded,
}) => {
  for (const via of ['fork', 'vfork', 'posix_spawn'] as const) {
    const { stdout } = await loaded.swarm.launch({}, LOOK, { via });
    expect(seen(stdout), via).toEqual(rootWith(DEFAULT_CAPABILITIES, true));
  }
  for (const capabilities of [[], ['chown'], ['net_raw', 'checkpoint_restore'], 'all'] satisfies (
    Capability[] | 'all'
  )[]) {
    const { stdout } = await loaded.swarm.launch({ capabilities, no_new_privs: false }, LOOK);
    expect(seen(stdout)).toEqual(rootWith(capabilities, false));
  }
  // By effect.
  const line = 'mkdir -p /tmp/x; mount -t tmpfs x /tmp/x && echo mounted; hostname x || true';
  expect((await loaded.swarm.run({ syscalls: MOUNT_CALLS }, line)).stdout).toBe('');
  expect((await loaded.swarm.run({ capabilities: ['sys_admin'], syscalls: MOUNT_CALLS }, line)).stdout).toBe(
    'mounted\n',
  );
});

test('CAP-02: a privileged agent keeps what its launcher has, unless its policy says otherwise', async ({
  loaded,
}) => {
  const request = { namespace_flags: 95, privileged: true };
  const whole = await loaded.swarm.launch(request, LOOK);
  expect(seen(whole.stdout)).toEqual(rootWith('all', false));
  const capabilities = ['kill', 'net_admin'] satisfies Capability[];
  const cut = await loaded.swarm.launch({ ...request, capabilities, no_new_privs: true }, LOOK);
  expect(seen(cut.stdout)).toEqual(rootWith(capabilities, true));
});

test("CAP-03: whatever a launcher's child does before its execve, its program has no more than the policy's capabilities", async ({
  loaded,
}) => {
  const all = rootWith(DEFAULT_CAPABILITIES, true);
  const cases: [steps: string, said: string, found: Partial<typeof all>][] = [
    ['userns', 'userns ok', all],
    ['userns,fork', 'userns ok', all],
    ['userns,fork,userns', 'userns ok\nuserns ok', all],
    ['fork', '', all],
    ['inheritable', `inheritable ${DEFAULT_CAPABILITIES.length}`, { CapPrm: all.CapPrm, CapBnd: all.CapBnd }],
    ['inheritable,ambient', `ambient ${DEFAULT_CAPABILITIES.length}`, { CapPrm: all.CapPrm }],
    ['userns,inheritable,ambient', `ambient ${NAMES.length}`, { CapPrm: all.CapPrm, CapInh: all.CapPrm }],
    ['noroot', 'noroot ok', { CapPrm: printed([]), CapBnd: all.CapBnd }],
    ['user', 'user ok', { CapPrm: printed([]), CapBnd: all.CapBnd }],
  ];
  const syscalls = { unshare: 'allow' } as const;
  for (const [steps, said, found] of cases) {
    const { stdout, stderr } = await early(loaded, { syscalls }, steps);
    expect(stderr, steps).toContain(said);
    expect(seen(stdout), steps).toMatchObject(found);
  }
  // Without a user namespace of the agent's own likewise.
  const capabilities = ['chown'] satisfies Capability[];
  const request = { namespace_flags: 1, privileged: true, capabilities, syscalls };
  for (const steps of ['userns', 'inheritable,ambient']) {
    const { stdout } = await early(loaded, request, steps);
    expect(seen(stdout), steps).toMatchObject({
      CapPrm: printed(capabilities),
      CapBnd: printed(capabilities),
    });
  }
  await expect(loaded).toHaveActiveAgents(0);
});

test('CAP-04: a process that joins an agent has no more capabilities than the agent, and no_new_privs', async ({
  loaded,
}) => {
  for (const capabilities of [DEFAULT_CAPABILITIES, ['chown'] satisfies Capability[]]) {
    await background(
      loaded,
      `launch ${quoted(JSON.stringify({ spawn: true, capabilities }))} /usr/local/bin/consume wait`,
    );
    await expectBorn(loaded, 1);
    const { id, pid } = await onlyAgent(loaded);
    await expect.poll(() => loaded.sh(`cat /proc/${pid}/comm`)).toBe('consume');
    const { stdout } = await loaded.exec(`join ${id} ${pid} ${look}`);
    expect(seen(stdout)).toEqual(rootWith(capabilities, true));
    await loaded.swarm.destroy(id);
    await expect(loaded).toHaveActiveAgents(0);
  }
});

test('CAP-05: a process that is adopted or attached keeps its capabilities, with after_exec until its next execve, and the answer says so', async ({
  loaded,
}) => {
  const capabilities = ['chown'] satisfies Capability[];
  const found: Record<string, string>[] = [];
  /** Starts a process that looks when it is released. */
  const start = async (under = '') => {
    const { line, release } = hold(loaded);
    const command = `sh -c ${quoted(`${line}; exec ${look} >/tmp/looked`)}`;
    const pid = await background(loaded, `${under} ${command}`);
    await expect.poll(() => loaded.sh(`cat /proc/${pid}/comm`)).toBe('sh');
    return { pid, release };
  };
  const end = async ({ pid, release }: Awaited<ReturnType<typeof start>>) => {
    await release();
    await loaded.sh(`while [ -e /proc/${pid} ]; do sleep 0.1; done`);
    found.push(seen(await loaded.sh('cat /tmp/looked; rm /tmp/looked')));
  };
  const policy = { capabilities, no_new_privs: true };
  const keeps = (after_exec: boolean) =>
    after_exec ? ['memory'] : ['memory', 'capabilities', 'no_new_privs'];
  for (const after_exec of [false, true]) {
    const process = await start();
    const adoption = { pid: process.pid, after_exec, namespace_flags: 0, privileged: true, ...policy };
    expect((await loaded.swarm.write(JSON.stringify(adoption))).answers).toMatchObject([
      { kind: 'created', kept: keeps(after_exec) },
    ]);
    await end(process);
    await expect(loaded).toHaveActiveAgents(0);
  }
  // Without a pid namespace, nsenter does not fork.
  const object = JSON.stringify({ spawn: true, namespace_flags: 126, ...policy });
  await background(loaded, `launch ${quoted(object)} /usr/local/bin/consume wait`);
  await expectBorn(loaded, 1);
  const agent = await onlyAgent(loaded);
  await expect.poll(() => loaded.sh(`cat /proc/${agent.pid}/comm`)).toBe('consume');
  for (const after_exec of [false, true]) {
    const process = await start(`nsenter --target ${agent.pid} -U -n -m -u -i -C`);
    const order = JSON.stringify({ id: agent.id, pid: process.pid, after_exec });
    expect((await loaded.swarm.write(order, undefined, 'attach')).answers).toEqual([
      { kind: 'created', id: agent.id, kept: keeps(after_exec) },
    ]);
    await end(process);
  }
  await loaded.swarm.destroy(agent.id);
  await expect(loaded).toHaveActiveAgents(0);
  const whole = rootWith('all', false);
  const cut = rootWith(capabilities, true);
  expect(found).toEqual([whole, cut, whole, cut]);
});

test('CAP-06: set-user-id files and capabilities of files give an agent nothing, unless its policy says so', async ({
  loaded,
}) => {
  const line = [
    'd=/var/tmp/agent-$$; mkdir -m 755 $d; cp /usr/bin/id $d/id; chmod 4755 $d/id',
    'cp /bin/grep $d/look; early --file-capability $d/look',
    // setpriv itself keeps what it has until its program executes another.
    `setpriv --reuid 1000 --regid 1000 --clear-groups sh -c "$d/id -u; $d/look ^CapPrm /proc/self/status"`,
    'rm -r $d',
  ].join('\n');
  const none = printed([]);
  const bind = printed(['net_bind_service']);
  const strict = await loaded.swarm.run({ syscalls: MOUNT_CALLS }, line);
  expect(strict.stdout).toBe(`1000\nCapPrm:\t${none}\n`);
  const loose = await loaded.swarm.run({ no_new_privs: false }, line);
  expect(loose.stdout).toBe(`0\nCapPrm:\t${bind}\n`);
});

test('CAP-07: the loopback device of an agent is up', async ({ loaded }) => {
  const line = 'bash -c ": </dev/tcp/127.0.0.1/9" 2>&1 | grep -om1 "Connection refused"';
  for (const capabilities of [DEFAULT_CAPABILITIES, [] satisfies Capability[]])
    expect((await loaded.swarm.run({ capabilities }, line)).stdout).toBe('Connection refused\n');
});

test('CAP-08: the host name of an agent is the one of its policy, its name, or agent-ID', async ({
  loaded,
}) => {
  const name = 'web_1';
  const longest = `${'a'.repeat(31)}.${'b'.repeat(32)}`;
  // Agents whose policies differ in nothing else, so that a name that is not compared is theirs.
  const others = [await loaded.swarm.create({}), await loaded.swarm.create({ hostname: 'db.examplf' })];
  for (const [request, expected] of [
    [{ hostname: 'db.example', name }, 'db.example'],
    [{ hostname: longest }, longest],
    [{ name }, name],
  ] satisfies [AgentRequest, string][])
    expect((await loaded.swarm.run(request, 'uname -n')).stdout).toBe(`${expected}\n`);
  const { stdout, id } = await loaded.swarm.run({}, 'uname -n');
  expect(stdout).toBe(`agent-${id}\n`);
  const host = await loaded.swarm.run({ namespace_flags: 119 }, 'uname -n');
  expect(host.stdout, 'without a uts namespace').toBe('guest\n');
  expect(await loaded.sh('uname -n')).toBe('guest');
  const text = '{"hostname":"x","namespace_flags":119}';
  const { answers } = await loaded.swarm.write(text);
  expect(answers).toMatchObject([{ error: 'EINVAL', field: 'hostname', offset: text.indexOf('"x"') }]);
  for (const other of others) await loaded.swarm.destroy(other);
});
