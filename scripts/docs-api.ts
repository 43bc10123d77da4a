import '../harness.config.js';
import { command } from './support/command.js';
import { API, writeApiDocs } from '../specs/support/api-docs.js';

command('docs:api', "Writes docs/api from the doc comments of the package's sources.").parse();

const undocumented = await writeApiDocs(API);
if (undocumented.length > 0) throw new Error(`without a doc comment: ${undocumented.join(', ')}`);
