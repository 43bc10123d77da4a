/** One running QEMU: its process, console, control socket and the moment it ends. */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import type { Root } from '../roots/tool-root.js';
import { sweep, temporaryName } from '../util/cache.js';
import { GuestCommandError, GuestPanicError, InfrastructureError } from './errors.js';
import { Qmp } from './qmp.js';

/** What a machine is made of; equal hardware can exchange snapshots. */
export interface Hardware {
  readonly image: string;
  readonly initrd: string;
  /** The kernel's command line. */
  readonly append: string;
  readonly memoryMb: number;
  readonly cpus: number;
  readonly accelerator: 'kvm' | 'tcg';
  /** The guest's time-stamp counter counts its instructions: the same in every run. Needs tcg and one CPU. */
  readonly countInstructions?: boolean;
}

const CONSOLE_TAIL = 4000;
const PANIC = /Kernel panic - not syncing[^\n]*/;

/** Where machines keep their sockets. */
const runtimeDir = join(tmpdir(), 'swarm-guard');

/**
 * QEMU of the tool root, started on the host through the root's own dynamic loader: the same QEMU
 * everywhere, without entering the root. The kernel kills it if we die, however that happens.
 */
function qemuCommand(tools: Root): { command: string[]; env: Record<string, string> } {
  const { path } = tools;
  const libraries = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu']
    .map((dir) => join(path, dir))
    .join(':');
  const loader = join(path, 'usr/lib64/ld-linux-x86-64.so.2');
  return {
    command: [
      ...['setpriv', '--pdeathsig', 'KILL', loader, '--library-path', libraries],
      ...[join(path, 'usr/bin/qemu-system-x86_64'), '-L', join(path, 'usr/share/qemu')],
      ...['-L', join(path, 'usr/share/seabios')],
    ],
    env: { QEMU_MODULE_DIR: join(path, 'usr/lib/x86_64-linux-gnu/qemu') },
  };
}

function qemuArguments(hardware: Hardware, dir: string, incoming: string | undefined): string[] {
  const tcg = hardware.countInstructions ? 'tcg,thread=single' : 'tcg,thread=multi';
  const accelerator = hardware.accelerator === 'kvm' ? 'kvm' : tcg;
  return [
    ...(hardware.countInstructions ? ['-icount', 'shift=0,sleep=off'] : []),
    ...['-accel', accelerator, '-cpu', hardware.accelerator === 'kvm' ? 'host' : 'max'],
    ...['-machine', 'q35', '-smp', `${hardware.cpus}`, '-m', `${hardware.memoryMb}`],
    ...['-nodefaults', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
    ...['-kernel', hardware.image, '-initrd', hardware.initrd, '-append', hardware.append],
    ...['-netdev', 'user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:0-:22'],
    ...['-device', 'virtio-net-pci,netdev=net,romfile='],
    ...['-device', 'virtio-serial-pci', '-chardev', `socket,id=ready,path=${dir}/ready`],
    ...['-device', 'virtserialport,chardev=ready,name=org.swarmguard.ready'],
    ...['-qmp', `unix:${dir}/qmp,server=on,wait=off`],
    ...(incoming ? ['-incoming', `file:${incoming}`] : []),
  ];
}

/** Starts QEMU; its exit is an answer, not an exception. */
function spawn(file: string, args: string[], env: Record<string, string>) {
  return execa(file, args, { env, stdin: 'ignore', reject: false, buffer: { stdout: false, stderr: true } });
}

/** Resolves when a guest writes a line to its readiness port. */
function listenForReady(path: string): Promise<{ server: Server; ready: Promise<void> }> {
  return new Promise((resolve, reject) => {
    let tell: () => void;
    const ready = new Promise<void>((done) => (tell = done));
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        tell();
      });
    });
    server.once('error', reject);
    server.listen(path, () => {
      resolve({ server, ready });
    });
  });
}

export class Machine {
  readonly #process: ReturnType<typeof spawn>;
  readonly #server: Server;
  readonly #dir: string;
  #console = '';
  #panic: string | undefined;
  #stopping = false;
  /** Resolves when the guest says that it has booted. */
  readonly ready: Promise<void>;
  /** Aborts when the guest panics ({@link GuestPanicError}) or QEMU exits ({@link InfrastructureError}). */
  readonly death: AbortSignal;
  #qmp: Qmp | undefined;

