import '../harness.config.js';
import { readCatalogue } from '../harness/kernels/catalogue.js';
import { command, number } from '../harness/util/command.js';
import { PHASES, profileBirth, whole } from '../bench/measure/profile.js';
import type { Call } from '../bench/measure/profile.js';

const LIMITS = { memory_limit: 67_108_864, cpu_quota: 50, pids_limit: 64 };

const { kernel, network, least, depth } = command(
  'bench:profile',
  'Shows where the instructions of a birth go, function by function: three limits, seven kinds of namespaces.',
)
  .option('--kernel <name>', 'a kernel of the catalogue; the newest by default')
  .option('--network <what>', 'own or none', 'none')
  .option(
    '--least <percent>',
    'the share of its phase from which on a function is shown',
    number('0 or more', (value) => value >= 0),
    2,
  )
  .option(
    '--depth <number>',
    'how deep calls are shown',
    number('1 or more', (value) => Number.isInteger(value) && value > 0),
    12,
  )
  .parse()
  .opts();

function show(call: Call, above: number, level: number): void {
  const count = whole(call);
  if (count < above || level > depth) return;
  console.log(
    `${String(count).padStart(10)} ${String(call.own).padStart(9)}  ${'  '.repeat(level)}${call.name}`,
  );
  const calls = [...call.calls.values()].sort((one, other) => whole(other) - whole(one));
  for (const each of calls) show(each, above, level + 1);
}

const policy = { ...LIMITS, ...(network === 'none' && { network: 'none' as const }) };
const profile = await profileBirth(kernel ?? (await readCatalogue()).newest, policy, (step) => {
  console.error(`… ${step}`);
});
for (const phase of PHASES) {
  const all = whole(profile[phase]);
  console.log(`\n${phase}: ${all} instructions\n${'whole'.padStart(10)} ${'own'.padStart(9)}  function`);
  show(profile[phase], (all * least) / 100, 0);
}
