import '../harness.config.js';
import { debug } from '../harness/guest/debug.js';
import { RecordingError, openRecording, readMeta, recordings } from '../harness/guest/recording.js';
import { replay } from '../harness/guest/replay.js';
import { command } from './support/command.js';

const program = command(
  'vm:replay',
  `Runs a recorded guest again, exactly as it ran, and says whether the failure came again: exit status 0 if
so, 1 if not, 2 if the recording cannot be replayed.`,
)
  .argument('[id]', 'the recording; without it, all are listed')
  .argument('[gdb arguments...]', 'behind --: handed to gdb')
  .option(
    '--gdb',
    'wait for gdb before the first instruction, and run gdb if it is installed; the console is on standard error then',
  )
  .parse();
const [id, gdbArguments] = program.processedArgs;
const { gdb } = program.opts();
const echo = (text: string) => process.stdout.write(text);

async function list(): Promise<void> {
  for (const name of await recordings()) {
    const { spec, failure } = await readMeta(name);
    console.log(`${name}  ${spec}\n    ${failure}`);
  }
}

async function run(name: string): Promise<number> {
  const recording = await openRecording(name);
  console.error(`replaying ${name}: ${recording.meta.spec}, ${recording.meta.release}`);
  if (gdb) return debug(recording, gdbArguments, (text) => process.stderr.write(text));
  const { reproduced, message } = await replay(recording, echo);
  console.error(message);
  return reproduced ? 0 : 1;
}

try {
  if (id === undefined) await list();
  else process.exitCode = await run(id);
} catch (error) {
  if (!(error instanceof RecordingError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
