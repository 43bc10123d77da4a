/** Programs in namespaces of their own. */

/**
 * Before a program and its arguments: it runs with mounts and process ids of its own. What it mounts is seen by nobody
 * else and gone with it, and it and all its descendants are killed if we die, however that happens. Takes root.
 */
export const ENCLOSED: readonly string[] = [
  ...['setpriv', '--pdeathsig', 'KILL'],
  ...['unshare', '--pid', '--fork', '--kill-child', '--mount', '--propagation', 'private'],
];
