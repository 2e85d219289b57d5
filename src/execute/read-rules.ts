import { parseRules } from '../attribution/parse-rules.ts';
import type { Control } from '../catalog/control/control.ts';
import type { LookupText, PublishedRules, RulesVersion } from '../catalog/published-rules.ts';
import { costError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';

/** Versions kept parsed, of all tenants. */
const RULES_KEPT_MAX = 200;

export type RuleReader = (tenant: TenantId, version: RulesVersion) => Promise<PublishedRules>;

/** Versions never change, so each is read and parsed once. */
export function createRuleReader(control: Control): RuleReader {
  const kept = new Map<string, Promise<PublishedRules>>();
  return (tenant, version) => {
    const key = `${tenant} ${version.version}`;
    const reading = kept.get(key) ?? readRules(control, tenant, version);
    kept.delete(key);
    kept.set(key, reading);
    reading.catch(() => kept.delete(key));
    const [oldest] = kept.keys();
    if (kept.size > RULES_KEPT_MAX && oldest !== undefined) kept.delete(oldest);
    return reading;
  };
}

async function readRules(
  control: Control,
  tenant: TenantId,
  { version, publishedAt, publishedBy }: RulesVersion,
): Promise<PublishedRules> {
  const { source, lookups } = await control.rulesText(tenant, version);
  const parsed = parseRules(source, { lookupFile: lookupAmong(lookups) });
  if ('ruleSet' in parsed)
    return { version: String(version), ruleSet: parsed.ruleSet, publishedAt, publishedBy };
  const [problem] = parsed.errors;
  throw new Error(`rules ${version} of ${tenant} were published and cannot be read: ${problem?.message}`);
}

/** The text of a file, the last one of that name; null where there is none. */
export function lookupAmong(lookups: readonly LookupText[]): (file: string) => string | null {
  const texts = new Map(lookups.map(({ file, text }) => [file, text]));
  return (file) => texts.get(file) ?? null;
}

/** By the text of its number. @throws UNKNOWN_RULES */
export async function findRules(control: Control, tenant: TenantId, text: string): Promise<RulesVersion> {
  const versions = await control.rulesVersions(tenant);
  return versions.find(({ version }) => String(version) === text) ?? refuseUnknown(text, versions);
}

export function refuseUnknown(text: string, versions: readonly RulesVersion[]): never {
  throw costError('UNKNOWN_RULES', { version: text.slice(0, 60), newest: versions.length });
}
