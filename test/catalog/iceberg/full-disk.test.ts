import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from './sample-table.ts';

const run = promisify(execFile);
const PROCESS = join(import.meta.dirname, 'full-disk-process.ts');

describe('a full disk', () => {
  it('fails a commit with a code, changes nothing, and commits go on once there is room', async (context) => {
    const folder = await temporaryFolder();
    const inOwnMounts = (command: string): Promise<{ stdout: string }> =>
      run('unshare', ['-rm', 'sh', '-c', `mount -t tmpfs -o size=256k tmpfs "$0" && ${command}`, folder]);
    if (
      !(await inOwnMounts('true').then(
        () => true,
        () => false,
      ))
    ) {
      return context.skip('no disk of a given size can be had here');
    }
    const { stdout } = await inOwnMounts(`"${process.execPath}" "${PROCESS}" "$0"`);
    const seen = JSON.parse(stdout) as { committed: number };
    expect(seen.committed).toBeGreaterThan(2);
    expect(seen).toEqual({
      code: 'STORAGE_FULL',
      committed: seen.committed,
      live: seen.committed,
      lists: seen.committed,
      isUnchanged: true,
      liveAfter: seen.committed + 1,
    });
  });
});
