/** Every attempt to escape of specs/support/escapes against SwarmGuard. */
import { CORPUS } from '../support/escapes/corpus.js';
import { loadDrivers } from '../support/escapes/drivers.js';
import { agentOf, make, swarmGuard } from '../support/escapes/run.js';
import { expect, test } from '../support/fixtures.js';
import { isFrom } from '../support/guest.js';

/* Many containers, one after the other. */
test.setTimeout(600_000);

for (const [group, attempts] of Object.entries(CORPUS)) {
  test(`ESCAPE-01: attempts to escape end as the table says: ${group}`, async ({ loaded, stage }) => {
    await loadDrivers(loaded, stage.kernel);
    const log: string[] = [];
    for (const attempt of attempts) {
      if (attempt.arch && attempt.arch !== stage.kernel.arch) {
        console.log(`not tried: ${attempt.id}, which is for ${attempt.arch}`);
        continue;
      }
      if (attempt.needs && (await loaded.exec(`[ -e ${attempt.needs} ]`)).code !== 0) {
        console.log(`not tried: ${attempt.id}, for this kernel has no ${attempt.needs}`);
        continue;
      }
      for (const each of attempt.ours) {
        const what = `${attempt.id} ${JSON.stringify(each.policy ?? {})}`;
        const { escaped, counted, answers } = await make(loaded, attempt, swarmGuard(each.policy));
        log.push(`${what}\n${answers}\n`);
        expect.soft(escaped ? 'gap' : 'denied', `${what}\n${answers}`).toBe(each.outcome);
        const has = each.outcome === 'gap' || !each.unknown?.test(answers);
        if (!has) console.log(`${attempt.id}: this kernel does not have it`);
        if (each.outcome === 'denied' && each.from && (await isFrom(loaded, ...each.from)))
          expect.soft(has, `this kernel has ${what}\n${answers}`).toBe(true);
        if (escaped && !each.policy) {
          const strict = await make(loaded, attempt, agentOf({}));
          const byDefault = each.outcome === 'gap' ? each.byDefault : undefined;
          const seen = `${attempt.id} by default\n${strict.answers}`;
          expect.soft(strict.escaped, seen).toBe(byDefault === undefined);
          const ruled = byDefault?.endsWith(' rule') ?? false;
          expect.soft((strict.counted['syscall'] ?? 0) > 0, seen).toBe(ruled);
        }
        expect.soft(counted, `violations of ${what}\n${answers}`).toEqual(has ? (each.counted ?? {}) : {});
      }
    }
    await test.info().attach('answers', { body: log.join('\n'), contentType: 'text/plain' });
  });
}
