/** Do the charges of batches add up to their control totals, and to what the control plane says of them? */
import type { PublishedBatch } from '../catalog/batch.ts';
import type { LiveDataFile } from '../catalog/iceberg/data-file.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import { formatDecimal } from '../core/decimal.ts';
import type { TenantId } from '../core/ids.ts';
import { formatInstant } from '../core/time-range.ts';
import { differenceSql, summedColumns, totalsSql } from './control-totals.ts';
import type { Findings } from './findings.ts';
import { sqlText, sqlTexts } from './formats/sql-text.ts';
import type { IngestSession } from './ingest-session.ts';
import { textOf } from './ingest-session.ts';
import { tableRowsSql } from './read-table-files.ts';

/** @param batches all have files in both tables, none of them damaged */
export async function checkTotals(
  session: IngestSession,
  tenant: TenantId,
  batches: readonly PublishedBatch[],
  files: Readonly<Record<'charges' | 'control_totals', readonly LiveDataFile[]>>,
  findings: Findings,
): Promise<void> {
  if (batches.length === 0) return;
  const ids = new Set<unknown>(batches.map(({ id }) => id));
  const rowsOf = (name: 'charges' | 'control_totals'): string => {
    const ofBatches = files[name].filter(({ partition }) => ids.has(partition['batch']));
    return `(SELECT * FROM ${tableRowsSql(lakeTables[name], ofBatches)} WHERE tenant = ${sqlText(tenant)})`;
  };
  const keys = ['batch', 'hour', 'billing_currency'];
  const sums = ['charge_count', ...summedColumns].map((name) => `sum(${name}) AS ${name}`);
  const recorded = `SELECT ${[...keys, ...sums].join(', ')} FROM ${rowsOf('control_totals')} GROUP BY ALL`;
  const summed = totalsSql(rowsOf('charges'), ['batch']);
  await findings.addRows(
    session,
    'charges and control_totals',
    differenceSql(recorded, summed, keys),
    (row) => ({
      at: `charges, batch ${textOf(row, 'batch')}, hour ${textOf(row, 'hour')}, ${textOf(row, 'billing_currency')}, ${textOf(row, 'metric')}`,
      expected: textOf(row, 'expected') ?? 'nothing',
      found: textOf(row, 'actual') ?? 'nothing',
    }),
  );
  await findings.addRows(session, 'charges', batchDifferencesSql(batches, rowsOf('charges')), (row) => ({
    at: `control plane, batch ${textOf(row, 'batch')}, ${textOf(row, 'fact')}`,
    expected: textOf(row, 'expected') ?? 'nothing',
    found: textOf(row, 'found') ?? 'nothing',
  }));
}

/** Facts of batches that the control plane keeps beside the tables, as SQL over charges. */
const facts: readonly {
  readonly name: string;
  readonly expected: (batch: PublishedBatch) => string;
  readonly found: string;
}[] = [
  {
    name: 'billed_cost',
    expected: ({ billedCost }) => formatDecimal(billedCost),
    found: 'CAST(sum(billed_cost) AS VARCHAR)',
  },
  {
    name: 'effective_cost',
    expected: ({ effectiveCost }) => formatDecimal(effectiveCost),
    found: 'CAST(sum(effective_cost) AS VARCHAR)',
  },
  {
    name: 'currencies',
    expected: ({ currencies }) => currencies.join(', '),
    found: "array_to_string(list_sort(list(DISTINCT billing_currency)), ', ')",
  },
  {
    name: 'first start',
    expected: ({ from }) => formatInstant(from),
    found: instantSql('min(charge_period_start)'),
  },
  { name: 'last end', expected: ({ to }) => formatInstant(to), found: instantSql('max(charge_period_end)') },
];

/** As formatInstant. */
function instantSql(time: string): string {
  return `replace(strftime(make_timestamp_ms(epoch_ms(${time})), '%Y-%m-%dT%H:%M:%S.%gZ'), '.000Z', 'Z')`;
}

function batchDifferencesSql(batches: readonly PublishedBatch[], charges: string): string {
  const expected = batches.map(
    (batch) => `(${sqlTexts([batch.id, ...facts.map((fact) => fact.expected(batch))])})`,
  );
  const pairs = facts.map(
    ({ name, found }, i) => `{'fact': ${sqlText(name)}, 'expected': any_value(e${i}), 'found': ${found}}`,
  );
  return `SELECT batch, unnest(one) FROM (
  SELECT batch, unnest([${pairs.join(', ')}]) AS one
  FROM (VALUES ${expected.join(', ')}) AS expected(batch, ${facts.map((_, i) => `e${i}`).join(', ')})
  LEFT JOIN ${charges} USING (batch) GROUP BY batch)
WHERE one.expected IS DISTINCT FROM one.found`;
}
