/** UEFI firmware for guests, whose database of keys has a certificate of the user's. */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { aptUpdate, describe, download } from '../archive/debian.js';
import { cached } from '../util/cache.js';
import { InfrastructureError } from '../util/errors.js';
import { step } from '../util/progress.js';

/** Files that QEMU makes the guest's flash memory of. */
export interface Firmware {
  /** The firmware itself, which is not written to. */
  readonly code: string;
  /** Its variables. */
  readonly variables: string;
}

/** A GUID as UEFI stores it: its first three numbers are little-endian. */
function guid(text: string): Buffer {
  const [a = '', b = '', c = '', ...rest] = text.split('-');
  const turned = [a, b, c].map((part) => Buffer.from(part, 'hex').reverse());
  return Buffer.concat([...turned, Buffer.from(rest.join(''), 'hex')]);
}

const u32 = (...values: number[]) =>
  Buffer.concat(
    values.map((value) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(value);
      return bytes;
    }),
  );

/* UEFI specification 2.10, 32.4.1 and 32.6.1. */
const CERT_X509 = guid('a5c059a1-94e4-4aa7-87b5-ab155c2bf072');
const IMAGE_SECURITY_DATABASE = guid('d719b2cb-3d3a-4596-a3bc-dad00e67656f');
/** The owner of the certificate; nobody looks at it. */
const OWNER = Buffer.alloc(16);

/** A list of one certificate: EFI_SIGNATURE_LIST. */
function signatureList(certificate: Buffer): Buffer {
  const size = OWNER.length + certificate.length;
  return Buffer.concat([CERT_X509, u32(28 + size, 0, size), OWNER, certificate]);
}

/** Non-volatile, and seen by the firmware and the kernel. */
const ATTRIBUTES = 7;
/** EDK II's MdeModulePkg/Include/Guid/VariableFormat.h: VARIABLE_DATA, VAR_ADDED, AUTHENTICATED_VARIABLE_HEADER. */
const VARIABLE_DATA = 0x55aa;
const VARIABLE_ADDED = 0x3f;

/** A variable as EDK II stores it. */
function variable(name: string, vendor: Buffer, data: Buffer): Buffer {
  const start = Buffer.alloc(8);
  start.writeUInt16LE(VARIABLE_DATA, 0);
  start.writeUInt8(VARIABLE_ADDED, 2);
  start.writeUInt32LE(ATTRIBUTES, 4);
  const text = Buffer.from(`${name}\0`, 'utf16le');
  // A count and a time, which only signed variables have.
  return Buffer.concat([start, Buffer.alloc(24), u32(0, text.length, data.length), vendor, text, data]);
}

/** The offset of the first variable: behind the headers of the volume and of the store. */
const FIRST = 0x64;

/**
 * Adds the variable `db` to variables that are empty.
 * @throws {InfrastructureError} if they are not.
 */
function withDatabase(variables: Buffer, certificate: Buffer): Buffer {
  const record = variable('db', IMAGE_SECURITY_DATABASE, signatureList(certificate));
  if (variables.readUInt32LE(FIRST) !== 0xffffffff)
    throw new InfrastructureError('the firmware of the package ovmf has variables already');
  return Buffer.concat([variables.subarray(0, FIRST), record, variables.subarray(FIRST + record.length)]);
}

/** The package with the firmware, unpacked; downloaded if it is not in the cache (6 MB). */
async function unpackedFirmware(): Promise<string> {
  const dir = await cached({
    kind: 'firmware',
    label: 'ovmf',
    key: [],
    build: (dir) =>
      step('Downloading UEFI firmware', async () => {
        await aptUpdate();
        const found = await describe('ovmf');
        if (!found) throw new InfrastructureError('the archive has no package ovmf');
        await download([found], dir);
        for (const name of await readdir(dir)) await execa('dpkg-deb', ['-x', join(dir, name), dir]);
      }),
  });
  return join(dir, 'usr/share/OVMF');
}

/**
 * Firmware whose `db` has a certificate. Secure Boot is off, but the kernel puts the certificates of `db` on its
 * keyring `.platform` all the same (security/integrity/platform_certs/load_uefi.c), and Debian's kernels accept
 * modules that are signed by those.
 * @param certificate the path of an X.509 certificate, in DER
 */
export async function firmwareTrusting(certificate: string): Promise<Firmware> {
  const from = await unpackedFirmware();
  const der = await readFile(certificate);
  const dir = await cached({
    kind: 'firmware',
    label: 'db',
    key: [from, der.toString('base64')],
    keep: 2,
    build: async (dir) => {
      const empty = await readFile(join(from, 'OVMF_VARS_4M.fd'));
      await writeFile(join(dir, 'variables.fd'), withDatabase(empty, der));
    },
  });
  return { code: join(from, 'OVMF_CODE_4M.fd'), variables: join(dir, 'variables.fd') };
}
