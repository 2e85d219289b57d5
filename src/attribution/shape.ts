/**
 * What a tree may look like: each shape is both a reader, which reports every problem with its place, and the JSON
 * Schema that is published. So the two cannot disagree.
 */
import { nearNames } from '../core/near.ts';
import type { Position } from './rule-set.ts';
import type { Entry, Report, Tree } from './read-tree.ts';

export type JsonSchema = { readonly [keyword: string]: unknown };

export type Shape<T> = {
  readonly schema: JsonSchema;
  /** Undefined where it is something else, which is reported. `name` is what the text calls it. */
  readonly read: (tree: Tree, name: string, report: Report) => T | undefined;
};
export type ReadBy<S> = S extends Shape<infer T> ? T : never;

/** A value and where it stands. */
export type Placed<T> = Position & { readonly value: T };

const kindNames: Readonly<Record<Tree['kind'], string>> = {
  text: 'a text',
  flag: 'true or false',
  number: 'a number',
  nothing: 'nothing',
  refused: 'nothing',
  list: 'a list',
  map: 'a group of fields',
};

function mismatch(
  tree: Tree,
  name: string,
  wanted: string,
  report: Report,
  otherwise = `Write ${wanted}.`,
): undefined {
  if (tree.kind === 'refused') return;
  const isUnquoted = wanted.startsWith('a text') && (tree.kind === 'number' || tree.kind === 'flag');
  const source = tree.kind === 'number' ? tree.source : tree.kind === 'flag' ? String(tree.value) : '';
  const hint = isUnquoted ? `Write it in quotes: "${source}".` : otherwise;
  const found = tree.kind === 'number' ? tree.source : kindNames[tree.kind];
  report(tree, `${name} is ${found}, not ${wanted}`, hint);
}

export const TEXT_LENGTH_MAX = 1_000;

/** Not empty; of at most TEXT_LENGTH_MAX UTF-16 units; without NUL and lone surrogates, which stores refuse. */
export const text: Shape<Placed<string>> = textShape(1);
/** The same, which may be empty. */
export const anyText: Shape<Placed<string>> = textShape(0);

function textShape(lengthMin: number): Shape<Placed<string>> {
  return {
    schema: { type: 'string', ...(lengthMin > 0 && { minLength: lengthMin }), maxLength: TEXT_LENGTH_MAX },
    read(tree, name, report) {
      if (tree.kind !== 'text') return mismatch(tree, name, 'a text', report);
      const { value, line, column } = tree;
      if (value.length < lengthMin) {
        report(tree, `${name} is empty`, 'Write something, or leave the whole field out.');
      } else if (value.length > TEXT_LENGTH_MAX) {
        const message = `${name} has ${value.length} characters, the limit is ${TEXT_LENGTH_MAX}`;
        report(tree, message, 'Shorten it.');
      } else if (value.includes('\0') || !value.isWellFormed()) {
        report(tree, `${name} has a character that no text can hold`, 'Leave out NUL and lone surrogates.');
      } else return { value, line, column };
      return undefined;
    },
  };
}

/** A text of a form that `schema` describes too; `form` says it in words. */
export function textLike<T>(
  schema: JsonSchema,
  form: string,
  parse: (text: string) => T | null,
): Shape<Placed<T>> {
  return {
    schema: { type: 'string', ...schema },
    read(tree, name, report) {
      const given = text.read(tree, name, report);
      if (given === undefined) return undefined;
      const value = parse(given.value);
      if (value !== null) return { ...given, value };
      report(tree, `${name} "${given.value}" is not ${form}`, `Write ${form}.`);
      return undefined;
    },
  };
}

export function word<const Word extends string>(words: readonly Word[]): Shape<Placed<Word>> {
  return {
    schema: { enum: words },
    read(tree, name, report) {
      const given = tree.kind === 'text' ? tree.value : null;
      const found = words.find((known) => known === given);
      const { line, column } = tree;
      if (found !== undefined) return { value: found, line, column };
      if (given === null) return mismatch(tree, name, words.join(' or '), report);
      report(tree, `${name} "${given}" is not known`, didYouMean(given, words));
      return undefined;
    },
  };
}

export const flag: Shape<Placed<boolean>> = {
  schema: { type: 'boolean' },
  read(tree, name, report) {
    const { line, column } = tree;
    if (tree.kind === 'flag') return { value: tree.value, line, column };
    return mismatch(tree, name, kindNames.flag, report);
  },
};

