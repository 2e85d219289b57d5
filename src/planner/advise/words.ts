import { tagKeyOf } from '../../catalog/rollups.ts';
import type { Definition } from './part-rows.ts';

const NAME_LENGTH_MAX = 40;

/** Of the attributes, those that tell most first: `day-team-service-name`, with a number where that is taken. */
export function nameFor({ grain, attributes }: Definition, taken: ReadonlySet<string>): string {
  const tags = attributes.filter((key) => tagKeyOf(key) !== null);
  const words = [...tags, ...attributes.filter((key) => !tags.includes(key))].flatMap((key) =>
    (tagKeyOf(key) ?? key).toLowerCase().split(/[^a-z0-9]+/),
  );
  let plain: string = grain;
  for (const word of words) {
    if (word !== '' && plain.length + word.length < NAME_LENGTH_MAX) plain += `-${word}`;
  }
  for (let number = 1; ; number++) {
    const name = number === 1 ? plain : `${plain}-${number}`;
    if (!taken.has(name)) return name;
  }
}

const PROGRAM = 'npm run -s costgraph --';

/** As a shell takes it. */
export function createCommand(tenant: string, name: string, { grain, attributes }: Definition): string {
  const by = attributes.map((key) => key.replaceAll(',', '\\,')).join(',');
  return `${PROGRAM} rollups create --tenant ${tenant} --name ${name} --grain ${grain} --by ${quoted(by)}`;
}

export function dropCommand(tenant: string, name: string): string {
  return `${PROGRAM} rollups drop --tenant ${tenant} --name ${name}`;
}

function quoted(text: string): string {
  return /^[\w:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export function formatMs(ms: number): string {
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
