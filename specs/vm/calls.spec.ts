/** Rules on single system calls. */
import { jsonLines } from '../../harness/util/json-lines.js';
import { during } from '../support/figures.js';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CALLS, DENIED_CALL_NAMES } from '../../client/abi/calls.js';
import { namesOf, SYSCALLS } from '../../client/abi/names.js';
import { quoted } from '../../client/client.js';
import type { AgentRequest } from '../../client/client.js';
import { repository } from '../../harness.config.js';
import { ARM32_ENOSYS, arm32Program } from '../support/arm32.js';
import { expect, test } from '../support/fixtures.js';
import { MOUNT_CALLS } from '../support/former-calls.js';
import { attempts, moduleLog, violationsDuring } from '../support/guest.js';
import { load, reload } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import { numbersOf32, systemCalls, treeOf } from '../support/reviewed.js';
import type { Numbered } from '../support/reviewed.js';

/** Calls that only x86 has. */
const X86 = ['iopl', 'ioperm', 'ustat', 'sysfs', 'uselib'];
/** Calls for which 32-bit programs on x86 have no number. */
const ONLY_64 = ['kexec_file_load'];

/** The functions of system calls that are hooked. */
async function hooked(guest: LoadedGuest): Promise<string[]> {
  const text = await guest.sh('cat /sys/kernel/tracing/enabled_functions');
  return [...text.matchAll(/^(?:__(?:x64|ia32|arm64|do)(?:_compat)?_sys_)(\w+) .*\bI\b/gm)]
    .map(([, name = '']) => name)
    .filter((name) => !['setns', 'open_tree', 'open_tree_attr', 'fsmount'].includes(name));
}

/** Enters calls as the agent's first program; how each went, and the violations told of, by call. */
async function under(guest: LoadedGuest, request: AgentRequest, ...calls: string[]) {
  const last = (await guest.swarm.events()).at(-1)?.seq ?? 0;
  const { stdout, code } = await guest.swarm.launch(request, ['/usr/local/bin/call', ...calls]);
  await expect(guest).toHaveActiveAgents(0);
  const told = (await guest.swarm.events()).flatMap((event) =>
    event.event === 'violation' && event.seq > last
      ? [`${event.kind} ${event.syscall ?? ''} ${event.action}`]
      : [],
  );
  return { seen: attempts(stdout), told, code };
}

test('CALL-01: by default each call that only the system needs is denied, and told of by its name', async ({
  loaded,
}) => {
  const x86 = (await loaded.sh('uname -m')).trim() === 'x86_64';
  const names = DENIED_CALL_NAMES.filter((name) => x86 || !X86.includes(name));
  const { seen, told } = await under(loaded, {}, ...names);
  const there = seen.filter((line) => !line.endsWith(' ENOSYS'));
  expect(there.length).toBeGreaterThan(45);
  expect(there).toEqual(there.map((line) => `${line.split(' ')[0] ?? ''} EPERM`));
  expect(told).toEqual(there.map((line) => `syscall ${line.split(' ')[0] ?? ''} deny`));
});

/** The denials of calls that are entered under numbers, some of which have no function on some kernels. */
const denied = (numbers: readonly Numbered[], there: (index: number) => boolean) =>
  numbers.filter((_, index) => there(index)).map(({ name }) => name);

test('CALL-02: the entries of 32-bit programs are denied too, under each of their numbers', async ({
  loaded,
  stage,
}) => {
  test.skip(stage.kernel.arch !== 'amd64', 'int 0x80 is of x86');
  const numbers = await numbersOf32(stage.kernel, DENIED_CALL_NAMES);
  const has = await systemCalls(treeOf(stage.kernel));
  expect(new Set(numbers.map(({ name }) => name)), 'those that 32-bit programs have').toEqual(
    new Set(DENIED_CALL_NAMES.filter((name) => has.has(name) && !ONLY_64.includes(name))),
  );
  const { seen, told } = await under(loaded, {}, ...numbers.map(({ number }) => `32:${number}`));
  const there = seen.filter((line) => !line.endsWith(' ENOSYS'));
  expect(there).toEqual(there.map((line) => `${line.split(' ')[0] ?? ''} EPERM`));
  expect(told).toEqual(
    denied(numbers, (index) => !seen[index]?.endsWith(' ENOSYS')).map((name) => `syscall ${name} deny`),
  );
  expect(there.length).toBeGreaterThan(45);
});

