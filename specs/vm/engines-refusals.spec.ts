/** swarm-runtime's command line, its refusals and what it leaves, by crun and by runc. */
import { z } from 'zod';
import { quoted } from '../../client/client.js';
import {
  IMAGE_ROOT,
  KEYS_TOO,
  PODMAN_GUEST,
  RUNTIMES,
  installRuntime,
  makeBundle,
  use,
} from '../support/engines/guest.js';
import { DENIED, nameOfOnly, remove, run, sleeping } from '../support/engines/containers.js';
import { expect, test } from '../support/fixtures.js';

test.use({ guestExtras: PODMAN_GUEST });
test.describe.configure({ timeout: 400_000 });

test(
  'OCI-02: the exit status and the output of a container are its own',
  { tag: '@nightly' },
  async ({ loaded }) => {
    await installRuntime(loaded);
    for (const runtime of RUNTIMES) {
      await use(loaded, runtime);
      for (const [script, code, stdout] of [
        ['echo out; exit 7', 7, 'out\n'],
        ['sh -c "kill -9 \\$\\$"; exit $?', 137, ''],
        ['read line; echo "got $line"', 0, 'got word\n'],
      ] as const) {
        const bundle = await makeBundle(loaded, 'status', ['sh', '-c', script]);
        const line = `cd ${bundle} && echo word | swarm-runtime run --no-new-keyring status`;
        expect(await run(loaded, line), `${runtime}: ${script}`).toMatchObject({ code, stdout });
      }
      await expect(loaded).toHaveActiveAgents(0);
    }
  },
);

test(
  'OCI-04: a container that cannot be made an agent does not start, and its engine is told why',
  { tag: '@nightly' },
  async ({ loaded }) => {
    await installRuntime(loaded);
    const LOG = '/srv/runtime.log';
    for (const runtime of RUNTIMES) {
      await use(loaded, runtime, KEYS_TOO);
      const bundle = await makeBundle(loaded, 'refused', ['sh', '-c', 'touch /tmp/ran'], (config) => {
        config['annotations'] = { 'io.swarmguard.nonsense': '1' };
      });
      const line = `cd ${bundle} && rm -f ${LOG} && swarm-runtime --log ${LOG} --log-format json create refused`;
      const { code, stderr } = await run(loaded, line);
      expect(code, runtime).not.toBe(0);
      const reason = 'the container cannot be made an agent: nonsense: unknown key (EINVAL)';
      expect(stderr, runtime).toContain(reason);
      const logged = z
        .object({ level: z.string(), msg: z.string() })
        .parse(JSON.parse(await loaded.sh(`cat ${LOG}`)));
      expect(logged, runtime).toEqual(
        expect.objectContaining({ level: 'error', msg: `swarm-runtime: ${reason}` }),
      );
      expect(
        await loaded.sh(
          'find /run/swarm-guard/containers -mindepth 2; ls -d /run/crun/* /run/runc/* 2>/dev/null || true',
        ),
      ).not.toContain('refused');
      expect((await loaded.exec(`test -e ${IMAGE_ROOT}/tmp/ran`)).code, 'nothing has run').toBe(1);
      // With fail_open, what it asks for itself is refused nevertheless.
      await use(loaded, runtime, `fail_open = true\n${KEYS_TOO}`);
      const asked = await run(loaded, `cd ${bundle} && swarm-runtime run refused`);
      expect(asked.stderr, runtime).toContain(reason);
      expect((await loaded.exec(`test -e ${IMAGE_ROOT}/tmp/ran`)).code, 'nothing has run').toBe(1);
      // Where the fault is another's it starts, and the system's log tells of it.
      await use(loaded, runtime, 'fail_open = true\npolicy = "/etc/none.json"\nannotations = false\n');
      expect((await run(loaded, `cd ${bundle} && swarm-runtime run refused`)).code, runtime).toBe(0);
      await loaded.sh(`rm ${IMAGE_ROOT}/tmp/ran`);
      await use(loaded, runtime, 'fail_open = true\n');
      // exec in a container that is an agent stays closed: here nothing tells the inside from the outside.
      const shared = await makeBundle(loaded, 'shared', ['sleep', '1000'], (config) => {
        const linux = config['linux'] as { namespaces: { type: string }[] };
        linux.namespaces = linux.namespaces.filter(({ type }) => type !== 'pid');
      });
      await loaded.sh(
        `cd ${shared} && swarm-runtime create shared >/dev/null </dev/null && swarm-runtime start shared`,
      );
      const entered = await run(loaded, 'swarm-runtime exec shared touch /tmp/ran');
      expect(entered.stderr, runtime).toContain('no pid namespace of its own');
      expect(entered.code, runtime).toBe(1);
      expect((await loaded.exec(`test -e ${IMAGE_ROOT}/tmp/ran`)).code, 'nothing has run').toBe(1);
      await remove(loaded, 'shared');
    }
    await expect(loaded).toHaveActiveAgents(0);
  },
);

