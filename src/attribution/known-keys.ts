import { INLINE_TAGS, chargeColumns, inlineColumns } from '../catalog/charge-columns.ts';
import { TAG_PREFIX, providerDimensions } from '../catalog/dimensions.ts';
import { nearNames } from '../core/near.ts';
import type { Report, Tree } from './read-tree.ts';
import type { Placed } from './shape.ts';

const DIMENSION_KEY = /^[a-z][a-z0-9_]{0,62}$/;

/** Columns of FOCUS that rules can look at: texts. */
const columns = new Set(
  providerDimensions.filter(({ place }) => place.kind !== 'time').map(({ key }) => key),
);
const times = new Set(providerDimensions.filter(({ place }) => place.kind === 'time').map(({ key }) => key));

/** Names that data, and the SQL view of it, have already. */
const reserved: ReadonlySet<string> = new Set([
  ...chargeColumns.map(({ name }) => name),
  ...inlineColumns.map(({ name }) => name),
  ...providerDimensions.map(({ key }) => key),
  INLINE_TAGS,
  'tags',
  'charge_count',
  'time',
  'hour',
  'day',
  'week',
  'month',
  'quarter',
  'year',
]);

/** Reports a key that no dimension of the tenant's own can have; says whether it can. */
export function checkDimensionKey({ value, ...at }: Placed<string>, report: Report): boolean {
  if (reserved.has(value)) {
    report(at, `"${value}" is a name that charges have already`, `Take another, such as my_${value}.`);
  } else if (!DIMENSION_KEY.test(value)) {
    const hint = 'Lower-case letters, digits and _, at most 63, the first a letter.';
    report(at, `"${value}" cannot be the key of a dimension`, hint);
  } else return true;
  return false;
}

/** Reports a key that is neither a column nor a tag nor one of the tenant's `own` dimensions. */
export function checkKey({ value, ...at }: Placed<string>, own: ReadonlySet<string>, report: Report): void {
  if (
    own.has(value) ||
    columns.has(value) ||
    (value.length > TAG_PREFIX.length && value.startsWith(TAG_PREFIX))
  )
    return;
  if (times.has(value)) {
    report(at, `"${value}" is a time, which no rule can look at`, 'Use effective for when a rule holds.');
    return;
  }
  const tag = /^tags?[:.](.+)$/i.exec(value)?.[1];
  const near = tag === undefined ? nearNames(value, own.union(columns)) : [`${TAG_PREFIX}${tag}`];
  const known =
    'Write a FOCUS column such as service_name, tag:NAME, or the key of a dimension of these rules.';
  report(at, `There is no "${value}"`, near.length > 0 ? `Did you mean ${near.join(' or ')}?` : known);
}

/**
 * Keys and names that a text declares, whether or not what they stand for can be read: so that one problem is not
 * told again wherever the name is used.
 */
export function declaredNames(tree: Tree): {
  readonly dimensions: ReadonlySet<string>;
  readonly lookups: ReadonlySet<string>;
} {
  const textsOf = (section: string, field: string) =>
    items(member(tree, section)).flatMap((item) => {
      const value = member(item, field);
      return [value, ...items(value)].flatMap((each) => (each?.kind === 'text' ? [each.value] : []));
    });
  return {
    dimensions: new Set([...textsOf('dimensions', 'key'), ...textsOf('splits', 'to')]),
    lookups: new Set(textsOf('lookups', 'name')),
  };
}

function member(tree: Tree, name: string): Tree | undefined {
  return tree.kind === 'map' ? tree.entries.find(({ key }) => key === name)?.value : undefined;
}

function items(tree: Tree | undefined): readonly Tree[] {
  return tree?.kind === 'list' ? tree.items : [];
}
