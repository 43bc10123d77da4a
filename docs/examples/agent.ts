// Starts `sleep` as an agent with at most 64 MB of memory, shows it, and ends it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';

// The next child of the thread that writes becomes the agent. So both calls must be made in one thread, one after the other.
const create = openSync('/proc/swarm/create', 'r+');
writeSync(create, JSON.stringify({ memory_limit: 64 * 1024 * 1024, spawn: true }));
const answer = Buffer.alloc(4096);
const { id } = JSON.parse(answer.toString('utf8', 0, readSync(create, answer))) as { id: number };
const agent = spawn('/usr/bin/sleep', ['1000'], { stdio: 'inherit' });

console.log(JSON.stringify({ id }));
const lines = readFileSync('/proc/swarm/agents', 'utf8').split('\n');
console.log(lines.find((line) => line.startsWith(`ID: ${id},`)));

writeFileSync('/proc/swarm/destroy', `${id}\n`);
const [, signal] = (await once(agent, 'exit')) as [number | null, string | null];
console.log(`ended by ${signal ?? 'itself'}`);
