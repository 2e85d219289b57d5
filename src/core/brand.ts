/** A compile-time label on a plain value: one constructor per brand, in the file that defines it. */
declare const label: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [label]: Name };
