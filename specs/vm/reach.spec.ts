/** The ways into the kernel that a default agent reaches, of those that root outside reaches. */
import { ALL_WAYS, reachedOf } from '../support/escapes/reach.js';
import { prepareReach, reach } from '../support/escapes/reach-run.js';
import { expect, test } from '../support/fixtures.js';
import { attempts } from '../support/guest.js';

test.setTimeout(600_000);

test('REACH-01: a default agent reaches those ways into the kernel that the list says, and no others', async ({
  loaded,
  stage,
}) => {
  await prepareReach(loaded, stage.kernel);
  const root = await reach(loaded, (program) => loaded.sh(program, { timeoutMs: 300_000 }));
  const agent = await reach(loaded, async (program) => (await loaded.swarm.run({}, program)).stdout);
  const answers = JSON.stringify({ root, agent }, null, 1);
  await test.info().attach('answers', { body: answers, contentType: 'application/json' });
  const there = new Set(reachedOf(root));
  // What root does not reach either, this kernel does not have.
  const absent = ALL_WAYS.filter(({ name }) => !there.has(name)).map(({ name }) => name);
  console.log(`absent in ${stage.kernel.release}: ${absent.join(' ')}`);
  const expected = ALL_WAYS.filter((way) => way.agent && there.has(way.name)).map(({ name }) => name);
  expect(reachedOf(agent).filter((name) => there.has(name))).toEqual(expected);
  expect(reachedOf(agent).filter((name) => !there.has(name))).toEqual([]);
  // Root outside proves that what is tried works: most of it does.
  expect(there.size).toBeGreaterThan(120);
});

test('AUTOLOAD-03: the rule covers netlink families, netfilter, devices and queueing disciplines, and ciphers', async ({
  loaded,
  stage,
}) => {
  await prepareReach(loaded, stage.kernel);
  await loaded.writeFile('/run/helper', '#!/bin/sh\necho "$*" >>/run/asked\n', '755');
  await loaded.sh('echo /run/helper >/proc/sys/kernel/modprobe');
  const line = [
    'reach autoload-cipher autoload-netlink autoload-netfilter >/dev/null',
    'ip link add nosuchdev type nosuchlink 2>/dev/null',
    'tc qdisc add dev lo root nosuchqdisc 2>/dev/null',
    'true',
  ].join('; ');
  /** Patterns of the modules that are asked for: the kernel may ask for one by several names. */
  const kinds = [
    /^crypto-nosuchhash/,
    /family-nosuchfamily$/,
    /^nfnetlink-subsys-99$/,
    /nosuchlink$/,
    /nosuchqdisc$/,
  ];
  const found = (names: readonly string[]) => kinds.map((kind) => names.some((name) => kind.test(name)));
  /** The modules that the helper was asked for. */
  const asked = async () => {
    const lines = (await loaded.sh('cat /run/asked 2>/dev/null; rm -f /run/asked')).split('\n');
    return lines.map((each) => each.split(' ').at(-1) ?? '').filter(Boolean);
  };
  const sockets = ['alg', 'netlink/netfilter', 'netlink/generic', 'netlink/route'];
  try {
    await loaded.sh(line);
    // Not every kernel asks for a cipher by its mere name.
    const there = found(await asked());
    expect(there.slice(1)).toEqual([true, true, true, true]);
    const none = kinds.map(() => false);
    for (const [autoload, told, ran] of [
      ['deny', there, none],
      ['audit', there, there],
      ['allow', none, there],
    ] as const) {
      const events = await loaded.swarm.eventsDuring(async () => {
        await loaded.swarm.run({ capabilities: 'all', sockets, syscalls: { autoload } }, line);
        await expect(loaded).toHaveActiveAgents(0);
      });
      const names = events.flatMap((event) =>
        event.event === 'violation' && event.kind === 'autoload' ? [event.module ?? ''] : [],
      );
      expect(found(names), `${autoload}: ${names.join()}`).toEqual(told);
      const loads = await asked();
      expect(found(loads), `${autoload}: ${loads.join()}`).toEqual(ran);
      if (autoload === 'deny') expect(loads).toEqual([]);
    }
  } finally {
    await loaded.sh('echo /sbin/modprobe >/proc/sys/kernel/modprobe; rm -f /run/helper /run/asked');
  }
});

test('AUTOLOAD-05: a compound cipher that a member asks for still has a thread of the kernel ask for its outer part', async ({
  loaded,
  stage,
}) => {
  await prepareReach(loaded, stage.kernel);
  await loaded.writeFile('/run/helper', '#!/bin/sh\necho "$*" >>/run/asked\n', '755');
  await loaded.sh('echo /run/helper >/proc/sys/kernel/modprobe; rm -f /run/asked');
  const attempt = "attempt alg hash 'nosuchtemplate(sha256)'";
  const asked = async () => {
    const lines = (await loaded.sh('cat /run/asked 2>/dev/null; rm -f /run/asked')).split('\n');
    return lines.map((each) => each.split(' ').at(-1) ?? '').filter(Boolean);
  };
  try {
    expect(attempts(await loaded.sh(attempt))).toEqual(['alg ENOENT']);
    const outside = await asked();
    test.skip(outside.length === 0, 'this kernel asks for no module by the name that AF_ALG is given');
    test.skip(outside.includes('cryptomgr'), 'this kernel has no cryptomgr, whose thread would ask');
    const events = await loaded.swarm.eventsDuring(async () => {
      await loaded.swarm.run({ sockets: ['alg'] }, attempt);
      await expect(loaded).toHaveActiveAgents(0);
    });
    for (const event of events)
      if (event.event === 'violation')
        expect(event).toMatchObject({
          kind: 'autoload',
          action: 'deny',
          module: expect.stringMatching(/^crypto-nosuchtemplate/),
        });
    // The gap: docs/threat-model.md, "Helpers of the kernel".
    expect(new Set(await asked())).toEqual(new Set(['crypto-nosuchtemplate']));
  } finally {
    await loaded.sh('echo /sbin/modprobe >/proc/sys/kernel/modprobe; rm -f /run/helper /run/asked');
  }
});
