/** Guests, by the state they are in: a {@link Guest} can be booted, a {@link BootedGuest} runs commands. */
import { randomBytes } from 'node:crypto';
import { readFile, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Kernel } from '../kernels/kernel.js';
import { toolRoot } from '../archive/tool-root.js';
import type { Root } from '../archive/tool-root.js';
import type { Architecture } from '../util/architecture.js';
import { cached } from '../util/cache.js';
import { step } from '../util/progress.js';
import { acceleration } from './accelerator.js';
import { GuestCommandError } from './errors.js';
import { firmwareTrusting } from './firmware.js';
import type { CommandOutcome } from './errors.js';
import { InfrastructureError } from '../util/errors.js';
import { guestKeys } from './keys.js';
import { insmodCommand, listsModule, moduleName, writeLine } from './lines.js';
import type { ModuleParameters } from './lines.js';
import { Machine } from './machine.js';
import type { Hardware, Mode } from './machine.js';
import { Recording } from './recording.js';
import { harness } from '../util/config.js';
import { run } from '../util/run.js';
import { SshConnection, shellLine } from './ssh.js';
import type { ExecOptions, ExecResult } from './ssh.js';
import { Terminal } from './terminal.js';
import { whereabouts } from './whereabouts.js';
import type { WireEnd } from './wire.js';

/**
 * The command line of a stock kernel that stops at the first complaint, but not if a busy host delays its timer. The
 * complaint itself is a warning, so warnings are on the console, too.
 */
const append = (arch: Architecture) =>
  [
    `console=${arch === 'amd64' ? 'ttyS0' : 'ttyAMA0'} quiet loglevel=5 rdinit=/init random.trust_cpu=on`,
    ...(arch === 'amd64' ? ['no_timer_check'] : []),
    'panic=-1 oops=panic panic_on_warn=1',
  ].join(' ');

/** Caches of what modules mostly take from the kernel. */
const COMMON_CACHES = ['kmalloc-*', 'cred*', 'task_struct', 'signal_cache'];

/**
 * Options that make it find memory errors, and the objects of the caches that are checked larger. If everything is
 * checked, an emulated guest takes twice the time. KFENCE takes samples of all.
 */
function memoryErrorFinders(): string {
  const { caches } = harness();
  const checked = caches.length > 0 ? `FZPU,${caches.join()};FZP,${COMMON_CACHES.join()}` : 'FZPU';
  return `slub_debug=${checked} kfence.sample_interval=1`;
}

/**
 * The parameters of the debug kernel instead: kmemleak takes what is left of a pointer in the
 * allocator's per-CPU arrays for a reference, and slabs that are checked have no such arrays.
 */
const SHOW_LEAKS = 'slub_debug=F';

/** Options that make a recording tell as much as it can, and put symbols where the kernel's image has them. */
const RECORDED = 'loglevel=7 nokaslr';

/** By how much commands in a recorded guest may take longer. */
const RECORDED_PATIENCE = 5;

/** The memory that the debug kernel needs in addition, for shadows and records of all memory. */
const CHECKING_NEEDS_MB = 1536;

/** The time that a guest may take to come up: several times what a busy host needs. */
const BOOT_MS = 120_000;
const SNAPSHOTS_KEPT = 8;
/** Longer waits are none: a timer takes 31 bits. */
const LONGEST_WAIT_MS = 2 ** 31 - 20_000;

/** The parts of a guest: a kernel, a root, and its hardware. */
export interface GuestOptions {
  /** The kernel that it boots. */
  kernel: Kernel;
  /** From guestInitrd(). */
  initrd: string;
  /** Its memory in MiB. */
  memoryMb?: number;
  /** The number of its processors. */
  cpus?: number;
  /** CPUs that share a core: 1 by default. */
  threads?: number;
  /** Added to the kernel's command line. */
  append?: string;
  /** The path of an X.509 certificate in DER that the guest's firmware, and so its kernel, trusts; amd64 alone. */
  trusts?: string;
  /** An end of a wire to another guest, from makeWire(); every such guest boots from power-on. */
  wire?: WireEnd;
  /**
   * `counted`: the guest's time-stamp counter counts instructions, exactly; one CPU, emulated.
   * `recorded`: everything that comes into it is; one CPU, emulated, and every boot from power-on.
   * By default as the run says, and with KVM where it boots a stock kernel.
   */
  mode?: Mode;
  /** The time that it may take to come up, in ms; a kernel that checks itself has a multiple of it. */
  bootMs?: number;
  /** Find memory errors, at the price of larger objects; true by default, false to measure memory. */
  findMemoryErrors?: boolean;
}

