/**
 * `npm test`: types, lint, format, generated operations, then all tests; sets up what they need by itself.
 * Ends with a line `N passed, N failed`, where each check counts as one.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import process from 'node:process';

const RESULTS = '.cache/test-results.json';

type Outcome = { readonly name: string; readonly passed: number; readonly failed: number };

function run(
  name: string,
  command: string,
  args: readonly string[],
  environment: Record<string, string> = {},
): boolean {
  process.stdout.write(`\n== ${name}\n`);
  const { status, error } = spawnSync(command, args, {
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  });
  if (error) process.stderr.write(`${name}: ${error.message}\n`);
  return status === 0;
}

function check(name: string, script: string): Outcome {
  const isPassed = run(name, 'npm', ['run', '-s', script]);
  return { name, passed: isPassed ? 1 : 0, failed: isPassed ? 0 : 1 };
}

function runVitest(args: readonly string[]): Outcome {
  rmSync(RESULTS, { force: true });
  const isPassed = run('tests', process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...args], {
    CI: '1',
  });
  if (!existsSync(RESULTS)) return { name: 'tests', passed: 0, failed: 1 };
  // Written by vitest's own JSON reporter.
  const results = JSON.parse(readFileSync(RESULTS, 'utf8')) as {
    numPassedTests: number;
    numFailedTests: number;
  };
  // A file that could not be loaded fails the run without a failed test.
  const failed = isPassed ? results.numFailedTests : Math.max(1, results.numFailedTests);
  return { name: 'tests', passed: results.numPassedTests, failed };
}

const outcomes = [
  check('operations', 'codegen'),
  check('types', 'typecheck'),
  check('lint', 'lint'),
  check('format', 'format:check'),
  runVitest(process.argv.slice(2)),
];
const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
for (const outcome of outcomes) if (outcome.failed > 0) process.stdout.write(`FAILED: ${outcome.name}\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
