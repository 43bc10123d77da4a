/** swarmctl doctor, export and completion on a real machine. */
import { join } from 'node:path';
import { z } from 'zod';
import { quoted } from '../../client/client.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import { expect, expectFindings, test } from '../support/fixtures.js';
import { onlyAgent } from '../support/guest.js';
import { load } from '../support/loaded-guest.js';
import { parseMetrics } from '../support/metrics.js';
import { buildTestModules } from '../support/module.js';
import { installSwarmctl } from '../support/swarmctl.js';
import { NODE_GUEST } from '../support/node-guest.js';

test.use({ guestExtras: { ...NODE_GUEST, packages: [...(NODE_GUEST.packages ?? []), 'zsh', 'fish'] } });

const answer = z.object({
  runnable: z.boolean(),
  checks: z.array(
    z.object({
      id: z.string(),
      verdict: z.enum(['ok', 'note', 'warning', 'failure']),
      found: z.string(),
      todo: z.string().optional(),
      unseen: z.array(z.string()).optional(),
    }),
  ),
});

/** The result of doctor: its exit status, and each check by its id. */
async function doctor(guest: BootedGuest, prefix = '') {
  const { code, stdout, stderr } = await guest.exec(`${prefix} swarmctl doctor --json`, {
    timeoutMs: 120_000,
  });
  expect(stderr).toBe('');
  const { runnable, checks } = answer.parse(JSON.parse(stdout));
  const bad = checks.filter(({ verdict }) => verdict === 'warning' || verdict === 'failure');
  return {
    code,
    runnable,
    check: (id: string) => checks.find((each) => each.id === id),
    failed: bad.filter(({ verdict }) => verdict === 'failure').map(({ id }) => id),
    bad: bad.map(({ id, found }) => `${id}: ${found}`),
  };
}

test('CLI-45: on a machine with the module, doctor says that agents can run', async ({ loaded }) => {
  await installSwarmctl(loaded);
  const { code, runnable, bad, check } = await doctor(loaded);
  expect({ code, runnable, bad }).toEqual({ code: 0, runnable: true, bad: [] });
  const { stdout } = await loaded.exec('uname -r; cat /sys/module/swarm_guard/version; nproc');
  const [kernel = '', version = ''] = stdout.split('\n');
  expect(check('kernel')?.found).toBe(`Linux ${kernel}.`);
  expect(check('module')?.found).toContain(`version ${version}`);
  expect(check('controllers')).toMatchObject({ verdict: 'ok' });
  expect(check('delegation')).toMatchObject({
    verdict: 'ok',
    found: expect.stringContaining('swarm'),
  });
  expect(check('memory-cgroups')?.found).toMatch(/^\d+ of 65,535 ids/);
  expect(check('capacity-1000')).toMatchObject({ verdict: 'ok' });
  expect(check('capacity-200000')?.found).toContain('memory (room for');
  expect(check('log')).toMatchObject({ verdict: 'ok' });
  // For people, and as somebody who is not root.
  const people = await loaded.exec('swarmctl doctor');
  expect(people.stdout).toMatch(/^ok {7}kernel {2,}Linux /m);
  expect(people.stdout).toMatch(/\n\nAgents can run here: [^\n]*\.\n$/);
  const nobody = await doctor(loaded, 'setpriv --reuid 65534 --regid 65534 --clear-groups');
  expect({ code: nobody.code, failed: nobody.failed }).toEqual({ code: 0, failed: [] });
  expect(nobody.check('user')).toMatchObject({ verdict: 'note' });
  expect(nobody.check('log')?.unseen).toEqual(['/dev/kmsg']);
});

