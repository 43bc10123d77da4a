/** Measuring time: refused where a time would mean nothing, and else in turn, with what it is worth. */
import { expect, test } from '@playwright/test';
import { time, timeIn } from '../../bench/measure/time.js';
import { readCatalogue } from '../../harness/kernels/catalogue.js';

test.describe.configure({ timeout: 1_800_000 });

const quiet = () => undefined;

test('BENCH-18: on an emulated processor no time is measured, and the report says why', async () => {
  const { newest } = await readCatalogue();
  const { figures, missing, machine } = await timeIn({ boots: 1, rounds: 2 }).measure(newest, quiet);
  test.skip(machine['method']?.startsWith('kvm') === true, 'the processor is a real one here');
  expect(figures).toEqual([]);
  expect(missing).toEqual([
    {
      title: 'nanoseconds of calls',
      reason: expect.stringMatching(/emulated processor's times.*\(tcg: .+\)/),
    },
  ]);
  expect(time.name).toBe('time');
});

test('BENCH-19: times are those of each call without the module, with it and inside an agent, in turn', async () => {
  const { newest } = await readCatalogue();
  const boots: string[] = [];
  const result = await timeIn({ boots: 2, rounds: 3, evenEmulated: true }).measure(newest, (step) => {
    boots.push(step);
  });
  expect(boots).toEqual(['times, boot 1 of 2', 'times, boot 2 of 2']);
  // Two boots of three rounds, each of three outputs.
  expect(result.raw['times']?.match(/^== setns$/gm)).toHaveLength(2 * 3 * 3);
  const ids = result.figures.map(({ id }) => id);
  for (const call of ['setns', 'open-device', 'thread'])
    expect(ids).toEqual(
      expect.arrayContaining([`time/${call}/outside`, `time/${call}/inside`, `time/${call}/noise`]),
    );
  for (const { id, value, spread, unit } of result.figures) {
    expect(unit, id).toBe('nanoseconds');
    expect(Number.isFinite(value), id).toBe(true);
    if (spread) expect(spread[0] <= value && value <= spread[1], id).toBe(true);
    if (id.endsWith('/noise')) expect(value, id).toBeGreaterThanOrEqual(0);
  }
});
