/** A guest for specs: pristine for each file, the module loaded when asked for. */
import { buildModule } from './module.js';
import type { BuiltModule } from './module.js';
import type { BootedGuest } from '../../harness/guest/guest.js';
import { GuestStage, provideGuest } from '../../harness/guest/stage.js';
import type { GuestExtras, Provided } from '../../harness/guest/stage.js';
import { MODULE, ORACLE, load, loadOracle } from './loaded-guest.js';
import type { LoadedGuest } from './loaded-guest.js';

/**
 * Guests of one kernel, one after the other, with the module built for it. Specs get theirs from the fixtures
 * `booted` and `loaded`; scripts make a stage of their own and end it with {@link Stage.discard}.
 */
export class Stage extends GuestStage {
  /** The module, built for this kernel. */
  readonly module: BuiltModule;
  #loaded: LoadedGuest | undefined;

  private constructor(provided: Provided, module: BuiltModule) {
    super(provided);
    this.module = module;
  }

  /**
   * Provides everything for guests of a kernel: all of it from the cache the second time.
   * @param name of a kernel in the catalogue; the newest by default
   * @param extras what guests have beyond the usual
   */
  static async prepare(name?: string, extras: GuestExtras = {}): Promise<Stage> {
    const provided = await provideGuest(name, extras);
    return new Stage(provided, await buildModule(provided.kernel));
  }

  /**
   * A guest without the module.
   * @throws {InfrastructureError} if it does not come up.
   */
  override async booted(file: string): Promise<BootedGuest> {
    const guest = await super.booted(file);
    if (await guest.hasModule(MODULE)) await guest.sh(`rmmod ${MODULE}`);
    this.#loaded = undefined;
    return guest;
  }

  /**
   * The same guest with the module loaded, with its default parameters, and the oracle watching.
   * @throws {InfrastructureError} if the guest does not come up, {GuestCommandError} if the
   * module does not load.
   */
  async loaded(file: string): Promise<LoadedGuest> {
    const guest = await super.booted(file);
    if (this.#loaded?.isLoaded) return this.#loaded;
    if (await guest.hasModule(MODULE)) await guest.sh(`rmmod ${MODULE}`);
    if ((await guest.exec(`[ -e ${ORACLE} ]`)).code !== 0) await loadOracle(guest, this.module.oracle);
    return (this.#loaded = await load(guest, this.module.ko));
  }

  /** Ends the guest there is; the next one is pristine, and without the module. */
  override async discard(): Promise<void> {
    this.#loaded = undefined;
    await super.discard();
  }
}
