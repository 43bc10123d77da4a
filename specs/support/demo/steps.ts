/** The demonstration, step by step, in a guest that has booted. */
import { setTimeout as sleep } from 'node:timers/promises';
import pWaitFor from 'p-wait-for';
import type { BootedGuest } from '../../../harness/guest/guest.js';
import type { Terminal } from '../../../harness/guest/terminal.js';
import type { Show } from './show.js';
import { agentCgroups } from '../cgroups.js';
import { reload } from '../loaded-guest.js';
import type { LoadedGuest } from '../loaded-guest.js';
import type { BuiltModule } from '../module.js';

/** The line that makes an agent of a policy. */
const starting = (policy: string) => `echo '${policy}' > /proc/swarm/create && ./my-agent`;
const LIMITED = '{"memory_limit":268435456,"cpu_quota":25,"namespace_flags":127,"spawn":true}';
const EXECVE_DENIED = '{"spawn":true,"syscalls":{"execve":"deny"}}';
const CGROUP = '/sys/fs/cgroup/swarm/memory';

/** A family and a type of socket, as socket(2) takes them. */
const AF_ALG = 38;
const SOCK_SEQPACKET = 5;

/** The longest that agents take to be gone, in ms, on a machine that is busy with other things. */
const GONE_MS = 15_000;

/** For {@link Show.check}: the reason at the end of what was printed, and the one expected. */
function refused(printed: string, reason: string): [seen: string, expected: string] {
  return [printed.split(': ').at(-1) ?? '', reason];
}

class Demo {
  readonly #show: Show;
  readonly #guest: LoadedGuest;
  readonly #terminal: Terminal;
  #prompt = 'guest#';

  constructor(show: Show, guest: LoadedGuest, terminal: Terminal) {
    this.#show = show;
    this.#guest = guest;
    this.#terminal = terminal;
  }

