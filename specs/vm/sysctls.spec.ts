/** Limits of the system that end births: loading tells of them, arming names the one that would be met. */
import { jsonLines } from '../../harness/util/json-lines.js';
import { passed } from '../support/figures.js';
import { expect, test } from '../support/fixtures.js';
import { quoted } from '../../client/client.js';
import { NAMESPACES, background } from '../support/guest.js';
import { load, reload } from '../support/loaded-guest.js';
import { uploadRival } from '../support/moments.js';

const SPAWN = '{"spawn":true,"namespace_flags":255}';

/** A shell line for a shell that may not fork any more: it arms, reads the answer, and restores a sysctl. */
const arm = (file: string, meanwhile: string, object = SPAWN) => `
  read -r before <${file}
  ${meanwhile}
  exec 3<>/proc/swarm/create; echo ${quoted(object)} >&3 2>/dev/null; read -r answer <&3
  echo $before >${file}
  echo "$answer"`;

test('LIMIT-10: each of user.max_*_namespaces that is 0 is named when a thread is armed, and nothing is left', async ({
  loaded,
}) => {
  const status = await loaded.swarm.status();
  for (const kind of Object.keys(NAMESPACES)) {
    const file = `/proc/sys/user/max_${kind}_namespaces`;
    const answer = await loaded.sh(arm(file, `echo 0 >${file}`));
    expect(JSON.parse(answer)).toMatchObject({ error: 'ENOSPC', field: 'spawn' });
    expect(answer).toContain(`user.max_${kind}_namespaces is 0, but a birth needs 1 or more; `);
  }
  expect(await loaded.swarm.status()).toEqual(status);
  expect((await loaded.swarm.run({ namespace_flags: 255 }, 'true')).code).toBe(0);
  await expect(loaded).toHaveActiveAgents(0);
});

test('LIMIT-21: a launcher whose own namespaces use up user.max_*_namespaces is told so, and agents that are users of their own are not', async ({
  loaded,
}) => {
  const file = '/proc/sys/user/max_uts_namespaces';
  const own = JSON.stringify({ spawn: true, privileged: true, namespace_flags: NAMESPACES.uts });
  const pid = await background(loaded, 'unshare --uts consume wait');
  await expect.poll(() => loaded.sh(`cat /proc/${pid}/comm`)).toBe('consume');
  const answer = await loaded.sh(arm(file, `echo 1 >${file}`, own));
  expect(JSON.parse(answer)).toMatchObject({ error: 'ENOSPC', field: 'spawn' });
  expect(answer).toContain('user.max_uts_namespaces is 1, but a birth needs 2 or more; ');
  const before = await loaded.sh(`cat ${file}; echo 1 >${file}`);
  expect((await loaded.swarm.run({}, 'true')).code, 'a user of its own').toBe(0);
  await loaded.sh(`echo ${before} >${file}; kill -9 ${pid}`);
  expect((await loaded.exec(`launch '${own}' /bin/true`)).code).toBe(0);
  await expect(loaded).toHaveActiveAgents(0);
});

test('LIMIT-11: kernel.pid_max and kernel.threads-max are named when nothing is left of them', async ({
  loaded,
}) => {
  const status = await loaded.swarm.status();
  // Behind the numbers of the boot the lowest that is given again is 300.
  const last = 'echo 1000 >/proc/sys/kernel/ns_last_pid; true & wait $!; echo 301 >/proc/sys/kernel/pid_max';
  for (const [name, meanwhile] of [
    ['pid_max', `${last}; sleep 5 &`],
    ['threads-max', 'echo 20 >/proc/sys/kernel/threads-max'],
  ] as const) {
    const answer = await loaded.sh(arm(`/proc/sys/kernel/${name}`, meanwhile));
    expect(JSON.parse(answer)).toMatchObject({ error: 'ENOSPC', field: 'spawn' });
    const [, value, needed] =
      /kernel\.([\w-]+ is \d+), but a birth needs (\d+) or more; raise it"/.exec(answer) ?? [];
    expect(value).toBe(`${name} is ${name === 'pid_max' ? 301 : 20}`);
    // Beside what is there, one more.
    if (name === 'pid_max') expect(needed).toBe('302');
    else expect(Number(needed)).toBeGreaterThan(20);
  }
  expect(await loaded.swarm.status()).toEqual(status);
  expect((await loaded.swarm.run({}, 'true')).code).toBe(0);
  await expect(loaded).toHaveActiveAgents(0);
});

test('LIMIT-14: a birth is not refused for a number that was given last, however high that is', async ({
  loaded,
}) => {
  const line = [
    'threads=$(cat /proc/sys/kernel/threads-max)',
    '[ $((threads + 200)) -lt $(cat /proc/sys/kernel/pid_max) ] || exit 9',
    'echo $((threads + 100)) >/proc/sys/kernel/ns_last_pid',
    `launch '${SPAWN}' /bin/true`,
  ].join('\n');
  expect(await loaded.exec(line)).toMatchObject({ code: 0 });
  await expect(loaded).toHaveActiveAgents(0);
});

