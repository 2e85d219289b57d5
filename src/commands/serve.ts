import { once } from 'node:events';

import { readConfig } from '../config.ts';
import type { ProgressBar } from '../ingest/progress.ts';
import { progressBar } from '../ingest/progress.ts';
import { startServer } from '../server.ts';
import type { Io, Usage } from './command.ts';
import { parseArguments } from './parse-arguments.ts';

export const usage = {
  options: {},
  operands: null,
  examples: ['serve'],
} as const satisfies Usage;

/** Runs until it is told to stop (SIGTERM, SIGINT); told again, it stops at once. */
export async function run(args: readonly string[], io: Io): Promise<void> {
  parseArguments(usage, args);
  const told = new AbortController();
  const tell = (): void => {
    // Without a listener the next signal ends the process.
    for (const signal of STOP_SIGNALS) process.off(signal, tell);
    told.abort();
  };
  for (const signal of STOP_SIGNALS) process.on(signal, tell);
  const bars = new Set<ProgressBar>();
  const server = await startServer(readConfig(io.environment), (source) => {
    for (const bar of bars) bar.end();
    const bar = progressBar(io.stderr, `loading the sample bills of ${source}`);
    bars.add(bar);
    return bar.onProgress;
  });
  for (const bar of bars) bar.end();
  io.stdout.write(`costgraph answers at ${server.url}\n`);
  if (!told.signal.aborted) await once(told.signal, 'abort');
  await server.stop();
}

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;
