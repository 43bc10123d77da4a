/** A process that makes a root, to be killed meanwhile: `tsx killed-root.ts DIRECTORY`. */
import '../../harness.config.js';
import { debootstrap } from '../../harness/archive/debian.js';

await debootstrap(process.argv[2] ?? '', ['--variant=apt']);
