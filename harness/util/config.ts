/** The configuration of a project that uses the harness: one file, which its Playwright configuration and its scripts import. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Architecture } from './architecture.js';

/** The result of a command: its exit status and output. */
export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  /** Standard output and standard error, as they came. */
  readonly output: string;
}

/** A build of modules that is under way. */
export interface ModuleBuild {
  /** The architecture that the modules are built for. */
  readonly arch: Architecture;
  /** The release of the kernel that it is for. */
  readonly release: string;
  /** The directory that it fills, with a copy of the sources in `src`; /build for its commands. */
  readonly dir: string;
  /** Runs a command in /build/src, among the tools. Any exit status is an answer. */
  readonly run: (command: readonly string[], env?: Readonly<Record<string, string>>) => Promise<RunResult>;
}

/** A directory of kernel modules, and how they are built. */
export interface ModuleSources {
  /** The directory with a Kbuild, or with a Makefile of its own, which takes KDIR. */
  readonly dir: string;
  /** The targets of that Makefile; without any, kbuild itself builds what the Kbuild names. */
  readonly targets?: readonly string[];
  /** The modules that these make, by their paths in the directory. */
  readonly modules: readonly string[];
  /** The files that the build does not read, by their paths in the directory. */
  readonly unused?: RegExp;
  /**
   * A script in the directory that compares a module's structures with the kernel's: its arguments are the kernel's
   * build directory and the modules, the variable BTF names the image's types.
   */
  readonly audit?: string;
  /** Builds anything else into the directory of the build; `src` is removed afterwards. */
  readonly also?: {
    readonly build: (build: ModuleBuild) => Promise<void>;
    /** The path of the file with that function: if it changes, all is built anew. */
    readonly file: string;
  };
}

/** The contents of guests' roots beside packages. */
export interface GuestContents {
  /**
   * A directory of C files. Each becomes a program in /usr/local/bin, linked statically with the parts that
   * it uses of the files in `lib` of that directory.
   */
  readonly programs?: string;
  /** Executable files, by their paths in the guest: paths on the host. */
  readonly files?: Readonly<Record<string, string>>;
}

/** The project's own command lines, as messages name them; by default the functions of the harness that do the same. */
export interface Commands {
  /** Shows a recording again. */
  readonly replay?: (recording: string) => string;
  /** Moves the lock file to the newest patch releases. */
  readonly update?: string;
  /** Runs the specs on a kernel. */
  readonly test?: (kernel: string) => string;
  /** Gives a kernel a tree, whose place is PATH. */
  readonly tree?: (kernel: string) => string;
}

const OWN_COMMANDS: Required<Commands> = {
  replay: (recording) =>
    `await replay(await openRecording('${recording}'), (text) => process.stdout.write(text))`,
  update: 'updateLock()',
  test: (kernel) => `KMOD_HARNESS_RUN='{"kernels":["${kernel}"]}' npx playwright test`,
  tree: (kernel) => `runSpecs({ trees: { '${kernel}': PATH } })`,
};

/** The argument of {@link defineHarness}: the modules under test, and everything about their project that the harness needs to know. */
export interface HarnessConfig {
  /** Short, in lower case: the name of the cache's directory and of temporary ones. */
  readonly name: string;
  /** The project's name on pages; `name` by default. */
  readonly title?: string;
  /** The project's root directory: specs are told by their paths in it, and reports are kept in `report` there. */
  readonly root: string;
  /** The modules that are tested. */
  readonly modules: ModuleSources;
  /**
   * The slab caches that the modules make, as `slub_debug` takes their names (`name_*`). Guests then check these and
   * what modules mostly take from the kernel, rather than every cache, which takes an emulated guest twice the time.
   */
  readonly caches?: readonly string[];
  /** Programs and files for the roots of guests. */
  readonly guest?: GuestContents;
  /** Debian packages that the root with the compilers and QEMU has beyond its own, for specs that run programs in it. */
  readonly tools?: readonly string[];
  /** The directory with catalogue.json and lock.json; by default the one that comes with the harness. */
  readonly kernels?: string;
  /**
   * The files and directories in `root` that specs depend on, so that results of an earlier commit stand if none of
   * these has changed: everything by default.
   */
  readonly sources?: readonly string[];
  /** Files among these that no result depends on. */
  readonly reporting?: RegExp;
  /** Command lines of the project that replace those of the harness in messages. */
  readonly commands?: Commands;
}

/** The configuration, complete. */
export type Harness = Required<Omit<HarnessConfig, 'reporting' | 'commands'>> &
  Pick<HarnessConfig, 'reporting'> & { readonly commands: Required<Commands> };

/** The files that come with the harness: kernels, and the guest's first process. */
export const images = fileURLToPath(new URL('../../vm-images', import.meta.url));

let defined: Harness | undefined;

/**
 * Defines what the harness is used for; called once, before anything else of it.
 * @returns the same, complete
 */
export function defineHarness(config: HarnessConfig): Harness {
  defined = {
    title: config.name,
    caches: [],
    guest: {},
    tools: [],
    kernels: join(images, 'kernels'),
    sources: ['.'],
    ...config,
    commands: { ...OWN_COMMANDS, ...config.commands },
  };
  return defined;
}

/**
 * The configuration that {@link defineHarness} has defined.
 * @throws if nothing has.
 */
export function harness(): Harness {
  if (defined) return defined;
  throw new Error(
    'no harness is defined: import the file that calls defineHarness() in playwright.config.ts and in every script',
  );
}
