/** A guest with swarm_guard loaded, its /proc/swarm and the oracle. */
import { BootedGuest, LoadedModule } from '../../harness/guest/guest.js';
import type { ModuleParameters } from '../../harness/guest/lines.js';
import { parseStatus } from '../../client/abi/listing.js';
import { SwarmClient } from '../../client/client.js';

/** The module's name. */
export const MODULE = 'swarm_guard';

/** The file in which the oracle answers, once {@link loadOracle} has loaded it. */
export const ORACLE = '/proc/swarm_oracle';

/** The findings in readings of the oracle: every line but `ok N agents M members`. */
export function oracleFindings(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !/^ok \d+ agents \d+ members$/.test(line));
}

/** The leavings of a spec in a guest. */
interface Look {
  /** The oracle's findings. */
  readonly findings: readonly string[];
  /** The number of active agents; undefined if the module is loaded no more. */
  readonly active: number | undefined;
}

/** A line that is in neither file. */
const BETWEEN = '-----';

/** A guest with the module loaded. */
export class LoadedGuest extends BootedGuest {
  readonly #module: LoadedModule;
  readonly #swarm = new SwarmClient(this);
  #unloaded = false;

  constructor(guest: BootedGuest, module: LoadedModule) {
    super(guest);
    this.#module = module;
  }

  /**
   * /proc/swarm of this guest.
   * @throws after {@link LoadedGuest.unload}: there is none any more.
   */
  get swarm(): SwarmClient {
    if (this.#unloaded) throw new Error('the module was unloaded: this guest has no /proc/swarm any more');
    return this.#swarm;
  }

  /** Says whether the module is still loaded, as far as this guest was told. */
  get isLoaded(): boolean {
    return !this.#unloaded;
  }

  /** Looks at the guest by one command, and notices if somebody else has unloaded the module. */
  async look(): Promise<Look> {
    const status = 'cat /proc/swarm/status 2>/dev/null || true';
    const text = await this.sh(`cat ${ORACLE} && echo ${BETWEEN} && { ${status}; }`);
    const [findings = '', figures = ''] = text.split(BETWEEN).map((each) => each.trim());
    if (figures === '') this.#unloaded = true;
    return {
      findings: oracleFindings(findings),
      active: figures === '' ? undefined : parseStatus(figures).active,
    };
  }

  /** The oracle's findings: none if every descendant of an agent is a member and where it belongs. */
  async findings(): Promise<string[]> {
    return oracleFindings(await this.sh(`cat ${ORACLE}`));
  }

  /**
   * Unloads the module.
   * @throws {GuestCommandError} if it is in use.
   */
  async unload(): Promise<void> {
    await this.#module.unload();
    this.#unloaded = true;
  }
}

/**
 * Loads swarm_guard.
 * @param ko path on the host, from buildModule()
 * @throws {GuestCommandError} with the end of the kernel's log if it does not load.
 */
export async function load(
  guest: BootedGuest,
  ko: string,
  parameters: ModuleParameters = {},
): Promise<LoadedGuest> {
  return new LoadedGuest(guest, await guest.load(ko, parameters));
}

/**
 * Loads swarm_guard from where {@link load} has copied it before.
 * @throws {GuestCommandError} with the end of the kernel's log if it does not load.
 */
export async function reload(guest: BootedGuest, parameters: ModuleParameters = {}): Promise<LoadedGuest> {
  return new LoadedGuest(guest, await guest.reload(MODULE, parameters));
}

/** The same guest, if something else has loaded the module. */
export function asLoaded(guest: BootedGuest): LoadedGuest {
  return new LoadedGuest(guest, new LoadedModule(guest, MODULE));
}

/**
 * Loads the oracle, which watches the module that is loaded from now on (module/tests/oracle).
 * @param ko path on the host, from buildModule()
 */
export async function loadOracle(guest: BootedGuest, ko: string): Promise<void> {
  await guest.load(ko);
}
