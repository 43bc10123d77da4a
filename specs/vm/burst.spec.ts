/** Many events at once: none is lost where there is room, and what is lost is known to the number. */
import { jsonLines } from '../../harness/util/json-lines.js';
import { read } from '../support/figures.js';
import { expect, test } from '../support/fixtures.js';
import { parseMetrics } from '../support/metrics.js';
import { load } from '../support/loaded-guest.js';
import type { LoadedGuest } from '../support/loaded-guest.js';

const BURST = 100_000;
/** created, spawned and destroyed. */
const LIFE = 3;
const THREADS = 4;

const RUN = `launch '{"spawn":true,"privileged":true,"namespace_flags":0}' /usr/local/bin/events burst ${BURST} ${THREADS} >/dev/null 2>&1`;
const SETTLED = "until [ $(sed -n 's/Active agents: //p' /proc/swarm/status) = 0 ]; do sleep 0.05; done";

async function lost(guest: LoadedGuest): Promise<number> {
  return (await parseMetrics(await guest.swarm.metrics())).get('swarm_guard_events_lost_total') ?? NaN;
}

test(
  'EVENT-18: a burst of 100,000 events loses none in a ring sized for it, whenever it is read',
  { tag: '@many-events' },
  async ({ booted, module }) => {
    const guest = await load(booted, module.ko, { event_buffer: 200_100, event_rate: 0 });
    // One reader meanwhile and one that comes afterwards.
    const script = [
      `events each 1 ${BURST + LIFE} >/tmp/seen 2>/tmp/started & reader=$!`,
      'until grep -q start /tmp/started; do sleep 0.02; done',
      `${RUN}; ${SETTLED}`,
      'wait $reader; cat /tmp/seen',
    ];
    const seen = await guest.sh(script.join('\n'), { timeoutMs: 170_000 });
    expect(jsonLines(seen, read)).toEqual([{ lines: BURST + LIFE, gaps: 0, lost: 0 }]);
    const late = `events pieces 65536 | awk -F '[:,]' '$2 != NR { bad++ } END { print NR, bad + 0 }'`;
    expect(await guest.sh(late, { timeoutMs: 170_000 })).toBe(`${BURST + LIFE} 0`);
    expect(await lost(guest)).toBe(0);
    expect((await guest.swarm.status()).violations).toBe(BURST);
    await guest.unload();
  },
);

test(
  'EVENT-19: a reader of a ring that is too small is told exactly how many it lost',
  { tag: '@many-events' },
  async ({ booted, module }) => {
    const size = 1024;
    const guest = await load(booted, module.ko, { event_buffer: 2 * size - 10, event_rate: 0 });
    const script = [
      'exec 4</proc/swarm/events',
      `${RUN}; ${SETTLED}`,
      'dd iflag=nonblock bs=64k <&4 2>/dev/null | sed -n "1,4p;\\$p"; dd if=/proc/swarm/events iflag=nonblock bs=64k 2>/dev/null | grep -c "\\"violation\\""',
    ];
    const lines = (await guest.sh(script.join('\n'), { timeoutMs: 170_000 })).split('\n');
    const gone = BURST - size;
    // What becomes of the agent has a share of its own.
    expect(lines[0]).toMatch(/^\{"seq":1,.*"event":"created"/);
    expect(lines[1]).toMatch(/^\{"seq":2,.*"event":"spawned"/);
    expect(lines[2]).toMatch(
      new RegExp(`^\\{"seq":${gone + 2},"time":\\d+,"event":"lost","count":${gone}\\}$`),
    );
    expect(lines[3]).toMatch(new RegExp(`^\\{"seq":${gone + 3},`));
    expect(lines[4]).toMatch(new RegExp(`^\\{"seq":${BURST + LIFE},.*"event":"destroyed"`));
    // One that comes later has lost nothing: it begins with what there is.
    expect(lines[5]).toBe(`${size}`);
    expect(await lost(guest)).toBe(gone);
    await guest.unload();
  },
);
