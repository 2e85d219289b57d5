/**
 * `npm run fuzz [-- CASES [SEED]]`: the differential tests over more random questions, drill-downs and
 * attribution rules than `npm test` takes.
 * A failure prints its seed, and the question and charges it shrank to.
 */
import { spawnSync } from 'node:child_process';
import process from 'node:process';

const CASES_DEFAULT = '5000';
const TESTS = [
  'test/planner/differential.test.ts',
  'test/execute/drill-down.test.ts',
  'test/attribution/compile-rules.test.ts',
  'test/planner/attribution-differential.test.ts',
];

const [cases = CASES_DEFAULT, seed = String(Date.now() % 2 ** 31)] = process.argv.slice(2);
if (![cases, seed].every((argument) => /^\d{1,10}$/.test(argument))) {
  process.stderr.write('usage: npm run fuzz [-- CASES [SEED]]\n');
  process.exit(2);
}
const { status } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...TESTS], {
  stdio: 'inherit',
  env: {
    ...process.env,
    COSTGRAPH_FUZZ_CASES: cases,
    COSTGRAPH_FUZZ_SEED: seed,
  },
});
process.exitCode = status ?? 1;
