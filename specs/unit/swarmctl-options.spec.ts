/** The options of swarmctl run, as a policy, a root, and exit statuses. */
import { rm, writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from '@commander-js/extra-typings';
import { expect, test } from '@playwright/test';
import fc from 'fast-check';
import { DEFAULT_CAPABILITIES, DEFAULT_DEVICES, NAMESPACES_DEFAULT } from '../../client/abi/defaults.js';
import { CAPABILITIES, bitOf, namesOf } from '../../client/abi/names.js';
import { explainCommand } from '../../client/cli/actions/explain.js';
import { failureOf } from '../../client/cli/actions/run.js';
import { running } from '../../client/cli/commands/run.js';
import { ROOT } from '../../client/cli/root.js';
import { cpus, device, keyAndValue, size, time } from '../../client/cli/values.js';
import { SwarmError } from '../../client/error.js';
import type { Located, Wanted } from '../../client/files/locate.js';
import { LaunchError } from '../../client/native/launcher.js';
import { explained } from '../../client/spawn.js';
import { loadPolicy } from '../../client/policy/core.js';
import type { SpawnOptions } from '../../client/spawn.js';
import type { Swarm } from '../../client/swarm.js';
import { machineOf, violationOf } from '../support/cli/machine.js';
import { buildPolicyWasm } from '../support/policy-wasm.js';

/** A machine on which every device is c 10:229 and paths lead from /there; it keeps what it is asked to spawn. */
class Machine {
  asked: { argv: readonly string[]; options: SpawnOptions } | undefined;

  async locate({ devices = [], paths = [], programs = [] }: Wanted): Promise<Located> {
    const [program] = programs;
    return Promise.resolve({
      devices: devices.map(() => 'c 10:229'),
      paths: paths.map((path) => (path.startsWith('/') ? path : `/there/${path}`)),
      ...(program === undefined ? {} : { program: `/usr/bin/${program}` }),
    });
  }

  spawn(argv: readonly string[], options: SpawnOptions): never {
    this.asked = { argv, options };
    throw new SwarmError('ECANCELED', 'this machine runs nothing');
  }
}

/** The request to spawn that `swarmctl run ARGUMENTS` sends to a machine, and its exit status. */
async function run(...args: string[]) {
  const machine = new Machine();
  const program = new Command('swarmctl').enablePositionalOptions();
  running(program, () => Promise.resolve(machine as unknown as Swarm));
  const said: unknown[] = [];
  const { error } = console;
  console.error = (line: unknown) => said.push(line);
  try {
    await program.parseAsync(['run', ...args], { from: 'user' });
  } finally {
    console.error = error;
  }
  const status = process.exitCode;
  process.exitCode = undefined;
  return { ...machine.asked, status, said: said.join('\n') };
}

const policyOf = async (...args: string[]) => (await run(...args, 'true')).options?.policy;

const PLAIN_NET = NAMESPACES_DEFAULT | bitOf('net');

test('CLI-75: the options of run that say what an agent is make the policy', async ({}, info) => {
  const policy = info.outputPath('policy.json');
  await writeFile(
    policy,
    JSON.stringify({ persist: true, sockets: ['inet'], network: 'own', pids_limit: 9 }),
  );
  const all = namesOf(CAPABILITIES);
  const usual = [...DEFAULT_CAPABILITIES];
  const devices = Object.values(DEFAULT_DEVICES);
  const cases: [string, object][] = [
    ['', {}],
    ['--persist', { persist: true }],
    ['--rm', { persist: false }],
    [`--policy ${policy}`, { persist: true, sockets: ['inet'], network: 'own', pids_limit: 9 }],
    [`--policy ${policy} --rm`, { persist: false, sockets: ['inet'], network: 'own', pids_limit: 9 }],
    [
      `--policy ${policy} --pids-limit 3`,
      { persist: true, sockets: ['inet'], network: 'own', pids_limit: 3 },
    ],
    ['--privileged', { privileged: true }],
    ['--exec-path /usr/bin/ --unlisted audit', { exec_paths: ['/usr/bin/'], unlisted: 'audit' }],
    ['--network own', { network: 'own', namespace_flags: PLAIN_NET }],
    ['--network none', { network: 'none', namespace_flags: PLAIN_NET }],
    ['--network host', { namespace_flags: NAMESPACES_DEFAULT & ~bitOf('net') }],
    // Sockets of the file that an agent without network cannot have are left out.
    [
      `--policy ${policy} --network none`,
      { persist: true, network: 'none', namespace_flags: PLAIN_NET, pids_limit: 9 },
    ],
    [
      `--policy ${policy} --network none --sockets unix`,
      { persist: true, network: 'none', namespace_flags: PLAIN_NET, pids_limit: 9, sockets: ['unix'] },
    ],
    ['--cap-add ALL', { capabilities: 'all' }],
    ['--cap-drop ALL', { capabilities: [] }],
    ['--cap-drop ALL --cap-add net_raw', { capabilities: ['net_raw'] }],
    ['--cap-add CAP_NET_RAW --cap-add chown', { capabilities: [...usual, 'net_raw'] }],
    ['--cap-drop chown', { capabilities: usual.filter((name) => name !== 'chown') }],
    ['--cap-add ALL --cap-drop sys_admin', { capabilities: all.filter((name) => name !== 'sys_admin') }],
    ['--device /dev/fuse:rw --sockets all', { devices: [...devices, 'c 10:229 rw'], sockets: 'all' }],
    [
      '-m 1.5g --cpus 0.25 --name web -h box --syscall fork=deny --syscall mount=allow',
      {
        ...{ memory_limit: 1.5 * 2 ** 30, cpu_quota: 25, name: 'web', hostname: 'box' },
        syscalls: { fork: 'deny', mount: 'allow' },
      },
    ],
  ];
  for (const [line, made] of cases)
    expect.soft(await policyOf(...line.split(' ').filter(Boolean)), line).toEqual(made);
});

test('CLI-76: the options of run that make a root make that, with the paths of the machine where it is', async () => {
  const rootOf = async (...args: string[]) => (await run(...args, 'true')).options?.root;
  expect(await rootOf()).toBeUndefined();
  expect(await rootOf('--rootfs', 'image', '--read-only', '--overlay')).toEqual({
    directory: '/there/image',
    readOnly: true,
    overlay: 'tmpfs',
  });
  const mounts = ['--bind', '/a', '--bind', 'b:/c:ro', '--bind', 'd:/e:rw', '--tmpfs', '/t'];
  expect(await rootOf('--rootfs', '/image', ...mounts, '--tmpfs', '/run:size=64m,mode=700')).toEqual({
    directory: '/image',
    binds: [
      { source: '/a', target: '/a', readOnly: false, recursive: true },
      { source: '/there/b', target: '/c', readOnly: true, recursive: true },
      { source: '/there/d', target: '/e', readOnly: false, recursive: true },
    ],
    tmpfs: [{ target: '/t' }, { target: '/run', size: 64 << 20, mode: 0o700 }],
  });
  for (const option of [['--read-only'], ['--overlay'], ['--bind', '/a'], ['--tmpfs', '/t']]) {
    const { options, status, said } = await run(...option, 'true');
    expect.soft({ options, status }, option[0]).toEqual({ options: undefined, status: 125 });
    expect.soft(said).toContain(`${option[0]} needs --rootfs`);
  }
});

test('CLI-77: run says by its exit status whether an agent was refused, not born, or its program not executed', async () => {
  const failed = (stage: LaunchError['stage'], code: string, answer = '') =>
    failureOf(explained(new LaunchError({ stage, errno: 11, code, what: '/bin/it', answer }), '/bin/it'));
  const refusal = '{"error":"EAGAIN","field":"","offset":0,"message":"too many"}';
  expect([
    failed('open', 'ENOENT'),
    failed('write', 'EAGAIN', refusal),
    failed('setup', 'ENOENT'),
    ...['EAGAIN', 'ENOMEM', 'ENOSPC', 'ECANCELED'].map((code) => failed('clone', code)),
    ...['EACCES', 'EPERM', 'ENOENT'].map((code) => failed('exec', code)),
  ]).toEqual([125, 125, 125, 126, 126, 126, 126, 126, 126, 127]);
  expect(failureOf(new DOMException('too late', 'TimeoutError'))).toBe(124);
  expect(failureOf(new SwarmError('ECANCELED', 'destroyed before it started'))).toBe(126);
  expect((await run('--init', 'true', '--flag')).argv).toEqual(['/usr/bin/tini', '--', 'true', '--flag']);
});

/** The value that an option parses from a text; undefined if it refuses it. */
function taken<T>(parse: (text: string) => T, text: string): T | undefined {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof InvalidArgumentError) return undefined;
    throw error;
  }
}

