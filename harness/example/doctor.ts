import { doctor } from 'kmod-harness';
import './harness.config.js';

console.table(await doctor());