test('LIMIT-12: the limits of kernel.keys are named where the launcher has a session keyring', async ({
  loaded,
}) => {
  const { created } = await loaded.swarm.status();
  const rootful = JSON.stringify({ spawn: true, namespace_flags: 1, privileged: true });
  for (const [name, value, needed, object] of [
    ['maxbytes', 4, /^5$/, SPAWN],
    ['root_maxkeys', 1, /^\d+$/, rootful],
    ['root_maxbytes', 1, /^\d+$/, rootful],
  ] as const) {
    const file = `/proc/sys/kernel/keys/${name}`;
    // The launcher gets its own keyring first, which counts only where it had one before.
    const line = [
      `read -r before <${file}; echo ${value} >${file}`,
      `exec 3<>/proc/swarm/create; pass keyring 3 ${quoted(object)}; read -r answer <&3; echo "$answer"`,
      `echo $before >${file}`,
    ].join('; ');
    const told = await loaded.sh(line);
    const [outcome] = jsonLines(told, passed);
    expect(outcome).toEqual({ how: 'keyring', written: 0, answer: 'ENOSPC', child: 'outside' });
    const answer = told.slice(told.indexOf('\n') + 1);
    expect(JSON.parse(answer)).toMatchObject({ error: 'ENOSPC', field: 'spawn' });
    const [, needs = ''] =
      new RegExp(
        `the sysctl kernel\\.keys\\.${name} is ${value}, but a birth needs (\\d+) or more; raise it`,
      ).exec(answer) ?? [];
    expect(needs, answer).toMatch(needed);
    expect(Number(needs)).toBeGreaterThan(value);
  }
  expect((await loaded.swarm.status()).created).toBe(created);
  for (const object of [SPAWN, rootful]) {
    const told = await loaded.sh(`pass keyring /proc/swarm/create ${quoted(object)}`);
    expect(jsonLines(told, passed)[0]?.child).toBe('inside');
  }
  await expect(loaded).toHaveActiveAgents(0);
});

test('LIMIT-22: if the numbers of file systems are used up, arming says so, and policies that take fewer go on', async ({
  loaded,
  stage,
}) => {
  const status = await loaded.swarm.status();
  await uploadRival(loaded, stage, 'swarm_numbers.ko');
  const told = async (left: number, policy: object) => {
    const object = JSON.stringify({ spawn: true, ...policy });
    const line = `exec 3<>/proc/swarm/create; echo ${quoted(object)} >&3 2>/dev/null; read -r answer <&3; echo "$answer"`;
    return loaded.sh(`insmod /root/swarm_numbers.ko left=${left}; ${line}; rmmod swarm_numbers`);
  };
  const own = { proc: false, devpts: false };
  for (const [left, policy, takes] of [
    [2, {}, 3],
    [1, { devpts: false }, 2],
    [0, own, 1],
  ] as const) {
    const answer = await told(left, policy);
    expect(JSON.parse(answer)).toMatchObject({ error: 'ENOSPC', field: 'spawn' });
    expect(answer).toContain(
      `1048575 numbers of file systems without a device are used up, of which a birth takes ${takes}; `,
    );
  }
  expect(await loaded.swarm.status()).toEqual(status);
  for (const [left, policy] of [
    [3, {}],
    [2, { devpts: false }],
    [0, { ...own, namespace_flags: NAMESPACES.user }],
  ] as const) {
    const { code } = await loaded.exec(
      `insmod /root/swarm_numbers.ko left=${left}; launch ${quoted(JSON.stringify({ spawn: true, ...policy }))} /bin/true; code=$?; rmmod swarm_numbers; exit $code`,
    );
    expect(code, JSON.stringify(policy)).toBe(0);
  }
  await expect(loaded).toHaveActiveAgents(0);
});

test('LIMIT-13: loading tells in one line what keeps max_agents from being reached, and is silent where nothing does', async ({
  booted,
  module,
}) => {
  const raise = (value: number) =>
    booted.sh(`sysctl -qw kernel.pid_max=${value} kernel.threads-max=${value} 2>&1 || true`);
  const lines = async () =>
    (await booted.kernelLog()).split('\n').filter((line) => line.includes('cannot run'));
  const guest = await load(booted, module.ko, { max_agents: 1000 });
  expect(await lines()).toEqual([]);
  await guest.unload();
  await raise(2000);
  // All but the one that no agent has unless it is asked for.
  const kinds = Object.keys(NAMESPACES).filter((kind) => kind !== 'time');
  const sysctls = kinds.map((name) => `user.max_${name}_namespaces`);
  const set = (value: number) =>
    booted.sh(`sysctl -qw ${sysctls.map((name) => `${name}=${value}`).join(' ')}`);
  await booted.sh('dmesg -C');
  await set(0);
  const next = await reload(booted, { max_agents: 3000 });
  const [line, ...more] = await lines();
  expect(line).toMatch(
    /: so many cannot run: kernel\.pid_max is 2000 \(3001 or more is needed\), kernel\.threads-max is 2000 \(3001 or more is needed\), /,
  );
  for (const name of sysctls) expect(line).toContain(`, ${name} is 0 (1 or more is needed)`);
  expect(more).toEqual([]);
  await set(1000);
  await raise(15_000);
  await next.unload();
  // Ids for 1000 agents, and for one less.
  await booted.sh('dmesg -C');
  for (const id_base of [4294967295 - 1000 * 1024, 4294967295 - 1000 * 1024 + 1])
    await (await reload(booted, { max_agents: 1000, id_base })).unload();
  expect(await lines()).toEqual([
    expect.stringMatching(
      /: so many cannot run: \(4294967295 - id_base\) \/ id_count is 999 \(1000 or more is needed\); raise/,
    ),
  ]);
  // As many as three file systems each leave room for, and one more.
  await booted.sh('dmesg -C');
  for (const max_agents of [349_525, 349_526])
    await (await reload(booted, { max_agents, id_count: 1 })).unload();
  const [few, many, ...others] = await lines();
  expect(few).not.toContain('file systems');
  expect(many).toMatch(
    /the kernel's room for the file systems of agents is 349525 \(349526 or more is needed\)[,;]/,
  );
  expect(others).toEqual([]);
});