const tmpfsOf = (text: string) =>
  (ROOT.tmpfs.parseArg as (value: string, before: undefined) => readonly object[])(text, undefined);

test('CLI-86: an option never takes a size, a time or CPUs above 0 for 0, which is no limit, and leaves nothing out', () => {
  const number = fc
    .tuple(fc.nat(3), fc.stringMatching(/^\d{1,20}$/), fc.boolean())
    .map(([whole, fraction, plain]) => (plain ? String(whole) : `${whole}.${fraction}`));
  const units = {
    size: [size, ['', 'b', 'k', 'KiB', 'm', 'mb', 'g', 't']],
    time: [time, ['', 'ms', 's', 'm', 'h']],
    cpus: [cpus, ['']],
  } as const;
  for (const [parse, names] of Object.values(units))
    fc.assert(
      fc.property(number, fc.constantFrom(...names), (text, unit) => {
        const value = taken(parse, `${text}${unit}`);
        if (value === undefined) return Number(text) > 0;
        return Number.isSafeInteger(value) && value > 0 === Number(text) > 0;
      }),
      { numRuns: 2000 },
    );
  for (const text of ['0.4', '0.49b', '0.0004k', '99999999999t', '-1', ''])
    expect(taken(size, text), text).toBeUndefined();
  for (const text of ['9'.repeat(400), '0.004']) expect(taken(cpus, text), text).toBeUndefined();
  expect(taken(time, '0.0001')).toBeUndefined();
  expect([size('0'), size('0.0m'), size('0.5'), size('1.5k')]).toEqual([0, 0, 1, 1536]);
  // Parts of an option that it does not know, or that lack their value.
  const options = fc.array(
    fc.constantFrom('size', 'size=', 'size=1k', 'size=0.4', 'mode', 'mode=', 'mode=700', 'mode=9', 'x=1', ''),
    { maxLength: 3 },
  );
  const known: Readonly<Record<string, object>> = { 'size=1k': { size: 1024 }, 'mode=700': { mode: 0o700 } };
  fc.assert(
    fc.property(options, fc.constantFrom(',', ':'), (parts, between) => {
      const text = ['/t', ...(parts.length > 0 ? [parts.join(between)] : [])].join(':');
      const fine =
        parts.every((part) => part in known) &&
        new Set(parts).size === parts.length &&
        (between === ',' || parts.length < 2);
      const made = parts.reduce((before, part) => ({ ...before, ...known[part] }), { target: '/t' });
      expect(taken(tmpfsOf, text), text).toEqual(fine ? [made] : undefined);
    }),
  );
  expect(taken((text) => device(text, undefined), '/dev/fuse:r:w')).toBeUndefined();
  expect([keyAndValue('comm=a=b'), keyAndValue('name')]).toEqual([
    ['comm', 'a=b'],
    ['name', ''],
  ]);
});

