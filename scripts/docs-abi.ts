import { writeFile } from 'node:fs/promises';
import { documents } from '../specs/support/abi/documents.js';
import { command } from '../harness/util/command.js';

const USAGE = `npm run docs:abi

Writes what client/abi says of the interface into the documents:
the JSON Schemas of docs/abi, and the tables between marks in docs/abi and README.md.`;

command(USAGE, {});

for (const [path, text] of await documents()) await writeFile(path, text);
