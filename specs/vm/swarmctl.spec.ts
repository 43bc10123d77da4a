/** swarmctl as an operator uses it, under the Node of Debian 13. */
import { join } from 'node:path';
import { repository } from '../../harness.config.js';
import { quoted } from '../../client/client.js';
import { uploadProgram } from '../support/bundle.js';
import { expect, test as base } from '../support/fixtures.js';
import { background } from '../support/guest.js';
import type { GuestResult } from '../../harness/guest/guest.js';
import { NODE_GUEST } from '../support/node-guest.js';

interface Swarmctl {
  /** Runs swarmctl with a line of arguments, as a shell reads them. */
  swarmctl: (line: string) => Promise<GuestResult>;
}

const test = base.extend<Swarmctl>({
  swarmctl: async ({ loaded }, use) => {
    const { code } = await loaded.exec('test -x /usr/local/bin/swarmctl');
    if (code !== 0) {
      const path = await uploadProgram(loaded, join(repository, 'client/cli/main.ts'), 'swarmctl');
      const script = `#!/bin/sh\\nexec node ${path} "$@"\\n`;
      await loaded.sh(`printf '${script}' >/usr/local/bin/swarmctl; chmod 755 /usr/local/bin/swarmctl`);
    }
    await use((line) => loaded.exec(`swarmctl ${line}`, { timeoutMs: 120_000 }));
  },
});

// A start of Node takes seconds in a guest that is emulated.
test.describe.configure({ timeout: 600_000 });
test.use({ guestExtras: NODE_GUEST });

test('CLI-01: run exits as its program does, and says by 125, 126 and 127 why there is none', async ({
  loaded,
  swarmctl,
}) => {
  const cases: [string, number, RegExp][] = [
    ['run sh -c "exit 7"', 7, /^$/],
    ["run --init sh -c 'kill -KILL $$'", 137, /^$/],
    [
      'run --memory 32m sh -c "head -c 200000000 /dev/zero | tail"',
      137,
      /ran out of memory: its limit is 32M/,
    ],
    ['run --memory 1 true', 125, /memory_limit: .* \(EINVAL\)/],
    ['run --cpus wide true', 125, /CPUs are a number/],
    ['run /bin/nothing', 127, /\/bin\/nothing: .*ENOENT/],
    ['run /etc/passwd', 126, /EACCES/],
    ['run --exec-path /usr/bin/true sleep 1', 126, /exec_paths/],
    ['run --timeout 500ms sleep 60', 124, /timeout/i],
  ];
  for (const [line, status, said] of cases) {
    const { code, stderr } = await swarmctl(line);
    expect([code, stderr], line).toEqual([status, expect.stringMatching(said)]);
  }
  await expect(loaded).toHaveActiveAgents(0);
});

test('CLI-78: the small init of --init reaps orphans', async ({ loaded, swarmctl }) => {
  // An orphan ends while its new parent is a program that waits for nobody.
  const zombies = `import os, time
time.sleep(2)
print(sum(') Z ' in open(f'/proc/{name}/stat').read() for name in os.listdir('/proc') if name.isdigit()))`;
  await loaded.writeFile('/srv/zombies.py', zombies, '644');
  await loaded.writeFile(
    '/srv/orphan.sh',
    "#!/bin/sh\nsh -c 'sleep 0.5 & exec true'\nexec python3 /srv/zombies.py\n",
    '755',
  );
  expect(await swarmctl('run /srv/orphan.sh')).toMatchObject({ code: 0, stdout: '1\n' });
  expect(await swarmctl('run --init /srv/orphan.sh')).toMatchObject({ code: 0, stdout: '0\n' });
});

test('CLI-02: the options of run make the policy, and come before that of a file', async ({
  loaded,
  swarmctl,
}) => {
  await loaded.sh(`echo '{"pids_limit":30,"syscalls":{"fork":"audit"},"name":"file"}' >/srv/policy.json`);
  const { stdout } = await swarmctl(
    'run -d --policy /srv/policy.json --name made --memory 64m --cpus 0.25 --cap-add NET_ADMIN --cap-drop chown ' +
      '--sockets unix --syscall mount=allow --device /dev/kmsg:r --network none --hostname box sleep 600',
  );
  const inspected = JSON.parse((await swarmctl(`inspect --json ${stdout.trim()}`)).stdout) as {
    name: string;
    policy: Record<string, unknown>;
  };
  expect(inspected).toMatchObject({
    name: 'made',
    policy: {
      memory_limit: 64 << 20,
      cpu_quota: 25,
      pids_limit: 30,
      hostname: 'box',
      network: 'none',
      sockets: ['unix'],
      syscalls: { fork: 'audit', mount: 'allow' },
    },
  });
  const { capabilities, devices } = inspected.policy;
  expect(capabilities).toContain('net_admin');
  expect(capabilities).not.toContain('chown');
  expect(devices).toContain('c 1:11 r');
  expect(
    (await swarmctl('run --cap-drop ALL --name none sh -c "grep CapBnd /proc/self/status"')).stdout,
  ).toMatch(/CapBnd:\s+0+\n/);
  expect((await swarmctl('destroy made')).code).toBe(0);
});

