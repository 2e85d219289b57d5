import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** The real server in a process of its own, on a free port, over a data folder. */
export type Served = {
  readonly url: string;
  readonly process: ChildProcess;
  readonly stop: () => Promise<void>;
};

export async function serve(dataFolder: string): Promise<Served> {
  const environment = { ...process.env, COSTGRAPH_DATA: dataFolder, COSTGRAPH_SAMPLE: 'off', PORT: '0' };
  const child = spawn(process.execPath, ['src/main.ts', 'serve'], {
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
  };
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /http:\S+\//.exec(line)?.[0];
    if (url) return { url: `${url}graphql`, process: child, stop };
  }
  throw new Error('the server ended before it was ready');
}

/** Runs a command of the program to its end. */
export async function runCommand(args: readonly string[], dataFolder: string): Promise<void> {
  const child = spawn(process.execPath, ['src/main.ts', ...args], {
    env: { ...process.env, COSTGRAPH_DATA: dataFolder },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [status] = (await once(child, 'exit')) as [number | null];
  if (status !== 0) throw new Error(`costgraph ${args.join(' ')} ended with ${status}`);
}