test(
  'OCI-05: settings and policies that are wrong are refused, with file, line and key',
  { tag: '@nightly' },
  async ({ loaded }) => {
    await installRuntime(loaded);
    const bundle = await makeBundle(loaded, 'wrong', ['true']);
    const refusal = async () => (await run(loaded, `cd ${bundle} && swarm-runtime run wrong`)).stderr;
    for (const [settings, message] of [
      ['runtime = "crun"\n', /runtime\.toml, line 1: runtime must be an absolute path/],
      ['\nfail_open = 1\n', /runtime\.toml, line 2: fail_open must be true or false/],
      ['fail_opne = true\n', /runtime\.toml, line 1: fail_opne is no setting; there are runtime policy/],
      ['annotations = "all"\n', /runtime\.toml, line 1: annotations must be true, false or "named"/],
      ['annotations = 1\n', /runtime\.toml, line 1: annotations must be true, false or "named"/],
      ['runtime = \n', /runtime\.toml, line 1: /],
      ['runtime = "/usr/bin/none"\n', /\/usr\/bin\/none cannot be executed: No such file/],
      ['policy = "/etc/none.json"\n', /\/etc\/none\.json: cannot be opened: No such file/],
      ['policy = "/etc/swarm-guard/runtime.toml"\n', /runtime\.toml is no JSON: byte 1/],
    ] as const) {
      await loaded.writeFile('/etc/swarm-guard/runtime.toml', settings);
      expect.soft(await refusal(), settings).toMatch(message);
    }
    await use(loaded, 'crun', KEYS_TOO);
    for (const line of ['unshare --user --map-root-user', 'setpriv --reuid 1000 --clear-groups']) {
      const { code, stderr } = await run(loaded, `cd ${bundle} && ${line} swarm-runtime run wrong`);
      expect
        .soft({ code, stderr }, line)
        .toEqual({ code: 1, stderr: expect.stringContaining('only root of the host') });
    }
    for (const [annotations, message] of [
      [{ 'io.swarmguard.policy': '../../etc/passwd' }, /'\.\.\/\.\.\/etc\/passwd' is no file of/],
      [{ 'io.swarmguard.policy': 'none' }, /policies\/none\.json: cannot be opened/],
      [{ 'io.swarmguard.spawn': 'true' }, /cannot have the key spawn/],
      [{ 'io.swarmguard.name': 'web' }, /annotation io\.swarmguard\.name: an agent has the name of its/],
      // For a limit the module would move the container out of the cgroup with its engine's.
      [{ 'io.swarmguard.memory_limit': '1073741824' }, /cannot have the key memory_limit: its engine/],
      [{ 'io.swarmguard.pids_limit': '1000' }, /cannot have the key pids_limit: its engine/],
      [{ 'io.swarmguard.cpu_quota': '100' }, /cannot have the key cpu_quota: its engine/],
      [{ 'io.swarmguard.namespace_flags': 'all' }, /namespace_flags: "all" is no sum of 1 to 128/],
      [{ 'io.swarmguard.namespace_flags': '-1' }, /namespace_flags: -1 is no sum/],
      [{ 'io.swarmguard.namespace_flags': '4294967424' }, /namespace_flags: 4294967424 is no sum/],
      [{ 'io.swarmguard.sockets': '['.repeat(60_000) }, /nested more than 100 deep/],
      // crun would run the program in its own process.
      [{ 'run.oci.handler': 'wasm' }, /annotation run\.oci\.handler: crun may run such a container/],
      [{ 'module.wasm.image/variant': 'compat' }, /annotation module\.wasm\.image\/variant: crun may/],
      [
        { 'io.swarmguard.namespace_flags': '128' },
        /asks for a time namespace, and the container shares the host's/,
      ],
    ] as const) {
      await makeBundle(loaded, 'wrong', ['true'], (config) => (config['annotations'] = annotations));
      expect.soft(await refusal(), JSON.stringify(annotations)).toMatch(message);
    }
    await expect(loaded).toHaveActiveAgents(0);
  },
);

