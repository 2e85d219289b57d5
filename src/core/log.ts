/** One JSON object a line on standard error; never values of a tenant's data. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export function log(level: 'info' | 'warn' | 'error', event: string, fields: LogFields = {}): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, event, ...fields })}\n`);
}
