/** A guest whose first process is systemd. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SYSTEMD_INIT, SYSTEMD_PACKAGES } from '../support/systemd.js';
import { repository } from '../../harness.config.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import { agentCgroupDir } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { attempts, expectBorn, onlyAgent } from '../support/guest.js';
import { asLoaded } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import type { BuiltModule } from '../support/module.js';

test.use({
  guestExtras: {
    packages: SYSTEMD_PACKAGES,
    append: SYSTEMD_INIT,
  },
});
test.describe.configure({ timeout: 600_000 });

const TOP = '/sys/fs/cgroup';
const UNIT = 'swarm-guard.service';
const LIMITED = { cpu_quota: 50, pids_limit: 20 };

/** The unit as docs/systemd.md has it. */
async function documentedUnit(): Promise<string> {
  const page = await readFile(join(repository, 'docs/systemd.md'), 'utf8');
  const unit = /```ini\n([^]*?)```/.exec(page)?.[1];
  if (unit === undefined) throw new Error('docs/systemd.md has no unit');
  return unit;
}

async function install(guest: BootedGuest, module: BuiltModule): Promise<void> {
  await guest.upload(module.ko, '/root/swarm_guard.ko');
  await guest.sh(
    'd=/usr/lib/modules/$(uname -r)/extra; mkdir -p $d && cp /root/swarm_guard.ko $d/ && depmod',
  );
  await guest.writeFile(`/etc/systemd/system/${UNIT}`, await documentedUnit());
  await guest.sh('systemctl daemon-reload');
}

/** The guest, whoever has loaded the module. */
async function loadedBy(guest: BootedGuest, command: string): Promise<LoadedGuest> {
  await guest.sh(command);
  expect(await guest.sh('cat /proc/swarm/status')).toContain('Active agents: 0');
  return asLoaded(guest);
}

async function expectEnforced(guest: LoadedGuest, under = ''): Promise<void> {
  for (const request of [{}, LIMITED, { memory_limit: 1 << 26 }]) {
    const line = 'cat /proc/self/cgroup; attempt setns /proc/self/ns/uts -- fork';
    const { stdout, stderr } = await guest.swarm.run(request, line, { under });
    expect(attempts(stdout), stderr).toEqual(['0::/', 'setns EPERM', 'fork ok']);
  }
}

const options = (guest: BootedGuest) => guest.sh('grep cgroup2 /proc/mounts');

test('CGROUP-16: the documented unit gives the module a delegated cgroup; agents have their limits there', async ({
  booted,
  module,
}) => {
  await install(booted, module);
  const before = await options(booted);
  expect(before).toContain('nsdelegate');
  const guest = await loadedBy(booted, `systemctl enable --now ${UNIT}`);
  expect(await options(guest)).toBe(before);
  await expectEnforced(guest);
  // Or systemd's default would bound the tasks of all agents together.
  expect(await guest.sh(`cat ${TOP}/system.slice/${UNIT}/pids.max`), 'TasksMax=infinity').toBe('max');
  const running = guest.swarm.run(LIMITED, 'exec consume wait');
  await expectBorn(guest, 1);
  const agent = await onlyAgent(guest);
  const dir = await agentCgroupDir(guest, agent.id);
  expect(dir).toContain(`${TOP}/system.slice/${UNIT}/plain/`);
  const look = `cat ${dir}/cpu.max ${dir}/pids.max ${dir}/cgroup.procs`;
  await expect.poll(() => guest.sh(look)).toBe(`50000 100000\n20\n${agent.pid}`);

  // systemd looks at every unit's cgroup again.
  await guest.sh('systemctl daemon-reload && systemctl daemon-reexec && systemctl start dbus.service');
  expect(await guest.sh(look)).toBe(`50000 100000\n20\n${agent.pid}`);
  await expectEnforced(guest, 'systemd-run --scope --quiet');
  expect(await options(guest)).toBe(before);

  // Its agents go with it, and the module.
  await guest.sh(`systemctl stop ${UNIT}`);
  expect(await guest.sh(`systemctl show --property=ActiveState,Result ${UNIT}`)).toBe(
    'Result=success\nActiveState=inactive',
  );
  expect((await running).code).toBe(137);
  expect((await guest.exec('ls -d /proc/swarm')).stdout).toBe('');
  expect((await guest.exec(`ls -d ${TOP}/system.slice/${UNIT}`)).stdout).toBe('');
  await loadedBy(booted, `systemctl start ${UNIT}`);
  await expectEnforced(guest);
  await guest.sh(`systemctl disable --now ${UNIT}`);
  expect(await options(guest)).toBe(before);
});

