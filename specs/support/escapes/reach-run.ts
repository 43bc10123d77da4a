/** Runs `reach` in a guest: as root outside, in an agent, and as whatever else is compared. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { quoted } from '../../../client/client.js';
import type { BootedGuest } from '../../../harness/guest/guest.js';
import type { Kernel } from '../../../harness/kernels/kernel.js';
import { readModuleFile } from '../../../harness/kernels/module-file.js';
import { jsonLines } from '../../../harness/util/json-lines.js';
import { ALL_WAYS } from './reach.js';
import type { Went } from './reach.js';

/** The modules that are loaded before, as far as the kernel has them: then what is tried is there, for everybody. */
const MODULES = [
  ...['af_key', 'rxrpc', 'vsock', 'vsock_loopback', 'tipc', 'rds', 'kcm', 'smc', 'can', 'can-raw'],
  ...['bluetooth', 'nfc', 'ieee802154_socket', 'phonet', 'caif_socket', 'qrtr', 'llc2', 'ax25', 'netrom'],
  ...['rose', 'x25', 'appletalk', 'atm', 'pppox', 'sctp', 'l2tp_ip', 'xfrm_user', 'nf_tables'],
  ...[
    'nf_conntrack_netlink',
    'ip_set',
    'crypto_user',
    'scsi_transport_iscsi',
    'algif_hash',
    'algif_skcipher',
  ],
  ...[
    'algif_aead',
    'algif_rng',
    'cbc',
    'authenc',
    'authencesn',
    'overlay',
    'fuse',
    'binfmt_misc',
    'configfs',
  ],
  ...['tun', 'loop', 'vhost_net', 'uinput', 'tls'],
];

/** The output of the program about one way. */
const line = z.strictObject({
  name: z.string(),
  reached: z.boolean(),
  answer: z.string(),
  own: z.boolean(),
});

/** Modules and what they depend on, in loading order. */
async function withDependencies(kernel: Kernel, wanted: readonly string[]): Promise<Buffer[]> {
  const nameOf = (path: string) =>
    basename(path)
      .replace(/\.ko(\.xz)?$/, '')
      .replaceAll('-', '_');
  const files = existsSync(kernel.modules) ? await readdir(kernel.modules, { recursive: true }) : [];
  const paths = new Map(
    files.filter((path) => /\.ko(\.xz)?$/.test(path)).map((path) => [nameOf(path), path] as const),
  );
  const loaded = new Map<string, Buffer>();
  const add = async (name: string): Promise<void> => {
    const path = paths.get(name);
    if (path === undefined || loaded.has(name)) return;
    const module = await readModuleFile(join(kernel.modules, path));
    const depends = /\0depends=([^\0]*)\0/.exec(module.toString('latin1'))?.[1] ?? '';
    for (const each of depends.split(',').filter(Boolean)) await add(each.replaceAll('-', '_'));
    loaded.set(name, module);
  };
  for (const name of wanted) await add(name.replaceAll('-', '_'));
  return [...loaded.values()];
}

const DIR = '/srv/reach';

/** The modules, and a program in the place of modprobe and of the core dump's helper, which notes what it is given. */
export async function prepareReach(guest: BootedGuest, kernel: Kernel): Promise<void> {
  const modules = await withDependencies(kernel, MODULES);
  await guest.writeFile('/run/modules', Buffer.concat(modules));
  let from = 1;
  const lines = modules.map(({ length }) => {
    const at = from;
    from += length;
    // Some are there already, and some find no hardware.
    return `tail -c +${at} /run/modules | head -c ${length} >/run/module.ko; insmod /run/module.ko 2>/dev/null`;
  });
  await guest.sh(`${lines.join('\n')}\nrm -f /run/modules /run/module.ko`, { timeoutMs: 300_000 });
  await guest.sh(`mkdir -p ${DIR}`);
  await guest.writeFile(`${DIR}/helper`, `#!/bin/sh\necho "$@" >>${DIR}/ran\n`);
  // So that everybody may make such a socket; the kernel's own default is nobody.
  await guest.sh(`chmod 755 ${DIR}/helper; echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range`);
}

/** The sysctls that are set while somebody tries every way. */
const SETTINGS: Readonly<Record<string, string>> = {
  'kernel/modprobe': `${DIR}/helper`,
  'kernel/core_pattern': `|${DIR}/helper core %P`,
  'kernel/core_pipe_limit': '4',
};

/**
 * Has somebody try every way.
 * @param run runs the program `reach` as them; returns its output
 */
export async function reach(guest: BootedGuest, run: (program: string) => Promise<string>): Promise<Went> {
  const before = await Promise.all(
    Object.keys(SETTINGS).map(async (name) => [name, await guest.sh(`cat /proc/sys/${name}`)] as const),
  );
  const set = async (settings: Iterable<readonly [string, string]>) => {
    for (const [name, value] of settings) await guest.sh(`printf %s ${quoted(value)} >/proc/sys/${name}`);
  };
  await guest.sh(`: >${DIR}/ran`);
  await set(Object.entries(SETTINGS));
  const lines = jsonLines(await run('/usr/local/bin/reach'), line);
  await set(before);
  const ran = await guest.sh(`cat ${DIR}/ran`);
  return Object.fromEntries(
    ALL_WAYS.map((way) => {
      const said = lines.find(({ name }) => name === way.name);
      if (!said) throw new Error(`reach said nothing of ${way.name}`);
      const reached = way.ran ? way.ran.test(ran) : said.reached;
      const own = said.own ? 'reached in a user namespace of its own' : 'reached';
      return [way.name, reached ? own : said.answer === 'ok' ? 'no helper ran' : said.answer];
    }),
  );
}
