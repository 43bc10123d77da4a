/** Reading agents while they come and go, a few thousand of them; 200,000 are in specs/scale. */
import { expect, test } from '../support/fixtures.js';
import { census, destroyAll } from '../support/guest.js';

const AGENTS = 4000;

test('ORDER-15: an agent that lives through a read of agents is in it exactly once, however it is read', async ({
  loaded,
}) => {
  const readers = ['1', '7', '64', '4096', '65536', '100:again', '4096:again', '512:pread', '300:from'];
  const seen = await census(loaded, AGENTS, 2, readers);
  expect(seen.map(({ how, wrong }) => ({ how, wrong }))).toEqual(readers.map((how) => ({ how, wrong: [] })));
  for (const { how, lines, churned } of seen) {
    expect(lines, `lines of ${how}`).toBeGreaterThanOrEqual(how.endsWith('from') ? AGENTS / 2 : AGENTS);
    expect(churned, `agents that came and went during ${how}`).toBeGreaterThan(0);
  }
  expect((await loaded.swarm.status()).active).toBe(0);
});

test('ORDER-17: while nothing changes every way of reading agents gives the same bytes', async ({
  loaded,
}) => {
  await loaded.sh(`yes '{"memory_limit":65537}' | head -n 3000 >/proc/swarm/create`);
  const differing = await loaded.sh(
    [
      'same() { [ "$(md5sum)" = "$(md5sum <"$1")" ] || echo "$2"; }',
      'cat /proc/swarm/agents >/tmp/all; size=$(stat -c %s /tmp/all)',
      'for bs in 1 13 4095 4096 65536; do dd if=/proc/swarm/agents bs=$bs status=none | same /tmp/all "by $bs"; done',
      // At offsets: each a seek of its own, over the ends of lines and of the file.
      'for at in 0 1 57 58 59 4096 65535 $((size - 1)) $size; do',
      '  tail -c +$((at + 1)) /tmp/all | head -c 777 >/tmp/piece',
      '  dd if=/proc/swarm/agents iflag=skip_bytes skip=$at bs=777 count=1 status=none | same /tmp/piece "at $at"',
      'done',
      // Two readers in turn, one of them ahead of the other.
      'exec 3</proc/swarm/agents 4</proc/swarm/agents',
      'for i in $(seq $((size / 3000 + 1))); do',
      '  dd bs=5000 count=1 status=none <&3 >>/tmp/three; dd bs=3000 count=1 status=none <&4 >>/tmp/four',
      'done; cat <&4 >>/tmp/four',
      'same /tmp/all "first of two" </tmp/three; same /tmp/all "second of two" </tmp/four; wc -l </tmp/all',
    ].join('\n'),
  );
  expect(differing).toBe('3000');
  await destroyAll(loaded);
  expect((await loaded.swarm.status()).active).toBe(0);
});

test('ORDER-16: a read of agents ends with the youngest there was when it began', async ({ loaded }) => {
  await loaded.sh(`yes '{}' | head -n 10 >/proc/swarm/create`);
  const lines = await loaded.sh(
    [
      'exec 3</proc/swarm/agents; dd bs=1 count=1 status=none <&3 >/tmp/begun',
      `yes '{}' | head -n 10 >/proc/swarm/create`,
      'cat <&3 >>/tmp/begun; wc -l </tmp/begun; cat <&3 | wc -l; wc -l </proc/swarm/agents',
    ].join('\n'),
  );
  expect(lines.split('\n')).toEqual(['10', '0', '20']);
  await destroyAll(loaded);
});
