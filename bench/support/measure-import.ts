/** Runs a command of costgraph and prints what it took, as one line of JSON on standard output. */
import { performance } from 'node:perf_hooks';

process.env['UV_THREADPOOL_SIZE'] ??= '16';
const { runCommand } = await import('../../src/commands/run-command.ts');

const status = await runCommand(process.argv.slice(2), {
  stdout: process.stderr,
  stderr: process.stderr,
  environment: process.env,
});
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
// From the start of the process: what a user waits for.
const ms = performance.now();
process.stdout.write(
  `${JSON.stringify({ ms, cpuMs: (userCPUTime + systemCPUTime) / 1000, peakBytes: maxRSS * 1024 })}\n`,
);
process.exitCode = status;
