import type { Document, Node } from 'yaml';
import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Position } from './rule-set.ts';

/** What a YAML or JSON text says, each part with its place. Text is what was written as text: `0112` is not. */
export type Tree = Position &
  (
    | { readonly kind: 'text'; readonly value: string }
    | { readonly kind: 'flag'; readonly value: boolean }
    /** `source`: as it is written. */
    | { readonly kind: 'number'; readonly source: string; readonly value: number }
    | { readonly kind: 'nothing' }
    /** What cannot stand in rules, as was reported. */
    | { readonly kind: 'refused' }
    | { readonly kind: 'list'; readonly items: readonly Tree[] }
    | { readonly kind: 'map'; readonly entries: readonly Entry[] }
  );
export type Entry = Position & { readonly key: string; readonly value: Tree };

/** A problem with its place: in the rules, or in a file that they name. */
export type RuleError = Position & {
  readonly message: string;
  readonly hint: string;
  /** As the rules name it; null for the rules themselves. */
  readonly file: string | null;
};
/** Takes note of a problem. */
export type Report = (at: Position, message: string, hint: string, file?: string) => void;

export const RULE_TEXT_BYTES_MAX = 524_288;
export const TREE_DEPTH_MAX = 60;

/** Null where the text could not be read, with at least one problem reported; what is wrong in it is left out. */
export function readTree(text: string, report: Report): Tree | null {
  const bytes = Buffer.byteLength(text);
  if (bytes > RULE_TEXT_BYTES_MAX) {
    const message = `The rules have ${bytes} bytes, the limit is ${RULE_TEXT_BYTES_MAX}`;
    report(FIRST, message, 'Put long lists into lookup files.');
    return null;
  }
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    lineCounter,
    version: '1.2',
    uniqueKeys: false, // Found here, in linear time.
    prettyErrors: false,
    logLevel: 'error',
  });
  const positionOf = (offset: number): Position => {
    const { line, col } = lineCounter.linePos(offset);
    return { line, column: col };
  };
  let known = -1;
  for (const { code, message, pos } of document.errors) {
    if (pos[0] === known) continue; // What follows from the error before.
    known = pos[0];
    if (code === 'MULTIPLE_DOCS') {
      report(positionOf(known), 'A second document begins here', 'Leave out the line ---, or use two files.');
    } else {
      report(positionOf(known), `This is neither YAML nor JSON: ${lowerFirst(message)}`, SYNTAX_HINT);
    }
  }
  if (document.errors.length > 0) return null;
  return treeOf(document, positionOf, report);
}

const FIRST: Position = { line: 1, column: 1 };
const SYNTAX_HINT = 'Look at the indentation, quotes and brackets here and just before.';

function treeOf(
  document: Document.Parsed,
  positionOf: (offset: number) => Position,
  report: Report,
): Tree | null {
  if (document.directives.yaml.explicit && document.directives.yaml.version !== '1.2') {
    report(FIRST, `The text says that it is YAML ${document.directives.yaml.version}`, 'Write YAML 1.2.');
    return null;
  }
  if (document.contents === null) {
    report(FIRST, 'There are no rules', 'Begin with version: 1.');
    return null;
  }
  const refuse = (at: Position, message: string, hint: string): Tree => {
    report(at, message, hint);
    return { kind: 'refused', ...at };
  };
  const convert = (node: Node, depth: number, around: Position): Tree => {
    const at = node.range ? positionOf(node.range[0]) : around;
    if (depth > TREE_DEPTH_MAX) {
      return refuse(at, `This is nested more than ${TREE_DEPTH_MAX} deep`, 'Nest less.');
    }
    if (isAlias(node)) return refuse(at, `*${node.source} is an alias`, 'Write it out, or use a lookup.');
    if (node.tag !== undefined) return refuse(at, `${node.tag} is a tag of YAML`, 'Leave it out.');
    if (isSeq<Node>(node)) {
      return { kind: 'list', items: node.items.map((item) => convert(item, depth + 1, at)), ...at };
    }
    if (isMap<Node, Node | null>(node)) {
      const entries: Entry[] = [];
      const keys = new Set<string>();
      for (const { key, value } of node.items) {
        const place = key.range ? positionOf(key.range[0]) : at;
        const name = keyText(key);
        if (name === null) {
          refuse(place, 'This name is no text', 'Write it in quotes.');
        } else if (keys.has(name)) {
          refuse(place, `"${name}" is here twice`, 'Leave one out.');
        } else {
          keys.add(name);
          const tree: Tree =
            value === null ? { kind: 'nothing', ...place } : convert(value, depth + 1, place);
          entries.push({ key: name, value: tree, ...place });
        }
      }
      return { kind: 'map', entries, ...at };
    }
    return scalarOf(node, at);
  };
  return convert(document.contents, 1, FIRST);
}

function keyText(key: Node): string | null {
  return isScalar(key) && key.tag === undefined && typeof key.value === 'string' ? key.value : null;
}

function scalarOf(node: Node, at: Position): Tree {
  const value = isScalar(node) ? node.value : null;
  switch (typeof value) {
    case 'string':
      return { kind: 'text', value, ...at };
    case 'boolean':
      return { kind: 'flag', value, ...at };
    case 'number':
      return { kind: 'number', value, source: (isScalar(node) && node.source) || String(value), ...at };
    default:
      return { kind: 'nothing', ...at };
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
