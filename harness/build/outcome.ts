/** Ends of builds: their complaints, and whether the machine is at fault. */
import type { RunResult } from '../util/config.js';
import { BuildError, InfrastructureError } from '../util/errors.js';

/** A complaint of a compiler, linker or make. */
const COMPLAINT = /\b(warning|error|undefined reference)\b|\*\*\* /i;

/** Lines that tools print if the machine fails them: its disk or memory is full, it kills them, or it cannot mount. */
const MACHINE = [
  /No space left on device/,
  /Disk quota exceeded/,
  /Read-only file system/,
  /Input\/output error/,
  /Too many open files/,
  /Cannot allocate memory/,
  /out of memory allocating/,
  /Resource temporarily unavailable/,
  /Killed signal terminated program/,
  /\(signal: 9, SIGKILL/,
  /\*\*\* .*\b(Killed|Error 137)$/,
  /^(mount|unshare|chroot|setpriv): /,
];

/**
 * The error of a build that has failed: a full disk or a compiler that was killed is no finding about the sources.
 * @param what has failed, as the beginning of a sentence
 * @param output everything that the build has printed
 */
export function buildFailure(what: string, output: string): BuildError | InfrastructureError {
  const fault = output.split('\n').find((line) => MACHINE.some((pattern) => pattern.test(line)));
  if (fault === undefined) return new BuildError(`${what}:\n${output}`);
  return new InfrastructureError(`${what}, because of this machine: ${fault.trim()}\n${output}`);
}

/**
 * The output of a build that has succeeded without a warning.
 * @throws {BuildError} with what the tools complain of first, then everything that they have printed.
 * @throws {InfrastructureError} if the machine is at fault.
 */
export function mustBuild({ exitCode, output }: RunResult, what: string): string {
  const complaints = output.split('\n').filter((line) => COMPLAINT.test(line));
  const told = [...complaints, '--- the whole output ---', output].join('\n');
  if (exitCode !== 0) throw buildFailure(`${what} failed`, told);
  if (/\bwarning:/i.test(output)) throw new BuildError(`${what} gave warnings:\n${told}`);
  return output;
}
