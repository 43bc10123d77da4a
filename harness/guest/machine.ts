/** One running QEMU: its process, console, control socket and the moment it ends. */
import { setMaxListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import pWaitFor from 'p-wait-for';
import { z } from 'zod';
import type { Root } from '../archive/tool-root.js';
import type { Architecture } from '../util/architecture.js';
import { sweep, temporaryName } from '../util/cache.js';
import { GuestCommandError, GuestPanicError, GuestShutdownError } from './errors.js';
import { InfrastructureError } from '../util/errors.js';
import { firstComplaint } from './kernel-log.js';
import { Qmp } from './qmp.js';
import { resumeState, saveState } from './state.js';
import type { Firmware } from './firmware.js';
import { WIRE, wireArguments } from './wire.js';
import type { WireEnd } from './wire.js';
import { fileReadiness, socketReadiness } from './readiness.js';
import type { Readiness } from './readiness.js';
import { harness } from '../util/config.js';

/**
 * The way to run a guest's processors: by KVM; emulated, a thread of the host for each; emulated by one thread,
 * such that the time-stamp counter counts instructions, the same in every run; the same with everything that
 * comes in from outside recorded. The last two have one processor.
 */
export type Mode = 'kvm' | 'tcg' | 'counted' | 'recorded';

/** The hardware of a machine; machines with equal hardware can exchange snapshots. */
export interface Hardware {
  readonly arch: Architecture;
  readonly image: string;
  readonly initrd: string;
  /** The kernel's command line. */
  readonly append: string;
  readonly memoryMb: number;
  readonly cpus: number;
  /** CPUs that share a core; 1 by default. */
  readonly threads?: number;
  readonly mode: Mode;
  /** UEFI firmware, rather than what QEMU has for booting a kernel directly. */
  readonly firmware?: Firmware;
  /** An end of a wire to another guest. */
  readonly wire?: WireEnd;
}

/** A record of everything that comes into a machine from outside, and when. */
export interface Tape {
  readonly mode: 'record' | 'replay';
  readonly log: string;
}

export interface StartOptions {
  /** A guest that {@link Machine.save} has saved, to go on with. */
  incoming?: string;
  /** Recorded, or run again from a record: one CPU, emulated by one thread, its instructions counted. */
  tape?: Tape | undefined;
  /** More arguments of QEMU. */
  more?: readonly string[];
  /** Is given what the guest prints, as it does. */
  echo?: (text: string) => void;
}

/** Nanoseconds of a recorded guest for an instruction, as a power of two. */
const RECORDED_SHIFT = 2;
/** After this long a machine that ends by itself has done so, or never will. */
const FINISH_MS = 60_000;
/** A QEMU that is about to exit has done so after this long, in ms. */
const EXITING_MS = 2000;
const CONSOLE_TAIL = 4000;
/** QEMU's event of a machine that ends, if the guest itself has ended it. */
const shutdown = z.object({ reason: z.enum(['guest-reset', 'guest-shutdown']) });

const PANIC = /Kernel panic - not syncing[^\n]*/;

/** The directory of machines' sockets. */
const runtimeDir = () => join(tmpdir(), harness().name);

/** QEMU's program, machine and processor for each architecture. */
const PLATFORMS = {
  amd64: { program: 'qemu-system-x86_64', machine: 'q35', cpu: 'max' },
  // Signing pointers as the architecture defines it is slow to emulate; any other way is allowed.
  arm64: { program: 'qemu-system-aarch64', machine: 'virt,gic-version=3', cpu: 'max,pauth-impdef=on' },
} as const satisfies Record<Architecture, object>;

/**
 * QEMU of the tool root, started on the host through the root's own dynamic loader: the same QEMU
 * everywhere, without entering the root. The kernel kills it if we die, however that happens.
 */
export function qemuCommand(
  tools: Root,
  arch: Architecture,
): { command: string[]; env: Record<string, string> } {
  const { path } = tools;
  const libraries = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu']
    .map((dir) => join(path, dir))
    .join(':');
  const loader = join(path, 'usr/lib64/ld-linux-x86-64.so.2');
  return {
    command: [
      ...['setpriv', '--pdeathsig', 'KILL', loader, '--library-path', libraries],
      ...[join(path, 'usr/bin', PLATFORMS[arch].program), '-L', join(path, 'usr/share/qemu')],
      ...['-L', join(path, 'usr/share/seabios')],
    ],
    env: { QEMU_MODULE_DIR: join(path, 'usr/lib/x86_64-linux-gnu/qemu') },
  };
}

/** QEMU's arguments for counting instructions. */
function icount({ mode }: Hardware, tape: Tape | undefined): string[] {
  if (tape) return ['-icount', `shift=${RECORDED_SHIFT},rr=${tape.mode},rrfile=${tape.log}`];
  return mode === 'counted' ? ['-icount', 'shift=0,sleep=off'] : [];
}

const ACCELERATORS: Readonly<Record<Mode, string>> = {
  kvm: 'kvm',
  tcg: 'tcg,thread=multi',
  counted: 'tcg,thread=single',
  recorded: 'tcg,thread=single',
};

/** Flash memory; what the guest writes to it is gone with the machine. */
function flash({ code, variables }: Firmware): string[] {
  return [
    ...['-drive', `if=pflash,format=raw,readonly=on,file=${code}`],
    ...['-drive', `if=pflash,format=raw,snapshot=on,file=${variables}`],
  ];
}

function qemuArguments(hardware: Hardware, chardev: string, dir: string, options: StartOptions): string[] {
  const { incoming, tape, more = [] } = options;
  const forward = tape?.mode === 'replay' ? '' : ',hostfwd=tcp:127.0.0.1:0-:22';
  const { machine, cpu } = PLATFORMS[hardware.arch];
  return [
    ...icount(hardware, tape),
    ...['-accel', ACCELERATORS[hardware.mode], '-cpu', hardware.mode === 'kvm' ? 'host' : cpu],
    ...['-machine', machine, '-smp', `${hardware.cpus},threads=${hardware.threads ?? 1}`],
    ...['-m', `${hardware.memoryMb}`],
    ...(hardware.firmware ? flash(hardware.firmware) : []),
    ...['-nodefaults', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
    ...['-kernel', hardware.image, '-initrd', hardware.initrd, '-append', hardware.append],
    ...['-netdev', `user,id=net,restrict=on${forward}`],
    ...['-device', 'virtio-net-pci,netdev=net,romfile='],
    ...(hardware.wire ? wireArguments(hardware.wire) : []),
    ...(tape ? ['-object', 'filter-replay,id=replay,netdev=net'] : []),
    ...['-device', 'virtio-serial-pci', '-chardev', `${chardev},id=ready`],
    ...['-device', 'virtserialport,chardev=ready,name=org.kmod-harness.ready'],
    ...['-qmp', `unix:${dir}/qmp,server=on,wait=off`],
    ...(incoming ? ['-incoming', `file:${incoming}`] : []),
    ...more,
  ];
}

/** Starts QEMU, out of reach of the terminal's signals; its exit is an answer, not an exception. */
function spawn(file: string, args: string[], env: Record<string, string>) {
  const buffer = { stdout: false, stderr: true } as const;
  return execa(file, args, { env, detached: true, stdin: 'ignore', reject: false, buffer });
}

/**
 * A virtual machine that runs: one QEMU process, started by {@link Machine.start} and ended by
 * {@link Machine.stop}. If this process dies, the kernel kills QEMU too. What waits for the guest waits by
 * {@link Machine.whileAlive}, which ends when the machine does.
 */
export class Machine {
  readonly #process: ReturnType<typeof spawn>;
  readonly #readiness: Readiness;
  readonly #dir: string;
  #errors = '';
  #console = '';
  #panic: string | undefined;
  #stopping = false;
  /** Resolves when the guest says that it has booted. */
  readonly ready: Promise<void>;
  /**
   * Aborts when the guest panics ({@link GuestPanicError}), resets or powers off ({@link GuestShutdownError}), when
   * QEMU exits for another reason ({@link InfrastructureError}), and when the machine is stopped.
   */
  readonly ended: AbortSignal;
  readonly #end = new AbortController();
  /** Everything that comes into it is recorded. */
  readonly recorded: boolean;
  #qmp: Qmp | undefined;

  private constructor(
    process: ReturnType<typeof spawn>,
    readiness: Readiness,
    dir: string,
    { tape, echo }: StartOptions,
  ) {
    this.#process = process;
    this.#readiness = readiness;
    this.#dir = dir;
    this.recorded = tape?.mode === 'record';
    this.ended = this.#end.signal;
    // Each command under way listens, and there may be many at once.
    setMaxListeners(0, this.ended);
    this.ready = readiness.ready(this.ended);
    const die = (what = '') => {
      if (this.#stopping || this.ended.aborted) return;
      this.#end.abort(this.#whyEnded(what));
    };
    process.stdout.setEncoding('utf8').on('data', (text: string) => {
      const printed = text.replaceAll('\r', '');
      this.#console += printed;
      echo?.(printed);
      // A line may come in pieces: the last reading of it is the whole.
      this.#panic = PANIC.exec(this.#console.slice(-CONSOLE_TAIL - printed.length))?.[0] ?? this.#panic;
      // A moment for the trace behind the first line to arrive.
      if (this.#panic) setTimeout(die, 300);
    });
    process.then(
      ({ exitCode, stderr }) => {
        this.#errors = stderr.trim();
        // QEMU exits with 0 after a panic of the guest as well.
        die(`QEMU exited with ${exitCode ?? 'a signal'}: ${stderr}`);
      },
      (error: unknown) => {
        die(`QEMU could not be run: ${String(error)}`);
      },
    );
  }

  /**
   * Starts QEMU and connects to its control socket; the guest boots meanwhile.
   * @param tools the root that QEMU is in
   * @throws {InfrastructureError} with what QEMU printed if it exits, or cannot be run.
   */
  static async start(tools: Root, hardware: Hardware, options: StartOptions = {}): Promise<Machine> {
    await mkdir(runtimeDir(), { recursive: true });
    await sweep(runtimeDir());
    const dir = join(runtimeDir(), temporaryName());
    await mkdir(dir);
    const socket = join(dir, 'ready');
    const readiness = await (options.tape ? fileReadiness : socketReadiness).open(socket);
    const { command, env } = qemuCommand(tools, hardware.arch);
    const [file, ...args] = [...command, ...qemuArguments(hardware, readiness.chardev, dir, options)];
    const machine = new Machine(spawn(file ?? '', args, env), readiness, dir, options);
    try {
      machine.#qmp = await Qmp.connect(join(dir, 'qmp'), machine.ended);
    } catch (error) {
      // A QEMU that ends at once closes its socket a moment before its exit is known, and says why.
      await machine.exited(EXITING_MS);
      const ended = machine.ended.aborted;
      await machine.stop();
      if (ended) throw machine.ended.reason;
      const why = error instanceof Error ? error.message : String(error);
      throw new InfrastructureError(`QEMU cannot be controlled: ${why}`, machine.consoleTail(), {
        cause: error,
      });
    }
    return machine;
  }

  /** The error of a machine that has ended by itself. */
  #whyEnded(what: string): Error {
    if (this.#panic) {
      const told = firstComplaint(this.#console) ?? this.consoleTail();
      return new GuestPanicError(`the guest's kernel panicked: ${this.#panic}`, told);
    }
    const { data } = shutdown.safeParse(this.#qmp?.events.get('SHUTDOWN'));
    return data
      ? new GuestShutdownError(data.reason, this.consoleTail())
      : new InfrastructureError(what, this.consoleTail());
  }

  /** QEMU's process id, or undefined if it could not be started. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /**
   * QEMU's control socket.
   * @throws {InfrastructureError} before {@link Machine.start} has connected to it.
   */
  get qmp(): Qmp {
    if (!this.#qmp) throw new InfrastructureError('QEMU is not under control yet');
    return this.#qmp;
  }

  /** Everything the guest has printed on its serial console. */
  console(): string {
    return this.#console;
  }

  /** QEMU's standard error; empty until it has exited. */
  errors(): string {
    return this.#errors;
  }

  /** The end of {@link Machine.console}, as errors show it: 4,000 characters at most. */
  consoleTail(): string {
    return this.#console.slice(-CONSOLE_TAIL);
  }

  /**
   * Waits for a promise, but no longer than the machine lives or `timeoutMs` pass.
   * @param what is being done, for the error's message
   * @returns what the promise resolves to.
   * @throws what the promise rejects with, the reason of {@link Machine.ended}, or {@link GuestCommandError} after the time.
   */
  whileAlive<T>(work: Promise<T>, what: string, timeoutMs: number): Promise<T> {
    // Not AbortSignal.any with AbortSignal.timeout, which Node 20 may collect before they fire.
    return new Promise((resolve, reject) => {
      const die = () => {
        reject(this.ended.reason as Error);
      };
      const timer = setTimeout(() => {
        reject(
          new GuestCommandError(`no end after ${timeoutMs / 1000} s`, { command: what, timedOut: true }),
        );
      }, timeoutMs);
      if (this.ended.aborted) die();
      this.ended.addEventListener('abort', die, { once: true });
      work.then(resolve, reject).finally(() => {
        clearTimeout(timer);
        this.ended.removeEventListener('abort', die);
      });
    });
  }

  /** Waits up to 3 s for the machine to die, and throws the reason if it does. */
  async throwIfDying(): Promise<void> {
    await pWaitFor(() => this.ended.aborted, {
      interval: 50,
      timeout: { milliseconds: 3000, fallback: () => undefined },
    });
    if (this.ended.aborted) throw this.ended.reason;
  }

  /**
   * The port on 127.0.0.1 that leads to the guest's SSH server.
   * @throws {InfrastructureError} if QEMU forwards none.
   */
  async sshPort(): Promise<number> {
    const text = await this.qmp.monitor('info usernet');
    const port = /HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)/.exec(text)?.[1];
    if (!port) throw new InfrastructureError(`QEMU forwards no port: ${text}`);
    return Number(port);
  }

  /**
   * Pulls the guest's end of its wire out, or puts it in again: its card has no carrier meanwhile.
   * @throws {InfrastructureError} if it has no wire.
   */
  async wire(connected: boolean): Promise<void> {
    await this.qmp.command('set_link', { name: WIRE, up: connected });
  }

  /**
   * Stops the guest's clock and writes its state to a file; the machine is of no further use.
   * @throws {InfrastructureError} if QEMU cannot save it, or hangs.
   */
  save(path: string): Promise<void> {
    return saveState(this.qmp, path);
  }

  /** Lets a guest that was started with `incoming` run, as soon as all of its state has been read. */
  resume(): Promise<void> {
    return resumeState(this.qmp);
  }

  /**
   * Waits for QEMU to exit by itself.
   * @returns whether it has, after `timeoutMs` at most.
   */
  async exited(timeoutMs: number): Promise<boolean> {
    const late = new AbortController();
    const ended = this.#process.then(() => true);
    try {
      return await Promise.race([ended, sleep(timeoutMs, false, { signal: late.signal })]);
    } finally {
      late.abort();
    }
  }

  /**
   * Lets QEMU end in good order, so that what it records is whole: after a panic when the guest
   * restarts, which ends it, else at once.
   * @returns whether it did, after a minute or two at most.
   */
  async finish(): Promise<boolean> {
    if (this.#panic && (await this.exited(FINISH_MS))) return true;
    this.#stopping = true;
    await this.qmp.command('quit').catch(() => undefined);
    return this.exited(FINISH_MS);
  }

  /** Ends QEMU and what waits for it, and removes everything that belonged to it. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (!this.ended.aborted) this.#end.abort(new Error('the guest has been ended'));
    this.#qmp?.close();
    this.#process.kill('SIGKILL');
    await this.#process;
    await this.#readiness.close();
    if (existsSync(this.#dir)) await rm(this.#dir, { recursive: true, force: true });
  }
}