/** Exactly this whole number. */
export function number(value: number): Shape<Placed<number>> {
  return {
    schema: { const: value },
    read(tree, name, report) {
      const { line, column } = tree;
      if (tree.kind === 'number' && tree.value === value) return { value, line, column };
      return mismatch(tree, name, String(value), report);
    },
  };
}

export function orNull<T>(shape: Shape<Placed<T>>): Shape<Placed<T | null>> {
  return {
    schema: { anyOf: [shape.schema, { type: 'null' }] },
    read(tree, name, report) {
      const { line, column } = tree;
      return tree.kind === 'nothing' ? { value: null, line, column } : shape.read(tree, name, report);
    },
  };
}

/** Items that cannot be read are left out, so that the others are looked at too; of anything but a list all are. */
export function list<T>(item: Shape<T>, min: number, max: number): Shape<readonly T[]> {
  return {
    schema: { type: 'array', items: item.schema, ...(min > 0 && { minItems: min }), maxItems: max },
    read(tree, name, report) {
      if (tree.kind !== 'list') return mismatch(tree, name, 'a list', report) ?? [];
      if (tree.items.length < min) report(tree, `${name} is empty`, 'Write something, or leave it out.');
      if (tree.items.length > max) {
        const message = `${name} has ${tree.items.length} entries, the limit is ${max}`;
        report(tree, message, 'Shorten it; a lookup holds long lists.');
      }
      const items = tree.items.slice(0, max).map((each) => item.read(each, `an entry of ${name}`, report));
      return items.filter((each) => each !== undefined);
    },
  };
}

/** Names of the writer's own, each with a value, in the order of the text. */
export function namedValues<T>(
  value: Shape<T>,
  max: number,
): Shape<readonly (Position & { readonly name: string; readonly value: T })[]> {
  return {
    schema: {
      type: 'object',
      additionalProperties: value.schema,
      propertyNames: text.schema,
      minProperties: 1,
      maxProperties: max,
    },
    read(tree, name, report) {
      if (tree.kind !== 'map') return mismatch(tree, name, 'a group of names with values', report);
      if (tree.entries.length === 0) report(tree, `${name} is empty`, 'Write a name and its value.');
      if (tree.entries.length > max) {
        report(tree, `${name} has ${tree.entries.length} names, the limit is ${max}`, 'Shorten it.');
      }
      const read = tree.entries.slice(0, max).map(({ key, value: tree, ...at }) => {
        const named = text.read({ kind: 'text', value: key, ...at }, `a name of ${name}`, report);
        const inner = value.read(tree, key, report);
        return named && inner !== undefined ? [{ name: named.value, value: inner, ...at }] : [];
      });
      return read.flat();
    },
  };
}

/** By what kind of thing stands there. */
export function eitherKind<T>(
  shapes: Partial<Readonly<Record<Tree['kind'], Shape<T>>>>,
  wanted: string,
): Shape<T> {
  return {
    schema: { anyOf: Object.values(shapes).map(({ schema }) => schema) },
    read(tree, name, report) {
      const shape = shapes[tree.kind];
      return shape ? shape.read(tree, name, report) : mismatch(tree, name, wanted, report);
    },
  };
}

export function mapped<From, To>(shape: Shape<From>, to: (from: From) => To): Shape<To> {
  return {
    schema: shape.schema,
    read(tree, name, report) {
      const read = shape.read(tree, name, report);
      return read === undefined ? undefined : to(read);
    },
  };
}

/** A shape that stands under $defs, for what holds itself or is used in several places. */
export function reference<T>(definition: string, shape: () => Shape<T>): Shape<T> {
  return {
    schema: { $ref: `#/$defs/${definition}` },
    read: (tree, name, report) => shape().read(tree, name, report),
  };
}

export type Field<T, Presence extends 'required' | 'optional' | 'alternative'> = {
  readonly shape: Shape<T>;
  readonly presence: Presence;
  readonly description: string;
};
type AnyField = Field<unknown, 'required' | 'optional' | 'alternative'>;

export function required<T>(shape: Shape<T>, description: string): Field<T, 'required'> {
  return { shape, description, presence: 'required' };
}

/** Null where it is left out. */
export function optional<T>(shape: Shape<T>, description: string): Field<T, 'optional'> {
  return { shape, description, presence: 'optional' };
}

/** One of several, of which exactly one is there; the others are null. */
export function alternative<T>(shape: Shape<T>, description: string): Field<T, 'alternative'> {
  return { shape, description, presence: 'alternative' };
}

