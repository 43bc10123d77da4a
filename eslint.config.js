import tseslint from 'typescript-eslint';

/**
 * Only harness/guest may know how a guest is run and reached, and only client/remote how another machine is; one file
 * of the specs is such a machine.
 */
const fences = {
  'no-restricted-imports': [
    'error',
    { paths: [{ name: 'ssh2', message: 'Only harness/guest and client/remote talk SSH.' }] },
  ],
};

/** Pages are escaped by their renderer; what is not goes through one file. */
const escaped = {
  'no-restricted-syntax': [
    'error',
    {
      selector: 'JSXAttribute[name.name="dangerouslySetInnerHTML"]',
      message: 'Only harness/report/html.tsx writes what is not escaped: a page’s own style and script.',
    },
  ],
};

export default tseslint.config(
  {
    ignores: [
      'node_modules',
      'test-results',
      'playwright-report',
      'module',
      'client/dist',
      'client/native/install.cjs',
      'harness/dist',
      'harness/example',
      'eslint.config.js',
      '.dependency-cruiser.js',
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      ...fences,
      ...escaped,
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
    },
  },
  {
    files: ['harness/guest/**', 'client/remote/**', 'specs/support/ssh-server.ts'],
    rules: { 'no-restricted-imports': 'off' },
  },
  { files: ['harness/report/html.tsx'], rules: { 'no-restricted-syntax': 'off' } },
);