test('CLI-99: a file of --policy is checked before options change it, and a fault has its line and column', async ({}, info) => {
  test.setTimeout(600_000);
  const core = await loadPolicy(await buildPolicyWasm());
  const path = info.outputPath('policy.json');
  const denied = machineOf([], [violationOf(1, { kind: 'device', device: 'c 10:229 rw' })]);
  for (const text of [
    ...['{"devices":"all"}', '{"devices":5}', '{"devices":[5]}', '{"capabilities":5}', '{"sockets":5}'],
    ...[
      '{"namespace_flags":"x"}',
      '{"syscalls":[]}',
      '{"syscalls":{"fork":1}}',
      '{"name":7}',
      '{"exec_paths":{}}',
    ],
    ...['[]', '7', '{"name":"a"', '{"name":"a",}', '{"persist":1}'],
  ]) {
    const refusal = core.parse('create', Buffer.from(text), 4);
    const { field = '', offset = 0, message = '' } = refusal ?? {};
    expect(message, text).not.toBe('');
    const words = `${path}:2:${offset + 3}: ${field === '' ? '' : `${field}: `}${message}`;
    await writeFile(path, `\n  ${text}`);
    for (const option of ['--device=c 1:3 r', '--cap-add=chown', '--network=none', '--syscall=fork=deny']) {
      const { options, status, said } = await run('--policy', path, option, 'true');
      expect.soft({ options, status }, text).toEqual({ options: undefined, status: 125 });
      expect.soft(said, text).toContain(words);
    }
    const error: unknown = await explainCommand(denied, '7', { policy: path }).catch((each: unknown) => each);
    expect.soft(error, text).toMatchObject({ code: 'EINVAL', message: `--policy ${words}` });
  }
  // A name of digits alone is one that commands take for an id.
  await writeFile(path, '{"name":"77"}');
  const digits = await run('--policy', path, 'true');
  expect([digits.options, digits.status]).toEqual([undefined, 125]);
  expect(digits.said).toContain('A name of digits alone would be taken for an id.');
  expect(await policyOf('--policy', path, '--name', 'web')).toEqual({ name: 'web' });
  // Keys that do not go together may do so with options.
  await writeFile(path, '{"network":"none","sockets":["inet"],"cpu_quota":900}');
  expect(await policyOf('--policy', path, '--sockets', 'unix')).toMatchObject({ sockets: ['unix'] });
  await rm(path);
  expect((await run('--policy', path, 'true')).said).toContain(
    `--policy ${path}: no such file or directory (ENOENT)`,
  );
});

