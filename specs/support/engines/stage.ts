/** swarm-runtime without a guest: in a root of its own, above a runtime that does nothing but call its hook. */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runInRoot } from '../../../harness/archive/tool-root.js';
import type { RunResult } from '../../../harness/util/config.js';
import { cxxRoot } from '../roots.js';
import { LIBRARIES, buildRuntime } from './runtime.js';

/** Calls the hook that create and run find in their configuration, as crun does; knows no container afterwards. */
const CRUN = `#!/bin/sh
config= command=
for word; do
  [ "$before" = --config ] && config=$word
  case $word in -f?*) config=\${word#-f} ;; create|run|state) command=\${command:-$word} ;; esac
  before=$word
done
[ "$command" = state ] && { [ -e /stage/known ] && echo {} && exit; cat /stage/unknown >&2; exit 1; }
[ -n "$config" ] || { echo "crun $*"; exit; }
[ ! -e /stage/before ] || . /stage/before
echo "{\\"id\\":\\"staged\\",\\"pid\\":$$}" | /stage/swarm-runtime --swarm-hook "\${config%/*}" || {
  [ ! -e /stage/says ] || cat /stage/says >>/stage/log
  exit 1
}
echo started
`;

/** The files that are there. */
export interface Stage {
  /** Lines of runtime.toml, beyond the runtime. */
  readonly settings?: string;
  /** The configuration of the bundle. */
  readonly config?: object;
  /** Files below /stage, by their paths there; those of /etc/swarm-guard are in etc. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Directories of /stage that are seen elsewhere, by where. */
  readonly binds?: Readonly<Record<string, string>>;
}

/**
 * Runs a shell line there: the bundle is /stage/bundle, and the program is /stage/swarm-runtime.
 * @param dir becomes /stage
 */
export async function onStage(dir: string, line: string, stage: Stage = {}): Promise<RunResult> {
  const { settings = '', config = {}, files = {}, env = {}, binds = {} } = stage;
  for (const path of ['etc/policies', 'run']) await mkdir(join(dir, path), { recursive: true });
  await cp(await buildRuntime(), join(dir, 'swarm-runtime'));
  for (const [path, text] of Object.entries({
    crun: CRUN,
    unknown: 'container does not exist\n',
    'etc/runtime.toml': `runtime = "/stage/crun"\n${settings}`,
    'etc/container.json': '{}',
    'bundle/config.json': JSON.stringify(config),
    ...files,
  })) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text, { mode: 0o755 });
  }
  const seen = Object.entries({ stage: '', 'etc/swarm-guard': 'etc', run: 'run', ...binds });
  return runInRoot(await cxxRoot(LIBRARIES), ['sh', '-c', line], {
    binds: seen.map(([inside, path]) => ({ host: join(dir, path), inside })),
    env,
  });
}
