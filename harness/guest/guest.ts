/**
 * Guests, by the state they are in: a {@link Guest} can be booted, a {@link BootedGuest} runs commands
 * and loads the module, a {@link LoadedGuest} has /proc/swarm.
 */
import { randomBytes } from 'node:crypto';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Kernel } from '../kernels/provide.js';
import { toolRoot } from '../archive/tool-root.js';
import type { Root } from '../archive/tool-root.js';
import { SwarmClient } from '../../client/client.js';
import type { Architecture } from '../util/architecture.js';
import { cached } from '../util/cache.js';
import { step } from '../util/progress.js';
import { acceleration } from './accelerator.js';
import { GuestCommandError, InfrastructureError } from './errors.js';
import { guestKeys } from './keys.js';
import { Machine } from './machine.js';
import type { Hardware } from './machine.js';
import { Recording, recordingWanted } from './recording.js';
import { SshConnection } from './ssh.js';
import type { ExecOptions, ExecResult } from './ssh.js';
import { Terminal } from './terminal.js';
import { whereabouts } from './whereabouts.js';

/** A stock kernel that stops at the first complaint, but not where a busy host lets its timer come late. */
const append = (arch: Architecture) =>
  [
    `console=${arch === 'amd64' ? 'ttyS0' : 'ttyAMA0'} quiet loglevel=4 rdinit=/init random.trust_cpu=on`,
    ...(arch === 'amd64' ? ['no_timer_check'] : []),
    'panic=-1 oops=panic panic_on_warn=1',
  ].join(' ');

/** What makes it find memory errors, and every object larger. */
const FIND_MEMORY_ERRORS = 'slub_debug=FZPU kfence.sample_interval=1';

/**
 * What the debug kernel is told instead: kmemleak takes what is left of a pointer in the
 * allocator's per-CPU arrays for a reference, and slabs that are checked have no such arrays.
 */
const SHOW_LEAKS = 'slub_debug=F';

/** What makes a recording tell as much as it can, and symbols be where the kernel's image has them. */
const RECORDED = 'loglevel=7 nokaslr';

/** By how much commands in a recorded guest may take longer. */
const RECORDED_PATIENCE = 5;

/** What the debug kernel needs beyond: shadows and records of all memory. */
const CHECKING_NEEDS_MB = 1536;

/** How long a guest may take to come up: several times what a busy host needs. */
const BOOT_MS = 120_000;
const SNAPSHOTS_KEPT = 8;
/** Longer waits are none: a timer takes 31 bits. */
const LONGEST_WAIT_MS = 2 ** 31 - 20_000;

/** Where the tests' oracle answers, once {@link BootedGuest.loadOracle} has loaded it. */
export const ORACLE = '/proc/swarm_oracle';

/** Parameters of the module, as insmod takes them. */
export type ModuleParameters = Record<string, string | number>;

/** What readings of the oracle found, one a line: all but `ok N agents M members`. */
export function oracleFindings(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !/^ok \d+ agents \d+ members$/.test(line));
}

export interface GuestOptions {
  kernel: Kernel;
  /** From guestInitrd(). */
  initrd: string;
  memoryMb?: number;
  cpus?: number;
  /** Added to the kernel's command line. */
  append?: string;
  /** The guest's time-stamp counter counts instructions, exactly; one CPU, emulated. */
  countInstructions?: boolean;
  /**
   * Run it recorded: one CPU, emulated, and every boot from power-on. By default as
   * {@link recordingWanted} says; a guest whose instructions are counted is not.
   */
  record?: boolean;
  /** How long it may take to come up, in ms; a kernel that checks itself has a multiple of it. */
  bootMs?: number;
  /** Find memory errors, at the price of larger objects; true by default, false where memory is measured. */
  findMemoryErrors?: boolean;
}

