/** Debian packages of what SwarmGuard is measured against; one root for all benchmarks. */
export const PEER_PACKAGES = ['crun', 'runc', 'bubblewrap', 'apparmor', 'stress-ng'] as const;
