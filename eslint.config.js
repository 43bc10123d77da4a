import tseslint from 'typescript-eslint';

/** Only harness/guest may know how a guest is run and reached. */
const fences = {
  'no-restricted-imports': ['error', { paths: [{ name: 'ssh2', message: 'Only harness/guest talks SSH.' }] }],
};

export default tseslint.config(
  {
    ignores: [
      'node_modules',
      'test-results',
      'playwright-report',
      'module',
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
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
    },
  },
  { files: ['harness/guest/**'], rules: { 'no-restricted-imports': 'off' } },
);