test('CALL-16: on arm64 the entries of 32-bit programs are denied too, under each of their numbers', async ({
  loaded,
  stage,
}) => {
  test.skip(stage.kernel.arch !== 'arm64', '32-bit programs for arm run on arm64');
  const numbers = await numbersOf32(stage.kernel, DENIED_CALL_NAMES);
  await loaded.writeFile('/srv/arm32', arm32Program(numbers.map(({ number }) => number)), '755');
  const last = (await loaded.swarm.events()).at(-1)?.seq ?? 0;
  const { stdout, code } = await loaded.swarm.launch({}, ['/srv/arm32']);
  expect([code, stdout.length]).toEqual([0, numbers.length]);
  const there = (index: number) => stdout[index] !== ARM32_ENOSYS;
  expect(stdout.replaceAll(ARM32_ENOSYS, '')).toEqual('!'.repeat(denied(numbers, there).length));
  await expect(loaded).toHaveActiveAgents(0);
  const told = (await loaded.swarm.events()).flatMap((event) =>
    event.event === 'violation' && event.seq > last ? [event.syscall] : [],
  );
  expect(told).toEqual(denied(numbers, there));
  expect(told.length).toBeGreaterThan(45);
});

test('CALL-03: each is allowed again by its name, and a privileged agent is denied none', async ({
  loaded,
}) => {
  const x86 = (await loaded.sh('uname -m')).trim() === 'x86_64';
  const names = DENIED_CALL_NAMES.filter((name) => x86 || !X86.includes(name));
  const syscalls = Object.fromEntries(names.map((name) => [name, 'allow' as const]));
  // Three of them make mount namespaces, which is for the rule on unshare to say.
  const allowed = await under(loaded, { syscalls: { ...syscalls, unshare: 'allow' } }, ...names);
  expect(allowed.told).toEqual([]);
  expect(allowed.seen).toHaveLength(names.length);
  // The kernel's own answers to arguments that are none; some calls ask for a privilege first.
  expect(allowed.seen.filter((line) => !/ (EPERM|ENOSYS)$/.test(line)).length).toBeGreaterThan(15);
  // Some of the others would be carried out.
  const harmless = ['bpf', 'perf_event_open', 'keyctl', 'mount', 'fspick'];
  expect((await under(loaded, { privileged: true }, ...harmless)).told).toEqual([]);
  const { stdout } = await loaded.swarm.run(
    { capabilities: 'all', syscalls: MOUNT_CALLS },
    'mount -t tmpfs none /mnt && touch /mnt/inside && umount /mnt && echo done',
  );
  expect(stdout).toBe('done\n');
});

test('CALL-04: any call can be denied, audited or allowed by its name', async ({ loaded }) => {
  const denied = await under(loaded, { syscalls: { getppid: 'deny' } }, 'getppid', 'getpid');
  expect(denied.seen).toEqual(['getppid EPERM', 'getpid ok']);
  expect(denied.told).toEqual(['syscall getppid deny']);
  const audited = await under(loaded, { syscalls: { getppid: 'audit' } }, 'getppid');
  expect(audited).toMatchObject({ seen: ['getppid ok'], told: ['syscall getppid audit'] });
  const allowed = await under(loaded, { syscalls: { getppid: 'allow' } }, 'getppid');
  expect(allowed).toMatchObject({ seen: ['getppid ok'], told: [] });
});

test('CALL-05: "kill" ends the process before the call has any effect', async ({ loaded }) => {
  await loaded.sh('touch /tmp/kept');
  const violations = await violationsDuring(loaded, async () => {
    const { code } = await loaded.swarm.launch({ syscalls: { unlinkat: 'kill', unlink: 'kill' } }, [
      '/bin/rm',
      '/tmp/kept',
    ]);
    expect(code).toBe(137);
  });
  expect(violations).toBe(1);
  expect(await loaded.sh('ls /tmp/kept')).toBe('/tmp/kept');
  await expect(loaded).toHaveActiveAgents(0);
});

test('CALL-06: a rule on a call covers its part of socketcall', async ({ loaded }) => {
  test.skip((await loaded.sh('uname -m')).trim() !== 'x86_64', 'socketcall is of 32-bit x86');
  const { seen, told } = await under(loaded, { syscalls: { socket: 'deny' } }, '--first', '1', '32:102');
  expect(seen).toEqual(['32:102 EPERM']);
  expect(told).toEqual(['syscall socket deny']);
  // bind, of which there is no rule.
  const other = await under(loaded, { syscalls: { socket: 'deny' } }, '--first', '2', '32:102');
  expect(other).toMatchObject({ seen: ['32:102 EFAULT'], told: [] });
});

