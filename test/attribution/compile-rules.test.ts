import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { compileRules } from '../../src/attribution/compile-rules.ts';
import { parseRules } from '../../src/attribution/parse-rules.ts';
import type { RuleSet } from '../../src/attribution/rule-set.ts';
import type { Predicate } from '../../src/planner/predicate.ts';
import { meets } from '../support/meaning.ts';
import { naiveValue } from './naive-rules.ts';
import { attributes, columnCondition, instants, ownersCsv, ruleDocument } from './rule-documents.ts';

const CASES = Number(process.env['COSTGRAPH_FUZZ_CASES'] ?? 500);

function parsed(
  text: string,
  files: Readonly<Record<string, string>> = { 'owners.csv': ownersCsv },
): RuleSet {
  const result = parseRules(text, { lookupFile: (name) => files[name] ?? null });
  if ('ruleSet' in result) return result.ruleSet;
  throw new Error(JSON.stringify(result.errors));
}

/** Value by key. */
function evaluate(ruleSet: RuleSet, of: Readonly<Record<string, string | null>>, instant = 0) {
  const { keys, evaluate } = compileRules(ruleSet);
  const { values } = evaluate((key) => of[key] ?? null, instant);
  return Object.fromEntries(keys.map((key, i) => [key, values[i] ?? null]));
}

function rules(text: string): RuleSet {
  return parsed(`version: 1\ndimensions:\n  - key: team\n    rules:\n${text.replaceAll(/^/gm, '      ')}`);
}

describe('compiled rules', () => {
  it('give what the document says, from YAML and JSON, twice', () => {
    const charges = fc.array(fc.tuple(attributes, fc.constantFrom(...instants)), {
      minLength: 1,
      maxLength: 12,
    });
    const property = fc.property(ruleDocument, charges, fc.boolean(), (document, charges, isYaml) => {
      const ruleSet = parsed(
        isYaml ? stringify(document, { aliasDuplicateObjects: false }) : JSON.stringify(document),
      );
      const { keys, evaluate } = compileRules(JSON.parse(JSON.stringify(ruleSet)) as RuleSet);
      for (const [of, instant] of [...charges, ...charges]) {
        const { values, rules } = evaluate((key) => of[key] ?? null, instant);
        const found = keys.map((_, i) => ({ value: values[i], rule: rules[i] }));
        expect(found).toEqual(keys.map((key) => naiveValue(document, key, of, instant)));
      }
    });
    fc.assert(property, { numRuns: CASES });
  });

  it('have conditions that are predicates of questions, and mean the same', () => {
    const property = fc.property(columnCondition, attributes, (when, of) => {
      const rule = { value: 'met', when };
      const ruleSet = parsed(JSON.stringify({ version: 1, dimensions: [{ key: 'team', rules: [rule] }] }));
      const predicate: Predicate = ruleSet.dimensions[0]?.rules[0]?.when ?? { kind: 'false' };
      const { team } = evaluate(ruleSet, of);
      expect(team === 'met').toBe(meets(predicate, (name) => of[name] ?? null));
    });
    fc.assert(property, { numRuns: CASES });
  });

  it('leave a charge to the next rule where a value is missing or empty', () => {
    const ruleSet = rules(`
- valueOf: { key: "tag:Team", normalize: [trim] }
- coalesce: ["tag:team", "tag:owner"]
- value: nobody
  when: { key: service_name, isNull: false }`);
    expect(evaluate(ruleSet, { 'tag:Team': ' web ' })).toEqual({ team: 'web' });
    expect(evaluate(ruleSet, { 'tag:Team': ' \u00a0', 'tag:team': '', 'tag:owner': 'x' })).toEqual({
      team: 'x',
    });
    expect(evaluate(ruleSet, { service_name: 'EC2' })).toEqual({ team: 'nobody' });
    expect(evaluate(ruleSet, {})).toEqual({ team: null });
  });

  it('replace groups, dollars and what took no part', () => {
    const ruleSet = rules(`
- valueOf: { key: "tag:Team", replace: [{ match: "(a)|(b)", with: "[$1$2$$]" }, { match: "\\\\s+", with: "-" }] }`);
    expect(evaluate(ruleSet, { 'tag:Team': 'xa  b\tc' })).toEqual({ team: 'x[a$]-[b$]-c' });
  });

  it('tell missing from empty, and texts that hold NUL from others, also when asked again', () => {
    const { inputs, evaluate } = compileRules(
      rules(`
- { value: both, when: { all: [{ key: "tag:a", isNull: true }, { key: "tag:b", isNull: false }] } }
- { valueOf: { key: "tag:b" } }
- { valueOf: { key: "tag:a" } }`),
    );
    expect(inputs).toEqual(['tag:a', 'tag:b']);
    const team = (a: string | null, b: string | null) =>
      evaluate((key) => (key === 'tag:a' ? a : b), 0).values[0];
    for (let i = 0; i < 2; i++) {
      expect(team(null, '')).toBe('both');
      expect(team('', null)).toBe(null);
      expect(team('', '')).toBe(null);
      expect(team('x', 'y')).toBe('y');
      expect(team('x\0y', null)).toBe('x\0y');
      expect(team('x', 'y\0')).toBe('y\0');
    }
  });

  it('answer a list of 10,000 values by one look-up', () => {
    const list = Array.from({ length: 10_000 }, (_, i) => `"${i}"`).join(', ');
    const { evaluate } = compileRules(
      rules(`- { value: listed, when: { key: resource_id, in: [${list}] } }`),
    );
    const started = performance.now();
    for (let i = 0; i < 20_000; i++) evaluate(() => String(i), 0);
    // One after another, 20,000 lists of 10,000 texts would take a second and more.
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
