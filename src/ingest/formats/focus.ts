import {
  metricColumns,
  resourceDimensionNames,
  rowDimensionNames,
  timeColumns,
} from '../../catalog/charge-columns.ts';
import type { ResourceDimensionName, RowDimensionName } from '../../catalog/charge-columns.ts';
import type { BillFile, SourceColumn } from './bill-file.ts';
import { squashName } from './bill-file.ts';
import type { Amount, ChargeMapping, Check } from './charge-relation.ts';
import {
  NO_TEXT,
  chargeRelation,
  checkCurrency,
  checkLossyId,
  checkNumber,
  checkPeriod,
  checkTime,
  offending,
  recordOf,
} from './charge-relation.ts';
import { focusValues, inSpecSpelling } from './focus-values.ts';
import type { BillFormat, Recognition } from './format.ts';
import { sqlText } from './sql-text.ts';
import { areTagsReadable } from './tags-sql.ts';

/**
 * FOCUS 1.0, 1.1 and 1.2. Columns are found whatever their case (`BilledCost`, `billedcost`, `billed_cost`);
 * what the charge table does not have (`x_…`) is left out, what the file lacks is null.
 */
export const focusFormat: BillFormat = {
  name: 'focus',
  mappingVersion: 1,
  recognises,
  mappedSelect: (file) => chargeRelation(file, focusMapping(file)),
};

const requiredColumns = [
  'BilledCost',
  'EffectiveCost',
  'BillingCurrency',
  'BillingPeriodStart',
  'BillingPeriodEnd',
  'ChargePeriodStart',
  'ChargePeriodEnd',
] as const;

const metricNames = metricColumns.map(({ name }) => name);
const timeNames = timeColumns.map(({ name }) => name);
const textNames = [...rowDimensionNames, ...resourceDimensionNames] as const;
const known = new Set([...metricNames, ...timeNames, ...textNames, 'tags'].map(squashName));

function recognises(columns: readonly SourceColumn[]): Recognition {
  const names = new Set(columns.map(({ name }) => squashName(name)));
  const missing = requiredColumns.filter((name) => !names.has(squashName(name)));
  return {
    columnsKnown: [...names].filter((name) => known.has(name)).length,
    problem: missing.length === 0 ? null : `it lacks ${missing.join(', ')}`,
  };
}

function focusMapping(file: BillFile): ChargeMapping {
  return {
    texts: [...textNames, 'tags'],
    otherTexts: [],
    numbers: metricNames,
    times: timeNames,
    checks: checksOf(file),
    parts: null,
    chargeKey: NO_TEXT,
    chargeTimes: recordOf(timeNames, (name) => name),
    chargeMetrics: recordOf(
      metricNames,
      (name): Amount =>
        (number) =>
          number(name),
    ),
    dimensions: recordOf(textNames, dimensionOf),
    tags: "nullif(tags, '{}')",
    joins: '',
  };
}

function dimensionOf(name: RowDimensionName | ResourceDimensionName): string {
  if (name === 'billing_currency' || name === 'pricing_currency') return `upper(${name})`;
  const allowed = Object.entries(focusValues).find(([column]) => column === name)?.[1];
  return allowed === undefined ? name : inSpecSpelling(name, allowed);
}

const idNames = [
  'billing_account_id',
  'sub_account_id',
  'invoice_id',
  'resource_id',
  'sku_id',
  'sku_price_id',
  'commitment_discount_id',
] as const;

function checksOf(file: BillFile): readonly Check[] {
  const present = new Map(file.columns.map(({ name }) => [squashName(name), name]));
  const columnOf = (name: string): string => present.get(squashName(name)) ?? name;
  const has = (name: string): boolean => present.has(squashName(name));
  const costs = ['billed_cost', 'effective_cost'].map((name): Check => ({
    code: 'NULL_COST',
    when: `${name}_source IS NULL`,
    reason: sqlText(`${columnOf(name)} is missing`),
  }));
  const category: Check = {
    code: 'MISSING_VALUE',
    when: 'charge_category IS NULL',
    reason: sqlText(`${columnOf('charge_category')} is missing`),
  };
  const tags: Check = {
    code: 'BAD_TAGS',
    when: `NOT (${areTagsReadable('tags')})`,
    reason: offending(columnOf('tags'), 'tags', 'no JSON object'),
  };
  return [
    ...checkCurrency('billing_currency', columnOf('billing_currency')),
    ...timeNames.flatMap((name) => checkTime(name, columnOf(name))),
    checkPeriod('charge_period_start', 'charge_period_end', 'ChargePeriodStart and ChargePeriodEnd'),
    ...costs,
    ...metricNames.filter(has).map((name) => checkNumber(name, columnOf(name))),
    ...(has('charge_category') ? [category] : []),
    ...(has('tags') ? [tags] : []),
    // Only a spreadsheet cuts ids, and it saves CSV.
    ...(file.container === 'csv'
      ? idNames.filter(has).map((name) => checkLossyId(name, columnOf(name)))
      : []),
  ];
}