test(
  'OCI-15: by default a container chooses among the policies of the operator, and changes nothing else',
  { tag: '@nightly' },
  async ({ loaded }) => {
    await installRuntime(loaded);
    const LOOSE = { 'io.swarmguard.sockets': 'all' };
    await loaded.writeFile('/etc/swarm-guard/policies/local.json', '{"sockets":["unix"]}');
    const script = 'nc -w 1 127.0.0.1 80 2>&1 </dev/null; unshare -u true 2>/dev/null || echo denied';
    const ran = async (annotations: object) => {
      const bundle = await makeBundle(loaded, 'asks', ['sh', '-c', script], (config) => {
        config['annotations'] = annotations;
      });
      return run(loaded, `cd ${bundle} && swarm-runtime run asks`);
    };
    const refused = {
      // crun's.
      code: 255,
      stderr: expect.stringMatching(
        /annotation io\.swarmguard\.\w+: containers may ask only for a policy by its/,
      ),
    };
    for (const settings of ['', 'annotations = "named"\n']) {
      await use(loaded, 'crun', settings);
      for (const annotations of [LOOSE, { 'io.swarmguard.name': 'web' }, { 'io.swarmguard.syscalls': '{}' }])
        expect(await ran(annotations), JSON.stringify(annotations)).toMatchObject(refused);
      expect(await ran({ 'io.swarmguard.policy': 'local' })).toMatchObject({
        stdout: expect.stringMatching(/Address family not supported[^]*denied\n$/),
      });
    }
    // Annotations of others are none of ours.
    await use(loaded, 'crun', 'annotations = false\n');
    for (const annotations of [{ ...LOOSE, 'io.swarmguard.policy': 'none' }, { 'io.example': 'x' }])
      expect((await ran(annotations)).stdout, JSON.stringify(annotations)).toMatch(
        /^(?![^]*Address family)[^]*denied\n$/,
      );
    await expect(loaded).toHaveActiveAgents(0);
  },
);

test(
  'OCI-16: the agent of a container whose id is a number has a name that commands do not take for an id',
  { tag: '@nightly' },
  async ({ loaded }) => {
    await installRuntime(loaded);
    await use(loaded, 'crun');
    for (const [id, name] of [
      ['123456789012345', 'c123456789012'],
      ['7', 'c7'],
      ['12345678901f2', '12345678901f'],
    ] as const) {
      await sleeping(loaded, id);
      expect(await nameOfOnly(loaded)).toBe(name);
      await remove(loaded, id);
    }
  },
);

