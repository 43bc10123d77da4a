import '../harness.config.js';
import { execa } from 'execa';
import { z } from 'zod';
import { brokenKernels } from '../harness/report/broken.js';
import { readRuns, reportDir } from '../harness/report/runs.js';
import { command } from '../harness/util/command.js';

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
  const { stdout } = await execa('gh', [
    ...['issue', 'list', '--state', 'open', '--search', `in:title "${title}"`, '--json', 'number,title'],
  ]);
  // The search finds titles that are like it, too.
  const known = open.parse(JSON.parse(stdout)).find((issue) => issue.title === title);
  const what = known ? ['comment', String(known.number)] : ['create', '--title', title];
  await execa('gh', ['issue', ...what, '--body-file', '-'], { input: `${body.slice(0, BODY_MAX)}\n` });
  console.log(`${title}: ${known ? `issue ${known.number} updated` : 'issue opened'}`);
}