/** A guest that does not run yet. */
export class Guest {
  readonly #tools: Root;
  readonly #hardware: Hardware;
  readonly #release: string;
  readonly #record: boolean;
  /** How many times longer than on others everything takes. */
  readonly #slower: number;
  readonly #bootMs: number;
  /** How it will be run, and how that was found out. */
  readonly acceleration: string;

  private constructor(tools: Root, hardware: Hardware, options: GuestOptions, why: string, record = false) {
    const { kernel, bootMs = BOOT_MS } = options;
    this.#tools = tools;
    this.#hardware = hardware;
    this.#release = kernel.release;
    this.#slower = kernel.slower ?? 1;
    this.#bootMs = bootMs * this.#slower;
    this.#record = record;
    this.acceleration = `${hardware.accelerator}: ${why}`;
  }

  /** Describes a guest; nothing is started, but for trying KVM once for each boot of the host. */
  static async create(options: GuestOptions): Promise<Guest> {
    const { kernel, initrd, memoryMb = 2048, cpus = 2, append: more = '' } = options;
    const { findMemoryErrors = true, countInstructions = false, record = recordingWanted() } = options;
    const { arch, image } = kernel;
    const tools = await toolRoot(arch);
    const debug = kernel.checks === 'debug';
    const finders = debug ? [SHOW_LEAKS] : findMemoryErrors ? [FIND_MEMORY_ERRORS] : [];
    const words = [append(arch), ...finders, more];
    const hardware = {
      arch,
      image,
      initrd,
      append: words.join(' ').trim(),
      memoryMb: memoryMb + (debug ? CHECKING_NEEDS_MB : 0),
      cpus,
    };
    if (countInstructions) {
      const exact = { ...hardware, cpus: 1, accelerator: 'tcg', countInstructions } as const;
      return new Guest(tools, exact, options, 'instructions are counted by emulating them');
    }
    if (record) {
      if (arch !== 'amd64') throw new Error(`guests of ${arch} are not recorded, only those of amd64`);
      const recorded = `${hardware.append} ${RECORDED}`;
      const taped = { ...hardware, append: recorded, cpus: 1, accelerator: 'tcg' } as const;
      return new Guest(tools, taped, options, 'it is recorded', true);
    }
    if (arch !== 'amd64')
      return new Guest(
        tools,
        { ...hardware, accelerator: 'tcg' },
        options,
        `KVM of this machine runs no ${arch}`,
      );
    const { accelerator, why } = await acceleration(tools, hardware);
    return new Guest(tools, { ...hardware, accelerator }, options, why);
  }

