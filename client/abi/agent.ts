/** The id of an agent. */
import * as z from 'zod';
import { ID_MAX } from './limits.js';

/** The id of an agent. */
export const agentId = z.int().min(1).max(ID_MAX);
