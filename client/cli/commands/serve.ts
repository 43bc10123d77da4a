/** The command by which another machine's swarmctl and programs use this one's agents. */
import { machine } from '../context.js';
import type { GlobalOptions, Registrar } from '../context.js';

/** Adds it, hidden: ssh starts it, nobody types it. */
export const serving: Registrar = (program) => {
  program
    .command('serve', { hidden: true })
    .description('serve the agents of this machine over standard input and output')
    .action(async () => {
      const { serve } = await import('../../remote/serve.js');
      // This machine's, whatever SWARM_HOST says here.
      const { directory } = program.opts() as GlobalOptions;
      await serve(await machine({ directory }), process.stdin, process.stdout);
      // Programs that still run go on without this process.
      process.exit(0);
    });
};
