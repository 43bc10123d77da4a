/** Host keys that a user trusts: known_hosts, as in sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". */
import { createHmac } from 'node:crypto';

/** A key that the file has for a host. */
export interface KnownKey {
  /** As SSH has it: ssh-ed25519. */
  readonly type: string;
  /** In base64. */
  readonly key: string;
  readonly revoked: boolean;
}

/** The name that the file has for a host: with its port, unless that is 22. */
function nameOf(host: string, port: number): string {
  return port === 22 ? host : `[${host}]:${port}`;
}

/** Is a name among hashed ones, `|1|SALT|HASH`? */
function hashed(pattern: string, name: string): boolean {
  const [, , salt = '', hash = ''] = pattern.split('|');
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
}

/** Does a pattern with `*` and `?` cover a name? */
function covers(pattern: string, name: string): boolean {
  const parts = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${parts}$`, 'i').test(name);
}

/** Do the patterns of a line cover a name? One that is negated and covers it says no. */
function matches(patterns: string, name: string): boolean {
  if (patterns.startsWith('|1|')) return hashed(patterns, name);
  const list = patterns.split(',');
  if (list.some((each) => each.startsWith('!') && covers(each.slice(1), name))) return false;
  return list.some((each) => !each.startsWith('!') && covers(each, name));
}

/**
 * The keys that a file has for a host. Certificate authorities are left out: this client knows no certificates.
 * @param text of the file
 */
export function knownKeys(text: string, host: string, port: number): KnownKey[] {
  const name = nameOf(host, port);
  return text.split('\n').flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const marker = words[0]?.startsWith('@') === true ? words.shift() : undefined;
    const [patterns = '', type, key] = words;
    if (patterns === '' || patterns.startsWith('#') || type === undefined || key === undefined) return [];
    if (marker === '@cert-authority' || !matches(patterns, name)) return [];
    return [{ type, key, revoked: marker === '@revoked' }];
  });
}
