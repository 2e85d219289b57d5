import { metrics } from '../catalog/metrics.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import { costError } from '../core/errors.ts';
import { nearNames } from '../core/near.ts';
import { keyChecker } from '../planner/bind/bind-query.ts';
import type { FilterInput } from '../planner/cost-query.ts';
import type { Measure } from '../planner/measures.ts';
import { measure, measuresOf, unique } from '../planner/measures.ts';
import { IS_PART } from '../planner/plan.ts';
import type { Predicate } from '../planner/predicate.ts';
import type { Question, Wanted } from '../planner/question.ts';
import type { WantedInput } from './engine.ts';
import { rawMeasure, unattributedIn } from './unattributed.ts';

/** Up to so many values (by statistics) distinct counts are exact, above it an estimate that says so. */
export const DISTINCT_EXACT_MAX = 1_000_000;

type Selected = NonNullable<WantedInput['totals']>;

/** The measures that the selected fields, the proof of conservation and the check of currencies need. */
export function bindWanted(
  wanted: WantedInput,
  question: Pick<Question, 'groupBy' | 'filter' | 'having' | 'top'>,
  state: TenantState,
  currencies: readonly string[],
  predicateOf: (where: FilterInput) => Predicate,
): Wanted {
  const measures = (selected: Selected) => measuresOfSelection(selected, state, predicateOf);
  const conserved = wanted.conservation.flatMap((metric) => measuresOf(metric));
  const proof = conserved.length > 0 ? unique([measure('count', null), ...conserved]) : [];
  const unattributed = unattributedMeasures(wanted, question, state);
  const rows = wanted.rows && [...measures(wanted.rows), ...proof, ...unattributed.rows];
  const isMixed = currencies.length > 1 && !question.groupBy.includes('billing_currency');
  const currencyCheck = isMixed
    ? [measure('min', 'billing_currency'), measure('max', 'billing_currency')]
    : [];
  const needsTotals = wanted.totals !== null || proof.length > 0 || (isMixed && wanted.rows !== null);
  const totals = [
    ...(wanted.totals ? measures(wanted.totals) : []),
    ...proof,
    ...unattributed.totals,
    ...currencyCheck,
  ];
  return {
    rows:
      wanted.rows && rows
        ? { measures: unique(rows), offset: wanted.rows.offset, limit: wanted.rows.limit }
        : hiddenSums(question, proof),
    totals: needsTotals ? { measures: unique(totals) } : null,
    excluded: proof.length > 0 && question.filter.kind !== 'true' ? { measures: proof } : null,
  };
}

/**
 * Rows that are asked for anyway say what is unattributed where they add up to the totals: then totals need not look at
 * what rules and splits say. Counts do not add up where charges are shared out.
 */
function unattributedMeasures(
  { rows, conservation }: WantedInput,
  question: Pick<Question, 'groupBy' | 'having' | 'top'>,
  state: TenantState,
): { readonly rows: readonly Measure[]; readonly totals: readonly Measure[] } {
  const where = unattributedIn(question.groupBy, state);
  if (where.kind === 'false') return { rows: [], totals: [] };
  const addUp = rows !== null && !hides(question);
  const inRows = conservation.filter((metric) => addUp && metrics[metric].column !== null);
  const others = conservation.filter((metric) => !inRows.includes(metric));
  const measures = (some: typeof conservation) => some.map((metric) => rawMeasure(metric, where));
  return { rows: measures(inRows), totals: measures(others) };
}

/** Where having or top hides rows, the proof needs the sum of those that are shown, even if none is selected. */
function hiddenSums(question: Pick<Question, 'having' | 'top'>, proof: readonly Measure[]): Wanted['rows'] {
  return proof.length > 0 && hides(question) ? { measures: proof, offset: 0, limit: 0 } : null;
}

export function hides(question: Pick<Question, 'having' | 'top'>): boolean {
  return question.having.length > 0 || (question.top !== null && !question.top.remainder);
}

function measuresOfSelection(
  selected: Selected,
  state: TenantState,
  predicateOf: (where: FilterInput) => Predicate,
): Measure[] {
  const checkKey = keyChecker(state);
  selected.streams?.forEach((name) => checkStream(name, state));
  const distinct = selected.distinct.map((key) => {
    checkKey(key);
    const isExact = (state.statistics.get(key)?.distinct ?? 0) <= DISTINCT_EXACT_MAX;
    return measure(isExact ? 'count-distinct' : 'count-distinct-estimate', key);
  });
  return [
    measure('count', null),
    ...selected.metrics.flatMap((metric) => measuresOf(metric)),
    ...selected.amounts.flatMap(({ of, where }) => measuresOf(of, predicateOf(where))),
    ...(selected.shared ?? []).flatMap((metric) => measuresOf(metric, IS_PART)),
    ...distinct,
  ];
}

/** @throws UNKNOWN_STREAM */
function checkStream(name: string, { telemetry }: TenantState): void {
  if (telemetry.has(name)) return;
  throw costError('UNKNOWN_STREAM', { name: name.slice(0, 60), near: nearNames(name, telemetry.keys()) });
}