test('CLI-46: without the module, doctor says that it is not loaded, and what keeps it from being loaded', async ({
  booted,
  module,
  stage,
}) => {
  test.setTimeout(600_000);
  expectFindings('the module is loaded late');
  await installSwarmctl(booted);
  await booted.sh('mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; true');
  const before = await doctor(booted);
  expect({ code: before.code, failed: before.failed }).toEqual({ code: 1, failed: ['module'] });
  expect(before.check('module')).toMatchObject({
    found: expect.stringContaining('not loaded'),
    todo: expect.stringContaining('modprobe swarm_guard'),
  });
  expect(before.check('hooks')).toMatchObject({ verdict: 'ok' });

  // A function that another module has redirected.
  const rivals = await buildTestModules(stage.kernel, 'rivals');
  await booted.upload(join(rivals, 'swarm_redirect.ko'), '/root/swarm_redirect.ko');
  await booted.sh('insmod /root/swarm_redirect.ko function=create_user_ns');
  const redirected = await doctor(booted);
  expect(redirected.failed).toEqual(['module', 'hooks']);
  expect(redirected.check('hooks')?.found).toContain('must hook: create_user_ns.');
  await expect(load(booted, module.ko)).rejects.toThrow(/create_user_ns cannot be hooked: a live patch or/);
  await booted.sh('rmmod swarm_redirect');

  // What the doctor calls a failure keeps the module from being loaded, and the log says the same.
  // Some kernels never switch it off.
  const { code } = await booted.exec('sysctl -w kernel.ftrace_enabled=0');
  if (code === 0) {
    expect((await doctor(booted)).failed).toEqual(['module', 'ftrace']);
    await expect(load(booted, module.ko)).rejects.toThrow(/tracing of functions is switched off/);
    await booted.sh('sysctl -qw kernel.ftrace_enabled=1');
  }
  await booted.sh(
    'mkdir -p /sys/fs/cgroup/full; sleep 1000 >/dev/null 2>&1 & echo $! >/sys/fs/cgroup/full/cgroup.procs',
  );
  await expect(load(booted, module.ko, { cgroup_parent: 'full' })).rejects.toThrow(/holds processes/);
  expect((await doctor(booted)).check('log')).toMatchObject({
    verdict: 'warning',
    found: expect.stringContaining('cgroup_parent: "full" holds processes'),
  });
  await booted.sh('pkill sleep; sleep 1; rmdir /sys/fs/cgroup/full');
  const guest = await load(booted, module.ko, { enforce: 0 });
  const reporting = await doctor(guest);
  expect(reporting).toMatchObject({ code: 0, failed: [] });
  expect(reporting.check('enforce')).toMatchObject({ verdict: 'warning' });
  await guest.unload();
});

test('CLI-47: doctor names the limit that refuses agents, as the refusal does', async ({ loaded }) => {
  test.setTimeout(600_000);
  await installSwarmctl(loaded);
  const cases = [
    ['user.max_user_namespaces', 'namespaces', 'user.max_user_namespaces is 0'],
    ['user.max_net_namespaces', 'namespaces', 'user.max_net_namespaces is 0'],
  ] as const;
  for (const [sysctl, id, found] of cases) {
    const was = await loaded.sh(`sysctl -n ${sysctl}`);
    await loaded.sh(`sysctl -qw ${sysctl}=0`);
    const { code, failed, check } = await doctor(loaded);
    expect({ code, failed }, sysctl).toEqual({ code: 1, failed: [id] });
    expect(check(id)?.found).toContain(found);
    expect(check(id)?.todo).toContain(`sysctl ${sysctl}=`);
    const { stderr } = await loaded.swarm.tryLaunch({}, ['/bin/true']);
    expect(stderr).toContain(`the sysctl ${sysctl} is 0`);
    // What it says is to be done helps.
    await loaded.sh(check(id)?.todo ?? '');
    expect((await doctor(loaded)).code).toBe(0);
    expect((await loaded.swarm.tryLaunch({}, ['/bin/true'])).code).toBe(0);
    await loaded.sh(`sysctl -qw ${sysctl}=${was.trim()}`);
  }
  await expect(loaded).toHaveActiveAgents(0);
});

