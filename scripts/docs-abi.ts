import { writeFile } from 'node:fs/promises';
import { documents } from '../specs/support/abi/documents.js';
import { command } from './support/command.js';

command(
  'docs:abi',
  `Writes what client/abi says of the interface into the documents:
the JSON Schemas of docs/abi, and the tables between marks in docs/abi and README.md.`,
).parse();

for (const [path, text] of await documents()) await writeFile(path, text);
