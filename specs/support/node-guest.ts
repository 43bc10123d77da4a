/** The guest of specs that run programs in it which need an interpreter. */
import type { GuestExtras } from '../../harness/guest/stage.js';

/** Node.js, Python and an init, in one root for all of these specs, since making a root takes over a minute. */
export const NODE_GUEST: GuestExtras = {
  packages: ['nodejs', 'python3-minimal', 'tini'],
  memoryMb: 3072,
};
