import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { describe, expect, it } from 'vitest';

import { checkRules } from '../../src/attribution/check-rules.ts';
import { compileRules } from '../../src/attribution/compile-rules.ts';
import { parseRules } from '../../src/attribution/parse-rules.ts';
import { normalizations } from '../../src/attribution/rule-set.ts';

const page = readFileSync(resolve(import.meta.dirname, '../../docs/attribution.md'), 'utf8');

function blocks(language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm'))].map(
    (match) => match[1] ?? '',
  );
}

const [csv = ''] = blocks('csv');

function parsed(text: string) {
  const result = parseRules(text, { lookupFile: (name) => (name === 'owners.csv' ? csv : null) });
  if ('ruleSet' in result) return result.ruleSet;
  throw new Error(JSON.stringify(result.errors));
}

/** Cells of the table under the example, without quotes; null for a missing value. */
function tableRows(): (string | null)[][] {
  const table = page.slice(page.indexOf('("–" is missing)')).split('\n\n')[1] ?? '';
  const rows = table.split('\n').filter((line) => !line.startsWith('| -'));
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
      .map((cell) => (cell === '–' ? null : cell.replace(/^"(.*)"$/, '$1'))),
  );
}

describe('docs/attribution.md', () => {
  it.each(blocks('yaml').map((text, i) => [i + 1, text] as const))('has a good example %d', (_, text) => {
    expect(checkRules(parsed(text))).toEqual([]);
  });

  it('says what the first example gives', () => {
    const [text = ''] = blocks('yaml');
    const { keys, inputs, evaluate } = compileRules(parsed(text));
    const [header = [], ...rows] = tableRows();
    expect(new Set(header)).toEqual(new Set([...inputs, 'environment', 'team']));
    expect(rows).toHaveLength(4);
    for (const row of rows) {
      const { values } = evaluate((key) => row[header.indexOf(key)] ?? null, Date.UTC(2018, 11, 1));
      const told = ['environment', 'team'].map((key) => row[header.indexOf(key)]);
      expect(['environment', 'team'].map((key) => values[keys.indexOf(key)])).toEqual(told);
    }
  });

  it('takes base-load for its three spellings, and the name out of an instance', () => {
    const ruleSet = parsed(blocks('yaml')[1] ?? '');
    const application = (of: Readonly<Record<string, string>>) =>
      compileRules(ruleSet).evaluate((key) => of[key] ?? null, 0).values[0];
    for (const spelling of ['Base Load', 'Base_Load', ' base-load']) {
      expect(application({ 'tag:Application': spelling })).toBe('base-load');
    }
    expect(application({ resource_name: 'i-shop-01' })).toBe('shop');
    expect(application({ resource_name: 'i-shop' })).toBe(null);
  });

  it('names every step and every warning', () => {
    const code = readFileSync(resolve(import.meta.dirname, '../../src/attribution/check-rules.ts'), 'utf8');
    const warnings = [...code.matchAll(/^ {2}\| '([a-z-]+)'/gm)].map((match) => match[1] ?? '');
    expect(warnings.length).toBeGreaterThan(3);
    for (const name of [...warnings, ...normalizations]) expect(page).toContain(`| \`${name}\``);
  });
});
