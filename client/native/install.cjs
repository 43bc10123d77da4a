// Compiles the launcher when the package is installed. What is missing is named, and nothing fails: the rest of the
// package works without it.
'use strict';
const { spawnSync } = require('node:child_process');
const { existsSync, readFileSync } = require('node:fs');
const { dirname, join } = require('node:path');

const major = process.versions.node.split('.')[0];

/** Is there a program of this name that runs? */
function runs(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** The directory above include/node with the headers of this Node; undefined if there is none. */
function headers() {
  const places = [process.env.npm_config_nodedir, join(dirname(process.execPath), '..'), '/usr'];
  return places.filter(Boolean).find((place) => {
    const version = join(place, 'include/node/node_version.h');
    if (!existsSync(version)) return false;
    return new RegExp(`^#define NODE_MAJOR_VERSION ${major}$`, 'm').test(readFileSync(version, 'utf8'));
  });
}

/** The command that runs node-gyp: npm's own, or one that is installed. */
function gyp() {
  const own = process.env.npm_config_node_gyp;
  if (own && existsSync(own)) return [process.execPath, own];
  return runs('node-gyp') ? ['node-gyp'] : undefined;
}

function missing(nodedir, command) {
  return [
    ...[runs('g++') || 'g++', runs('make') || 'make', runs('python3') || 'python3'],
    ...[nodedir ? true : 'libnode-dev', command ? true : 'node-gyp'],
  ].filter((each) => each !== true);
}

function main() {
  // In the repository specs/support/native.ts builds it.
  if (existsSync(join(__dirname, 'launcher.ts'))) return;
  if (process.platform !== 'linux') return;
  const nodedir = headers();
  const command = gyp();
  const packages = missing(nodedir, command);
  if (packages.length > 0) {
    console.error(
      `swarm-guard: the launcher is not built, for lack of ${packages.join(', ')}. Everything else works. ` +
        `To build it: apt-get install ${packages.join(' ')}, then npm rebuild swarm-guard. ` +
        'Headers of Node that are elsewhere: npm rebuild swarm-guard --nodedir=DIRECTORY, the one above include/node.',
    );
    return;
  }
  const api = dirname(require.resolve('node-addon-api/package.json'));
  const args = ['rebuild', `--nodedir=${nodedir}`, '--', `-Daddon_api=${api}`];
  const { status, stdout, stderr } = spawnSync(command[0], [...command.slice(1), ...args], {
    cwd: join(__dirname, 'launcher'),
    encoding: 'utf8',
  });
  if (status !== 0)
    console.error(`swarm-guard: the launcher does not build. Everything else works.\n${stdout}${stderr}`);
}

main();
