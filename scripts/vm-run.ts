import '../harness.config.js';
import { shellLine } from '../harness/guest/ssh.js';
import { command, explain, refuse } from '../harness/util/command.js';
import { Stage } from '../specs/support/stage.js';

/** The exit status of trouble, which is none of the command's. */
const TROUBLE = 125;
const SIGPIPE = 13;

const USAGE = `npm run vm:run -- [--kernel NAME] [--log] [--timeout SECONDS] COMMAND [ARGUMENT...]

Runs a command in a fresh guest with the module loaded. A single word is a shell line; several are a
program and its arguments, which no shell changes. Options come before the command.

  --kernel NAME      a kernel of the catalogue; the newest by default
  --log              print the kernel's log on standard error when the command has ended
  --timeout SECONDS  give the command up after this time; 600 by default, 0 for never

Standard input goes to the command (</dev/null keeps yours), and its output comes as it is printed.
The exit status is the command's, 128 and the number of the signal that killed it, or ${TROUBLE} if the
guest panics, does not come up or is lost, or the command is given up.`;

const { values, positionals } = command(
  USAGE,
  {
    options: { kernel: { type: 'string' }, log: { type: 'boolean' }, timeout: { type: 'string' } },
    allowPositionals: true,
  },
  { trouble: TROUBLE, wraps: true },
);
const [line] = positionals;
if (line === undefined) refuse(`say what to run\n\n${USAGE}`);
const seconds = Number(values.timeout ?? 600);
if (!(seconds >= 0)) refuse(`--timeout takes seconds, not ${values.timeout ?? ''}\n\n${USAGE}`);

const { stdin, stdout, stderr } = process;
// Whoever reads our output has seen enough; the guest ends with us.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(128 + SIGPIPE);
});
const stage = await Stage.prepare(values.kernel);
try {
  const guest = await stage.loaded('run');
  const { code } = await guest.exec(positionals.length > 1 ? shellLine(positionals) : line, {
    ...{ stdin, output: { stdout, stderr } },
    timeoutMs: seconds > 0 ? seconds * 1000 : Infinity,
  });
  if (values.log) stderr.write(await guest.kernelLog());
  process.exitCode = code;
} catch (error) {
  explain(error);
  process.exitCode = TROUBLE;
} finally {
  await stage.discard();
  // It need not have been read to its end.
  stdin.destroy();
}
