import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/**
 * What the ordering application's day costs by hour, customer and plan, in exact rationals straight from the text of the
 * bill and of the web log. Shares no code with the product.
 */

const FOLDER = join(import.meta.dirname, '../../data/ordering-2019-11-26');
const FIELD_END = '\u0001';
const PLACES = 12;

/** Of 10^-12: the amount is `numerator ÷ denominator`. */
export type ExactCell = { readonly numerator: bigint; readonly denominator: bigint };

export type OrderingDay = {
  /** By `2019-11-26T00:00:00Z Emma paid`. */
  readonly cells: ReadonlyMap<string, ExactCell>;
  /** By hour: cost of hours without work. */
  readonly withoutWork: ReadonlyMap<string, bigint>;
  readonly costByHour: ReadonlyMap<string, bigint>;
};

export function orderingDay(): OrderingDay {
  const costByHour = costs();
  const work = works();
  const hours = [...costByHour].map(([hour, cost]) => {
    const own = [...(work.get(hour) ?? [])];
    return { hour, cost, own, all: own.reduce((sum, [, units]) => sum + units, 0n) };
  });
  const cells = hours.flatMap(({ hour, cost, own, all }) =>
    own.map(([who, units]): [string, ExactCell] => [
      `${hour} ${who}`,
      { numerator: cost * units, denominator: all },
    ]),
  );
  const idle = hours.filter(({ all }) => all === 0n);
  return {
    cells: new Map(cells),
    withoutWork: new Map(idle.map(({ hour, cost }) => [hour, cost])),
    costByHour,
  };
}

function textOf(name: string): string[] {
  return gunzipSync(readFileSync(join(FOLDER, name)))
    .toString()
    .split('\n');
}

function costs(): Map<string, bigint> {
  const [header = '', ...lines] = textOf('cur-2019-11-26.0x01.gz');
  const names = header.split(FIELD_END);
  const [application, start, cost] = [
    'resource_tags_user_application',
    'line_item_usage_start_date',
    'line_item_unblended_cost',
  ].map((name) => names.indexOf(name));
  const byHour = new Map<string, bigint>();
  for (const line of lines) {
    const fields = line.split(FIELD_END);
    if (fields[application ?? -1] !== 'ordering') continue;
    const hour = `${fields[start ?? -1]?.replace(' ', 'T')}Z`;
    byHour.set(hour, (byHour.get(hour) ?? 0n) + exactUnits(fields[cost ?? -1] ?? ''));
  }
  return byHour;
}

/** `0.085` and `8.5E-2` as 85000000000. */
export function exactUnits(text: string): bigint {
  const [, whole = '', places = '', exponent = '0'] = /^(\d+)(?:\.(\d+))?(?:E-(\d+))?$/.exec(text) ?? [];
  const zeros = PLACES - places.length - Number(exponent);
  if (whole === '' || zeros < 0) throw new Error(`${text} is no amount of at most ${PLACES} places`);
  return BigInt(whole + places) * 10n ** BigInt(zeros);
}

/** By hour, then by customer and plan. */
function works(): Map<string, Map<string, bigint>> {
  const byHour = new Map<string, Map<string, bigint>>();
  for (const line of textOf('access-log-2019-11-26.gz')) {
    const found = /\[26\/Nov\/2019:(\d\d):.*\?name=(\w+),user=(\w+),work=(\d+) /.exec(line);
    if (found === null) continue;
    const [, hour, customer, plan, units = ''] = found;
    const who = `${customer} ${plan}`;
    const key = `2019-11-26T${hour}:00:00Z`;
    const own = byHour.get(key) ?? new Map<string, bigint>();
    byHour.set(key, own.set(who, (own.get(who) ?? 0n) + BigInt(units)));
  }
  return byHour;
}