test('CLI-03: an agent is listed, inspected, changed, stopped for a while, joined and ended by its name', async ({
  loaded,
  swarmctl,
}) => {
  const id = (await swarmctl('run -d --name web --memory 64m --pids-limit 20 sleep 600')).stdout.trim();
  const listed = await swarmctl('ls');
  console.log(listed.stdout);
  expect(listed.stdout).toMatch(
    new RegExp(`^ *ID +NAME +STATE .*\\n *${id} +web +running +\\d+ +1 +[\\d.]+[KM]? +64M +- .*\\n$`),
  );
  expect((await swarmctl('ls -q --filter name=w*')).stdout).toBe(`${id}\n`);
  expect((await swarmctl('ls -q --filter state=frozen')).stdout).toBe('');
  expect((await swarmctl(`ls --format '{{.id}} {{.name}} {{.policy.pids_limit}}'`)).stdout).toBe(
    `${id} web 20\n`,
  );
  expect(await swarmctl('update web --memory 0 --pids-limit 10 --syscall fork=audit')).toMatchObject({
    code: 0,
  });
  expect(
    (await swarmctl(`inspect --format '{{json .policy.memory_limit}} {{.policy.pids_limit}}' web`)).stdout,
  ).toBe('0 10\n');
  await swarmctl('pause web');
  expect((await swarmctl(`inspect --format '{{.state}}' web`)).stdout).toBe('frozen\n');
  await swarmctl('resume web');
  expect(await swarmctl('exec web sh -c "hostname; exit 9"')).toMatchObject({ code: 9, stdout: 'web\n' });
  await background(loaded, `sh -c 'swarmctl wait web >/srv/waited'`);
  await loaded.sh('sleep 3');
  expect(await swarmctl('kill -s TERM web')).toMatchObject({ code: 0 });
  expect(await swarmctl('stop -t 1s web')).toMatchObject({ code: 0 });
  await expect(loaded).toHaveActiveAgents(0);
  await expect.poll(() => loaded.sh('cat /srv/waited')).toBe('137');
  const none = await swarmctl('inspect web');
  expect(none).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/no agent is called web.*\n.*hint: .*ls/),
  });
});

