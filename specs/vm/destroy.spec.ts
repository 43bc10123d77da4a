import { quoted } from '../../client/client.js';
import { agentCgroupDir, agentCgroups, expectNoAgentCgroups } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { background, onlyAgent } from '../support/guest.js';
import { expectPatience } from '../support/patience.js';

const NOBODY = 'setpriv --reuid 65534 --regid 65534 --clear-groups';

test('ORDER-26: a registered agent is gone at once', async ({ loaded }) => {
  const [kept, id] = [await loaded.swarm.create({}), await loaded.swarm.create({ memory_limit: 1 << 26 })];
  const before = await loaded.swarm.status();
  expect(await loaded.swarm.destroy(id)).toEqual([`${id}\n`.length]);
  expect((await loaded.swarm.agents()).map((agent) => agent.id)).toEqual([kept]);
  const after = { ...before, active: before.active - 1, destroyed: before.destroyed + 1 };
  expect(await loaded.swarm.status()).toEqual(after);
  expect(await loaded.swarm.destroy(id), 'a second time').toEqual(['ESRCH']);
  await loaded.sh(`echo ${kept} >/proc/swarm/destroy`);
  expect(await loaded.swarm.agents(), 'by echo').toEqual([]);
});

test('ORDER-27: many are destroyed in one write, and in a list that takes several', async ({ loaded }) => {
  const { answers } = await loaded.swarm.write('{}'.repeat(2500));
  const ids = answers.map((answer) => (answer.kind === 'created' ? answer.id : 0));
  const few = ids.filter((_, index) => index % 5 === 0);
  expect(await loaded.swarm.destroy(...few)).toEqual([few.join('\n').length + 1]);
  const rest = ids.filter((_, index) => index % 5 !== 0);
  expect((await loaded.swarm.agents()).map(({ id }) => id)).toEqual(rest);
  const [last = 0] = rest.splice(-1);
  await loaded.writeFile('/tmp/ids', rest.map((id) => `${id}\n`).join(''));
  await loaded.sh('cat /tmp/ids >/proc/swarm/destroy');
  expect((await loaded.swarm.agents()).map(({ id }) => id)).toEqual([last]);
  await loaded.swarm.destroy(last);
});

test('ORDER-28: an id that is cut between two writes is never taken for another', async ({ loaded }) => {
  const kept = await loaded.swarm.create({});
  const list = (text: string, piece: number) =>
    loaded.exec(`swarmio /proc/swarm/destroy ${piece}`, { stdin: text });
  await list(`${kept}0\n`, String(kept).length);
  const left = async () => (await loaded.swarm.agents()).map(({ id }) => id);
  expect(await left(), `${kept}|0`).toEqual([kept]);
  for (const piece of [1, 2, 3, 4]) {
    await list(`${await loaded.swarm.create({})}\n${await loaded.swarm.create({})}\n`, piece);
    expect(await left(), `pieces of ${piece}`).toEqual([kept]);
  }
  await loaded.swarm.destroy(kept);
});

test('ORDER-29: what is no id is refused and destroys nothing', async ({ loaded }) => {
  const id = await loaded.swarm.create({});
  const status = await loaded.swarm.status();
  const near = `+${id} -${id} 0${id} ${id}.0 ${id}e0 0x${id} ${id}a a${id} "${id}" [${id}] {"id":"${id}"} {"id":0} {} ${id}, ${id};`;
  const far = `0 -1 9007199254740992 18446744073709551616 ${2n ** 64n + BigInt(id)} all *`;
  const wrong = [
    ...near.split(' '),
    ...far.split(' '),
    `${id} ${id}`,
    `${id}\0`,
    `\0${id}`,
    `${id}\xff`,
    `x\n${id}`,
  ];
  const unknown = [`${id + 1}`, '9007199254740991', `${id + 1}\n${id}`];
  for (const text of [...wrong, ...unknown]) {
    const stdin = Buffer.from(`${text}\n`, 'latin1');
    const { stderr } = await loaded.exec('swarmio /proc/swarm/destroy', { stdin });
    expect.soft(stderr, JSON.stringify(text)).toBe(unknown.includes(text) ? 'ESRCH\n' : 'EINVAL\n');
  }
  expect(await loaded.swarm.status()).toEqual(status);
  await loaded.swarm.destroy(id);
});