/** A guest that does not run yet. */
export class Guest {
  readonly #tools: Root;
  readonly #hardware: Hardware;
  readonly #release: string;
  /** The factor by which everything takes longer than on others. */
  readonly #slower: number;
  readonly #bootMs: number;
  /** The accelerator that it will run with, and why. */
  readonly acceleration: string;

  private constructor(tools: Root, hardware: Hardware, options: GuestOptions, why: string) {
    const { kernel, bootMs = BOOT_MS } = options;
    this.#tools = tools;
    this.#hardware = hardware;
    this.#release = kernel.release;
    this.#slower = kernel.slower ?? 1;
    this.#bootMs = bootMs * this.#slower;
    this.acceleration = `${hardware.mode}: ${why}`;
  }

  /** Describes a guest. Nothing is started, except that KVM is tried once for each boot of the host. */
  static async create(options: GuestOptions): Promise<Guest> {
    const { kernel, initrd, memoryMb = 2048, cpus = 2, threads = 1, append: more = '' } = options;
    const { findMemoryErrors = true, mode = run().record ? 'recorded' : undefined } = options;
    const { arch, image } = kernel;
    const tools = await toolRoot(arch);
    const debug = kernel.checks === 'debug';
    const finders = debug ? [SHOW_LEAKS] : findMemoryErrors ? [memoryErrorFinders()] : [];
    const words = [append(arch), ...finders, more];
    const hardware = {
      arch,
      image,
      initrd,
      append: words.join(' ').trim(),
      memoryMb: memoryMb + (debug ? CHECKING_NEEDS_MB : 0),
      cpus,
      threads,
      ...(options.wire && { wire: options.wire }),
      ...(options.trusts !== undefined && { firmware: await firmwareTrusting(options.trusts) }),
    };
    if (mode === 'counted') {
      const exact = { ...hardware, cpus: 1, threads: 1, mode };
      return new Guest(tools, exact, options, 'instructions are counted by emulating them');
    }
    if (mode === 'recorded') {
      if (arch !== 'amd64') throw new Error(`guests of ${arch} are not recorded, only those of amd64`);
      const recorded = `${hardware.append} ${RECORDED}`;
      const taped = { ...hardware, append: recorded, cpus: 1, threads: 1, mode };
      return new Guest(tools, taped, options, 'it is recorded');
    }
    if (mode === 'tcg') return new Guest(tools, { ...hardware, mode }, options, 'it is to be');
    if (arch !== 'amd64') {
      const why = `KVM of this machine runs no ${arch}`;
      return new Guest(tools, { ...hardware, mode: 'tcg' }, options, why);
    }
    const found = await acceleration(tools, hardware);
    if (mode === 'kvm' && found.mode !== 'kvm')
      throw new InfrastructureError(`the guest is to run with KVM: ${found.why}`);
    return new Guest(tools, { ...hardware, mode: found.mode }, options, found.why);
  }

