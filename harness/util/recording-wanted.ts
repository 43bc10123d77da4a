/** Are guests to be recorded? `SWARMGUARD_RECORD=1` says so, as `npm run vm:test -- --record` does. */
export function recordingWanted(): boolean {
  return process.env['SWARMGUARD_RECORD'] === '1';
}