type Fields = Readonly<Record<string, AnyField>>;
type ReadFields<F extends Fields> = { readonly at: Position } & {
  readonly [Name in keyof F]: F[Name] extends Field<infer T, 'required'>
    ? T
    : F[Name] extends Field<infer T, 'optional' | 'alternative'>
      ? T | null
      : never;
};

/** Fields by name, no others. Not read at all where one that must be there is not, or cannot be read. */
export function fields<const F extends Fields>(what: string, known: F): Shape<ReadFields<F>> {
  const names = Object.keys(known);
  const alternatives = names.filter((name) => known[name]?.presence === 'alternative');
  return {
    schema: {
      type: 'object',
      properties: Object.fromEntries(
        Object.entries(known).map(([name, { shape, description }]) => [
          name,
          { description, ...shape.schema },
        ]),
      ),
      required: names.filter((name) => known[name]?.presence === 'required'),
      ...(alternatives.length > 0 && { oneOf: alternatives.map((name) => ({ required: [name] })) }),
      additionalProperties: false,
    },
    read(tree, name, report) {
      if (tree.kind !== 'map') return mismatch(tree, name, what, report, `Its fields: ${names.join(', ')}.`);
      const given = new Map(tree.entries.map((entry) => [entry.key, entry]));
      const misspelt = new Set<string>();
      for (const { key, ...at } of tree.entries) {
        if (names.includes(key)) continue;
        report(at, `${what} has no field "${key}"`, didYouMean(key, names));
        for (const name of nearNames(key, names)) misspelt.add(name);
      }
      let isWhole = checkAlternatives({ tree, what, alternatives, given, misspelt }, report);
      const read = Object.entries(known).map(([field, { shape, presence }]) => {
        const entry = given.get(field);
        if (entry === undefined && presence === 'required' && !misspelt.has(field)) {
          report(tree, `${what} lacks "${field}"`, `Add ${field}.`);
        }
        const value = entry && shape.read(entry.value, field, report);
        if (value === undefined && presence === 'required') isWhole = false;
        if (entry && value === undefined && presence === 'alternative') isWhole = false;
        return [field, value ?? null] as const;
      });
      if (!isWhole) return undefined;
      const { line, column } = tree;
      // What each field's shape reads, by its name: fromEntries forgets which is which.
      return { ...Object.fromEntries(read), at: { line, column } } as ReadFields<F>;
    },
  };
}

type Chosen = {
  readonly tree: Tree;
  readonly what: string;
  readonly alternatives: readonly string[];
  readonly given: ReadonlyMap<string, Entry>;
  /** Names that were probably meant by others, which is reported. */
  readonly misspelt: ReadonlySet<string>;
};

function checkAlternatives({ tree, what, alternatives, given, misspelt }: Chosen, report: Report): boolean {
  if (alternatives.length === 0) return true;
  const chosen = alternatives.filter((name) => given.has(name));
  const [, second] = chosen;
  if (chosen.length === 1) return true;
  const at = (second !== undefined && given.get(second)) || tree;
  const found =
    chosen.length === 0 ? `lacks one of ${alternatives.join(', ')}` : `has ${chosen.join(' and ')}`;
  if (chosen.length > 0 || !alternatives.some((name) => misspelt.has(name))) {
    report(at, `${what} ${found}`, `Give exactly one of ${alternatives.join(', ')}.`);
  }
  return false;
}

/** Groups of fields that are told apart by one of them. */
export function choice<const Shapes extends Readonly<Record<string, Shape<unknown>>>>(
  what: string,
  shapes: Shapes,
): Shape<ReadBy<Shapes[keyof Shapes]>> {
  const marks = Object.keys(shapes);
  return {
    schema: { oneOf: Object.values(shapes).map(({ schema }) => schema) },
    read(tree, name, report) {
      if (tree.kind !== 'map') return mismatch(tree, name, what, report, `It has ${marks.join(' or ')}.`);
      const mark = marks.find((known) => tree.entries.some(({ key }) => key === known));
      // One of the shapes, so it reads what one of them does.
      if (mark !== undefined) return shapes[mark]?.read(tree, name, report) as ReadBy<Shapes[keyof Shapes]>;
      const [first] = tree.entries;
      const hint = first ? didYouMean(first.key, marks) : `Give one of ${marks.join(', ')}.`;
      report(first ?? tree, `${what} lacks one of ${marks.join(', ')}`, hint);
      return undefined;
    },
  };
}

function didYouMean(wrong: string, known: readonly string[]): string {
  const near = nearNames(wrong, known);
  return near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `Known: ${known.join(', ')}.`;
}
