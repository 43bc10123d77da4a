/** The command check of swarmctl. */
import { Option } from '@commander-js/extra-typings';
import type { Registrar } from '../context.js';
import { JSON_OUTPUT } from '../options.js';
import { count } from '../values.js';

/** Adds it. */
export const checking: Registrar = (program) => {
  program
    .command('check')
    .description('say whether files hold policies that the kernel takes; no kernel is needed')
    .argument('<file...>', 'files of JSON objects; - is standard input')
    .addOption(
      new Option('--for <file>', 'the file of /proc/swarm that they are for')
        .choices(['create', 'update', 'attach', 'spawn', 'destroy'] as const)
        .default('create' as const),
    )
    .addOption(new Option('--cpus <number>', 'the CPUs of the machine; as many as here').argParser(count))
    .option('-q, --quiet', 'print what is wrong, and nothing else')
    .addOption(JSON_OUTPUT)
    .addOption(
      new Option('--format <template>', 'print fields of each object: "{{.file}} {{.line}} {{.ok}}"'),
    )
    .action(async (paths, options) => {
      const { checkCommand } = await import('../actions/check.js');
      process.exitCode = checkCommand(paths, options);
    });
};
