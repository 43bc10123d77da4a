/** Guests that are connected to each other. */
import { makeWire, provideGuest } from '../../harness/index.js';
import type { BootedGuest } from '../../harness/index.js';
import { expect, test } from '../support/fixtures.js';

/** Asks a guest for the first words of the other's SSH server; none after 5 s. */
const greeting = async (guest: BootedGuest, other: number) =>
  (await guest.exec(`timeout 5 bash -c 'exec 3<>/dev/tcp/10.77.0.${other}/22; head -c 3 <&3'`)).stdout;

test('GUEST-26: two guests on a wire reach each other, until the wire is pulled out or the other guest ends', async ({
  kernelName,
}) => {
  await using wire = makeWire();
  const [first, second] = await Promise.all(
    wire.ends.map(async (end, index) => {
      const { guest } = await provideGuest(kernelName || undefined, { wire: end });
      const booted = await guest.boot();
      await booted.sh(`ip addr add 10.77.0.${index + 1}/24 dev eth1; ip link set eth1 up`);
      return booted;
    }),
  );
  if (!first || !second) throw new Error('two guests were to boot');
  await using one = first;
  await using other = second;
  expect([await greeting(one, 2), await greeting(other, 1)]).toEqual(['SSH', 'SSH']);
  await other.machine.wire(false);
  expect(await other.sh('cat /sys/class/net/eth1/carrier')).toBe('0');
  expect(await greeting(one, 2)).toBe('');
  await other.machine.wire(true);
  await expect.poll(() => greeting(one, 2)).toBe('SSH');
  await other.stop();
  expect(await greeting(one, 2)).toBe('');
});
