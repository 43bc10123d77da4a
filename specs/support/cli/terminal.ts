/**
 * Runs a program at a terminal of 80 by 24, types when it has printed what is waited for, and prints what it printed:
 * terminal.mjs '[["waited for","typed"],…]' PROGRAM [ARGUMENT…]
 */
import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { z } from 'zod';
import { openTerminal } from '../../../client/native/launcher.js';

const [, , orders = '[]', program = '', ...args] = process.argv;
const waiting = z.array(z.tuple([z.string(), z.string()])).parse(JSON.parse(orders));
const { master, slave } = openTerminal({ rows: 24, columns: 80 });
const child = spawn(program, args, { stdio: [slave, slave, 'inherit'] });
const side = new ReadStream(master);
let fresh = '';
side.on('data', (data: Buffer) => {
  process.stdout.write(data);
  fresh += data.toString('latin1');
  const [next] = waiting;
  if (!next || !fresh.includes(next[0])) return;
  waiting.shift();
  fresh = '';
  side.write(next[1]);
});
side.on('error', () => undefined);
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
  // What was printed last may still be on its way.
  setTimeout(() => {
    side.destroy();
    closeSync(slave);
  }, 200);
});
