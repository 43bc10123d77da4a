/** swarmctl top over made-up agents; with `fail` in its arguments, looking at them fails after a while. */
import { topCommand } from '../../../client/cli/actions/top.js';
import { agentOf, machineOf } from './machine.js';

const agents = Array.from({ length: 50 }, (_, index) =>
  agentOf(index + 1, { name: `worker-${index + 1}`, usage: { cpu_usec: index * 10_000 } }),
);
const machine = machineOf(agents);
let looks = 0;
const failing = {
  ...machine,
  inspectAll: (ids: Iterable<number>) => {
    looks += 1;
    if (process.argv.includes('fail') && looks > 3) throw new Error('the machine is gone');
    return machine.inspectAll(ids);
  },
};

try {
  process.exitCode = await topCommand(failing, { sort: 'cpu', interval: 100 });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
