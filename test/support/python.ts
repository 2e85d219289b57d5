import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CACHE = join(import.meta.dirname, '../../.cache');
const INSTALL_TIMEOUT_MS = 10 * 60_000;

/**
 * The interpreter of a virtual environment that has exactly these packages (as for pip: `pyiceberg==0.12.0`).
 * It is made in `.cache/venv-NAME` the first time, which takes half a minute, and used again after.
 * Null where there is no python3 with venv: a test then says so and skips.
 */
export async function pythonWith(name: string, packages: readonly string[]): Promise<string | null> {
  const folder = join(CACHE, `venv-${name}`);
  const wanted = packages.join('\n');
  const found = await readFile(join(folder, 'installed.txt'), 'utf8').catch(() => null);
  if (found !== wanted && !(await makeEnvironment(folder, packages, wanted))) return null;
  return join(folder, 'bin/python');
}

/** Built beside its place and renamed into it, as test files run at once. False without python3. */
async function makeEnvironment(
  folder: string,
  packages: readonly string[],
  wanted: string,
): Promise<boolean> {
  const draft = `${folder}-${randomUUID()}`;
  await mkdir(CACHE, { recursive: true });
  try {
    try {
      await run('python3', ['-m', 'venv', draft]);
    } catch {
      return false;
    }
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages];
    await run(join(draft, 'bin/python'), pip, { timeout: INSTALL_TIMEOUT_MS });
    await writeFile(join(draft, 'installed.txt'), wanted);
    const isOurs = await rename(draft, folder).then(
      () => true,
      () => false,
    );
    if (!isOurs && (await readFile(join(folder, 'installed.txt'), 'utf8').catch(() => null)) !== wanted) {
      await rm(folder, { recursive: true, force: true }); // Of other versions.
      await rename(draft, folder);
    }
    return true;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Runs a script that prints JSON. */
export async function runPython(python: string, script: string, args: readonly string[]): Promise<unknown> {
  const { stdout } = await run(python, [script, ...args], { maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout);
}
