/** The ways into the kernel that a default agent leaves reachable, and what people would use instead. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SYSTEMD_INIT } from '../support/systemd.js';
import { repository } from '../../harness.config.js';
import { REACH_PACKAGES, preparePeople, runAs, versionsOf } from '../support/escapes/reach-peers.js';
import { ALL_WAYS } from '../support/escapes/reach.js';
import { prepareReach, reach } from '../support/escapes/reach-run.js';
import { readReach, reaches, there } from '../support/escapes/reach-table.js';
import type { ReachRecord } from '../support/escapes/reach-table.js';
import { PEOPLE, WHO } from '../support/escapes/reach-who.js';
import { expect, test } from '../support/fixtures.js';

/** The results of this run; `npm run docs:escapes -- --reach test-results/reach.json` makes the table of them. */
const RUN = join(repository, 'test-results/reach.json');

// Who is compared is looked at, not the kernel's memory: without its debugging they are twice as fast.
const append = `slub_debug=- slab_nomerge kfence.sample_interval=0 ${SYSTEMD_INIT}`;
test.use({ guestExtras: { packages: REACH_PACKAGES, memoryMb: 4096, append } });
test.setTimeout(3_600_000);

test('REACH-02: the table of ways into the kernel says what each leaves reachable, in one guest', async ({
  loaded,
  stage,
}) => {
  await prepareReach(loaded, stage.kernel);
  await preparePeople(loaded);
  const run: ReachRecord = {
    kernel: stage.kernel.release,
    versions: await versionsOf(loaded),
    went: {},
  };
  for (const who of WHO) {
    run.went[who] = await reach(loaded, (program) => runAs(loaded, who, program));
    await mkdir(dirname(RUN), { recursive: true });
    await writeFile(RUN, `${JSON.stringify(run, null, 2)}\n`);
  }
  await loaded.sh('pkill -x dockerd; while pgrep -x dockerd >/dev/null; do sleep 0.5; done');
  for (const who of WHO)
    expect(Object.keys(run.went[who] ?? {}), `${who} has tried all of them`).toHaveLength(ALL_WAYS.length);
  // Another kernel may lack what that of the record has, and have what it lacks.
  const record = await readReach();
  const ways = there(run).filter((way) => there(record).includes(way));
  const of = (from: ReachRecord) =>
    WHO.map((who) => [
      PEOPLE[who].name,
      ways.filter((way) => reaches(from, who, way)).map(({ name }) => name),
    ]);
  expect(of(run)).toEqual(of(record));
});
