import type { PublishedBatch } from '../catalog/batch.ts';
import { touches } from '../catalog/batch.ts';
import type { Control } from '../catalog/control/control.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import { costError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import type { Instant, TimeRange } from '../core/time-range.ts';
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
import { findClose } from './closes.ts';
import { findRules } from './read-rules.ts';
import { streamsOf } from './unit-costs.ts';
import { makeVersion, parseVersion } from './version.ts';

export type Pinned = { readonly state: TenantState; readonly now: Instant };

/** Checks a query, pins the knowledge it is answered from, and resolves it: everything before planning. */
export async function bindBound(
  control: Control,
  states: StateStore,
  tenant: TenantId,
  query: CostQuery,
  wanted: WantedInput,
  clock: Instant,
): Promise<BoundQuery> {
  return bindAt(tenant, query, wanted, await pinKnowledge(control, states, tenant, query.knowledge, clock));
}

/**
 * Resolves a query at the state that it is answered from.
 *
 * @throws VERSION_EXPIRED, BAD_KNOWLEDGE where the query names a version that is not of it, or charges that are dropped
 */
export function bindAt(
  tenant: TenantId,
  query: CostQuery,
  wanted: WantedInput,
  { state, now }: Pinned,
): BoundQuery {
  const { question, isRelative } = bindQuery(tenant, query, state, now);
  const version = versionOf(question, state, isRelative ? now : null);
  const asked = query.knowledge.version ?? version;
  if (asked !== version) throw costError('VERSION_EXPIRED', { version: asked });
  refuseDropped(question, state, query.knowledge);
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
    streams: streamsOf(wanted),
    currencies,
  };
}

/** @throws BAD_KNOWLEDGE, VERSION_EXPIRED, UNKNOWN_RULES, UNKNOWN_CLOSE */
export async function pinKnowledge(
  control: Control,
  states: StateStore,
  tenant: TenantId,
  knowledge: KnowledgeInput,
  clock: Instant,
): Promise<Pinned> {
  const { asOf = null, close = null, version = null, rules = null } = knowledge;
  const given = [asOf, close, version].filter((each) => each !== null);
  if (given.length > 1) {
    throw costError('BAD_KNOWLEDGE', {
      reason: 'knowledge names more than one state',
      hint: 'Give asOf, close or version.',
    });
  }
  const askedRules = rules === null ? null : (await findRules(control, tenant, rules)).version;
  if (version !== null) {
    const parts = parseVersion(version);
    const point = { sequence: parts.sequence, rules: askedRules ?? parts.rules };
    const state = await states.pin(tenant, point);
    if (state === null) throw costError('VERSION_EXPIRED', { version });
    return { state, now: parts.now ?? clock };
  }
  let sequence: number | null = null;
  if (asOf !== null) sequence = await control.sequenceAsOf(tenant, parseInstant(asOf, 'knowledge.asOf'));
  if (close !== null) sequence = (await findClose(control, tenant, close)).sequence;
  const state = await states.pin(tenant, { sequence, rules: askedRules });
  if (state === null) throw new Error('what control said is there by now');
  return { state, now: clock };
}

/** Of batches that are dropped the rows are gone, or may go any moment. @throws VERSION_EXPIRED, BAD_KNOWLEDGE */
function refuseDropped(
  question: Omit<Question, 'wanted'>,
  { batches }: TenantState,
  { version, asOf }: KnowledgeInput,
): void {
  if (!touched(batches, question).some(({ droppedAt }) => droppedAt !== null)) return;
  if (version) throw costError('VERSION_EXPIRED', { version });
  const reason = `The state of ${asOf ?? 'now'} is not retained any more`;
  throw costError('BAD_KNOWLEDGE', { reason, hint: 'Ask for a later state.' });
}

export function versionOf(
  question: Omit<Question, 'wanted'>,
  state: TenantState,
  now: Instant | null,
): string {
  const periods = periodsOf(question);
  const { tenant, history, sequence } = state;
  // Rules that are not published begin with the number that they would have.
  const rules = Number.parseInt(state.rules?.version ?? '0', 10);
  const telemetry = state.telemetry.values();
  return makeVersion({ tenant, periods, axis: question.axis, history, telemetry, sequence, rules, now });
}

function periodsOf({ period, compare }: Pick<Question, 'period' | 'compare'>): TimeRange[] {
  return compare ? [period, compare] : [period];
}

/** Those that can hold charges of the asked time. */
function touched(
  batches: readonly PublishedBatch[],
  question: Pick<Question, 'period' | 'compare' | 'axis'>,
): PublishedBatch[] {
  const periods = periodsOf(question);
  return batches.filter((batch) => periods.some((period) => touches(batch, period, question.axis)));
}

/** The currencies that live batches of the asked time and the filter leave possible. */
function possibleCurrencies(question: Omit<Question, 'wanted'>, state: TenantState): string[] {
  const batches = touched(state.batches, question);
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