  get #isRecorded(): boolean {
    return this.#hardware.mode === 'recorded';
  }

  /**
   * Boots from power-on.
   * @throws {InfrastructureError} if it does not come up.
   */
  async boot(): Promise<BootedGuest> {
    const recording = this.#isRecorded
      ? await Recording.begin(this.#tools, this.#hardware, this.#release)
      : undefined;
    const { tools, hardware, tape } = recording ?? { tools: this.#tools, hardware: this.#hardware };
    const machine = await Machine.start(tools, hardware, { tape }).catch(async (error: unknown) => {
      await recording?.discard();
      throw error;
    });
    return step(`Booting ${this.#release}`, () => this.#reach(machine, machine.ready, recording));
  }

  /**
   * A pristine guest in about half a second: booted and saved once, restored from then on. One that is
   * recorded is booted every time.
   * @throws {InfrastructureError} if it does not come up.
   */
  async restore(): Promise<BootedGuest> {
    if (this.#isRecorded || this.#hardware.wire) return this.boot();
    const incoming = await this.#snapshot();
    const machine = await Machine.start(this.#tools, this.#hardware, { incoming });
    const guest = await this.#reach(machine, machine.resume());
    // Two guests from one snapshot must not draw the same random numbers, nor live in the past.
    try {
      const line = `cat >/dev/urandom; date -s @${(Date.now() / 1000).toFixed(3)}`;
      await guest.exec(line, { stdin: randomBytes(64) });
      return guest;
    } catch (error) {
      await guest.stop();
      if (error instanceof InfrastructureError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new InfrastructureError(`the guest ${this.#release} was restored and does not run: ${why}`, '', {
        cause: error,
      });
    }
  }

  async #reach(machine: Machine, up: Promise<void>, recording?: Recording): Promise<BootedGuest> {
    try {
      await machine.whileAlive(up, `booting ${this.#release}`, this.#bootMs);
      const { privateKey } = await guestKeys();
      const connecting = SshConnection.connect(await machine.sshPort(), privateKey, this.#bootMs);
      const ssh = await machine.whileAlive(connecting, 'the first SSH connection', this.#bootMs);
      return new BootedGuest({ machine, ssh, slower: this.#slower, recording, history: [] });
    } catch (error) {
      const where = machine.ended.aborted ? '' : ` (${await whereabouts(machine.qmp)})`;
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
        try {
          // Under TCG the first restore is as good as the last: everything is in RAM.
          await guest.close();
          await guest.machine.save(join(dir, 'partial'));
        } finally {
          await guest.machine.stop();
        }
        await rename(join(dir, 'partial'), join(dir, 'state'));
      },
    });
    return join(dir, 'state');
  }
}

/** The parts of a guest that runs. */
interface Parts {
  readonly machine: Machine;
  readonly ssh: SshConnection;
  /** The factor by which everything takes longer than on other kernels. */
  readonly slower: number;
  readonly recording: Recording | undefined;
  readonly history: CommandOutcome[];
  observe?: Observer | undefined;
}

/** The number of commands that a guest remembers. */
const REMEMBERED = 10;

/** The end of a command in a guest. */
export interface GuestResult extends ExecResult {
  /** The guest's last commands before it. */
  readonly before: readonly CommandOutcome[];
}

/** Is told of a command, and does it. */
export type Observer = (command: string, work: () => Promise<GuestResult>) => Promise<GuestResult>;

/** A guest that runs commands. */
export class BootedGuest {
  readonly #parts: Parts;

  /** @param from what it is made of, or the same guest as another class has it */
  constructor(from: Parts | BootedGuest) {
    this.#parts = from instanceof BootedGuest ? from.#parts : from;
  }

  /** The virtual machine; for the harness itself. */
  get machine(): Machine {
    return this.#parts.machine;
  }

  /** The last commands that the guest was given, and how they ended: for whoever wants to know how it came to this. */
  get history(): readonly CommandOutcome[] {
    return this.#parts.history;
  }

  /** Is told of each command, and does it, from now on. */
  set observer(observe: Observer | undefined) {
    this.#parts.observe = observe;
  }

  /**
   * Runs a command; any exit status is an answer.
   * @param command a shell line, of any length, or a program and its arguments, which no shell changes
   * @throws {GuestCommandError} if it does not end in time, {GuestPanicError} and
   * {InfrastructureError} if the guest or its machine does meanwhile.
   */
  async exec(command: string | readonly string[], options: ExecOptions = {}): Promise<GuestResult> {
    const line = typeof command === 'string' ? command : shellLine(command);
    const work = () => this.#exec(line, options);
    return this.#parts.observe ? this.#parts.observe(line, work) : work();
  }

  async #exec(command: string, options: ExecOptions): Promise<GuestResult> {
    const patience = this.#parts.slower * (this.machine.recorded ? RECORDED_PATIENCE : 1);
    const timeoutMs = Math.min((options.timeoutMs ?? 60_000) * patience, LONGEST_WAIT_MS);
    try {
      const result = await this.machine.whileAlive(
        this.#parts.ssh.exec(command, { ...options, timeoutMs }),
        command,
        timeoutMs + 10_000,
      );
      const before = [...this.#parts.history];
      this.#remember(result);
      return { ...result, before };
    } catch (error) {
      if (error instanceof GuestCommandError) {
        const { code, signal, stdout, stderr, timedOut, durationMs = 0 } = error;
        this.#remember({ command, code, signal, stdout, stderr, timedOut, durationMs });
      }
      // A connection ends a moment before the machine is known to be dead.
      await this.machine.throwIfDying();
      throw error;
    }
  }

  #remember(outcome: CommandOutcome): void {
    this.#parts.history.push(outcome);
    if (this.#parts.history.length > REMEMBERED) this.#parts.history.shift();
  }

  /**
   * Runs a command that has to succeed.
   * @param command a shell line, of any length, or a program and its arguments, which no shell changes
   * @returns its standard output without the newline at the end.
   * @throws {GuestCommandError} if it exits with anything but 0.
   */
  async sh(command: string | readonly string[], options: ExecOptions = {}): Promise<string> {
    const result = await this.exec(command, options);
    if (result.code !== 0) throw new GuestCommandError(`exit ${result.code}`, result);
    return result.stdout.replace(/\n$/, '');
  }

  /** Connects this process's terminal to a shell line in the guest; returns its exit status. */
  interactive(command: string): Promise<number> {
    return this.#parts.ssh.interactive(command);
  }

  /** A shell at a terminal of its own in the guest, to type into. */
  async terminal(): Promise<Terminal> {
    return Terminal.open(
      await this.#parts.ssh.open(Terminal.SHELL, { term: 'dumb', cols: 200, rows: 50 }),
      this.machine,
    );
  }

  /**
   * Writes to a file of the host, a line each, the address of every instruction that the guest executes
   * while `work` runs, a hundred times slower than usual: in lines of QEMU's log whose second number is the address.
   * Only an emulated guest can.
   */
  async traced<T>(log: string, work: () => Promise<T>): Promise<T> {
    const { qmp } = this.machine;
    for (const line of ['one-insn-per-tb on', `logfile ${log}`, 'log exec,nochain']) await qmp.monitor(line);
    try {
      return await work();
    } finally {
      for (const line of ['log none', 'logfile /dev/null', 'one-insn-per-tb off']) await qmp.monitor(line);
    }
  }

  /** Writes a file in the guest. */
  async writeFile(path: string, data: string | Buffer, mode = '644'): Promise<void> {
    await this.sh(writeLine(path, mode), { stdin: data, timeoutMs: 120_000 });
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
   * Copies a module into the guest and loads it.
   * @param ko its path on the host; the module's name is the file's without the suffix, with `_` for every `-`
   * @throws {GuestCommandError} with the end of the kernel's log if it does not load.
   */
  async load(ko: string, parameters: ModuleParameters = {}): Promise<LoadedModule> {
    const name = basename(ko, '.ko');
    await this.upload(ko, `/root/${name}.ko`);
    return this.reload(name, parameters);
  }

  /**
   * Loads a module that {@link BootedGuest.load} has copied into the guest before.
   * @param name of its file, without the suffix
   * @throws {GuestCommandError} with the end of the kernel's log if it does not load.
   */
  async reload(name: string, parameters: ModuleParameters = {}): Promise<LoadedModule> {
    const command = insmodCommand(`/root/${name}.ko`, parameters);
    const tried = await this.exec(command);
    if (tried.code !== 0) {
      const log = await this.exec('dmesg | tail -n 20');
      const stderr = `${tried.stderr}${log.stdout}`;
      throw new GuestCommandError('the module does not load', { ...tried, stderr });
    }
    return new LoadedModule(this, name);
  }

  /** Says whether a module is loaded, whoever loaded it; `-` and `_` in its name are the same. */
  async hasModule(name: string): Promise<boolean> {
    return listsModule(await this.sh('cat /proc/modules'), name);
  }

  /** Closes the connection but leaves the machine running. */
  async close(): Promise<void> {
    this.#parts.ssh.close();
    // The guest's end of the connection goes with it, before it is saved.
    await new Promise((resolve) => setTimeout(resolve, 200));
  }

  /**
   * Ends the guest, if it is recorded, and keeps the recording.
   * @param spec what failed
   * @returns the name to replay it by, or undefined if it is not recorded.
   * @throws {InfrastructureError} if QEMU does not end in good order.
   */
  async keepRecording(spec: string): Promise<string | undefined> {
    if (!this.#parts.recording) return undefined;
    // The last thing that a replay will show, unless the guest is past that.
    if (!this.machine.ended.aborted)
      await this.exec("echo '<1>here the spec has failed' >/dev/kmsg", { timeoutMs: 5000 }).catch(
        () => undefined,
      );
    this.#parts.ssh.close();
    if (!(await this.machine.finish()))
      throw new InfrastructureError(
        'the recording is not whole: QEMU did not end',
        this.machine.consoleTail(),
      );
    return this.#parts.recording.keep(spec, this.machine.console());
  }

  /** Ends the guest. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Ends the guest. */
  async stop(): Promise<void> {
    this.#parts.ssh.close();
    await this.machine.stop();
    await this.#parts.recording?.discard();
  }
}

/** A module that is loaded in a guest, until it is unloaded or its scope ends (`await using`). */
export class LoadedModule {
  readonly #guest: BootedGuest;
  /** The name that lsmod has for it. */
  readonly name: string;

  constructor(guest: BootedGuest, name: string) {
    this.#guest = guest;
    this.name = moduleName(name);
  }

  /**
   * Unloads the module.
   * @throws {GuestCommandError} if it is in use.
   */
  async unload(): Promise<void> {
    await this.#guest.sh(['rmmod', this.name]);
  }

  /** Unloads the module, unless it or its guest has gone already. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#guest.machine.ended.aborted || !(await this.#guest.hasModule(this.name))) return;
    await this.unload();
  }
}
