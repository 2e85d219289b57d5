/** Random rule documents as people could write them in JSON, with values and times that meet. */
import * as fc from 'fast-check';

export type Document = { readonly [field: string]: unknown };

const columns = ['service_name', 'sub_account_id', 'tag:Team', 'tag:App', 'resource_id'];
export const dimensionKeys = ['environment', 'team', 'feature'];
const words = [
  'a',
  'A',
  'b',
  'ab',
  'aB',
  ' a',
  'a b',
  'ä',
  'Ä',
  'ß',
  'ẞ',
  'İ',
  'i',
  'Σ',
  'ς',
  '-',
  '0112',
  '😀',
  'a\nb',
];
export const word = fc.constantFrom(...words);
const pattern = fc.constantFrom('a', '[ab]+', '.*b', '(?i)a.?', '\\pL+', '(a)|(b)', '');
const day = fc.constantFrom(
  '2018-10-01',
  '2018-10-15T06:00Z',
  '2018-11-01',
  '2018-11-02T00:00:00Z',
  '2019-01-01',
);
export const instants = [
  '2018-09-01',
  '2018-10-01',
  '2018-10-15T05:59:59Z',
  '2018-10-15T06:00Z',
  '2018-12-01',
  '2020-01-01',
].map((text) => Date.parse(text));

const effective = fc.oneof(
  fc.constantFrom([{}]),
  day.map((from) => [{ from }]),
  day.map((to) => [{ to }]),
  fc.constantFrom(
    [{ to: '2018-10-01' }, { from: '2018-11-01' }],
    [{ from: '2018-10-15', to: '2018-11-01' }, { to: '2018-10-15' }],
  ),
);

function condition(keys: readonly string[]): fc.Arbitrary<Document> {
  const flags = { ignoreCase: fc.boolean(), includeNull: fc.boolean() };
  const test = fc.oneof(
    fc.record({ in: fc.array(word, { maxLength: 4 }) }),
    fc.record({ notIn: fc.array(word, { maxLength: 3 }) }),
    ...['startsWith', 'endsWith', 'contains'].map((op) =>
      fc.record({ [op]: fc.oneof(word, fc.constant('')) }),
    ),
    fc.record({ matches: pattern }),
    fc.record({ isNull: fc.boolean() }),
  );
  const leaf = fc
    .tuple(fc.constantFrom(...keys), test, fc.record(flags, { requiredKeys: [] }))
    .map(([key, test, flags]): Document => ({ key, ...test, ...flags }));
  return fc.letrec<{ node: Document }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      leaf,
      fc.record({ all: fc.array(tie('node'), { maxLength: 3 }) }),
      fc.record({ any: fc.array(tie('node'), { maxLength: 3 }) }),
      fc.record({ not: tie('node') }),
    ),
  })).node;
}

export const columnCondition = condition(columns);

function value(keys: readonly string[]): fc.Arbitrary<Document> {
  const key = fc.constantFrom(...keys);
  const replacement = fc.record({
    match: fc.constantFrom('a', '[ab]', '\\s+', '(a)(b)?', '(?P<first>.)b', 'ß|-'),
    with: fc.constantFrom('', 'x', '$0$0', '-', '$$1'),
  });
  const valueOf = fc.record(
    {
      key,
      normalize: fc.subarray(['trim', 'lower', 'upper'], { minLength: 1 }),
      replace: fc.array(replacement, { minLength: 1, maxLength: 2 }),
    },
    { requiredKeys: ['key'] },
  );
  return fc.oneof(
    fc.record({ value: word }),
    fc.record({ valueOf }),
    fc.record({ coalesce: fc.array(key, { minLength: 1, maxLength: 3 }) }),
    fc.constantFrom<Document>(
      { lookup: { name: 'owners', on: 'tag:Team', column: 'owner' } },
      { lookup: { name: 'owners', on: ['tag:Team', 'service_name'], column: 'owner' } },
    ),
  );
}

/** Of tag:Team alone rows are apart by time, and so they are of both columns. */
export const ownersRows = [
  { team: 'a', service: 'a', owner: 'x', from: null, to: '2018-10-15' },
  { team: 'a', service: 'b', owner: 'y', from: '2018-10-15', to: null },
  { team: 'A', service: 'a', owner: '', from: null, to: null },
  { team: 'ä', service: 'ä', owner: ' z', from: '2018-10-01', to: '2018-11-01' },
];
export const ownersCsv = [
  'tag:Team,service_name,owner,valid_from,valid_to',
  ...ownersRows.map(
    ({ team, service, owner, from, to }) => `${team},${service},"${owner}",${from ?? ''},${to ?? ''}`,
  ),
].join('\n');

/** A dimension uses those before it in dimensionKeys, whatever their order in the file. */
function dimension(i: number): fc.Arbitrary<Document> {
  const keys = [...columns, ...dimensionKeys.slice(0, i)];
  const rule = fc
    .tuple(value(keys), fc.record({ when: condition(keys), effective }, { requiredKeys: [] }))
    .map(([value, rest]): Document => ({ ...value, ...rest }));
  return fc.record(
    {
      key: fc.constant(dimensionKeys[i] ?? ''),
      label: word,
      effective,
      rules: fc.array(rule, { maxLength: 5 }),
      otherwise: fc.option(word, { nil: null }),
    },
    { requiredKeys: ['key', 'rules'] },
  );
}

const split = fc.record(
  {
    when: condition([...columns, ...dimensionKeys]),
    to: fc.constantFrom(['customer'], ['team']),
    by: fc.constantFrom<Document>(
      { telemetry: 'work', grain: 'hour', within: ['service_name'] },
      { even: ['a', 'b'] },
      { fixed: { a: '0.6', b: '0' } },
      { cost: { of: 'tag:App', grain: 'day' } },
    ),
    noDriver: fc.constantFrom<readonly unknown[]>(
      ['even'],
      [{ spread: 'day' }, 'unattributed'],
      [{ value: 'a' }],
    ),
    override: fc.boolean(),
    effective,
  },
  { requiredKeys: ['when', 'to', 'by'] },
);

export const ruleDocument: fc.Arbitrary<Document> = fc
  .tuple(
    fc.tuple(...dimensionKeys.map((_, i) => dimension(i))),
    fc.array(split, { maxLength: 2 }),
    fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
  )
  .map(([dimensions, splits, order]) => ({
    version: 1,
    dimensions: order.map((i) => dimensions[i]),
    lookups: [{ name: 'owners', file: 'owners.csv' }],
    splits,
  }));

const text = fc.option(fc.oneof(word, fc.constant('')), { freq: 4, nil: null });
export const attributes: fc.Arbitrary<Readonly<Record<string, string | null>>> = fc.record(
  Object.fromEntries(columns.map((key) => [key, text])),
);
