import { costError } from '../../core/errors.ts';

/** @throws TOO_LARGE */
export function checkSize(what: string, actual: number, limit: number): void {
  if (actual > limit) throw costError('TOO_LARGE', { what, actual, limit });
}
