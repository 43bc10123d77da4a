/**
 * npm run vm:replay [-- ID] — runs a recorded guest again, exactly as it ran, and says whether the failure
 * came again: exit status 0 if so, 1 if not, 2 where the recording cannot be replayed. Without ID it lists
 * the recordings there are.
 */
import { parseArgs } from 'node:util';
import { RecordingError, openRecording, readMeta, recordings } from '../harness/vm/recording.js';
import { replay } from '../harness/vm/replay.js';

const { positionals } = parseArgs({ allowPositionals: true });
const [id] = positionals;

async function list(): Promise<void> {
  for (const name of await recordings()) {
    const { spec, failure } = await readMeta(name);
    console.log(`${name}  ${spec}\n    ${failure}`);
  }
}

async function run(name: string): Promise<number> {
  const recording = await openRecording(name);
  console.error(`replaying ${name}: ${recording.meta.spec}, ${recording.meta.release}`);
  const { reproduced, message } = await replay(recording, (text) => process.stdout.write(text));
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
