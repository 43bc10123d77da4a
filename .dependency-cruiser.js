/**
 * The arrows between folders. scripts, specs, bench and mutation use client and harness; client and harness
 * use nothing of ours but themselves. Inside the harness a layer uses only those below it.
 */
const LAYERS = ['playwright', 'guest', 'build', 'kernels', 'archive', 'util'];

/** The files of the harness that others start from: its exports, its reporters, and its setup project. */
const ENTRIES = '^harness/(index|playwright/(results|verdicts|prepare))\\.ts$';

/** A layer must not reach the ones above it. */
const upward = LAYERS.slice(1).map((layer, index) => ({
  name: `harness-${layer}-below`,
  comment: `harness/${layer} is below ${LAYERS.slice(0, index + 1).join(', ')} and report`,
  severity: 'error',
  from: { path: `^harness/${layer}/` },
  to: { path: `^harness/(${[...LAYERS.slice(0, index + 1), 'report'].join('|')})/` },
}));

/** The modules outside a package's own folder that it may use: npm packages and Node.js. */
const outside = (folder) => ({
  pathNot: `^${folder}/|(^|/)node_modules/`,
  dependencyTypesNot: ['core'],
});

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycle',
      comment: 'files that import each other cannot be understood or changed one at a time',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'harness-alone',
      comment: 'the harness is a package of its own and knows nothing of SwarmGuard',
      severity: 'error',
      from: { path: '^harness/' },
      to: outside('harness'),
    },
    {
      name: 'client-alone',
      comment: 'the client is a package of its own',
      severity: 'error',
      from: { path: '^client/' },
      to: outside('client'),
    },
    {
      name: 'report-on-util',
      comment: 'harness/report uses harness/util alone',
      severity: 'error',
      from: { path: '^harness/report/' },
      to: { path: '^harness/', pathNot: '^harness/(report|util)/' },
    },
    ...upward,
    {
      name: 'nobody-uses-specs',
      comment: 'what others need of specs is in specs/support',
      severity: 'error',
      from: { pathNot: '^specs/(?!support/)' },
      to: { path: '^specs/(?!support/)' },
    },
    {
      name: 'unit-without-guest',
      comment: 'specs/unit runs without QEMU: whatever it reaches, imports of types too, boots no guest',
      severity: 'error',
      // The list of benchmarks is looked at, each of which brings the function that boots its guest.
      from: { path: '^specs/unit/', pathNot: '^specs/unit/benchmarks\\.spec\\.ts$' },
      to: {
        path: '^(harness/index|harness/(guest|playwright)/(stage|guest|machine|fixtures|module-test))\\.ts$',
        reachable: true,
      },
    },
    {
      name: 'support-without-bench',
      comment: 'specs/support joins harness, client and module; benchmarks build on it',
      severity: 'error',
      from: { path: '^specs/support/' },
      to: { path: '^(bench|mutation|scripts)/' },
    },
    {
      name: 'nobody-uses-scripts',
      comment: 'scripts take arguments, call one thing and print; nobody imports them',
      severity: 'error',
      from: {},
      to: { path: '^scripts/(?!support/)' },
    },
    {
      name: 'scripts-support-for-scripts',
      comment: 'scripts/support is about arguments and help of scripts',
      severity: 'error',
      from: { pathNot: '^scripts/' },
      to: { path: '^scripts/support/' },
    },
    {
      name: 'harness-reachable',
      comment: 'the package harness has no file that its entry points cannot reach',
      severity: 'error',
      from: { path: ENTRIES },
      to: { path: '^harness/', pathNot: ENTRIES, reachable: false },
    },
    {
      name: 'resolvable',
      comment: 'an import of a file that is not there',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(client/dist|harness/(dist|example))/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.tsx', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
