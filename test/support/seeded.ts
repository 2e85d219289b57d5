import { configureGlobal } from 'fast-check';

/**
 * Property tests draw the same cases each time, so that a red build is red again; `npm run fuzz` draws others, and
 * COSTGRAPH_FUZZ_SEED brings a run back.
 */
export const SEED = Number(process.env['COSTGRAPH_FUZZ_SEED'] ?? 20_261_122);

configureGlobal({ seed: SEED });
