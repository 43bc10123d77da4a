/** The command doctor of swarmctl. */
import { Option } from '@commander-js/extra-typings';
import { SwarmError } from '../../error.js';
import type { GlobalOptions, Registrar } from '../context.js';
import { JSON_OUTPUT } from '../options.js';

/** Adds it. */
export const examining: Registrar = (program) => {
  program
    .command('doctor')
    .description('say whether agents can run on this machine, and what to do if not')
    .option('-q, --quiet', 'leave out what is in order')
    .addOption(JSON_OUTPUT)
    .addOption(new Option('--format <template>', 'print fields of each check: "{{.id}} {{.verdict}}"'))
    .addOption(
      new Option('--root <directory>', 'the directory of the files that it reads').default('/').hideHelp(),
    )
    .action(async (options) => {
      const { host = '' }: GlobalOptions & { readonly host?: string | undefined } = program.opts();
      if (host !== '')
        throw new SwarmError('EOPNOTSUPP', 'doctor looks at this machine alone', {
          hint: 'run it on the other one, by ssh',
        });
      const { doctorCommand } = await import('../actions/doctor.js');
      process.exitCode = doctorCommand(options);
    });
};
