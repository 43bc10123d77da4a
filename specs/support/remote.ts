/** Guests with swarmctl as machines that are reached by SSH. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectOptions } from '../../client/remote/ssh.js';
import { guestKeys } from '../../harness/guest/keys.js';
import type { BootedGuest } from '../../harness/guest/guest.js';

/** The address of a guest: its port on this machine, and its line of `known_hosts`. */
async function lineOf(guest: BootedGuest): Promise<{ port: number; line: string }> {
  const port = await guest.machine.sshPort();
  const [type, key] = (await guest.sh('dropbearkey -y -f /etc/dropbear/host_key | grep ^ssh-')).split(' ');
  return { port, line: `[127.0.0.1]:${port} ${type} ${key}\n` };
}

/**
 * Makes the home of a user who may log in as root on guests, and knows their keys.
 * @returns its path, each guest's address for `--host`, and what removes it.
 */
export async function makeHome(
  guests: readonly BootedGuest[],
): Promise<{ home: string; hosts: string[] } & AsyncDisposable> {
  const home = await mkdtemp(join(tmpdir(), 'home-'));
  const reached = await Promise.all(guests.map(lineOf));
  await mkdir(join(home, '.ssh'));
  await writeFile(join(home, '.ssh/known_hosts'), reached.map(({ line }) => line).join(''));
  await writeFile(join(home, '.ssh/id_ed25519'), (await guestKeys()).privateKey, { mode: 0o600 });
  return {
    home,
    hosts: reached.map(({ port }) => `ssh://root@127.0.0.1:${port}`),
    [Symbol.asyncDispose]: () => rm(home, { recursive: true }),
  };
}

/**
 * Writes what {@link ConnectOptions} needs to reach a guest whose swarmctl is started by `command`.
 * @param dir where the file of known hosts goes
 */
export async function addressOf(guest: BootedGuest, command: string, dir: string): Promise<ConnectOptions> {
  const { port, line } = await lineOf(guest);
  const knownHosts = join(dir, 'known_hosts');
  await writeFile(knownHosts, `# the guest\n${line}`);
  const { privateKey } = await guestKeys();
  return { host: '127.0.0.1', port, username: 'root', privateKey, knownHosts, command };
}
