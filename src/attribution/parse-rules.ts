import { declaredNames } from './known-keys.ts';
import type { LookupFile } from './read-lookup.ts';
import type { Report, RuleError } from './read-tree.ts';
import { readTree } from './read-tree.ts';
import { resolveRules } from './resolve-rules.ts';
import type { RuleSet } from './rule-set.ts';
import { rulesShape } from './rules-grammar.ts';

export const ERRORS_MAX = 100;

/**
 * Reads rules in YAML or JSON.
 *
 * @param lookupFile gives the text of a file that the rules name, or null
 * @returns the rules, or all that is wrong with them: at least one and at most ERRORS_MAX problems, those of the
 *   rules first, in the order of the text. Throws only what `lookupFile` throws.
 */
export function parseRules(
  text: string,
  { lookupFile }: { readonly lookupFile: LookupFile },
): { readonly ruleSet: RuleSet } | { readonly errors: readonly RuleError[] } {
  const errors: RuleError[] = [];
  const report: Report = ({ line, column }, message, hint, file) =>
    errors.push({ line, column, message: capitalized(message), hint, file: file ?? null });
  const tree = readTree(text, report);
  const raw = tree && rulesShape.read(tree, 'the text', report);
  const ruleSet = tree && raw && resolveRules(raw, { ...declaredNames(tree), lookupFile }, report);
  if (ruleSet && errors.length === 0) return { ruleSet };
  return { errors: errors.sort(compareErrors).slice(0, ERRORS_MAX) };
}

/** What begins with a field's name stays as it is. */
function capitalized(message: string): string {
  return message.replace(/^(?:an?|the) /, (article) => article.charAt(0).toUpperCase() + article.slice(1));
}

function compareErrors(a: RuleError, b: RuleError): number {
  if (a.file !== b.file) return (a.file ?? '') < (b.file ?? '') ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}