test('CLI-04: run -it is a terminal with job control, of the size of this one; exec -t is one too', async ({
  loaded,
  swarmctl,
}) => {
  await swarmctl('status');
  const terminal = await loaded.terminal();
  const shell = `env PS1='\\\\a# ' /bin/bash --noediting --norc -i`;
  await terminal.type(`swarmctl run -it --name shell ${shell.replaceAll('\\\\', '\\')}`, 90_000);
  expect(await terminal.type('test -t 0 && echo typed >/dev/tty; stty -echo')).toContain('typed');
  expect(await terminal.type('stty size')).toContain('50 200');
  // The terminal of this side gets another size.
  const [outer = ''] = (
    await loaded.sh('pgrep -nf "[n]ode /srv/swarmctl.mjs run -it" | xargs -I{} readlink /proc/{}/fd/0')
  ).split('\n');
  await loaded.sh(`stty rows 30 cols 90 <${outer}`);
  await expect.poll(() => terminal.type('stty size')).toContain('30 90');
  expect(await terminal.type('sleep 100 & jobs')).toContain('Running');
  expect(await terminal.type('kill %1; wait; hostname')).toContain('shell');
  expect((await swarmctl(`exec -t shell sh -c 'test -t 0 && stty size'`)).stdout).toBe('24 80\r\n');
  const after = await terminal.type('exit 5');
  expect(await terminal.type('echo $?')).toBe('5');
  expect(after).not.toContain('error');
  // The terminal is as it was: the shell's settings hold.
  expect(await terminal.type('stty -a')).toContain('icanon');
  // What takes long says so there.
  await terminal.type('swarmctl run -d --name deaf sleep 600', 90_000);
  expect(await terminal.type('swarmctl stop -t 5s deaf', 90_000)).toMatch(
    /swarmctl: waiting for an agent to end \(2 s\)[^]*\u001b\[K/,
  );
  terminal.close();
  await expect(loaded).toHaveActiveAgents(0);
});

test('CLI-05: signals go on to the program, and the third one ends the agent', async ({
  loaded,
  swarmctl,
}) => {
  await swarmctl('status');
  const line = `trap 'echo asked' TERM; while :; do sleep 0.2; done`;
  const script = `swarmctl run --name deaf sh -c "${line}" >/srv/deaf 2>&1; echo ended $? >>/srv/deaf`;
  await loaded.sh(`echo ${quoted(script)} >/srv/deaf.sh`);
  await background(loaded, `sh /srv/deaf.sh`);
  await expect(loaded).toHaveActiveAgents(1);
  await expect.poll(() => loaded.sh('pgrep -f "node /srv/swarmctl.mjs run"')).not.toBe('');
  await loaded.sh('sleep 3');
  for (let i = 0; i < 3; i++) await loaded.sh('pkill -TERM -f "[n]ode /srv/swarmctl.mjs run"; sleep 1.5');
  await expect(loaded).toHaveActiveAgents(0);
  await expect.poll(() => loaded.sh('cat /srv/deaf')).toBe('asked\nasked\nended 137');
});

test('CLI-118: in a shell, Ctrl-Z freezes the agent that run has started, and fg and bg let it go on', async ({
  loaded,
  swarmctl,
}) => {
  await swarmctl('status');
  const terminal = await loaded.terminal();
  await loaded.sh('touch /srv/counted; chmod 666 /srv/counted');
  const line = `while :; do n=$((n+1)); echo $n >/srv/counted; sleep 0.1; done`;
  const stopped = terminal.type(`swarmctl run --name held sh -c '${line}'`, 90_000);
  const state = async () => (await swarmctl(`inspect --format '{{.state}}' held`)).stdout.trim();
  const counted = async () => Number(await loaded.sh('cat /srv/counted'));
  // What the terminal sends at Ctrl-Z, to its foreground process group.
  const press = () => loaded.sh('pkill -TSTP -f "[n]ode /srv/swarmctl.mjs run"');
  const expectRunning = async () => {
    await expect.poll(state).toBe('running');
    const before = await counted();
    await expect.poll(counted).toBeGreaterThan(before);
  };
  await expect.poll(counted, { timeout: 60_000 }).toBeGreaterThan(0);
  await press();
  expect(await stopped).toContain('Stopped');
  expect(await state()).toBe('frozen');
  const before = await counted();
  await loaded.sh('sleep 1');
  expect(await counted()).toBe(before);

  const again = terminal.type('fg', 90_000);
  await expectRunning();
  await press();
  expect(await again).toContain('Stopped');
  expect(await state()).toBe('frozen');
  await terminal.type('bg');
  await expectRunning();
  await swarmctl('destroy held');
  await terminal.type('wait');
  terminal.close();
  await expect(loaded).toHaveActiveAgents(0);
});

test('CLI-06: events are shown to people and to programs, filtered, and followed until one stops them', async ({
  loaded,
  swarmctl,
}) => {
  await background(
    loaded,
    `sh -c 'timeout -s INT 60 swarmctl events -f --json --filter event=spawned >/srv/followed'`,
  );
  await loaded.sh('sleep 5');
  await swarmctl('run --name seen sh -c "cat /dev/kmsg"');
  const people = (await swarmctl('events')).stdout;
  console.log(people);
  expect(people).toMatch(/violation +\d+ +deny device c 1:11 r \(cat, pid \d+\)/);
  expect(people).toMatch(/destroyed +\d+ +exit, exit 1, 1 denied, ran /);
  const denials = (await swarmctl(`events --filter event=violation --format '{{.kind}} {{.device}}'`)).stdout;
  expect(denials.trim().split('\n').at(-1)).toBe('device c 1:11 r');
  await expect.poll(() => loaded.sh('cat /srv/followed'), { timeout: 30_000 }).toMatch(/"event":"spawned"/);
  expect(JSON.parse((await swarmctl('status --json')).stdout)).toMatchObject({ active: 0 });
});

test('CLI-07: run passes variables, ids, a directory, standard input and a status descriptor', async ({
  loaded,
  swarmctl,
}) => {
  await loaded.sh(`printf 'FROM_FILE=1\\n# none\\nHERE\\n' >/srv/env`);
  const line = 'echo $A $FROM_FILE $HERE $SECRET; id -u; pwd; cat';
  const { stdout } = await loaded.exec(
    `echo typed | SECRET=no HERE=here swarmctl run -i -e A=a --env-file /srv/env -u 5:6 -w /usr/share ` +
      `--status-fd 3 sh -c '${line}' 3>/srv/status`,
  );
  expect(stdout).toBe('a 1 here\n5\n/usr/share\ntyped\n');
  const lines = (await loaded.sh('cat /srv/status')).split('\n').map((each) => JSON.parse(each) as object);
  expect(lines).toMatchObject([
    { event: 'started', id: expect.any(Number), pid: expect.any(Number) },
    { event: 'ended', exit: 0, violations: 0 },
  ]);
  expect((await swarmctl('run cat </dev/null')).stdout).toBe('');
});