test('ORDER-30: blank lines are skipped, and a write goes on behind a line that fails', async ({
  loaded,
}) => {
  const rows: [text: (a: number, b: number) => string, returned: (text: string) => number, left: number][] = [
    [(a, b) => `\n\n \t${a}\r\n\n  ${b} \n\n`, (text) => text.length, 0],
    [(a, b) => `${a}\n${b}`, (text) => text.length, 1],
    [() => '\n \r\n\t\n', (text) => text.length, 2],
    [(a, b) => `${a}\nx\n${b}\n`, (text) => text.length, 0],
    [(a, b) => `${a}\n${b}\nx\n`, (text) => text.indexOf('x'), 0],
    [(a, b) => `${a}\n\n${a}\n${b}\n`, (text) => text.length, 0],
    [(a, b) => `x\n${a}\n${b}\n`, () => NaN, 2],
  ];
  for (const [make, returned, left] of rows) {
    const text = make(await loaded.swarm.create({}), await loaded.swarm.create({}));
    const { stderr } = await loaded.exec('swarmio /proc/swarm/destroy', { stdin: text });
    const wrote = returned(text);
    expect(stderr, JSON.stringify(text)).toBe(Number.isNaN(wrote) ? 'EINVAL\n' : `written ${wrote}\n`);
    const agents = await loaded.swarm.agents();
    expect(agents, JSON.stringify(text)).toHaveLength(left);
    await loaded.swarm.destroy(...agents.map(({ id }) => id));
  }
});

test('ORDER-41: objects and ids, one a line, are answered alike, a line for each, on the same descriptor', async ({
  loaded,
}) => {
  const [a, b, c, d] = [
    await loaded.swarm.create({}),
    await loaded.swarm.create({}),
    await loaded.swarm.create({}),
    await loaded.swarm.create({}),
  ];
  const text = `{"id":${a}} ${b}\n\n{"id":\n${c}}${b}\n${d}\n`;
  const { writes, answers: each } = await loaded.swarm.write(text, 1, 'destroy');
  expect(writes.filter((written) => typeof written === 'string')).toEqual(['ESRCH']);
  expect(each).toEqual([
    ...[a, b, c].map((id) => ({ kind: 'created', id })),
    { kind: 'refused', error: 'ESRCH', field: 'id', offset: 0, message: `there is no agent ${b}` },
    { kind: 'created', id: d },
  ]);
  expect(await loaded.swarm.agents()).toEqual([]);
  const { answers } = await loaded.swarm.write('{"id":7,"pid":1}\n12 13\n{"id":\n', undefined, 'destroy');
  expect(answers).toMatchObject([{ error: 'EINVAL', field: 'pid', offset: 8 }]);
  const long = '1'.repeat(65);
  for (const piece of [1, 40, 66]) {
    const refused = await loaded.swarm.write(`${long}\n`, piece, 'destroy');
    expect(refused.answers, `pieces of ${piece}`).toMatchObject([
      { error: 'EINVAL', message: 'expected one id a line' },
    ]);
  }
});

