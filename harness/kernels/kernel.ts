/** A kernel as everything else takes it, wherever it came from. */
import type { Bind } from '../archive/tool-root.js';
import type { Architecture } from '../util/architecture.js';
import type { Checks } from './catalogue.js';

/** A kernel that can be built for and booted. */
export interface Kernel {
  /** Its name in the catalogue. */
  readonly name: string;
  /** Its release, as `uname -r` prints it. */
  readonly release: string;
  /** The architecture that it runs on. */
  readonly arch: Architecture;
  /** The image that QEMU boots. */
  readonly image: string;
  /** Its modules, as far as there are any: a directory such as lib/modules/<release>. */
  readonly modules: string;
  /** The directories that a root must see to build modules for it, and where. */
  readonly headers: Bind[];
  /** The directory to build against, inside such a root. */
  readonly kdir: string;
  /** The errors that it looks for while it runs. */
  readonly checks?: Checks | undefined;
  /** The factor by which everything takes longer on it than on others. */
  readonly slower?: number | undefined;
  /** Image and headers come of one build: their structures are the same, and the image does not tell of them. */
  readonly builtTogether?: boolean;
}