test('CLI-48: export answers scrapes with the metrics of the module and of agents, and survives its unloading', async ({
  loaded,
}) => {
  test.setTimeout(600_000);
  await installSwarmctl(loaded);
  const running = loaded.swarm.run(
    { memory_limit: 1 << 26, name: 'web' },
    'attempt setns /proc/self/ns/uts; sleep 1000',
  );
  await expect(loaded).toHaveActiveAgents(1);
  const { id } = await onlyAgent(loaded);
  const other = await loaded.swarm.create({ name: 'other' });
  await loaded.sh('swarmctl export --agents 1 >/run/out 2>/run/err & echo $! >/run/exporter');
  await loaded.sh('until grep -q metrics /run/err; do sleep 0.2; done');
  const scrape = async () => {
    const ask = `exec 3<>/dev/tcp/127.0.0.1/9464; printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3`;
    const { stdout } = await loaded.exec(['bash', '-c', ask]);
    const [head = '', text = ''] = stdout.split('\r\n\r\n', 2);
    return `${head.split(' ')[1] ?? ''} ${text}`;
  };
  await expect.poll(scrape, { timeout: 60_000 }).toMatch(/violations_total\{id="\d+",name="web"\} 1\n/);
  const text = await scrape();
  expect(text).toMatch(/^200 # /);
  const samples = await parseMetrics(text.slice(4));
  const of = (name: string) => samples.get(`swarm_guard_agent_${name}{id=${id},name=web}`);
  expect(of('memory_bytes')).toBeGreaterThan(0);
  expect(of('pids')).toBeGreaterThan(0);
  expect(of('cpu_seconds_total')).toBeGreaterThan(0);
  expect(of('throttled_seconds_total')).toBe(0);
  expect(of('violations_total')).toBe(1);
  expect(samples.get('swarm_guard_agents')).toBe(2);
  expect(samples.get('swarm_guard_exporter_agents_left_out')).toBe(1);
  await loaded.swarm.destroy(id, other);
  await running;
  await expect(loaded).toHaveActiveAgents(0);
  // It holds nothing of the module.
  await loaded.unload();
  expect(await scrape()).toMatch(/^503 .*modprobe swarm_guard/s);
  await loaded.sh(
    'kill -TERM $(cat /run/exporter); while test -d /proc/$(cat /run/exporter); do sleep 0.1; done',
  );
  expect(await loaded.sh('cat /run/out')).toBe('');
});

test('CLI-49: in a real bash, Tab completes commands, and ids and names of agents', async ({ loaded }) => {
  await installSwarmctl(loaded);
  const id = await loaded.swarm.create({ name: 'webserver' });
  const terminal = await loaded.terminal();
  // With line editing, which the terminal's own shell has not.
  await terminal.type("PS1='\x07guest# ' exec bash --norc -i");
  await terminal.type('source <(swarmctl completion bash)');
  expect(await terminal.type('swarmctl insp\tweb\t--js\t')).toContain('"name":"webserver"');
  expect(await terminal.type(`swarmctl inspect --format '{{.name}}' ${id}\t`)).toContain('webserver');
  terminal.close();
  await loaded.swarm.destroy(id);
});

test('CLI-79: fish completes commands, options and agents by its completion, and zsh takes its own', async ({
  loaded,
}) => {
  await installSwarmctl(loaded);
  const id = await loaded.swarm.create({ name: 'webserver' });
  await loaded.sh(`
    mkdir -p ~/.config/fish/completions /srv/zsh
    swarmctl completion fish >~/.config/fish/completions/swarmctl.fish
    swarmctl completion zsh >/srv/zsh/_swarmctl
    fish --no-execute ~/.config/fish/completions/swarmctl.fish
    zsh -n /srv/zsh/_swarmctl`);
  // What fish would offer, with a description behind a tab each.
  const offers = async (line: string) =>
    (await loaded.sh(`fish -c ${quoted(`complete --do-complete ${quoted(line)}`)}`))
      .split('\n')
      .map((offer) => offer.split('\t')[0]);
  expect(await offers('swarmctl insp')).toEqual(['inspect']);
  expect(await offers('swarmctl run --mem')).toEqual(['--memory']);
  expect(await offers('swarmctl inspect web')).toEqual(['webserver']);
  const taken = 'fpath=(/srv/zsh $fpath); autoload -Uz compinit; compinit -u -D; autoload +X _swarmctl';
  expect(await loaded.sh(`zsh -f -c ${quoted(`${taken} && print $_comps[swarmctl]`)}`)).toBe('_swarmctl');
  await loaded.swarm.destroy(id);
});
