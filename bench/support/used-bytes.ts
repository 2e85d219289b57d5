import { spawn } from 'node:child_process';
import { json } from 'node:stream/consumers';

/** What queries of the tenant demo have read today, as far as it is written down. */
export async function usedBytes(dataFolder: string): Promise<number> {
  const child = spawn(process.execPath, ['src/main.ts', 'limits', '--tenant', 'demo', '--json'], {
    env: { ...process.env, COSTGRAPH_DATA: dataFolder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { today } = (await json(child.stdout)) as { today: { bytes: string } }; // As the command prints it.
  return Number(today.bytes);
}
