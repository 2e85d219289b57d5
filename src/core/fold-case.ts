/**
 * Case by the simple mapping of Unicode: each code point by itself, to one code point, as stores do it. JavaScript's
 * own mapping is the full one: two code points for İ, and what Σ becomes depends on where it stands.
 */

// oxlint-disable-next-line no-control-regex -- All of ASCII is meant.
const ASCII = /^[\x00-\x7f]*$/;

export function toLowerSimple(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  let lower = '';
  for (const point of text) lower += point === 'İ' ? 'i' : point.toLowerCase();
  return lower;
}

/** ß becomes ẞ: stores differ in that, and a value is to be the same in all of them. */
export function toUpperSimple(text: string): string {
  if (ASCII.test(text)) return text.toUpperCase();
  let upper = '';
  for (const point of text) upper += upperOf(point);
  return upper;
}

function upperOf(point: string): string {
  const special = specialUpper.get(point);
  if (special !== undefined) return special;
  const full = point.toUpperCase();
  return full.length > point.length ? point : full;
}

/** Letters whose full mapping has several code points, and that have a simple one too. */
const specialUpper = new Map(
  [...'ᾀᾁᾂᾃᾄᾅᾆᾇᾐᾑᾒᾓᾔᾕᾖᾗᾠᾡᾢᾣᾤᾥᾦᾧᾳῃῳß'].map((lower, i): [string, string] => [
    lower,
    [...'ᾈᾉᾊᾋᾌᾍᾎᾏᾘᾙᾚᾛᾜᾝᾞᾟᾨᾩᾪᾫᾬᾭᾮᾯᾼῌῼẞ'][i] ?? lower,
  ]),
);
