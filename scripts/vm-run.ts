import '../harness.config.js';
import { shellLine } from '../harness/guest/ssh.js';
import { command, explain, number } from './support/command.js';
import { Stage } from '../specs/support/stage.js';

/** The exit status if the guest or the harness fails, which is none of the command's. */
const FAILURE = 125;
const SIGPIPE = 13;

const program = command(
  'vm:run',
  `Runs a command in a fresh guest with the module loaded. A single word is a shell line; several are a
program and its arguments, which no shell changes. Options come before the command.

Standard input goes to the command (</dev/null keeps yours), and its output comes as it is printed.
The exit status is the command's, 128 and the number of the signal that killed it, or ${FAILURE} if the
guest panics, does not come up or is lost, or the command is given up.`,
  { failureStatus: FAILURE },
)
  .argument('<command...>', 'what to run')
  .option('--kernel <name>', 'a kernel of the catalogue; the newest by default')
  .option('--log', "print the kernel's log on standard error when the command has ended")
  .option(
    '--timeout <seconds>',
    'give the command up after this time; 0 for never',
    number('0 or more', (value) => value >= 0),
    600,
  )
  .passThroughOptions()
  .parse();
const [words] = program.processedArgs;
const { kernel, log, timeout } = program.opts();

const { stdin, stdout, stderr } = process;
// Whoever reads our output has seen enough; the guest ends with us.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(128 + SIGPIPE);
});
const stage = await Stage.prepare(kernel);
try {
  const guest = await stage.loaded('run');
  const { code } = await guest.exec(words.length > 1 ? shellLine(words) : (words[0] ?? ''), {
    ...{ stdin, output: { stdout, stderr } },
    timeoutMs: timeout > 0 ? timeout * 1000 : Infinity,
  });
  if (log) stderr.write(await guest.kernelLog());
  process.exitCode = code;
} catch (error) {
  explain(error);
  process.exitCode = FAILURE;
} finally {
  await stage.discard();
  // It need not have been read to its end.
  stdin.destroy();
}
