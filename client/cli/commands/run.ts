/** The commands run and exec of swarmctl. */
import { Option } from '@commander-js/extra-typings';
import type { Registrar } from '../context.js';
import { idOf } from '../context.js';
import { explain } from '../output.js';
import { BIRTH, LIMITS } from '../policy.js';
import { ROOT } from '../root.js';
import { count, several, time, user } from '../values.js';

/** Options of a program, whether its agent is new or runs already. */
const PROGRAM = {
  interactive: new Option('-i, --interactive', 'leave standard input open'),
  tty: new Option('-t, --tty', 'give it a terminal of its own'),
  env: new Option('-e, --env <name=value>', 'a variable; a name alone: as it is here').argParser(several),
  envFile: new Option('--env-file <file>', 'a file of variables, one a line').argParser(several),
  workdir: new Option('-w, --workdir <directory>', 'its working directory').default('/'),
  user: new Option('-u, --user <uid[:gid]>', 'its ids, inside the agent; root by default').argParser(user),
} as const;

/** Adds them. */
export const running: Registrar = (program, connected) => {
  program
    .command('run')
    .description('run a program as a new agent, and exit as it does')
    .argument('<program>', 'a path, or a name that is searched in PATH')
    .argument('[argument...]', 'its arguments')
    .passThroughOptions()
    .helpOption('--help', 'print this')
    .addOption(PROGRAM.interactive)
    .addOption(PROGRAM.tty)
    .option('-d, --detach', 'print its id and go on')
    .addOption(BIRTH.policy)
    .addOption(BIRTH.name)
    .addOption(BIRTH.hostname)
    .addOption(LIMITS.memory)
    .addOption(LIMITS.cpus)
    .addOption(LIMITS.pidsLimit)
    .addOption(LIMITS.device)
    .addOption(BIRTH.capAdd)
    .addOption(BIRTH.capDrop)
    .addOption(LIMITS.sockets)
    .addOption(LIMITS.syscall)
    .addOption(LIMITS.execPath)
    .addOption(LIMITS.unlisted)
    .addOption(BIRTH.network)
    .addOption(ROOT.rootfs)
    .addOption(ROOT.readOnly)
    .addOption(ROOT.overlay)
    .addOption(ROOT.bind)
    .addOption(ROOT.tmpfs)
    .addOption(BIRTH.privileged)
    .addOption(BIRTH.persist)
    .addOption(BIRTH.rm)
    .addOption(PROGRAM.env)
    .addOption(PROGRAM.envFile)
    .addOption(PROGRAM.workdir)
    .addOption(PROGRAM.user)
    .option('--init', 'start it by a small init, which reaps orphans and passes signals on')
    .addOption(new Option('--timeout <time>', 'destroy the agent after this time: 10s, 5m').argParser(time))
    .addOption(
      new Option('--status-fd <number>', 'a descriptor for lines of JSON: started, ended').argParser(count),
    )
    .option('-q, --quiet', 'say nothing about memory and denials at its end')
    .action(async (path, rest, options) => {
      const { failureOf, runCommand } = await import('../actions/run.js');
      try {
        process.exitCode = await runCommand(await connected(), [path, ...rest], options);
      } catch (error) {
        explain(error);
        process.exitCode = failureOf(error);
      }
    });

  program
    .command('exec')
    .description('run a program inside an agent that runs')
    .argument('<agent>', 'an id or a name')
    .argument('<program>', 'a path, or a name that is searched in PATH')
    .argument('[argument...]', 'its arguments')
    .passThroughOptions()
    .helpOption('--help', 'print this')
    .addOption(PROGRAM.interactive)
    .addOption(PROGRAM.tty)
    .addOption(PROGRAM.env)
    .addOption(PROGRAM.envFile)
    .addOption(PROGRAM.workdir)
    .addOption(PROGRAM.user)
    .action(async (agent, path, rest, options) => {
      const { execCommand, failureOf } = await import('../actions/run.js');
      try {
        const swarm = await connected();
        process.exitCode = await execCommand(swarm, await idOf(swarm, agent), [path, ...rest], options);
      } catch (error) {
        explain(error);
        process.exitCode = failureOf(error);
      }
    });
};
