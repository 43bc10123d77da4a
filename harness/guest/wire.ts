/** Wires between guests: each end is a network card of one guest, and carries Ethernet frames to the other end's. */
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporaryName } from '../util/cache.js';

/** One end of a wire. The guest sees it as a second network card, `eth1`, without an address. */
export interface WireEnd {
  /** The path of the socket on the host that frames for this guest come in by. */
  readonly local: string;
  /** The path of the other guest's. */
  readonly remote: string;
  /** The card's hardware address. */
  readonly mac: string;
}

/** A wire between two guests; its sockets are gone when it is disposed of. */
export interface Wire extends AsyncDisposable {
  /** The two ends, one for each guest. */
  readonly ends: readonly [WireEnd, WireEnd];
}

/** Makes a wire. Each guest takes one of its ends, as `wire` of its options. */
export function makeWire(): Wire {
  const name = join(tmpdir(), `wire-${temporaryName()}`);
  const [one, other] = [`${name}-1`, `${name}-2`];
  return {
    ends: [
      { local: one, remote: other, mac: '52:54:00:00:77:01' },
      { local: other, remote: one, mac: '52:54:00:00:77:02' },
    ],
    async [Symbol.asyncDispose]() {
      await Promise.all([one, other].map((path) => rm(path, { force: true })));
    },
  };
}

/** The network card's name in QEMU. */
export const WIRE = 'wire';

/** QEMU's arguments for an end: frames are datagrams, so the other end may come later, end, or never be there. */
export function wireArguments({ local, remote, mac }: WireEnd): string[] {
  const socket = `local.type=unix,local.path=${local},remote.type=unix,remote.path=${remote}`;
  return [
    ...['-netdev', `dgram,id=${WIRE},${socket}`],
    ...['-device', `virtio-net-pci,netdev=${WIRE},mac=${mac},romfile=`],
  ];
}
