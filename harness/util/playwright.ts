/** Starting Playwright from a program. */

/**
 * The command of Playwright's runner, to which arguments are added. It is told to end, and ends its guests,
 * when its starter is gone, however that happens.
 */
export const PLAYWRIGHT: readonly [string, ...string[]] = [
  'setpriv',
  ...['--pdeathsig', 'TERM', process.execPath, 'node_modules/@playwright/test/cli.js', 'test'],
];
