import '../harness.config.js';
import { debug } from '../harness/guest/debug.js';
import { RecordingError, openRecording, readMeta, recordings } from '../harness/guest/recording.js';
import { replay } from '../harness/guest/replay.js';
import { command } from '../harness/util/command.js';

const USAGE = `npm run vm:replay -- [ID [--gdb [-- ARGUMENT OF GDB...]]]

Runs a recorded guest again, exactly as it ran, and says whether the failure came again: exit status 0 if
so, 1 if not, 2 if the recording cannot be replayed. Without ID it lists the recordings. With --gdb it waits
for gdb before its first instruction, and runs gdb if it is installed. The guest's console is on standard
error then, apart from what gdb prints.`;

const { values, positionals } = command(USAGE, {
  options: { gdb: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const [id, ...gdbArguments] = positionals;
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
  if (values.gdb) return debug(recording, gdbArguments, (text) => process.stderr.write(text));
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
