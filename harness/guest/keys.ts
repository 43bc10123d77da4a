/** The key pair that opens every guest of this machine; made once. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { cached } from '../util/cache.js';
import { harness } from '../util/config.js';

export interface GuestKeys {
  /** The private key, to log in with. */
  readonly privateKey: string;
  /** The line for authorized_keys. */
  readonly publicKey: string;
}

/** The keys, from the cache. They open nothing but guests on this machine's loopback interface. */
export async function guestKeys(): Promise<GuestKeys> {
  const dir = await cached({
    kind: 'keys',
    label: 'guest',
    key: ['ed25519'],
    build: async (dir) => {
      const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment: harness().name });
      await writeFile(join(dir, 'private'), pair.private, { mode: 0o600 });
      await writeFile(join(dir, 'public'), pair.public);
    },
  });
  return {
    privateKey: await readFile(join(dir, 'private'), 'utf8'),
    publicKey: (await readFile(join(dir, 'public'), 'utf8')).trim(),
  };
}
