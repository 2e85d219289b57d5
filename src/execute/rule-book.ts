import { parseRules } from '../attribution/parse-rules.ts';
import type { Control } from '../catalog/control/control.ts';
import { checkBase } from '../catalog/control/rule-rows.ts';
import type { LookupText, RulesFormat, RulesVersion } from '../catalog/published-rules.ts';
import { ruledDimensions } from '../catalog/published-rules.ts';
import { digest } from '../core/digest.ts';
import { summarizeDimensions } from './dimension-answers.ts';
import type { PublishOutcome, PublishRequest, RuleBook } from './engine.ts';
import type { StateStore } from './pin-state.ts';
import type { RuleReader } from './read-rules.ts';
import { refuseUnknown } from './read-rules.ts';

export function createRuleBook(control: Control, states: StateStore, readRules: RuleReader): RuleBook {
  return {
    versions: async (tenant) => (await control.rulesVersions(tenant)).toReversed(),
    text: (tenant, version) => control.rulesText(tenant, version),
    dimensions: async (tenant, version) => {
      const rules = await readRules(tenant, version);
      return summarizeDimensions(await states.newest(tenant), ruledDimensions(rules).values(), rules);
    },
    publish: (request) => publishRules(control, request),
  };
}

/**
 * Parses and checks rules, and publishes them with the lookup files that they name.
 *
 * @throws RULES_CHANGED, UNKNOWN_RULES
 */
export async function publishRules(control: Control, request: PublishRequest): Promise<PublishOutcome> {
  const { tenant, source, dryRun, by, at } = request;
  const versions = await control.rulesVersions(tenant);
  const baseVersion = readBase(request.baseVersion, versions);
  const lookups = new Map<string, LookupText>();
  const parsed = parseRules(source, {
    lookupFile: (file) => {
      const text = request.lookupFile(file);
      if (text !== null) lookups.set(file, { file, text });
      return text;
    },
  });
  if ('errors' in parsed) return { kind: 'refused', errors: parsed.errors };
  const before = versions.at(-1) ?? null;
  const { ruleSet } = parsed;
  if (dryRun) {
    checkBase(baseVersion, before ?? undefined);
    // Kept answers tell rules apart by their version.
    const version = `${versions.length + 1}-${digest(ruleSet)}`;
    const after = { version, ruleSet, publishedAt: at, publishedBy: by };
    return { kind: 'valid', change: { before, after } };
  }
  const step = {
    tenant,
    source,
    lookups: [...lookups.values()],
    format: formatOf(source),
    baseVersion,
    by,
    at,
  };
  const { isNew, ...version } = await control.publishRules(step);
  const { publishedAt, publishedBy } = version;
  const after = { version: String(version.version), ruleSet, publishedAt, publishedBy };
  return { kind: 'published', version, isNew, change: { before, after } };
}

function readBase(text: string | null, versions: readonly RulesVersion[]): number | null {
  if (text === null) return null;
  return /^\d{1,9}$/.test(text) ? Number(text) : refuseUnknown(text, versions);
}

function formatOf(source: string): RulesFormat {
  try {
    JSON.parse(source);
    return 'json';
  } catch {
    return 'yaml';
  }
}
