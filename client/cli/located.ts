/** Options of swarmctl that name files of the machine where agents run, which --host may say is another one. */
import type { Swarm } from '../swarm.js';
import type { PolicyOptions } from './policy.js';
import type { RootOptions } from './root.js';

/** A device file and the accesses to it: `/dev/fuse rw`, as values.ts leaves it. */
const DEVICE_FILE = /^(\/.*) ([rwm]+)$/;

/** Puts numbers in the place of device files. */
async function devicesOf(swarm: Swarm, devices: readonly string[]): Promise<string[]> {
  const files = devices.flatMap((each) => DEVICE_FILE.exec(each)?.[1] ?? []);
  if (files.length === 0) return [...devices];
  const found = [...(await swarm.locate({ devices: files })).devices];
  return devices.map((each) => {
    const access = DEVICE_FILE.exec(each)?.[2];
    return access === undefined ? each : `${found.shift() ?? ''} ${access}`;
  });
}

/**
 * The options with devices as numbers and sources as absolute paths, both of the machine where agents run.
 * @throws {SwarmError} if there is no such device.
 */
export async function located<T extends PolicyOptions & RootOptions>(swarm: Swarm, options: T): Promise<T> {
  const { device, rootfs, bind = [] } = options;
  const sources = [...(rootfs === undefined ? [] : [rootfs]), ...bind.map(({ source }) => source)];
  if (device === undefined && sources.length === 0) return options;
  const { paths } = await swarm.locate({ paths: sources });
  const found = [...paths];
  return {
    ...options,
    ...(device === undefined ? {} : { device: await devicesOf(swarm, device) }),
    ...(rootfs === undefined ? {} : { rootfs: found.shift() }),
    ...(options.bind === undefined
      ? {}
      : { bind: bind.map((each, index) => ({ ...each, source: found[index] ?? each.source })) }),
  };
}
