/** kmod-harness: builds, boots and drives any kernel module in QEMU. */
export { defineHarness, harness } from './util/config.js';
export type {
  Commands,
  GuestContents,
  Harness,
  HarnessConfig,
  ModuleBuild,
  ModuleSources,
} from './util/config.js';
export { changeRun, run, runEnvironment } from './util/run.js';
export type { RunConfig } from './util/run.js';
export { BuildError, InfrastructureError } from './util/errors.js';
export { findEntry, readCatalogue, readLock, runnable } from './kernels/catalogue.js';
export type { Catalogue, CatalogueEntry, LockedKernel } from './kernels/catalogue.js';
export { provideKernel } from './kernels/provide.js';
export type { Kernel } from './kernels/kernel.js';
export { buildKernelModules } from './build/kernel-modules.js';
export type { BuiltModules } from './build/kernel-modules.js';
export { updateLock } from './build/update-lock.js';
export { debug } from './guest/debug.js';
export { doctor } from './guest/doctor.js';
export type { Finding } from './guest/doctor.js';
export { GuestCommandError, GuestPanicError, GuestShutdownError } from './guest/errors.js';
export type { CommandOutcome } from './guest/errors.js';
export { BootedGuest, Guest, LoadedModule } from './guest/guest.js';
export type { GuestOptions, GuestResult } from './guest/guest.js';
export type { ModuleParameters } from './guest/lines.js';
export { openRecording, readMeta, recordings } from './guest/recording.js';
export type { Kept, Meta } from './guest/recording.js';
export { replay } from './guest/replay.js';
export type { Outcome } from './guest/replay.js';
export { complaints } from './guest/kernel-log.js';
export {
  SELFTEST_PACKAGES,
  installSelftests,
  listSelftests,
  runSelftests,
  runStressors,
  selftestsLine,
} from './guest/selftests.js';
export { GuestStage, provideGuest } from './guest/stage.js';
export type { GuestExtras } from './guest/stage.js';
export { makeWire } from './guest/wire.js';
export type { Wire, WireEnd } from './guest/wire.js';
export { countCall } from './playwright/budget.js';
export type { Counted, CountedCall } from './playwright/budget.js';
export { expect } from './playwright/expect.js';
export { guestTest } from './playwright/fixtures.js';
export { test } from './playwright/module-test.js';
export { kernelProjects } from './playwright/projects.js';
export type { KernelOptions } from './playwright/projects.js';
export { runSpecs } from './playwright/run-specs.js';
export type { SpecsRequest } from './playwright/run-specs.js';
export { chance, compare, parseKtap, summary } from './util/ktap.js';
export type { Comparison, Outcome as TestOutcome, Results as TestResults, Varying } from './util/ktap.js';
