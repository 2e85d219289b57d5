/** Driver data: units of work that costs are split by. */
import { requireScope } from '../access/scopes.ts';
import type { BadTelemetryRow, TelemetryCall } from '../catalog/telemetry.ts';
import { isCostError } from '../core/errors.ts';
import { builder } from './builder.ts';
import type { Problem } from './rule-error.ts';
import { problemOf, RuleError } from './rule-error.ts';

const TelemetryKey = builder.inputType('TelemetryKey', {
  fields: (t) => ({
    dimension: t.field({ type: 'DimensionKey', required: true }),
    value: t.string({ required: true }),
  }),
});

const TelemetryRow = builder.inputType('TelemetryRow', {
  fields: (t) => ({
    time: t.field({ type: 'DateTime', required: true }),
    keys: t.field({ type: [TelemetryKey], required: true }),
    units: t.field({ type: 'Decimal', required: true }),
  }),
});

type Loaded = Omit<TelemetryCall, 'bad'> & { readonly errors: readonly Problem[] };

const LoadTelemetryPayload = builder.objectRef<Loaded>('LoadTelemetryPayload').implement({
  description: 'All rows are loaded, or none.',
  fields: (t) => ({
    accepted: t.exposeInt('accepted', { description: 'Rows that hold now.' }),
    replaced: t.exposeInt('replaced', { description: 'Times and keys that had other units before.' }),
    errors: t.expose('errors', { type: [RuleError] }),
  }),
});

builder.mutationFields((t) => ({
  loadTelemetry: t.field({
    type: LoadTelemetryPayload,
    description:
      'Driver data for splits and unit costs; rows replace earlier ones of the same stream, time and keys. Needs the scope write.',
    args: {
      stream: t.arg.string({ required: true }),
      rows: t.arg({ type: [TelemetryRow], required: true }),
    },
    resolve: async (_root, { stream, rows }, { engine, principal, signal }): Promise<Loaded> => {
      requireScope(principal, 'write');
      try {
        const { bad, ...counts } = await engine.loadTelemetry(principal.tenant, stream, rows, signal);
        return { ...counts, errors: bad.map(problemOfRow) };
      } catch (error) {
        // What the caller can mend is told in the payload; all else fails the field.
        if (!isCostError(error) || error.fault !== 'caller') throw error;
        return { accepted: 0, replaced: 0, errors: [problemOf(error)] };
      }
    },
  }),
}));

function problemOfRow({ row, code, reason }: BadTelemetryRow): Problem {
  const hint = 'Nothing was loaded: mend the row and send all of them.';
  return { code, message: `Row ${row}: ${reason}`, file: null, line: row, column: null, hint };
}
