/** A guest for specs: pristine for each file, the module loaded when asked for. */
import { buildModule } from '../build/module.js';
import type { BuiltModule } from '../build/module.js';
import { provideKernel } from '../kernels/provide.js';
import type { Kernel } from '../kernels/provide.js';
import { guestInitrd } from './root.js';
import { stepsFor } from '../util/progress.js';
import { Guest, ORACLE } from './guest.js';
import type { BootedGuest, GuestOptions, LoadedGuest } from './guest.js';

/** What a guest has beyond the usual. */
export interface GuestExtras extends Omit<GuestOptions, 'kernel' | 'initrd'> {
  /** Debian packages, with what they depend on; unpacked but not configured. */
  packages?: readonly string[];
}

export class Stage {
  readonly kernel: Kernel;
  /** The module, built for this kernel. */
  readonly module: BuiltModule;
  readonly #guest: Guest;
  /** Looks at a guest that has done all specs of a file, before it is ended; says what is wrong with it. */
  farewell: (guest: BootedGuest) => Promise<string[]> = () => Promise.resolve([]);
  #file = '';
  #booted: BootedGuest | undefined;
  #loaded: LoadedGuest | undefined;

  private constructor(kernel: Kernel, module: BuiltModule, guest: Guest) {
    this.kernel = kernel;
    this.module = module;
    this.#guest = guest;
  }

  /**
   * Provides everything for guests of a kernel: all of it from the cache the second time.
   * @param name of a kernel in the catalogue; the newest by default
   * @param extras what guests have beyond the usual
   */
  static async prepare(name?: string, { packages, ...hardware }: GuestExtras = {}): Promise<Stage> {
    stepsFor(name ?? '');
    const kernel = await provideKernel(name);
    const module = await buildModule(kernel);
    const initrd = await guestInitrd(kernel, packages);
    return new Stage(kernel, module, await Guest.create({ ...hardware, kernel, initrd }));
  }

  /** How guests are run, and how that was found out. */
  get acceleration(): string {
    return this.#guest.acceleration;
  }

  /**
   * A guest without the module. A spec file has one guest of its own, as long as nothing fails in it.
   * @throws {InfrastructureError} where it does not come up.
   */
  async booted(file: string): Promise<BootedGuest> {
    const guest = await this.#for(file);
    if (this.#loaded) {
      await this.#loaded.unload();
      this.#loaded = undefined;
    } else if (await this.#hasModule(guest)) {
      await guest.sh('rmmod swarm_guard');
    }
    return guest;
  }

  /**
   * The same guest with the module loaded, with its default parameters, and the oracle watching.
   * @throws {InfrastructureError} where the guest does not come up, {GuestCommandError} where the
   * module does not load.
   */
  async loaded(file: string): Promise<LoadedGuest> {
    const guest = await this.#for(file);
    if (!this.#loaded) {
      if (await this.#hasModule(guest)) await guest.sh('rmmod swarm_guard');
      if ((await guest.exec(`[ -e ${ORACLE} ]`)).code !== 0) await guest.loadOracle(this.module.oracle);
      this.#loaded = await guest.load(this.module.ko);
    }
    return this.#loaded;
  }

  /**
   * Ends the guest there is, if it is recorded, and keeps the recording.
   * @param spec what failed in it
   * @returns the name to replay it by, or undefined where there is none.
   */
  async keepRecording(spec: string): Promise<string | undefined> {
    return this.#booted?.keepRecording(spec);
  }

  /**
   * A guest without the module that was booted from power-on rather than restored, for whatever may
   * differ from boot to boot.
   * @throws {InfrastructureError} where it does not come up.
   */
  async rebooted(file: string): Promise<BootedGuest> {
    await this.discard();
    this.#file = file;
    this.#booted = await this.#guest.boot();
    return this.#booted;
  }

  /**
   * Ends the guest there is, after a last look at it.
   * @throws with what the {@link Stage.farewell} finds.
   */
  async leave(): Promise<void> {
    const guest = this.#booted;
    try {
      if (!guest || guest.machine.death.aborted) return;
      const found = await this.farewell(guest);
      if (found.length > 0) throw new Error(`in the guest of ${this.#file}:\n${found.join('\n')}`);
    } finally {
      await this.discard();
    }
  }

  /** Ends the guest there is; the next one is pristine. */
  async discard(): Promise<void> {
    const guest = this.#booted;
    this.#booted = undefined;
    this.#loaded = undefined;
    await guest?.stop();
  }

  async #hasModule(guest: BootedGuest): Promise<boolean> {
    return (await guest.exec('grep -q ^swarm_guard /proc/modules')).code === 0;
  }

  async #for(file: string): Promise<BootedGuest> {
    if (this.#booted && this.#file === file) return this.#booted;
    await this.leave();
    this.#file = file;
    this.#booted = await this.#guest.restore();
    return this.#booted;
  }
}
