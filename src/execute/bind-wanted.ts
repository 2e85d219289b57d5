import type { TenantState } from '../catalog/tenant-state.ts';
import { keyChecker } from '../planner/bind/bind-query.ts';
import type { FilterInput } from '../planner/cost-query.ts';
import type { Measure } from '../planner/measures.ts';
import { measure, measuresOf } from '../planner/measures.ts';
import type { Predicate } from '../planner/predicate.ts';
import type { Question, Wanted } from '../planner/question.ts';
import { unique } from '../planner/question-to-logical.ts';
import type { WantedInput } from './engine.ts';

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
  const rows = wanted.rows && { ...wanted.rows, measures: unique([...measures(wanted.rows), ...proof]) };
  const isMixed = currencies.length > 1 && !question.groupBy.includes('billing_currency');
  const currencyCheck = isMixed
    ? [measure('min', 'billing_currency'), measure('max', 'billing_currency')]
    : [];
  const needsTotals = wanted.totals !== null || proof.length > 0 || (isMixed && wanted.rows !== null);
  const totals = [...(wanted.totals ? measures(wanted.totals) : []), ...proof, ...currencyCheck];
  return {
    rows: rows
      ? { measures: rows.measures, offset: rows.offset, limit: rows.limit }
      : hiddenSums(question, proof),
    totals: needsTotals ? { measures: unique(totals) } : null,
    excluded: proof.length > 0 && question.filter.kind !== 'true' ? { measures: proof } : null,
  };
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
  const distinct = selected.distinct.map((key) => {
    checkKey(key);
    const isExact = (state.statistics.get(key)?.distinct ?? 0) <= DISTINCT_EXACT_MAX;
    return measure(isExact ? 'count-distinct' : 'count-distinct-estimate', key);
  });
  return [
    measure('count', null),
    ...selected.metrics.flatMap((metric) => measuresOf(metric)),
    ...selected.amounts.flatMap(({ of, where }) => measuresOf(of, predicateOf(where))),
    ...distinct,
  ];
}
