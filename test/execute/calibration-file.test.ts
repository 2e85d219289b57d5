import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { calibrationPath, readCalibration, writeCalibration } from '../../src/execute/calibration-file.ts';

const folder = await mkdtemp(join(tmpdir(), 'costgraph-calibration-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

const coefficients = {
  startupMs: 2,
  msPerFile: 0.3,
  msPerMegabyte: 0,
  msPerMillionRows: 40,
  msPerMillionGroups: 2_000,
};

describe('the file of a calibration', () => {
  it('is read as it was written, and need not be there', async () => {
    expect(await readCalibration(join(folder, 'nowhere'))).toEqual({});
    await writeCalibration(folder, { DUCKDB: coefficients });
    expect(await readCalibration(folder)).toEqual({ DUCKDB: coefficients });
  });

  it.each([
    ['no JSON', '{'],
    ['another version', '{"version":2,"stores":{}}'],
    ['an unknown store', '{"version":1,"stores":{"ORACLE":{}}}'],
    [
      'a negative number',
      JSON.stringify({ version: 1, stores: { DUCKDB: { ...coefficients, msPerFile: -1 } } }),
    ],
    [
      'a missing number',
      JSON.stringify({ version: 1, stores: { DUCKDB: { ...coefficients, startupMs: undefined } } }),
    ],
  ])('is refused with %s', async (_, text) => {
    await writeFile(calibrationPath(folder), text);
    await expect(readCalibration(folder)).rejects.toMatchObject({ code: 'BAD_CONFIG' });
  });
});
