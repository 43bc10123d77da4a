/** The command completion of swarmctl, and man, which only those who package it need. */
import { Argument } from '@commander-js/extra-typings';
import type { Registrar } from '../context.js';
import { print } from '../output.js';
import { treeOf } from '../tree.js';

/** Adds them. */
export const completing: Registrar = (program) => {
  program
    .command('completion')
    .description('print the completion for a shell: source <(swarmctl completion bash)')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish'] as const))
    .action(async (shell) => {
      const scripts = {
        bash: async () => (await import('../completion/bash.js')).bash,
        zsh: async () => (await import('../completion/zsh.js')).zsh,
        fish: async () => (await import('../completion/fish.js')).fish,
      };
      const script = await scripts[shell]();
      print(script(treeOf(program)).trimEnd());
    });

  program
    .command('man', { hidden: true })
    .description('print the manual page')
    .action(async () => {
      const { manual } = await import('../man/page.js');
      print(manual(treeOf(program), program.version() ?? '').trimEnd());
    });
};
