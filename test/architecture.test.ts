import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const SOURCE = resolve(import.meta.dirname, '../src');

/**
 * Which parts of src a part may import, besides itself. The most specific entry holds. A part that is not listed
 * may not exist: the listing of folders is the architecture.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  // A source is summed up from what control holds of it; lake.ts is the way to the tables.
  catalog: ['core', 'catalog/control', 'catalog/iceberg', 'attribution/rule-set.ts'],
  'catalog/iceberg': ['core', 'catalog'],
  'catalog/control': ['core', 'catalog'],
  'attribution/rule-set.ts': ['core'], // What rules are, as data: a tenant's state holds them.
  attribution: ['core', 'catalog', 'attribution/rule-set.ts'], // Pure: the event path runs it, stores get SQL made of its data.
  planner: ['core', 'catalog', 'attribution/rule-set.ts'], // No store, no transport: it plans on capabilities and statistics.
  connectors: ['core', 'catalog', 'planner'],
  'connectors/sql': ['core', 'catalog', 'planner', 'connectors', 'attribution/rule-set.ts'],
  'connectors/duckdb': ['core', 'catalog', 'planner', 'connectors', 'connectors/sql'], // Stores never import each other.
  execute: [
    'core',
    'catalog',
    'catalog/iceberg',
    'catalog/control',
    'attribution',
    'attribution/rule-set.ts',
    'planner',
    'connectors',
  ],
  access: ['core'],
  statements: ['core', 'catalog', 'planner', 'execute'],
  schema: ['core', 'catalog', 'planner', 'execute', 'access', 'connectors'],
  ingest: ['core', 'catalog', 'catalog/iceberg', 'catalog/control'], // Never schema, planner or execute.
  commands: ['*'],
  'config.ts': ['core', 'access'],
  'main.ts': ['commands'],
  'server.ts': ['*'], // Wiring: the only file besides the commands that may import everything.
};

function partOf(file: string): string {
  const path = relative(SOURCE, file).replaceAll('\\', '/');
  const known = Object.keys(mayImport).filter((part) => path === part || path.startsWith(`${part}/`));
  return known.sort((a, b) => b.length - a.length)[0] ?? `unknown: ${path}`;
}

const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join(SOURCE, name));

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const matches = text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g);
  return [...matches].map((match) => resolve(dirname(file), match[1] ?? ''));
}

describe('the direction of imports', () => {
  it('finds the sources', () => expect(files.length).toBeGreaterThan(20));

  it.each(files.map((file) => [relative(SOURCE, file), file] as const))('%s', (_, file) => {
    const part = partOf(file);
    const allowed = mayImport[part] ?? [];
    const wrong = importsOf(file)
      .map(partOf)
      .filter((other) => other !== part && !allowed.includes(other) && !allowed.includes('*'));
    expect(part).not.toMatch(/^unknown/);
    expect(wrong).toEqual([]);
  });
});
