/** `calibration.json` of the data folder: what stores' work costs on this machine, as `costgraph calibrate` found out. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { costError } from '../core/errors.ts';
import type { Coefficients } from '../planner/fit-prices.ts';
import type { StoreName } from '../planner/plan.ts';
import { storeNames } from '../planner/plan.ts';

export type Calibration = Readonly<Partial<Record<StoreName, Coefficients>>>;

export const coefficientNames = [
  'startupMs',
  'msPerFile',
  'msPerMegabyte',
  'msPerMillionRows',
  'msPerMillionGroups',
] as const satisfies readonly (keyof Coefficients)[];
/** A million milliseconds for any unit of work is no measurement. */
const COEFFICIENT_MAX = 1e6;
const ALLOWED = 'what "costgraph calibrate" writes; without the file the built-in prices hold';

export function calibrationPath(dataFolder: string): string {
  return join(dataFolder, 'calibration.json');
}

/**
 * Empty where there is no such file.
 *
 * @throws BAD_CONFIG where it is damaged
 */
export async function readCalibration(dataFolder: string): Promise<Calibration> {
  const path = calibrationPath(dataFolder);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw error;
  }
  const stores = storesOf(text);
  if (stores === null)
    throw costError('BAD_CONFIG', { name: path, value: text.slice(0, 80), allowed: ALLOWED });
  return stores;
}

/** In one step: a reader sees the earlier file or this one. */
export async function writeCalibration(dataFolder: string, stores: Calibration): Promise<void> {
  const path = calibrationPath(dataFolder);
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify({ version: 1, stores }, null, 2)}\n`);
  await rename(draft, path);
}

function storesOf(text: string): Calibration | null {
  const file = parsed(text);
  if (!isRecord(file) || file['version'] !== 1 || !isRecord(file['stores'])) return null;
  const stores: Partial<Record<StoreName, Coefficients>> = {};
  for (const [name, value] of Object.entries(file['stores'])) {
    const store = storeNames.find((each) => each === name);
    const coefficients = coefficientsOf(value);
    if (store === undefined || coefficients === null) return null;
    stores[store] = coefficients;
  }
  return stores;
}

function coefficientsOf(value: unknown): Coefficients | null {
  if (!isRecord(value)) return null;
  const numbers = coefficientNames.map((name) => value[name]);
  if (!numbers.every(isCoefficient)) return null;
  const [startupMs = 0, msPerFile = 0, msPerMegabyte = 0, msPerMillionRows = 0, msPerMillionGroups = 0] =
    numbers;
  return { startupMs, msPerFile, msPerMegabyte, msPerMillionRows, msPerMillionGroups };
}

function isCoefficient(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= COEFFICIENT_MAX;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