test('CALL-07: a call is hooked only while a policy has a rule on it, and all hooks go with the module', async ({
  loaded: before,
}) => {
  await before.unload();
  await before.sh('dmesg -C');
  const loaded = await reload(before);
  expect(await hooked(loaded)).toEqual([]);
  const id = await loaded.swarm.create({ privileged: true, syscalls: { getppid: 'deny' } });
  expect(new Set(await hooked(loaded))).toEqual(new Set(['getppid']));
  const told = async () =>
    (await moduleLog(loaded)).flatMap((line) =>
      [...line.matchAll(/hooked [1-9]\d* (more )?functions of system calls in \d+ us/g)].map(
        ([, more]) => more,
      ),
    );
  // The first time, and later ones with debug alone.
  expect(await told()).toEqual([undefined]);
  const debug = '/sys/module/swarm_guard/parameters/debug';
  await loaded.sh(`echo 1 >${debug}`);
  const other = await loaded.swarm.create({
    privileged: true,
    syscalls: { getppid: 'kill', getpid: 'audit' },
  });
  expect(new Set(await hooked(loaded))).toEqual(new Set(['getppid', 'getpid']));
  expect(await told()).toEqual([undefined, 'more ']);
  await loaded.sh(`echo 0 >${debug}`);
  await loaded.swarm.update({ id: other, syscalls: { getpid: 'allow' } });
  await loaded.swarm.destroy(id);
  await expect
    .poll(async () => new Set(await hooked(loaded)), { timeout: 60_000 })
    .toEqual(new Set(['getppid']));
  expect(await loaded.sh('attempt fork; call getppid getpid')).toBe('fork ok\ngetppid ok\ngetpid ok');
  await loaded.swarm.destroy(other);
  await expect.poll(() => hooked(loaded), { timeout: 60_000 }).toEqual([]);
  await loaded.swarm.destroy(await loaded.swarm.create({ privileged: true, syscalls: { getsid: 'deny' } }));
  expect(await told()).toHaveLength(2);
});

test('CALL-08: update changes rules on calls at once, inspect shows those that are not the default', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  await loaded.sh('rm -f /tmp/stop');
  const agent = swarm.launch({ syscalls: { getppid: 'audit' } }, [
    ...['/usr/local/bin/call', '--during', '/tmp/stop', 'getppid'],
  ]);
  await expect(loaded).toHaveActiveAgents(1);
  const [{ id } = { id: 0 }] = await swarm.agents();
  for (let round = 0; round < 10; round++)
    await swarm.update({ id, syscalls: { getppid: round % 2 ? 'allow' : 'deny', mount: 'allow' } });
  const rules = (await swarm.inspect(id)).policy.syscalls;
  expect(rules).toMatchObject({ fork: 'allow', mount: 'allow' });
  expect(Object.keys(rules).filter((name) => name !== 'mount')).toHaveLength(namesOf(SYSCALLS).length);
  await loaded.sh('touch /tmp/stop');
  const [calls] = jsonLines((await agent).stdout, during);
  expect(calls?.refused).toBeGreaterThan(0);
  expect(calls?.others).toBeGreaterThan(0);
  await expect(loaded).toHaveActiveAgents(0);
});

test('CALL-09: a name that is none is refused at its byte, with what to do', async ({ loaded }) => {
  const answer = await loaded
    .sh(`exec 3<>/proc/swarm/create; echo '{"syscalls":{"mount":"deny","mounts":"deny"}}' >&3; head -n1 <&3`)
    .catch((error: unknown) => String(error));
  expect(answer).toContain('"error":"EINVAL","field":"syscalls","offset":28');
  expect(answer).toContain('man 2 syscalls');
});

/** Functions of calls that a rule covers which is not of the call's name, and of calls that never return. */
const OTHERWISE = ['fork', 'execve', 'unshare', 'setns', 'exit', 'exit_group', 'rt_sigreturn', 'sigreturn'];
/** Calls of other architectures: each kernel has a function for them that only says ENOSYS. */
const ELSEWHERE =
  /^(ni_syscall|gethostname|stime|pciconfig_\w+|rtas|s390_\w+|spu_\w+|subpage_prot|vm86|vm86old)$/;

