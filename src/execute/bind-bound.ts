import { touches } from '../catalog/batch.ts';
import type { Control } from '../catalog/control/control.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import { costError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import type { Instant } from '../core/time-range.ts';
import { HOUR_MS } from '../core/time-range.ts';
import { bindFilter } from '../planner/bind/bind-filter.ts';
import { bindQuery, keyChecker } from '../planner/bind/bind-query.ts';
import { isOffTheHour } from '../planner/bind/make-buckets.ts';
import { parseInstant } from '../planner/bind/resolve-period.ts';
import type { CostQuery, FilterInput, KnowledgeInput } from '../planner/cost-query.ts';
import { normalizePredicate } from '../planner/normalize/normalize-predicate.ts';
import type { Predicate } from '../planner/predicate.ts';
import type { Question } from '../planner/question.ts';
import { bindWanted } from './bind-wanted.ts';
import type { BoundQuery, WantedInput, Warning } from './engine.ts';
import type { StateStore } from './pin-state.ts';
import { makeVersion, parseVersion } from './version.ts';

type Pinned = { readonly state: TenantState; readonly now: Instant; readonly askedVersion: string | null };

/** Checks a query, pins the knowledge it is answered from, and resolves it: everything before planning. */
export async function bindBound(
  control: Control,
  states: StateStore,
  tenant: TenantId,
  query: CostQuery,
  wanted: WantedInput,
  clock: Instant,
): Promise<BoundQuery> {
  const { state, now, askedVersion } = await pinKnowledge(control, states, tenant, query.knowledge, clock);
  const { question, isRelative } = bindQuery(tenant, query, state, now);
  const version = versionOf(question, state, isRelative ? now : null);
  if (askedVersion !== null && askedVersion !== version)
    throw costError('VERSION_EXPIRED', { version: askedVersion });
  const currencies = possibleCurrencies(question, state);
  const predicateOf = predicateBinder(state);
  return {
    question: { ...question, wanted: bindWanted(wanted, question, state, currencies, predicateOf) },
    version,
    warnings: warningsOf(question, query),
    predicateOf,
    query,
    state,
    conserved: wanted.conservation,
    currencies,
  };
}

async function pinKnowledge(
  control: Control,
  states: StateStore,
  tenant: TenantId,
  knowledge: KnowledgeInput,
  clock: Instant,
): Promise<Pinned> {
  const { asOf, close, version, rules } = knowledge;
  const given = [asOf, close, version].filter((each) => (each ?? null) !== null);
  if (given.length > 1) {
    throw costError('BAD_KNOWLEDGE', {
      reason: 'knowledge names more than one state',
      hint: 'Give asOf, close or version.',
    });
  }
  if ((close ?? null) !== null) {
    throw costError('BAD_KNOWLEDGE', {
      reason: `There is no close "${close}"`,
      hint: 'Leave it out, or give asOf.',
    });
  }
  if ((rules ?? null) !== null) {
    throw costError('BAD_KNOWLEDGE', {
      reason: `There is no rule set "${rules}"`,
      hint: 'Leave it out: no rules are published.',
    });
  }
  if (version) {
    const parts = parseVersion(version);
    const state =
      parts.sequence <= (await control.currentSequence(tenant))
        ? await states.pin(tenant, parts.sequence)
        : null;
    if (state === null) throw costError('VERSION_EXPIRED', { version });
    return { state, now: parts.now ?? clock, askedVersion: version };
  }
  const sequence = asOf ? await control.sequenceAsOf(tenant, parseInstant(asOf, 'knowledge.asOf')) : null;
  const state = await states.pin(tenant, sequence);
  if (state === null) {
    const reason = `The state of ${asOf ?? 'now'} is not retained any more`;
    throw costError('BAD_KNOWLEDGE', { reason, hint: 'Ask for a later state.' });
  }
  return { state, now: clock, askedVersion: null };
}

export function versionOf(
  question: Omit<Question, 'wanted'>,
  state: TenantState,
  now: Instant | null,
): string {
  const periods = question.compare ? [question.period, question.compare] : [question.period];
  const { tenant, history, sequence } = state;
  return makeVersion({ tenant, periods, axis: question.axis, history, sequence, now });
}

/** The currencies that live batches of the asked time and the filter leave possible. */
function possibleCurrencies(question: Omit<Question, 'wanted'>, state: TenantState): string[] {
  const periods = question.compare ? [question.period, question.compare] : [question.period];
  const batches = state.batches.filter((batch) =>
    periods.some((period) => touches(batch, period, question.axis)),
  );
  const held = new Set(batches.flatMap((batch) => batch.currencies));
  const filter = normalizePredicate(question.filter);
  const parts = filter.kind === 'and' ? filter.parts : [filter];
  for (const part of parts) {
    if (
      part.kind !== 'test' ||
      part.key !== 'billing_currency' ||
      part.test.op !== 'in' ||
      part.test.ignoreCase
    )
      continue;
    const { values } = part.test;
    for (const currency of held) if (!values.includes(currency)) held.delete(currency);
  }
  return [...held].sort();
}

/**
 * One object per condition: a condition is bound once however many rows ask for it. In normal form, so that conditions
 * that mean the same name the same measures.
 */
function predicateBinder(state: TenantState): (where: FilterInput) => Predicate {
  const bound = new WeakMap<FilterInput, Predicate>();
  const checkKey = keyChecker(state);
  return (where) => {
    const kept = bound.get(where);
    if (kept) return kept;
    const predicate = normalizePredicate(bindFilter(where, checkKey));
    bound.set(where, predicate);
    return predicate;
  };
}

function warningsOf(question: Omit<Question, 'wanted'>, query: CostQuery): Warning[] {
  const warnings: Warning[] = [];
  const { from, to } = question.period;
  const isAbsolute = Boolean(query.period.from);
  if (isAbsolute && (from % HOUR_MS !== 0 || to % HOUR_MS !== 0)) {
    warnings.push({
      code: 'PERIOD_OFF_HOUR',
      message: 'The period is not on the hour; a charge counts by the UTC hour of its start.',
      hint: 'Give bounds on the hour.',
    });
  }
  if (question.granularity !== 'TOTAL' && isOffTheHour(question.timeZone, question.period)) {
    warnings.push({
      code: 'ZONE_OFF_HOUR',
      message: `${question.timeZone} is off the UTC hour; buckets take whole UTC hours by their start.`,
      hint: null,
    });
  }
  return warnings;
}
