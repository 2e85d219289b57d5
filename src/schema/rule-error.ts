import type { CostError } from '../core/errors.ts';
import { builder } from './builder.ts';

/** What stands in the way of a mutation, and what to do about it. */
export type Problem = {
  readonly code: string;
  readonly message: string;
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
  readonly hint: string | null;
};

export const RuleError = builder.objectRef<Problem>('RuleError').implement({
  description: 'What stands in the way of what was asked for.',
  fields: (t) => ({
    code: t.exposeString('code', {
      description: 'As in extensions.code of errors, or of a row; BAD_RULES of rules.',
    }),
    message: t.exposeString('message'),
    file: t.exposeString('file', {
      nullable: true,
      description: 'The lookup file that line and column are of; null: the text itself.',
    }),
    line: t.exposeInt('line', { nullable: true, description: 'Of rows their number, from 1.' }),
    column: t.exposeInt('column', { nullable: true }),
    hint: t.exposeString('hint', { nullable: true }),
  }),
});

export function problemOf({ code, message, hint }: CostError): Problem {
  return { code, message, hint, file: null, line: null, column: null };
}