test(
  'OCI-07: a container whose id is given again keeps its agent, and nothing is left of what fails',
  { tag: '@nightly' },
  async ({ loaded }) => {
    await installRuntime(loaded);
    const records = () =>
      loaded.sh('find /run/swarm-guard/containers -mindepth 2 -maxdepth 2 -printf "%f\\n"');
    for (const runtime of RUNTIMES) {
      await use(loaded, runtime);
      const id = `again-${runtime}`;
      const bundle = await sleeping(loaded, id);
      for (const command of ['create', 'run', 'run --detach'])
        expect(
          await run(loaded, `cd ${bundle} && swarm-runtime ${command} ${id} </dev/null`),
          command,
        ).toMatchObject({ code: 1, stderr: `swarm-runtime: container ${id} exists already\n` });
      // The same directory of state, written in another way.
      const exec = `swarm-runtime --root /run/../run/./${runtime}/ exec ${id} sh -c ${quoted(DENIED)}`;
      expect(await run(loaded, exec), runtime).toMatchObject({ code: 0, stdout: 'denied\n' });
      await remove(loaded, id);
      // A record whose container is gone is in nobody's way.
      await loaded.sh(
        `mkdir -p /run/swarm-guard/containers/%run%${runtime}/${id} && cd $_ && touch agent.json`,
      );
      await sleeping(loaded, id);
      await remove(loaded, id);

      await loaded.sh(`sed -i 's/"ociVersion"/"hooks":[],"ociVersion"/' ${bundle}/config.json`);
      expect((await run(loaded, `cd ${bundle} && swarm-runtime run ${id}`)).code, runtime).toBe(1);
      const deep = '['.repeat(1_000_000) + ']'.repeat(1_000_000);
      await loaded.writeFile(`${bundle}/config.json`, `{"annotations":${deep}}`);
      const { stderr } = await run(loaded, `cd ${bundle} && swarm-runtime run ${id}`);
      expect(stderr, runtime).toMatch(/config\.json: JSON is nested more than 100 deep/);
      expect(await records(), runtime).toBe('');
    }
    await expect(loaded).toHaveActiveAgents(0);
  },
);

test(
  'OCI-08: however options are written, what runs in a container is under its rules, or does not run',
  { tag: '@nightly' },
  async ({ loaded }) => {
    await installRuntime(loaded);
    const start = (id: string) =>
      loaded.sh(`swarm-runtime start ${id}; swarm-runtime delete --force ${id}`, { timeoutMs: 120_000 });
    const inside = `sh -c ${quoted(DENIED)}`;
    for (const [runtime, before, creates] of [
      [
        'crun',
        ['--', '--roo /run/crun', '--log-l=error', '--debug --'],
        ['-bBUNDLE ID', '-fconfig.json -b BUNDLE -- ID'],
      ],
      [
        'runc',
        ['--', '--help=false', '-root=/run/runc'],
        ['ID --bundle BUNDLE', '-bundle=BUNDLE ID', '--help=false -b BUNDLE ID'],
      ],
    ] as const) {
      await use(loaded, runtime);
      const id = `words-${runtime}`;
      const bundle = await sleeping(loaded, id);
      const execs =
        runtime === 'crun' ? ['-u0 --', '--us 0', '-ePATH=/bin'] : ['-env PATH=/bin', '--ignore-paused=true'];
      for (const words of [...before.map((each) => `${each} exec`), ...execs.map((each) => `exec ${each}`)]) {
        const { stdout, stderr, code } = await run(loaded, `swarm-runtime ${words} ${id} ${inside}`);
        const ruled = code === 0 && stdout === 'denied\n';
        const refused = code === 1 && stdout === '' && /is unknown here/.test(stderr);
        expect.soft(ruled || refused, `${runtime}: ${words}: ${stdout}${stderr}`).toBe(true);
      }
      await remove(loaded, id);
      for (const words of creates) {
        const line = words.replace('ID', id).replace('BUNDLE', bundle);
        const { code, stderr } = await run(loaded, `swarm-runtime create ${line} </dev/null >/dev/null`);
        expect.soft(code, `${runtime}: ${words}: ${stderr}`).toBe(0);
        await expect.soft(loaded, words).toHaveActiveAgents(1);
        await start(id);
        await expect(loaded).toHaveActiveAgents(0);
      }
    }
    // Callers who ignore their children's ends, or have an odd umask.
    await use(loaded, 'crun');
    const bundle = await makeBundle(loaded, 'caller', ['true']);
    await loaded.sh('rm -rf /run/swarm-guard');
    const line = `umask 0; cd ${bundle} && exec timeout 60 env --ignore-signal=CHLD swarm-runtime run caller`;
    expect(await run(loaded, line)).toMatchObject({ code: 0 });
    expect(
      await loaded.sh(
        'find /run/swarm-guard -perm /077 ! -path /run/swarm-guard; stat -c %a /run/swarm-guard',
      ),
    ).toBe('755');
  },
);
