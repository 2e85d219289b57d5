const USD_PLACES = 12;

/** Counts of plans are estimates: numbers that may have a fraction. */
export function wholeNumber(value: number): string {
  return BigInt(Math.round(value)).toString();
}

/** An estimate, not money of a bill: it is a float until here. */
export function decimalOfEstimate(usd: number): string {
  return usd.toFixed(USD_PLACES);
}
