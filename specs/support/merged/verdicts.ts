/** The reporter verdicts for what is merged, which has no Playwright configuration that would define the harness. */
import '../../../harness.config.js';

export { default } from '../../../harness/playwright/verdicts.js';