test('CLI-103: a file of --policy with a key that is given twice is refused', async ({}, info) => {
  test.setTimeout(600_000);
  await loadPolicy(await buildPolicyWasm());
  const path = info.outputPath('policy.json');
  for (const [text, message] of [
    ['{"syscalls":{"mount":"deny",\n"mount":"allow"}}', '2:1: syscalls: the rule is given twice'],
    ['{"core":false,"core":true}', '1:15: core: the key is given twice'],
    [String.raw`{"core":false,"cor\u0065":true}`, '1:15: core: the key is given twice'],
    // An option mends what the core finds first.
    ['{"cpu_quota":-1,"syscalls":{"bpf":"deny","é":[{}],"bpf":"allow"}}', '1:51: the key is given twice'],
  ] as const) {
    await writeFile(path, text);
    for (const option of ['--cpus=2', '--syscall=fork=deny', '--sockets=unix']) {
      const { options, status, said } = await run('--policy', path, option, 'true');
      expect.soft({ options, status }, text).toEqual({ options: undefined, status: 125 });
      expect.soft(said, text).toContain(`--policy ${path}:${message}`);
    }
  }
  // The same key of two objects, and the words of one in a string, are no such keys.
  await writeFile(
    path,
    String.raw`{"name":"core\":","syscalls":{"fork":"deny"},"exec_paths":["/a","/a"],"core":true}`,
  );
  const apart = await run('--policy', path, '--exec-path=/b', 'true');
  expect(apart.said).not.toContain('given twice');
});
