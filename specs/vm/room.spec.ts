/** Limits that others set on the cgroups above an agent's: births keep to them, or say why they cannot. */
import { quoted } from '../../client/client.js';
import { expectNoAgentCgroups } from '../support/cgroups.js';
import { expect, test } from '../support/fixtures.js';
import { background, onlyAgent } from '../support/guest.js';
import { reload } from '../support/loaded-guest.js';

const SWARM = '/sys/fs/cgroup/swarm';
const LIMITED = { pids_limit: 20 };

for (const [cgroup, dir, request] of [
  ['/swarm', SWARM, LIMITED],
  ['/swarm/plain', `${SWARM}/plain`, LIMITED],
  ['/swarm/memory', `${SWARM}/memory`, { memory_limit: 1 << 25 }],
] as const) {
  test(`LIMIT-07: pids.max of ${cgroup}: arming beyond it is refused, and names it`, async ({ loaded }) => {
    await loaded.sh(`echo 1 >${dir}/pids.max`);
    await background(
      loaded,
      `launch '${JSON.stringify({ spawn: true, ...request })}' /usr/local/bin/consume wait`,
    );
    await expect.poll(() => loaded.sh(`cat ${dir}/pids.current`)).toBe('1');
    const { code, stderr } = await loaded.swarm.tryLaunch(request, ['/bin/true']);
    expect([code, stderr]).toEqual([
      125,
      expect.stringMatching(
        `"ENOSPC","field":"spawn",.*pids.max of the cgroup ${cgroup} is 1 .*, but a birth needs 2 or more; `,
      ),
    ]);
    expect((await loaded.swarm.run({}, 'true')).code, 'one without limits is not in there').toBe(0);
    await loaded.sh(`echo 2 >${dir}/pids.max`);
    expect((await loaded.swarm.run(request, 'true')).code).toBe(0);
    await loaded.sh(`echo max >${dir}/pids.max`);
    await expect(loaded).toHaveActiveAgents(1);
    const agent = await onlyAgent(loaded);
    await loaded.swarm.destroy(agent.id);
    await expect(loaded).toHaveActiveAgents(0);
  });
}

for (const [which, below] of [
  ['the launcher’s cgroup', ''],
  ['a cgroup above the launcher’s', '/below'],
] as const)
  test(`LIMIT-24: pids.max of ${which}: a fork beyond it would fail, so arming is refused, and names it`, async ({
    loaded,
  }) => {
    const dir = '/sys/fs/cgroup/tight';
    const runs = await loaded.swarm.create({ persist: true });
    await loaded.sh(`mkdir -p ${dir}${below}; echo 1 >${dir}/pids.max`);
    const launch = (...words: readonly string[]) => {
      const line = `echo $$ >${dir}${below}/cgroup.procs; exec launch ${words.map(quoted).join(' ')} /bin/true`;
      return loaded.exec(`bash -c ${quoted(line)}`);
    };
    const spawn = ['--file', 'spawn', JSON.stringify({ id: runs })] as const;
    for (const words of [
      [JSON.stringify({ spawn: true })],
      [JSON.stringify({ spawn: true, ...LIMITED })],
      spawn,
    ])
      expect(await launch(...words)).toMatchObject({
        code: 125,
        stderr: expect.stringMatching(
          '"ENOSPC","field":"spawn",.*pids.max of the cgroup /tight is 1 .*, but a birth needs 2 or more; ',
        ),
      });
    await loaded.sh(`echo 2 >${dir}/pids.max`);
    expect(await launch(JSON.stringify({ spawn: true, ...LIMITED }))).toMatchObject({ code: 0 });
    expect(await launch(...spawn)).toMatchObject({ code: 0 });
    await loaded.swarm.destroy(runs);
    await expect(loaded).toHaveActiveAgents(0);
    await loaded.sh(`${below ? `rmdir ${dir}${below};` : ''} rmdir ${dir}`);
  });