test('ORDER-42: an id without its newline, or half an object, is discarded and logged when the last descriptor is closed', async ({
  loaded,
}) => {
  const id = await loaded.swarm.create({});
  const rest = (bytes: number) =>
    new RegExp(`destroy: closed in the middle of an object, or before a line's newline; its ${bytes} bytes`);
  for (const [what, line, bytes] of [
    ['closed by the writer', `printf ${id} >/proc/swarm/destroy`, String(id).length],
    ['an object', `printf '{"id":${id}' >/proc/swarm/destroy`, `{"id":${id}`.length],
    [
      'the writer is killed in the middle of a longer id',
      `sh -c 'exec 3>/proc/swarm/destroy; printf ${id} >&3; kill -9 $$'; true`,
      String(id).length,
    ],
  ] as const) {
    await loaded.sh('dmesg -C');
    await loaded.exec(line);
    expect.soft(await loaded.kernelLog(), what).toMatch(rest(bytes));
    expect
      .soft(
        (await loaded.swarm.agents()).map((agent) => agent.id),
        what,
      )
      .toEqual([id]);
  }
  // A member, which could give no order, has the descriptor last.
  await loaded.sh('dmesg -C');
  await loaded.swarm.run({}, 'exec 3>&-', { under: `exec 3>/proc/swarm/destroy; printf ${id} >&3;` });
  await expect(loaded).toHaveActiveAgents(1);
  expect(await loaded.kernelLog(), 'by a member').toMatch(rest(String(id).length));
  // An object ends with its brace, and an id with its newline, though that comes by another write.
  const other = await loaded.swarm.create({});
  await loaded.sh(`printf '{"id":${other}}' >/proc/swarm/destroy`);
  await loaded.sh(`exec 3>/proc/swarm/destroy; printf ${id} >&3; echo >&3`);
  expect(await loaded.swarm.agents()).toEqual([]);
});

test('ORDER-31: a running agent dies by SIGKILL with all its processes, and its cgroup goes', async ({
  loaded,
}) => {
  const launcher = loaded.swarm.run(
    { memory_limit: 1 << 26, pids_limit: 20 },
    'trap "" TERM INT HUP; consume wait & consume wait & consume wait',
  );
  await expect.poll(() => loaded.sh('pgrep -c -x consume || true')).toBe('3');
  const { id, pid } = await onlyAgent(loaded);
  expect(pid).toBeGreaterThan(0);
  const dir = await agentCgroupDir(loaded, id);
  expect(dir).toMatch(/\/swarm\/memory\/p?\d+$/);
  expect(await loaded.sh(`cat ${dir}/pids.max`)).toBe('20');
  await expect.poll(() => agentCgroups(loaded)).toBe(1);
  const { destroyed } = await loaded.swarm.status();
  expect(await loaded.swarm.destroy(id)).toEqual([`${id}\n`.length]);
  expect((await launcher).code).toBe(128 + 9);
  await expect(loaded).toHaveActiveAgents(0);
  expect(await loaded.sh('pgrep -x consume || true')).toBe('');
  expect((await loaded.swarm.status()).destroyed - destroyed).toBe(1);
  await expectNoAgentCgroups(loaded);
  expect((await loaded.exec(`test -e ${dir}`)).code, dir).toBe(1);
  expect(await loaded.swarm.destroy(id)).toEqual(['ESRCH']);
});

test('ORDER-32: all of very many processes die, those that fork meanwhile and their children too, and no grace period waits for that', async ({
  loaded,
  stage,
}) => {
  test.setTimeout(400_000);
  const CHILDREN = 1100;
  // In the launcher's pid namespace, where no process takes others with it.
  const running = loaded.swarm.run(
    { namespace_flags: 126, pids_limit: 4000 },
    `handed family ${CHILDREN} >/run/many & handed family 1 & while :; do /bin/true & wait $!; done`,
  );
  await expect.poll(() => loaded.sh('cat /run/many 2>/dev/null || true'), { timeout: 120_000 }).toBe('born');
  const { id } = await onlyAgent(loaded);
  expect((await loaded.swarm.inspect(id)).members.length).toBeGreaterThan(CHILDREN);
  const order = { file: 'destroy', text: JSON.stringify({ id }), least: CHILDREN };
  await expectPatience(loaded, stage, { ...order, visit: 'kill_pid' });
  expect((await running).code).toBe(128 + 9);
  await expect(loaded).toHaveActiveAgents(0);
  expect(await loaded.sh('pgrep -x handed || true; rm /run/many')).toBe('');
});

