/** Ends a `switch` over a union: a new member is a compile error here, not a silent fall-through. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
