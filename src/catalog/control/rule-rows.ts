/** A tenant's attribution rules by version: each is written once, and never changed or deleted. */
import type { Kysely, Transaction } from 'kysely';

import { compareText } from '../../core/code-point-order.ts';
import { digest } from '../../core/digest.ts';
import { costError } from '../../core/errors.ts';
import type { TenantId } from '../../core/ids.ts';
import type { LookupText, RulesFormat, RulesText, RulesVersion } from '../published-rules.ts';
import type { ControlTables } from './control-tables.ts';
import type { PublishRulesStep } from './control.ts';
import { nextStep } from './publish.ts';

/** @throws RULES_CHANGED, UNKNOWN_RULES */
export async function publishRules(
  transaction: Transaction<ControlTables>,
  step: PublishRulesStep,
): Promise<RulesVersion & { readonly isNew: boolean }> {
  const { tenant, baseVersion, source, by } = step;
  const lookups = step.lookups.toSorted((a, b) => compareText(a.file, b.file));
  const contents = digest([source, lookups]);
  const newest = (await rulesVersions(transaction, tenant)).at(-1);
  // Before the base is looked at: so a step may be repeated after a lost answer.
  if (newest?.digest === contents) return { ...newest, isNew: false };
  checkBase(baseVersion, newest);

  const sequence = await nextStep(transaction, step);
  const version = (newest?.version ?? 0) + 1;
  await transaction
    .insertInto('rule_set')
    .values({
      tenant,
      version,
      sequence,
      format: step.format,
      source,
      lookups: JSON.stringify(lookups),
      digest: contents,
      published_by: by,
    })
    .execute();
  const published = (await rulesVersions(transaction, tenant)).at(-1);
  if (published?.version !== version) throw new Error('what a transaction wrote it reads');
  return { ...published, isNew: true };
}

/** @throws RULES_CHANGED, UNKNOWN_RULES */
export function checkBase(base: number | null, newest: RulesVersion | undefined): void {
  const known = newest?.version ?? 0;
  if (base === null || base === known) return;
  if (newest === undefined || base > known) {
    throw costError('UNKNOWN_RULES', { version: String(base), newest: known });
  }
  throw costError('RULES_CHANGED', { base, newest: known, by: newest.publishedBy });
}

/** Oldest first. */
export async function rulesVersions(
  database: Kysely<ControlTables>,
  tenant: TenantId,
): Promise<RulesVersion[]> {
  const rows = await database
    .selectFrom('rule_set')
    .innerJoin('knowledge_step', (join) =>
      join
        .onRef('knowledge_step.tenant', '=', 'rule_set.tenant')
        .onRef('knowledge_step.sequence', '=', 'rule_set.sequence'),
    )
    .select(['version', 'rule_set.sequence', 'format', 'digest', 'published_by', 'instant'])
    .where('rule_set.tenant', '=', tenant)
    .orderBy('version')
    .execute();
  return rows.map((row) => ({
    version: row.version,
    sequence: row.sequence,
    format: storedFormat(row.format),
    publishedAt: row.instant,
    publishedBy: row.published_by,
    digest: row.digest,
  }));
}

/** @throws UNKNOWN_RULES */
export async function rulesText(
  database: Kysely<ControlTables>,
  tenant: TenantId,
  version: number,
): Promise<RulesText> {
  const row = await database
    .selectFrom('rule_set')
    .select(['source', 'lookups'])
    .where('tenant', '=', tenant)
    .where('version', '=', version)
    .executeTakeFirst();
  if (row === undefined) {
    const newest = (await rulesVersions(database, tenant)).at(-1)?.version ?? 0;
    throw costError('UNKNOWN_RULES', { version: String(version), newest });
  }
  // Only publishRules writes it.
  return { source: row.source, lookups: JSON.parse(row.lookups) as LookupText[] };
}

function storedFormat(text: string): RulesFormat {
  if (text === 'yaml' || text === 'json') return text;
  throw new Error(`the control plane holds a damaged format of rules: ${text}`);
}