  /**
   * Boots from power-on.
   * @throws {InfrastructureError} where it does not come up.
   */
  async boot(): Promise<BootedGuest> {
    const recording = this.#record
      ? await Recording.begin(this.#tools, this.#hardware, this.#release)
      : undefined;
    const { tools, hardware, tape } = recording ?? { tools: this.#tools, hardware: this.#hardware };
    const machine = await Machine.start(tools, hardware, { tape });
    return step(`Booting ${this.#release}`, () => this.#reach(machine, machine.ready, recording));
  }

  /**
   * A pristine guest in about half a second: booted and saved once, restored from then on. One that is
   * recorded is booted every time.
   * @throws {InfrastructureError} where it does not come up.
   */
  async restore(): Promise<BootedGuest> {
    if (this.#record) return this.boot();
    const incoming = await this.#snapshot();
    const machine = await Machine.start(this.#tools, this.#hardware, { incoming });
    const guest = await this.#reach(machine, machine.resume());
    // Two guests from one snapshot must not draw the same random numbers, nor live in the past.
    await guest.exec(`cat >/dev/urandom; date -s @${(Date.now() / 1000).toFixed(3)}`, {
      stdin: randomBytes(64),
    });
    return guest;
  }

  async #reach(machine: Machine, up: Promise<void>, recording?: Recording): Promise<BootedGuest> {
    try {
      await machine.while(up, `booting ${this.#release}`, this.#bootMs);
      const { privateKey } = await guestKeys();
      const connecting = SshConnection.connect(await machine.sshPort(), privateKey);
      const ssh = await machine.while(connecting, 'the first SSH connection', this.#bootMs);
      return new BootedGuest(machine, ssh, this.#slower, recording);
    } catch (error) {
      const where = machine.death.aborted ? '' : ` (${await whereabouts(machine.qmp)})`;
      await machine.stop();
      await recording?.discard();
      if (error instanceof InfrastructureError) throw error;
      const [what] = String(error instanceof Error ? error.message : error).split('\n');
      throw new InfrastructureError(
        `the guest ${this.#release} did not come up: ${what}${where}`,
        machine.consoleTail(),
        {
          cause: error,
        },
      );
    }
  }

  async #snapshot(): Promise<string> {
    const dir = await cached({
      kind: 'snapshots',
      label: this.#release,
      key: [this.#tools.id, JSON.stringify(this.#hardware)],
      keep: SNAPSHOTS_KEPT,
      build: async (dir) => {
        const guest = await this.boot();
        // Under TCG the first restore is as good as the last: everything is in RAM.
        await guest.close();
        await guest.machine.save(join(dir, 'partial'));
        await guest.machine.stop();
        await rename(join(dir, 'partial'), join(dir, 'state'));
      },
    });
    return join(dir, 'state');
  }
}

/** A guest that runs commands. */
export class BootedGuest {
  /** The virtual machine; for the harness itself. */
  readonly machine: Machine;
  readonly #ssh: SshConnection;
  /** How many times longer than on other kernels everything takes. */
  readonly #slower: number;
  readonly #recording: Recording | undefined;

  constructor(machine: Machine, ssh: SshConnection, slower: number, recording?: Recording) {
    this.machine = machine;
    this.#ssh = ssh;
    this.#slower = slower;
    this.#recording = recording;
  }

  /**
   * Runs a shell line, of any length; any exit status is an answer.
   * @throws {GuestCommandError} where it does not end in time, {GuestPanicError} and
   * {InfrastructureError} where the guest or its machine does meanwhile.
   */
  async exec(command: string, options: ExecOptions = {}): Promise<ExecResult> {
    const patience = this.#slower * (this.machine.recorded ? RECORDED_PATIENCE : 1);
    const timeoutMs = Math.min((options.timeoutMs ?? 60_000) * patience, LONGEST_WAIT_MS);
    try {
      return await this.machine.while(
        this.#ssh.exec(command, { ...options, timeoutMs }),
        command,
        timeoutMs + 10_000,
      );
    } catch (error) {
      // A connection ends a moment before the machine is known to be dead.
      await this.machine.throwIfDying();
      throw error;
    }
  }

  /**
   * Runs a shell line that has to succeed.
   * @returns its standard output without the newline at the end.
   * @throws {GuestCommandError} where it exits with anything but 0.
   */
  async sh(command: string, options: ExecOptions = {}): Promise<string> {
    const began = Date.now();
    const { code, stdout, stderr } = await this.exec(command, options);
    if (code !== 0)
      throw new GuestCommandError(`exit ${code}: ${command}\n${stdout}${stderr}`, {
        ...{ command, code, stdout, stderr, timedOut: false },
        durationMs: Date.now() - began,
      });
    return stdout.replace(/\n$/, '');
  }

  /** Connects this process's terminal to a shell line in the guest; returns its exit status. */
  interactive(command: string): Promise<number> {
    return this.#ssh.interactive(command);
  }

  /** A shell at a terminal of its own in the guest, to type into. */
  async terminal(): Promise<Terminal> {
    return Terminal.open(
      await this.#ssh.open(Terminal.SHELL, { term: 'dumb', cols: 200, rows: 50 }),
      this.machine,
    );
  }

  /** Writes a file in the guest. */
  async writeFile(path: string, data: string | Buffer, mode = '644'): Promise<void> {
    await this.sh(`cat >${path} && chmod ${mode} ${path}`, { stdin: data, timeoutMs: 120_000 });
  }

  /** Copies a file of the host into the guest. */
  async upload(local: string, remote: string, mode = '644'): Promise<void> {
    await this.writeFile(remote, await readFile(local), mode);
  }

  /** The kernel's log since the guest booted or the log was cleared. */
  kernelLog(): Promise<string> {
    return this.sh('dmesg');
  }

  /** Everything printed on the serial console. */
  console(): string {
    return this.machine.console();
  }

  /**
   * Loads the module.
   * @param ko path on the host, from buildModule()
   * @throws {GuestCommandError} with the end of the kernel's log where it does not load.
   */
  async load(ko: string, parameters: ModuleParameters = {}): Promise<LoadedGuest> {
    await this.upload(ko, '/root/swarm_guard.ko');
    return this.reload(parameters);
  }

  /** The same guest, where something else than {@link BootedGuest.load} has loaded the module. */
  asLoaded(): LoadedGuest {
    return new LoadedGuest(this.machine, this.#ssh, this.#slower, this.#recording);
  }

  /** Loads the module that {@link BootedGuest.load} has copied into the guest before. */
  async reload(parameters: ModuleParameters = {}): Promise<LoadedGuest> {
    const words = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
    const { code, stderr } = await this.exec(`insmod /root/swarm_guard.ko ${words.join(' ')}`);
    if (code !== 0) {
      const log = await this.exec('dmesg | tail -n 20');
      throw new GuestCommandError(`the module does not load: ${stderr}${log.stdout}`);
    }
    return this.asLoaded();
  }

  /**
   * Loads the oracle, which watches whatever module is loaded from now on (module/tests/oracle).
   * @param ko path on the host, from buildModule()
   */
  async loadOracle(ko: string): Promise<void> {
    await this.upload(ko, '/root/swarm_oracle.ko');
    await this.sh('insmod /root/swarm_oracle.ko');
  }

  /** Closes the connection but leaves the machine running. */
  async close(): Promise<void> {
    this.#ssh.close();
    // The guest's end of the connection goes with it, before it is saved.
    await new Promise((resolve) => setTimeout(resolve, 200));
  }

  /**
   * Ends the guest, if it is recorded, and keeps the recording.
   * @param spec what failed
   * @returns the name to replay it by, or undefined where it is not recorded.
   * @throws {InfrastructureError} where QEMU does not end in good order.
   */
  async keepRecording(spec: string): Promise<string | undefined> {
    if (!this.#recording) return undefined;
    // The last thing that a replay will show, unless the guest is past that.
    if (!this.machine.death.aborted)
      await this.exec("echo '<1>here the spec has failed' >/dev/kmsg", { timeoutMs: 5000 }).catch(
        () => undefined,
      );
    this.#ssh.close();
    if (!(await this.machine.finish()))
      throw new InfrastructureError(
        'the recording is not whole: QEMU did not end',
        this.machine.consoleTail(),
      );
    return this.#recording.keep(spec, this.machine.console());
  }

  /** Ends the guest. */
  async stop(): Promise<void> {
    this.#ssh.close();
    await this.machine.stop();
    await this.#recording?.discard();
  }
}

/** A guest with the module loaded. */
export class LoadedGuest extends BootedGuest {
  /** /proc/swarm of this guest. */
  readonly swarm = new SwarmClient(this);

  /** What the oracle finds: nothing, if every descendant of an agent is a member and where it belongs. */
  async findings(): Promise<string[]> {
    return oracleFindings(await this.sh(`cat ${ORACLE}`));
  }

  /**
   * Unloads the module.
   * @throws {GuestCommandError} where it is in use.
   */
  async unload(): Promise<void> {
    await this.sh('rmmod swarm_guard');
  }
}
