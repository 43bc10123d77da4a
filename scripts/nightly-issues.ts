import '../harness.config.js';
import { z } from 'zod';
import { $ } from 'zx';
import { brokenKernels } from '../specs/support/broken-kernels.js';
import { readRuns, reportDir } from '../harness/report/runs.js';
import { command } from './support/command.js';

/** Its errors tell what gh has printed. */
const gh = $({ quiet: true });

/** The most that an issue's body holds. */
const BODY_MAX = 60_000;

const open = z.array(z.object({ number: z.number(), title: z.string() }));

const [page] = command(
  'nightly:issues',
  `Opens an issue for each kernel that report/ shows as broken, or adds a comment to the one that is open,
with GitHub's command gh.`,
)
  .argument('<page>', 'the address of the run, where it can be looked at')
  .parse().processedArgs;
for (const { title, body } of brokenKernels(await readRuns(reportDir()), page)) {
  const search = `in:title "${title}"`;
  const found = await gh`gh issue list --state open --search ${search} --json number,title`;
  // The search finds titles that are like it, too.
  const known = open.parse(found.json()).find((issue) => issue.title === title);
  const what = known ? ['comment', String(known.number)] : ['create', '--title', title];
  await gh({ input: `${body.slice(0, BODY_MAX)}\n` })`gh issue ${what} --body-file -`;
  console.log(`${title}: ${known ? `issue ${known.number} updated` : 'issue opened'}`);
}
