import { RE2JS } from 're2js';
import { toLowerSimple } from '../core/fold-case.ts';
import { unreachable } from '../core/unreachable.ts';
import type { Condition, ValueTest } from './rule-set.ts';

/** The values of all keys that rules look at, each at its place. */
export type Slots = (string | null)[];
export type SlotOf = (key: string) => number;

/** Says of the slots whether they meet the condition; null where all do. */
export function compileCondition(condition: Condition, slotOf: SlotOf): ((slots: Slots) => boolean) | null {
  return condition.kind === 'true' ? null : compile(condition, slotOf);
}

function compile(condition: Condition, slotOf: SlotOf): (slots: Slots) => boolean {
  switch (condition.kind) {
    case 'true':
      return () => true;
    case 'false':
      return () => false;
    case 'and': {
      const parts = condition.parts.map((part) => compile(part, slotOf));
      return (slots) => parts.every((part) => part(slots));
    }
    case 'or': {
      const parts = condition.parts.map((part) => compile(part, slotOf));
      return (slots) => parts.some((part) => part(slots));
    }
    case 'not': {
      const part = compile(condition.part, slotOf);
      return (slots) => !part(slots);
    }
    case 'test': {
      const { orNull } = condition;
      const slot = slotOf(condition.key);
      const meets = compileTest(condition.test);
      return (slots) => {
        const value = slots[slot] ?? null;
        return value === null ? orNull : meets(value);
      };
    }
    default:
      return unreachable(condition);
  }
}

/** Of a present value. */
export function compileTest(test: ValueTest): (value: string) => boolean {
  switch (test.op) {
    case 'any':
      return () => true;
    case 'none':
      return () => false;
    case 'in':
    case 'notIn': {
      const { ignoreCase } = test;
      const isIn = test.op === 'in';
      const values = new Set(ignoreCase ? test.values.map(toLowerSimple) : test.values);
      return (value) => values.has(ignoreCase ? toLowerSimple(value) : value) === isIn;
    }
    case 'matches': {
      const program = RE2JS.compile(test.value, test.ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
      return (value) => program.testExact(value);
    }
    default: {
      const { op, ignoreCase } = test;
      const part = ignoreCase ? toLowerSimple(test.value) : test.value;
      const meets = { startsWith, endsWith, contains }[op];
      return (value) => meets(ignoreCase ? toLowerSimple(value) : value, part);
    }
  }
}

function startsWith(value: string, part: string): boolean {
  return value.startsWith(part);
}

function endsWith(value: string, part: string): boolean {
  return value.endsWith(part);
}

function contains(value: string, part: string): boolean {
  return value.includes(part);
}