/** The calls of module/src/calls.rs, by each of their functions. */
async function functionsOfCalls(): Promise<Map<string, string>> {
  const source = await readFile(join(repository, 'module/src/calls.rs'), 'utf8');
  const calls = new Map<string, string>();
  for (const [, call = '', functions = ''] of source.matchAll(/(?:allowed|denied)\(c"(\w+)", c"([\w ]+)"\)/g))
    for (const name of functions.split(' ')) calls.set(name, call);
  return calls;
}

test('CALL-10: every function at which the kernel enters a call belongs to exactly one call that can be named', async ({
  booted,
}) => {
  const calls = await functionsOfCalls();
  expect(calls.size).toBeGreaterThan(450);
  const symbols = await booted.sh('cat /proc/kallsyms');
  const entry = /^(\w+) \w __(?:x64|ia32|arm64)_(?:compat_)?sys_(\w+)$/gm;
  const at = new Map<string, Set<string>>();
  const unknown = new Set<string>();
  for (const [, address = '', name = ''] of symbols.matchAll(entry)) {
    const call = calls.get(name);
    if (call) at.set(address, (at.get(address) ?? new Set()).add(call));
    else if (!OTHERWISE.includes(name) && !ELSEWHERE.test(name)) unknown.add(name);
  }
  expect(at.size).toBeGreaterThan(300);
  expect([...unknown]).toEqual([]);
  // The same machine code for two calls would be hooked for the first of them alone.
  expect([...at.values()].filter((names) => names.size > 1)).toEqual([]);
});

/**
 * The call that the first argument means for a call that stands for several, by its number; see socketcall(2) and
 * ipc(2).
 */
const PARTS: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  102: {
    ...{ 1: 'socket', 2: 'bind', 3: 'connect', 4: 'listen', 5: 'accept', 6: 'getsockname', 7: 'getpeername' },
    ...{ 8: 'socketpair', 9: 'sendto', 10: 'recvfrom', 11: 'sendto', 12: 'recvfrom', 13: 'shutdown' },
    ...{ 14: 'setsockopt', 15: 'getsockopt', 16: 'sendmsg', 17: 'recvmsg', 18: 'accept4', 19: 'recvmmsg' },
    ...{ 20: 'sendmmsg' },
  },
  117: {
    ...{ 1: 'semop', 2: 'semget', 3: 'semctl', 4: 'semtimedop', 11: 'msgsnd', 12: 'msgrcv', 13: 'msgget' },
    ...{ 14: 'msgctl', 21: 'shmat', 22: 'shmdt', 23: 'shmget', 24: 'shmctl' },
    // A version stands in the upper half.
    ...{ 65538: 'semget', 65560: 'shmctl' },
  },
};

test('CALL-11: a rule covers each part of socketcall and ipc, and no other', async ({ loaded }) => {
  test.skip((await loaded.sh('uname -m')).trim() !== 'x86_64', 'both are of 32-bit x86');
  for (const [number, parts] of Object.entries(PARTS)) {
    const line = Object.keys(parts)
      .map((part) => `call --first ${part} 32:${number}`)
      .join('; ');
    const names = [...new Set(Object.values(parts))];
    const rules = (some: string[]) => Object.fromEntries(some.map((name) => [name, 'audit' as const]));
    // Audited, since a shell needs some of them itself; each is told by its name.
    const tell = async (some: string[]) => {
      const events = await loaded.swarm.eventsDuring(async () => {
        await loaded.swarm.run({ syscalls: rules(some) }, line);
        await expect(loaded).toHaveActiveAgents(0);
      });
      return events.flatMap((event) =>
        event.event === 'violation' && event.comm === 'call' ? [event.syscall] : [],
      );
    };
    expect(await tell(names)).toEqual(Object.values(parts));
    const half = names.filter((_, index) => index % 2);
    expect(await tell(half)).toEqual(Object.values(parts).filter((name) => half.includes(name)));
  }
});