test('CGROUP-22: the documented unit neither uses nor unloads a module that was loaded without it', async ({
  booted,
  module,
}) => {
  await install(booted, module);
  const parent = () => booted.sh('cat /sys/module/swarm_guard/parameters/cgroup_parent 2>/dev/null || true');
  await booted.sh('modprobe swarm_guard');
  expect((await booted.exec(`systemctl start ${UNIT}`)).code).toBe(1);
  expect(await booted.sh(`journalctl -u ${UNIT} --no-pager`)).toContain('Module already in kernel');
  expect(await parent()).toBe('swarm');
  await booted.sh(`modprobe -r swarm_guard && systemctl start ${UNIT}`);
  expect(await parent()).toBe(`system.slice/${UNIT}`);
  // DKMS has failed for a new kernel of the same name, say: modprobe knows no file of the module that is loaded.
  await booted.sh('rm /usr/lib/modules/$(uname -r)/extra/swarm_guard.ko && depmod');
  await booted.sh(`systemctl stop ${UNIT}`);
  expect(await booted.sh('lsmod | grep swarm_guard || true')).toBe('');
});

test("CGROUP-17: the launcher's scope stopped: an agent with limits goes on, one without ends, both cleanly", async ({
  booted,
  module,
}) => {
  await install(booted, module);
  const guest = await loadedBy(booted, `systemctl start ${UNIT}`);
  const under = 'systemd-run --scope --quiet --slice=user.slice --unit=session-like -p TimeoutStopSec=2';
  for (const [request, ends] of [
    [LIMITED, false],
    [{}, true],
  ] as const) {
    const running = guest.swarm.run(request, 'exec consume wait', { under });
    await expect(guest).toHaveActiveAgents(1);
    const agent = await onlyAgent(guest);
    await expect.poll(() => guest.sh(`cat /proc/${agent.pid}/comm`)).toBe('consume');
    await guest.sh('systemctl stop session-like.scope');
    expect((await running).code).not.toBe(0);
    if (!ends) {
      expect((await guest.swarm.agents()).map(({ id }) => id)).toEqual([agent.id]);
      await guest.swarm.destroy(agent.id);
    }
    await expect(guest).toHaveActiveAgents(0);
  }
  await guest.sh(`systemctl stop ${UNIT}`);
});

test('CGROUP-18: where an ancestor holds processes loading fails with EBUSY and names it', async ({
  booted,
  module,
}) => {
  await install(booted, module);
  const scope = 'systemd-run --scope --quiet --unit=busy';
  const { code } = await booted.exec(
    `${scope} insmod /root/swarm_guard.ko cgroup_parent=system.slice/busy.scope/agents`,
  );
  expect(code).not.toBe(0);
  expect(await booted.kernelLog()).toMatch(/cgroup_parent: "busy\.scope" holds processes/);
  expect((await booted.exec('ls -d /proc/swarm')).stdout).toBe('');
});

test("CGROUP-19: loaded by root's user session, with its default parent: agents work, and systemd goes on as before", async ({
  booted,
  module,
}) => {
  await install(booted, module);
  const before = await options(booted);
  await booted.sh(
    [
      'for kind in account auth password session session-noninteractive; do echo "$kind required pam_permit.so" | sed "s/session-noninteractive /session /"; done >/tmp/pam',
      'for kind in account auth password session session-noninteractive; do grep "^${kind%%-*} " /tmp/pam | head -1 >/etc/pam.d/common-$kind; done',
      'loginctl enable-linger root',
      'systemctl start user@0.service',
    ].join('\n'),
  );
  const user = 'XDG_RUNTIME_DIR=/run/user/0 systemd-run --user --scope --quiet';
  const guest = await loadedBy(booted, `${user} insmod /root/swarm_guard.ko`);
  expect(await options(guest)).toBe(before);
  await expectEnforced(guest);
  await expectEnforced(guest, user);
  await guest.sh('systemctl stop user@0.service && systemctl daemon-reload && systemctl daemon-reexec');
  await expectEnforced(guest);
  expect(await options(guest)).toBe(before);
  await guest.unload();
  expect(await booted.sh(`ls -d ${TOP}/swarm 2>/dev/null || echo gone`)).toBe('gone');
});
