/** Commands about files and modules, as a guest is given them. */
import { shellLine } from './ssh.js';

/** Parameters of a module, as insmod takes them. */
export type ModuleParameters = Record<string, string | number>;

/** A shell line that writes its standard input to a file, whatever is in the file's name. */
export function writeLine(path: string, mode: string): string {
  const file = shellLine([path]);
  return `cat >${file} && chmod ${shellLine([mode])} ${file}`;
}

/** The name that the kernel has for a module, by that of its file: there is no hyphen in it. */
export function moduleName(file: string): string {
  return file.replaceAll('-', '_');
}

/** Says whether a module is among those that /proc/modules lists. */
export function listsModule(modules: string, name: string): boolean {
  return modules.split('\n').some((line) => line.startsWith(`${moduleName(name)} `));
}

/** A parameter, as the kernel takes it apart: what contains blanks is between quotation marks. */
function parameter(key: string, value: string | number): string {
  const text = String(value);
  if (!/\s/.test(text)) return `${key}=${text}`;
  if (text.includes('"'))
    throw new Error(`the kernel takes no parameter with blanks and quotation marks: ${key}=${text}`);
  return `${key}="${text}"`;
}

/**
 * The command that loads a module.
 * @throws if a parameter has both blanks and quotation marks: the kernel has no way to write that.
 */
export function insmodCommand(path: string, parameters: ModuleParameters): string[] {
  return ['insmod', path, ...Object.entries(parameters).map(([key, value]) => parameter(key, value))];
}