  /** Types a line in the terminal; `into` names the prompt that comes next where it is another. */
  async #type(line: string, into = this.#prompt): Promise<string> {
    await this.#show.typed(this.#prompt, line);
    const printed = await this.#terminal.type(line);
    this.#prompt = into;
    this.#show.printed(printed);
    return printed;
  }

  /** Runs a line at the host's side of the guest. */
  async #host(line: string): Promise<string> {
    await this.#show.typed('guest#', line);
    const { stdout, stderr } = await this.#guest.exec(line);
    const text = (stdout + stderr).trimEnd();
    this.#show.printed(text);
    return text;
  }

  /** Waits for the agents to be gone, which takes no longer than their last process. */
  async #active(count: number): Promise<number> {
    const active = async () => (await this.#guest.swarm.status()).active;
    await pWaitFor(async () => (await active()) === count, {
      interval: 100,
      timeout: { milliseconds: GONE_MS, fallback: () => undefined },
    });
    return active();
  }

  /** Waits for the cgroups of agents to be removed, which a worker does. */
  async #cgroups(count: number): Promise<number> {
    await pWaitFor(async () => (await agentCgroups(this.#guest)) === count, {
      interval: 100,
      timeout: { milliseconds: GONE_MS, fallback: () => undefined },
    });
    return agentCgroups(this.#guest);
  }

  async birth(): Promise<void> {
    this.#show.step('Two commands make an agent');
    await this.#type(starting(LIMITED), 'agent#');
    this.#show.note('my-agent reads lines and runs them; from here on they are typed inside the agent');
  }

  async view(): Promise<void> {
    const show = this.#show;
    show.step('What the agent sees');
    show.check('its process id', await this.#type('echo $$'), '1');
    const processes = await this.#type('ps -e -o comm=');
    show.check('its processes', processes.split(/\s+/).join(' '), 'my-agent ps');
    show.check('its host name', await this.#type('hostname'), 'agent-1');
    show.check('… and the host keeps its own', await this.#guest.sh('hostname'), 'guest');
    show.check('its network', await this.#type('ls -1 /proc/self/net/dev_snmp6 | xargs'), 'lo');
    show.check('its user', await this.#type('id -u'), '0');
    const outside = await this.#guest.sh(`stat -c %u /proc/$(sed 1q ${CGROUP}/1/cgroup.procs)`);
    show.check('… and outside', outside, { text: 'above 2000000000', holds: Number(outside) > 2e9 });
    show.check('its cgroup', await this.#type('cat /proc/self/cgroup'), '0::/');
    const pattern = await this.#type('echo x > /proc/sys/kernel/core_pattern');
    show.check('writing core_pattern', ...refused(pattern, 'Permission denied'));
    const renamed = await this.#type('hostname inside');
    show.check('changing its host name', ...refused(renamed, 'you must be root to change the host name'));
    const raised = await this.#type(`echo max > ${CGROUP}/1/memory.max`);
    show.check('raising its own limit', ...refused(raised, 'Permission denied'));
  }

  async files(): Promise<void> {
    const show = this.#show;
    show.step('What /proc/swarm shows');
    const pid = await this.#guest.sh(`sed 1q ${CGROUP}/1/cgroup.procs`);
    show.check(
      'status',
      (await this.#host('cat /proc/swarm/status')).split('\n')[0] ?? '',
      'Active agents: 1',
    );
    const line = `ID: 1, PID: ${pid}, Memory: 256MB, CPU: 25%, Namespaces: 0x7F`;
    show.check('agents', await this.#host('cat /proc/swarm/agents'), line);
  }

  async quota(): Promise<void> {
    const show = this.#show;
    show.step('A loop that spins is held to 25 % of a CPU');
    await this.#type('consume cpu 60 & spinning=$!');
    const sample = async () => {
      const text = await this.#guest.sh(`cat ${CGROUP}/1/cpu.stat`);
      const field = (name: string) => Number(new RegExp(`${name} (\\d+)`).exec(text)?.[1]);
      // Its periods are of 0.1 s each, however late a busy machine is.
      return {
        used: field('usage_usec') / 1e6,
        at: field('nr_periods') / 10,
        throttled: field('nr_throttled'),
      };
    };
    const first = await sample();
    let last = first;
    const share = (from: typeof first) => ((last.used - from.used) / (last.at - from.at)) * 100;
    const held = () => share(first) > 1 && share(first) < 27;
    // What a process that a busy host has stopped is charged too much it pays back in the periods to come.
    for (let i = 0; i < 5 || (i < 20 && !held()); i++) {
      await sleep(1000);
      const before = last;
      last = await sample();
      show.meter('cpu', share(before));
    }
    show.check('its share of a CPU, from cpu.stat', `${share(first).toFixed(1)} %`, {
      text: '1 to 27 %',
      holds: held(),
    });
    const throttled = last.throttled - first.throttled;
    show.check('times it was throttled', `${throttled}`, { text: 'above 0', holds: throttled > 0 });
    await this.#type('kill $spinning; wait $spinning');
  }

  async denials(): Promise<void> {
    const show = this.#show;
    show.step('A device, a namespace, a socket, a system call: denied and counted');
    const before = (await this.#guest.swarm.status()).violations;
    show.check('opening a device', await this.#type('attempt read /dev/kmsg'), 'read EPERM');
    show.check('… that any user of the host may open', await this.#guest.sh('stat -c %a /dev/kmsg'), '644');
    show.check('entering a namespace', await this.#type('attempt setns /proc/self/ns/uts'), 'setns EPERM');
    show.check(
      'making a namespace',
      ...refused(await this.#type('unshare --mount true'), 'Operation not permitted'),
    );
    const socket = await this.#type(`attempt socket ${AF_ALG} ${SOCK_SEQPACKET} 0`);
    show.check("a socket for the kernel's ciphers", socket, 'socket EAFNOSUPPORT');
    show.check(
      'the system call mount, by its name',
      await this.#type('attempt mount-type tmpfs /mnt'),
      'mount-type EPERM',
    );
    const { violations } = await this.#guest.swarm.status();
    show.check('violations', `${violations - before} more`, {
      text: '5 more',
      holds: violations - before === 5,
    });
  }

  async told(): Promise<void> {
    const show = this.#show;
    show.step('Everything is told: as events, and as metrics for Prometheus');
    await this.#host('timeout 1 cat /proc/swarm/events | grep violation | tail -n 5');
    const events = await this.#guest.swarm.events();
    const seen = events.flatMap((event) => (event.event === 'violation' ? [event.kind] : []));
    show.check('the five denials', seen.slice(-5).join(', '), 'device, setns, unshare, socket, syscall');
    await this.#host('grep -E "^swarm_guard_(agents|members|cgroups) " /proc/swarm/metrics');
  }

  async memory(): Promise<void> {
    const show = this.#show;
    show.step('A process that allocates more than its limit is killed');
    await this.#type('consume memory 1000000000', 'guest#');
    const log = await this.#guest.exec(
      "dmesg | sed -n 's/.*Memory cgroup out of memory: Killed process .*(\\(.*\\)).*/\\1/p'",
    );
    show.check('whom the kernel killed', log.stdout.split('\n')[0] ?? '', 'consume');
    show.check('agents left', `${await this.#active(0)}`, '0');
  }

  async execve(): Promise<void> {
    const show = this.#show;
    show.step('An agent that may run this program and nothing else');
    const before = (await this.#guest.swarm.status()).violations;
    await this.#type(starting(EXECVE_DENIED), 'agent#');
    show.check('its own shell works', await this.#type('echo $((6 * 7))'), '42');
    show.check('another program', ...refused(await this.#type('/bin/ls'), 'Operation not permitted'));
    const { violations } = await this.#guest.swarm.status();
    show.check('violations', `${violations - before} more`, {
      text: '1 or more',
      holds: violations > before,
    });
  }

  async end(): Promise<void> {
    const show = this.#show;
    show.step('The agent ends with its last process');
    await this.#type('exit', 'guest#');
    show.check('agents left', `${await this.#active(0)}`, '0');
    await this.#host('cat /proc/swarm/status');
    show.check('cgroups left', `${await this.#cgroups(0)}`, '0');
  }

  async unload(): Promise<void> {
    const show = this.#show;
    show.step('Unloading leaves nothing behind');
    await this.#host('rmmod swarm_guard');
    show.check('the module', await this.#guest.sh('grep -c ^swarm_guard /proc/modules || true'), '0');
    const gone = (await this.#guest.exec('test -e /proc/swarm')).code;
    show.check('/proc/swarm', gone === 0 ? 'there' : 'gone', 'gone');
    show.check('cgroups', await this.#guest.sh('ls -d /sys/fs/cgroup/swarm 2>/dev/null | wc -l'), '0');
  }
}

/**
 * Loads the module into a guest and shows what it does.
 * @returns nothing: the show keeps count of what differed.
 */
export async function demonstrate(show: Show, booted: BootedGuest, module: BuiltModule): Promise<void> {
  show.step('The module is loaded');
  await booted.upload(module.ko, '/root/swarm_guard.ko');
  await show.typed('guest#', 'insmod swarm_guard.ko');
  const guest = await reload(booted);
  const files = 'agents attach create destroy events inspect metrics spawn status update';
  show.check('/proc/swarm', await guest.sh('ls /proc/swarm | xargs'), files);
  const terminal = await guest.terminal();
  const demo = new Demo(show, guest, terminal);
  await demo.birth();
  await demo.view();
  await demo.files();
  await demo.quota();
  await demo.denials();
  await demo.told();
  await demo.memory();
  await demo.execve();
  await demo.end();
  terminal.close();
  await demo.unload();
}
