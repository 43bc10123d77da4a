/** A guest for specs: pristine for each file. */
import { provideKernel } from '../kernels/provide.js';
import type { Kernel } from '../kernels/kernel.js';
import { guestInitrd } from './root.js';
import { stepsFor } from '../util/progress.js';
import { Guest } from './guest.js';
import type { BootedGuest, GuestOptions } from './guest.js';

/** Extras of a guest beyond the usual. */
export interface GuestExtras extends Omit<GuestOptions, 'kernel' | 'initrd'> {
  /** Debian packages, with what they depend on; unpacked but not configured, unless {@link installed} says so. */
  packages?: readonly string[];
  /** The packages are installed and configured as on any machine, and apt and dpkg work. */
  installed?: boolean;
}

/** A kernel, and guests of it. */
export interface Provided {
  readonly kernel: Kernel;
  readonly guest: Guest;
}

/**
 * Provides everything for guests of a kernel: all of it from the cache the second time.
 * @param name of a kernel in the catalogue; the newest by default
 * @param extras what guests have beyond the usual
 */
export async function provideGuest(
  name?: string,
  { packages, installed, ...hardware }: GuestExtras = {},
): Promise<Provided> {
  stepsFor(name ?? '');
  const kernel = await provideKernel(name);
  const initrd = await guestInitrd(kernel, packages, installed);
  return { kernel, guest: await Guest.create({ ...hardware, kernel, initrd }) };
}

/** Gives each spec file a guest of its own, restored from a snapshot and ended after it. */
export class GuestStage {
  /** The kernel that its guests boot. */
  readonly kernel: Kernel;
  readonly #guest: Guest;
  /** Looks at a guest that has done all specs of a file, before it is ended; says what is wrong with it. */
  lastLook: (guest: BootedGuest) => Promise<string[]> = () => Promise.resolve([]);
  #file = '';
  #booted: BootedGuest | undefined;

  constructor({ kernel, guest }: Provided) {
    this.kernel = kernel;
    this.#guest = guest;
  }

  /** The accelerator that guests run with, and why. */
  get acceleration(): string {
    return this.#guest.acceleration;
  }

  /** The guest there is. */
  get current(): BootedGuest | undefined {
    return this.#booted;
  }

  /**
   * The guest of a spec file: one of its own, as long as nothing fails in it.
   * @throws {InfrastructureError} if it does not come up.
   */
  async booted(file: string): Promise<BootedGuest> {
    if (this.#booted && this.#file === file) return this.#booted;
    await this.leave();
    this.#file = file;
    this.#booted = await this.#guest.restore();
    return this.#booted;
  }

  /**
   * Ends the guest there is, if it is recorded, and keeps the recording.
   * @param spec what failed in it
   * @returns the name to replay it by, or undefined if there is none.
   */
  async keepRecording(spec: string): Promise<string | undefined> {
    return this.#booted?.keepRecording(spec);
  }

  /**
   * A guest that was booted from power-on rather than restored, for specs about what may differ from boot to boot.
   * @throws {InfrastructureError} if it does not come up.
   */
  async rebooted(file: string): Promise<BootedGuest> {
    await this.discard();
    this.#file = file;
    this.#booted = await this.#guest.boot();
    return this.#booted;
  }

  /**
   * Ends the guest there is, after a last look at it.
   * @throws with what the {@link GuestStage.lastLook} finds.
   */
  async leave(): Promise<void> {
    const guest = this.#booted;
    try {
      if (!guest || guest.machine.ended.aborted) return;
      const found = await this.lastLook(guest);
      if (found.length > 0) throw new Error(`in the guest of ${this.#file}:\n${found.join('\n')}`);
    } finally {
      await this.discard();
    }
  }

  /** Ends the guest there is; the next one is pristine. */
  async discard(): Promise<void> {
    const guest = this.#booted;
    this.#booted = undefined;
    await guest?.stop();
  }
}