test('CALL-17: a rule that audits socketcall or ipc leaves the rules on their parts in force', async ({
  loaded,
  stage,
}) => {
  test.skip(stage.kernel.arch !== 'amd64', 'both are of 32-bit x86');
  const connect = ['--first', '3', '32:102'];
  expect(await under(loaded, { syscalls: { socketcall: 'audit', connect: 'deny' } }, ...connect)).toEqual({
    ...{ seen: ['32:102 EPERM'], code: 0 },
    told: ['syscall socketcall audit', 'syscall connect deny'],
  });
  expect(
    await under(loaded, { syscalls: { ipc: 'audit', shmget: 'kill' } }, '--first', '23', '32:117'),
  ).toEqual({
    ...{ seen: [], code: 137 },
    told: ['syscall ipc audit', 'syscall shmget kill'],
  });
  // Both let it go on, and both are told.
  expect(await under(loaded, { syscalls: { socketcall: 'audit', connect: 'audit' } }, ...connect)).toEqual({
    ...{ seen: ['32:102 EFAULT'], code: 0 },
    told: ['syscall socketcall audit', 'syscall connect audit'],
  });
  // Another part of it, on which there is no rule.
  expect(
    await under(loaded, { syscalls: { socketcall: 'audit', connect: 'deny' } }, '--first', '2', '32:102'),
  ).toMatchObject({ seen: ['32:102 EFAULT'], told: ['syscall socketcall audit'] });
  // A refusal of the whole call is told alone.
  expect(
    await under(loaded, { syscalls: { socketcall: 'deny', connect: 'deny' } }, ...connect),
  ).toMatchObject({
    ...{ seen: ['32:102 EPERM'], told: ['syscall socketcall deny'] },
  });
});

test('CALL-18: each call that the kernel has can be hooked', async ({ loaded, stage }) => {
  const has = await systemCalls(treeOf(stage.kernel));
  const named = CALLS.filter((name) => has.has(name));
  expect(named.length).toBeGreaterThan(300);
  // More than one order may hold.
  const ids: number[] = [];
  for (let from = 0; from < named.length; from += 100) {
    const rules = named.slice(from, from + 100).map((name): [string, 'audit'] => [name, 'audit']);
    ids.push(await loaded.swarm.create({ syscalls: Object.fromEntries(rules) }));
  }
  const symbols = await loaded.sh('cat /proc/kallsyms');
  const text = await loaded.sh('cat /sys/kernel/tracing/enabled_functions');
  const entry = /^(\w+) \w (__(?:x64|ia32|arm64)_(?:compat_)?sys_(\w+))$/gm;
  const functions = await functionsOfCalls();
  const entries = [...symbols.matchAll(entry)].filter(([, , , name = '']) =>
    named.includes(functions.get(name) ?? ''),
  );
  expect(entries.length).toBeGreaterThan(500);
  const hooks = new Set([...text.matchAll(/^(\w+) .*\bI\b/gm)].map(([, symbol = '']) => symbol));
  // One function has several names, of which only one is told, where a call has no arguments.
  const at = [...symbols.matchAll(/^(\w+) \w (\w+)$/gm)];
  const addresses = new Set(at.flatMap(([, address, symbol = '']) => (hooks.has(symbol) ? [address] : [])));
  expect(entries.flatMap(([, address, symbol]) => (addresses.has(address) ? [] : [symbol]))).toEqual([]);
  await loaded.swarm.destroy(...ids);
});

/**
 * Runs steps in the child of a launcher before it executes a program, and returns their results and those of that
 * program.
 */
async function early(guest: LoadedGuest, request: AgentRequest, steps: string) {
  const object = JSON.stringify({ spawn: true, ...request });
  const { stdout, stderr } = await guest.exec(`early ${quoted(object)} ${steps} /usr/local/bin/call getppid`);
  await expect(guest).toHaveActiveAgents(0);
  return attempts(stderr + stdout);
}

test('CALL-12: rules on calls, sockets and modules count from the first execve on, and for what is forked before at once', async ({
  loaded,
}) => {
  const asked =
    "rm -f /run/asked; printf '#!/bin/sh\\necho asked >/run/asked\\n' >/run/helper; chmod 755 /run/helper";
  await loaded.sh(`${asked}; echo /run/helper >/proc/sys/kernel/modprobe`);
  try {
    const rules: AgentRequest = { syscalls: { getppid: 'deny' } };
    expect(await early(loaded, rules, 'getppid,packet')).toEqual([
      'getppid ok',
      'packet ok',
      'getppid EPERM',
    ]);
    expect(await early(loaded, rules, 'fork,getppid,packet')).toEqual([
      ...['getppid EPERM', 'packet EAFNOSUPPORT', 'getppid EPERM'],
    ]);
    const any: AgentRequest = { ...rules, sockets: 'all' };
    expect(await early(loaded, any, 'fork,tipc')).toEqual(['tipc EAFNOSUPPORT', 'getppid EPERM']);
    expect((await loaded.exec('ls /run/asked')).code).not.toBe(0);
    expect(await early(loaded, any, 'tipc')).toEqual(['tipc EAFNOSUPPORT', 'getppid EPERM']);
    expect(await loaded.sh('cat /run/asked')).toBe('asked');
  } finally {
    await loaded.sh('echo /sbin/modprobe >/proc/sys/kernel/modprobe; rm -f /run/helper /run/asked');
  }
});

