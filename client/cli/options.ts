/** Options that several commands have. */
import { Option } from '@commander-js/extra-typings';

export const JSON_OUTPUT = new Option('--json', 'print JSON, an object a line');
export const FORMAT = new Option('--format <template>', 'print fields: "{{.id}} {{.usage.memory}}"');