test('LIMIT-08: a birth that is beyond pids.max of a cgroup above when it comes to it fails, unrun, and says why', async ({
  loaded,
}) => {
  const terminal = await loaded.terminal();
  const events = await loaded.swarm.eventsDuring(async () => {
    await terminal.type(
      `rm -f /tmp/ran; echo '${JSON.stringify({ spawn: true, ...LIMITED })}' >/proc/swarm/create`,
    );
    await loaded.sh(`echo 0 >${SWARM}/pids.max; dmesg -C`);
    expect(await terminal.type('/bin/touch /tmp/ran; echo $?')).toMatch(/\b137$/);
    await expect(loaded).toHaveActiveAgents(0);
  });
  await loaded.sh(`echo max >${SWARM}/pids.max`);
  expect(events.at(-1)).toMatchObject({
    event: 'destroyed',
    reason: 'birth',
    step: 'joining its cgroup',
    error: 'ENOSPC',
  });
  expect(await loaded.kernelLog()).toContain('pids.max of the cgroup /swarm is 0, ');
  expect((await loaded.exec('test -e /tmp/ran')).code).toBe(1);
  await expectNoAgentCgroups(loaded);
  terminal.close();
});

for (const [file, value, cgroup] of [
  ['cgroup.max.descendants', 0, '/swarm/plain'],
  ['cgroup.max.descendants', 2, '/swarm'],
  ['cgroup.max.depth', 0, '/swarm/plain'],
  ['cgroup.max.depth', 1, '/swarm'],
] as const) {
  // The first agent after loading has its cgroup made, with and without others that are made ahead.
  for (const [cgroup_pool, note] of [
    [16, ''],
    [0, ', without cgroups made ahead'],
  ] as const)
    test(`LIMIT-09: ${file} ${value} of ${cgroup}: no agent with limits, ENOSPC that names it, others work${note}`, async ({
      loaded: given,
    }) => {
      await given.unload();
      const loaded = await reload(given, { cgroup_pool });
      const path = `/sys/fs/cgroup${cgroup}/${file}`;
      await loaded.sh(`echo ${value} >${path}`);
      const { code, stderr } = await loaded.swarm.tryLaunch(LIMITED, ['/bin/true']);
      await loaded.sh(`echo max >${path}`);
      expect([code, stderr]).toEqual([
        125,
        expect.stringMatching(
          `"ENOSPC",.*${file} of the cgroup ${cgroup} is ${value}, but one more agent needs ${value + 1} or more; `,
        ),
      ]);
      expect((await loaded.swarm.run(LIMITED, 'true')).code).toBe(0);
      await expect(loaded).toHaveActiveAgents(0);
    });
}

test('LIMIT-23: an answer that names a cgroup is valid JSON, though names of cgroups hold backslashes', async ({
  loaded: given,
}) => {
  await given.unload();
  // As systemd escapes a hyphen, and as no JSON has it.
  const parent = 'swarm\\x2dguard.slice/odd\\u00';
  const loaded = await reload(given, { cgroup_parent: parent, cgroup_pool: 0 });
  const dir = quoted(`/sys/fs/cgroup/${parent}`);
  const answer = async () => {
    const { stderr } = await loaded.swarm.tryLaunch(LIMITED, ['/bin/true']);
    const line = /^\{.*\}$/m.exec(stderr)?.[0] ?? '';
    return (JSON.parse(line) as { message: string }).message;
  };
  await loaded.sh(`echo 0 >${dir}/pids.max`);
  expect(await answer()).toContain(`pids.max of the cgroup /${parent} is 0`);
  await loaded.sh(`echo max >${dir}/pids.max; rmdir ${dir}/plain`);
  expect(await answer()).toContain(`the cgroup ${parent}/plain has been removed; `);
  await loaded.sh(`mkdir ${dir}/plain`);
  await loaded.unload();
  await given.sh(`rmdir ${dir} /sys/fs/cgroup/swarm* 2>/dev/null || true`);
});