test('ORDER-33: an adopted process and its later children die, and nobody else', async ({ loaded }) => {
  const bystander = await background(loaded, 'consume wait');
  await loaded.sh('mkfifo /tmp/go');
  const parent = await background(loaded, `sh -c 'read go </tmp/go; consume wait & consume wait & wait'`);
  const adopt = `{"pid":${parent},"cpu_quota":50,"persist":true,"namespace_flags":0,"privileged":true}`;
  expect((await loaded.swarm.write(adopt)).writes).toEqual([adopt.length]);
  await loaded.sh('echo go >/tmp/go; rm /tmp/go');
  await expect.poll(() => loaded.sh('pgrep -c -x consume')).toBe('3');
  const { id, pid } = await onlyAgent(loaded);
  expect(pid).toBe(parent);
  const dir = await agentCgroupDir(loaded, id);
  expect(dir).toMatch(/\/swarm\/plain\/p?\d+$/);
  await expect.poll(() => agentCgroups(loaded)).toBe(1);
  await loaded.swarm.destroy(id);
  await expect(loaded).toHaveActiveAgents(0);
  await expect.poll(() => loaded.sh('pgrep -r D,R,S -x consume')).toBe(String(bystander));
  await expect.poll(() => loaded.sh(`ps -o stat= -p ${parent} || true`), 'dead').toMatch(/^(Z.*)?$/);
  await expectNoAgentCgroups(loaded);
  expect((await loaded.exec(`test -e ${dir}`)).code, dir).toBe(1);
  await loaded.sh(`kill ${bystander}`);
});

test('ORDER-36: files have their modes: anybody reads status and agents, nobody writes them', async ({
  loaded,
}) => {
  expect(await loaded.sh('cd /proc/swarm; stat -c "%n %a %u %g" status agents create destroy')).toBe(
    'status 444 0 0\nagents 444 0 0\ncreate 600 0 0\ndestroy 600 0 0',
  );
  const id = await loaded.swarm.create({ memory_limit: 1 << 28, cpu_quota: 25, namespace_flags: 63 });
  const text = await loaded.sh(`${NOBODY} cat /proc/swarm/agents /proc/swarm/status`);
  expect(text).toContain(`ID: ${id}, PID: 0, Memory: 256MB, CPU: 25%, Namespaces: 0x3F\nActive agents: 1\n`);
  const writes = 'attempt write /proc/swarm/status x -- write /proc/swarm/agents x';
  expect(await loaded.sh(writes), 'by root').toBe('write EIO\nwrite EIO');
  expect(await loaded.sh(`${NOBODY} ${writes}`)).toBe('write EACCES\nwrite EACCES');
  await loaded.swarm.destroy(id);
});

test('ORDER-37: only CAP_SYS_ADMIN in the initial user namespace gives orders', async ({ loaded }) => {
  const id = await loaded.swarm.create({});
  const status = await loaded.swarm.status();
  const orders = {
    create: '{}',
    spawn: `{"id":${id}}`,
    attach: `{"id":${id},"pid":1}`,
    update: `{"id":${id},"frozen":true}`,
    destroy: String(id),
    inspect: String(id),
  };
  const rows: [who: string, launcher: string, error: string][] = [
    ['an unprivileged process', NOBODY, 'EACCES'],
    ['one with all capabilities in its own user namespace', `${NOBODY} unshare -r`, 'EACCES'],
    ['root in a user namespace of its own', 'unshare -r', 'EPERM'],
    ['root without CAP_SYS_ADMIN', 'setpriv --bounding-set=-sys_admin', 'EPERM'],
  ];
  for (const [who, launcher, error] of rows) {
    for (const [file, text] of Object.entries(orders)) {
      const opened = await loaded.exec(`${launcher} swarmio /proc/swarm/${file}`, { stdin: text });
      expect.soft(opened.stderr, `${who} opens ${file}`).toBe(`${error}\n`);
      const given = await loaded.exec(
        `exec 3>/proc/swarm/${file}; ${launcher} bash -c ${quoted(`printf '${text}' >&3`)}`,
      );
      expect.soft(given.stderr, `${who} writes to an open ${file}`).toMatch(/: Operation not permitted\n$/);
    }
  }
  expect(await loaded.swarm.status()).toEqual(status);
  await loaded.swarm.destroy(id);
});
