import { expect, test } from '../support/fixtures.js';
import { background } from '../support/guest.js';
import { load, reload } from '../support/loaded-guest.js';

test.setTimeout(400_000);

test('LOAD-01: the files of /proc/swarm have their modes, and the counters start at zero', async ({
  loaded,
}) => {
  expect(await loaded.sh("stat -c '%n %a' /proc/swarm/* | sed 's,.*/,,'")).toBe(
    'agents 444\nattach 600\ncreate 600\ndestroy 600\nevents 400\ninspect 600\nmetrics 444\nspawn 600\nstatus 444\nupdate 600',
  );
  const status = 'Active agents: 0\nTotal created: 0\nTotal destroyed: 0\nPolicy violations: 0\n';
  expect((await loaded.exec('cat /proc/swarm/status')).stdout).toBe(status);
  expect((await loaded.exec('cat /proc/swarm/agents')).stdout).toBe('');
});

test('LOAD-02: the parameters have their defaults and can be given', async ({ booted, module }) => {
  const show = 'cd /sys/module/swarm_guard/parameters && grep . * | sort';
  const defaults = await load(booted, module.ko);
  expect(await defaults.sh(show)).toBe(
    'cgroup_parent:swarm\ncgroup_pool:16\ndebug:0\nenforce:1\nevent_buffer:8192\nevent_rate:100\nid_base:2147483648\nid_count:1024\nmax_agents:200000',
  );
  await defaults.unload();
  const guest = await reload(booted, {
    max_agents: 500000,
    debug: 1,
    cgroup_parent: 'some/where',
    id_base: 3000000000,
  });
  expect(await guest.sh(show)).toContain('debug:1\n');
  expect(await guest.sh(show)).toContain('max_agents:500000');
  const { stdout } = await guest.swarm.run({ pids_limit: 9 }, 'sed 1q /proc/self/uid_map; sleep 0.5');
  expect(stdout.trim().split(/\s+/)).toEqual(['0', '3000000000', '1024']);
  expect(await guest.sh('ls -d /sys/fs/cgroup/some/where/plain')).toBe('/sys/fs/cgroup/some/where/plain');
  expect(await guest.kernelLog()).toMatch(/swarm_guard: agent 1 spawned/);
  await guest.sh('echo 0 >/sys/module/swarm_guard/parameters/debug; dmesg -C');
  await guest.swarm.run({}, 'true');
  expect(await guest.kernelLog()).not.toContain('swarm_guard');
  await guest.unload();
  expect(await guest.sh('ls /sys/fs/cgroup | grep -c some || true')).toBe('0');
});

for (const [parameter, message] of Object.entries({
  'max_agents=0': /max_agents must be from 1/,
  'max_agents=999999999': /max_agents must be from 1/,
  'enforce=2': /enforce must be 0 or 1/,
  'cgroup_pool=1025': /cgroup_pool must be from 0/,
  'event_buffer=1': /event_buffer must be from 16/,
  'id_count=0': /id_base and id_count/,
  'id_base=4294967295': /id_base and id_count/,
  'cgroup_parent=/absolute': /cgroup_parent/,
  'cgroup_parent=../up': /cgroup_parent/,
})) {
  test(`LOAD-03: ${parameter} is refused, with the reason in the log and nothing left`, async ({
    booted,
    module,
  }) => {
    await booted.upload(module.ko, '/root/swarm_guard.ko');
    const { code } = await booted.exec(`insmod /root/swarm_guard.ko ${parameter}`);
    expect(code).not.toBe(0);
    expect(await booted.kernelLog()).toMatch(message);
    expect((await booted.exec('ls -d /proc/swarm /sys/fs/cgroup/swarm')).stdout).toBe('');
  });
}

test('LOAD-04: loading changes no mount and no cgroup option, and unloading neither', async ({
  booted,
  module,
}) => {
  const look =
    'cat /proc/mounts; cat /sys/fs/cgroup/cgroup.subtree_control /sys/fs/cgroup/cgroup.controllers';
  const before = await booted.sh('cat /proc/mounts');
  expect(before).toMatch(/cgroup2 rw,.*nsdelegate/);
  const guest = await load(booted, module.ko);
  expect(await guest.sh('cat /proc/mounts')).toBe(before);
  const loaded = await guest.sh(look);
  await guest.swarm.run({ memory_limit: 1 << 25, cpu_quota: 10, pids_limit: 20 }, 'true');
  await expect(guest).toHaveActiveAgents(0);
  expect(await guest.sh(look)).toBe(loaded);
  await guest.unload();
  expect(await guest.sh('cat /proc/mounts')).toBe(before);
});

test('LOAD-05: it does not load from a cgroup namespace other than the first, and says so', async ({
  booted,
  module,
}) => {
  await booted.upload(module.ko, '/root/swarm_guard.ko');
  await booted.sh('mkdir -p /sys/fs/cgroup/elsewhere');
  const { code } = await booted.exec(
    'echo $$ >/sys/fs/cgroup/elsewhere/cgroup.procs; unshare --cgroup insmod /root/swarm_guard.ko; code=$?; echo $$ >/sys/fs/cgroup/cgroup.procs; exit $code',
  );
  await booted.exec('rmdir /sys/fs/cgroup/elsewhere');
  expect(code).not.toBe(0);
  expect(await booted.kernelLog()).toMatch(/swarm_guard: .*cgroup namespace/);
});

test('LOAD-08: while a read of a file that anybody can open has not returned, the module cannot be unloaded', async ({
  loaded,
}) => {
  // Of a registered agent there is something to read.
  await loaded.swarm.create({});
  for (const name of ['agents', 'status', 'metrics']) {
    const pid = await background(loaded, `bash -c 'exec stuck /proc/swarm/${name} >/tmp/${name} 2>&1'`);
    await expect.poll(() => loaded.sh(`cat /tmp/${name} || true`)).toBe('stuck');
    expect(await loaded.exec('timeout 10 rmmod swarm_guard'), name).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is in use'),
    });
    expect((await loaded.swarm.status()).active, name).toBe(1);
    await loaded.sh(`kill -9 ${pid}; while [ -e /proc/${pid} ]; do sleep 0.1; done`);
  }
  await loaded.unload();
});
