/** The limits of what is written to /proc/swarm. */

/** The longest object, in bytes of UTF-8. */
export const OBJECT_MAX = 4096;
/** The most rules of `devices`. */
export const DEVICES_MAX = 16;
/** The most paths of `exec_paths`. */
export const EXEC_PATHS_MAX = 8;
/** The most entries of `sockets` that name a protocol. */
export const SOCKETS_MAX = 8;
/** The longest name, in bytes. */
export const NAME_MAX = 31;
/** The longest host name, in bytes. */
export const HOSTNAME_MAX = 64;
/** The smallest limit of memory, in bytes. */
export const MEMORY_MIN = 65_536;
/** The largest process id, and the most processes and threads: what Linux itself allows. */
export const PIDS_MAX = 4_194_304;
/** The largest descriptor of a process. */
export const DESCRIPTOR_MAX = 0x7fff_ffff;
/** The largest id of an agent, 2^53 - 1: any reader of JSON holds it exactly. */
export const ID_MAX = Number.MAX_SAFE_INTEGER;