test('CALL-13: no call of a member gets through while the rules of others come and go', async ({
  loaded,
}) => {
  const { swarm } = loaded;
  await loaded.sh('rm -f /tmp/stop');
  const agent = swarm.launch({ privileged: true, namespace_flags: 0, syscalls: { getppid: 'deny' } }, [
    ...['/usr/local/bin/call', '--during', '/tmp/stop', 'getppid'],
  ]);
  await expect(loaded).toHaveActiveAgents(1);
  const calls = ['getpid', 'getpgid', 'getsid', 'umask', 'times', 'getrusage'] as const;
  const hooks = async () => new Set(await hooked(loaded));
  // What is hooked first grows and then shrinks, by one function and by many.
  for (let round = 0; round < 2; round++) {
    const ids: number[] = [];
    for (const call of calls)
      ids.push(await swarm.create({ privileged: true, syscalls: { [call]: 'audit' } }));
    ids.push(await swarm.create({}));
    expect((await hooks()).size).toBeGreaterThan(40);
    for (const id of ids) await swarm.destroy(id);
    await expect.poll(hooks, { timeout: 60_000 }).toEqual(new Set(['getppid']));
  }
  await loaded.sh('touch /tmp/stop');
  const [told] = jsonLines((await agent).stdout, during);
  expect(told?.others).toBe(0);
  expect(told?.refused).toBeGreaterThan(0);
  await expect(loaded).toHaveActiveAgents(0);
});

test('CALL-14: with enforce=0 calls, sockets and modules are reported on, and go on', async ({
  booted,
  module,
}) => {
  const guest = await load(booted, module.ko, { enforce: 0 });
  const policy: AgentRequest = { capabilities: 'all', syscalls: { getppid: 'kill', mount: 'deny' } };
  // Since some agent's rules have been replaced, calls are decided on twice.
  const other = await guest.swarm.create({});
  await guest.swarm.update({ id: other, sockets: ['unix'] });
  await guest.swarm.destroy(other);
  await expect(guest).toHaveActiveAgents(0);
  const events = await guest.swarm.eventsDuring(async () => {
    const { stdout } = await guest.swarm.run(
      policy,
      'call getppid; attempt socket 17 3 0 -- mount-type nosuchfs /tmp',
    );
    expect(attempts(stdout)).toEqual(['getppid ok', 'socket ok', 'mount-type ENODEV']);
    await expect(guest).toHaveActiveAgents(0);
  });
  const told = events.flatMap((event) =>
    event.event === 'violation' && event.comm !== 'sh' ? [`${event.kind} ${event.action} ${event.rule}`] : [],
  );
  expect(told).toEqual([
    ...['syscall report kill', 'socket report deny', 'syscall report deny', 'autoload report deny'],
  ]);
  expect((await guest.swarm.status()).violations).toBe(0);
  await guest.unload();
});

test('CALL-15: the module can be unloaded while calls are hooked still, and leaves none hooked', async ({
  booted,
  module,
}) => {
  const guest = await load(booted, module.ko);
  const { stdout } = await guest.swarm.run({ syscalls: { getppid: 'deny' } }, 'call getppid');
  expect(stdout).toBe('getppid EPERM\n');
  await expect(guest).toHaveActiveAgents(0);
  expect((await hooked(guest)).length).toBeGreaterThan(40);
  await guest.unload();
  expect(await booted.sh('grep -c swarm /sys/kernel/tracing/enabled_functions || true')).toBe('0');
  expect(await booted.sh('call getppid')).toBe('getppid ok');
  // Longer than hooks stay without a rule.
  await booted.sh('sleep 6; call getppid');
});
