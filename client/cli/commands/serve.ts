/** The command by which another machine's swarmctl and programs use this one's agents. */
import type { Registrar } from '../context.js';

/** Adds it, hidden: ssh starts it, nobody types it. */
export const serving: Registrar = (program, connected) => {
  program
    .command('serve', { hidden: true })
    .description('serve the agents of this machine over standard input and output')
    .action(async () => {
      const { serve } = await import('../../remote/serve.js');
      await serve(await connected(), process.stdin, process.stdout);
      // Programs that still run go on without this process.
      process.exit(0);
    });
};
