/** Sentences about names. */
import { namesOf } from './names.js';
import type { Names } from './names.js';

const quoted = (list: Names) => namesOf(list).map((name) => `\`${name}\``);

/** The names of a list with commas between them. */
export function listed(list: Names): string {
  return quoted(list).join(', ');
}

/** The names of a list with commas between them, and "or" before the last. */
export function alternatives(list: Names): string {
  const names = quoted(list);
  const last = names.pop() ?? '';
  return names.length > 0 ? `${names.join(', ')} or ${last}` : last;
}

/** The names of a list, each with its meaning. */
export function explained(list: Names): string {
  return Object.entries(list)
    .map(([name, meaning]) => `\`${name}\`: ${meaning}`)
    .join('; ');
}