  private constructor(process: ReturnType<typeof spawn>, server: Server, ready: Promise<void>, dir: string) {
    this.#process = process;
    this.#server = server;
    this.#dir = dir;
    this.ready = ready;
    const controller = new AbortController();
    this.death = controller.signal;
    const die = (what = '') => {
      if (this.#stopping || this.death.aborted) return;
      controller.abort(
        this.#panic
          ? new GuestPanicError(`the guest's kernel panicked: ${this.#panic}`, this.consoleTail())
          : new InfrastructureError(what, this.consoleTail()),
      );
    };
    process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#console += text.replaceAll('\r', '');
      this.#panic ??= PANIC.exec(this.#console.slice(-CONSOLE_TAIL))?.[0];
      // A moment for the trace behind the first line to arrive.
      if (this.#panic) setTimeout(die, 300);
    });
    process.then(
      ({ exitCode, stderr }) => {
        // QEMU exits with 0 after a panic of the guest as well.
        die(`QEMU exited with ${exitCode ?? 'a signal'}: ${stderr}`);
      },
      (error: unknown) => {
        die(`QEMU could not be run: ${String(error)}`);
      },
    );
  }

  /** Starts QEMU; `incoming` restores a guest that {@link Machine.save} has saved. */
  static async start(tools: Root, hardware: Hardware, incoming?: string): Promise<Machine> {
    await mkdir(runtimeDir, { recursive: true });
    await sweep(runtimeDir);
    const dir = join(runtimeDir, temporaryName());
    await mkdir(dir);
    const { server, ready } = await listenForReady(join(dir, 'ready'));
    const { command, env } = qemuCommand(tools);
    const [file, ...args] = [...command, ...qemuArguments(hardware, dir, incoming)];
    const machine = new Machine(spawn(file ?? '', args, env), server, ready, dir);
    try {
      machine.#qmp = await Qmp.connect(join(dir, 'qmp'), machine.death);
    } catch (error) {
      await machine.stop();
      throw machine.death.aborted ? machine.death.reason : error;
    }
    return machine;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get qmp(): Qmp {
    if (!this.#qmp) throw new InfrastructureError('QEMU is not under control yet');
    return this.#qmp;
  }

  /** Everything the guest has printed on its serial console. */
  console(): string {
    return this.#console;
  }

  consoleTail(): string {
    return this.#console.slice(-CONSOLE_TAIL);
  }

  /**
   * Waits for a promise, but no longer than the machine lives or `timeoutMs` pass.
   * @throws the reason of {@link Machine.death}, or {@link GuestCommandError} after the time.
   */
  while<T>(work: Promise<T>, what: string, timeoutMs: number): Promise<T> {
    // Not AbortSignal.any with AbortSignal.timeout, which Node 20 may collect before they fire.
    return new Promise((resolve, reject) => {
      const die = () => {
        reject(this.death.reason as Error);
      };
      const timer = setTimeout(() => {
        reject(new GuestCommandError(`no end after ${timeoutMs / 1000} s: ${what}`));
      }, timeoutMs);
      if (this.death.aborted) die();
      this.death.addEventListener('abort', die, { once: true });
      work.then(resolve, reject).finally(() => {
        clearTimeout(timer);
        this.death.removeEventListener('abort', die);
      });
    });
  }

  /** Waits for the machine to die, if it does so within a moment, and throws its reason. */
  async throwIfDying(): Promise<void> {
    for (let waited = 0; waited < 3000 && !this.death.aborted; waited += 50) await sleep(50);
    if (this.death.aborted) throw this.death.reason;
  }

  /** The port of this host's loopback interface that leads to the guest's SSH server. */
  async sshPort(): Promise<number> {
    const text = await this.qmp.monitor('info usernet');
    const port = /HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)/.exec(text)?.[1];
    if (!port) throw new InfrastructureError(`QEMU forwards no port: ${text}`);
    return Number(port);
  }

  /** Stops the guest's clock and writes its state to a file; the machine is of no further use. */
  async save(path: string): Promise<void> {
    await this.qmp.command('stop');
    await this.qmp.command('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 });
    await this.qmp.command('migrate', { uri: `file:${path}` });
    for (;;) {
      const { status, 'error-desc': error } = (await this.qmp.command('query-migrate')) as Record<
        string,
        unknown
      >;
      if (status === 'completed') return;
      if (status === 'failed')
        throw new InfrastructureError(`the guest could not be saved: ${String(error)}`);
      await sleep(20);
    }
  }

  /** Lets a restored guest run, as soon as all of it has been read. */
  async resume(): Promise<void> {
    for (;;) {
      const { status } = (await this.qmp.command('query-status')) as Record<string, unknown>;
      if (status !== 'inmigrate') break;
      await sleep(5);
    }
    await this.qmp.command('cont');
  }

  /** Ends QEMU and removes everything that belonged to it. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#qmp?.close();
    this.#process.kill('SIGKILL');
    await this.#process;
    await new Promise((resolve) => this.#server.close(resolve));
    if (existsSync(this.#dir)) await rm(this.#dir, { recursive: true, force: true });
  }
}
