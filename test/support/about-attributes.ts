import type { Question } from '../../src/planner/question.ts';
import { withKeys } from './with-keys.ts';

/** What all of the small lake's wide rollups have. */
const attributes = ['service_name', 'region_id', 'charge_category', 'consumed_unit', 'source', 'sku_meter'];

/** The same question about dimensions that rollups have, so that they get to answer it. */
export function aboutAttributes(question: Question): Question {
  return { ...withKeys(question, attributeFor), timing: 'START' };
}

function attributeFor(key: string): string {
  if (attributes.includes(key)) return key;
  return attributes[key.length % attributes.length] ?? key;
}
