/** Do the parts of rollups say what the charges of their batches say? By another path than the one that built them. */
import { INLINE_TAGS } from '../catalog/charge-columns.ts';
import type { LiveDataFile } from '../catalog/iceberg/data-file.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import type { Rollup } from '../catalog/rollups.ts';
import {
  CHARGE_COUNT,
  rollupColumnOf,
  standingAttributes,
  summedColumns,
  tagKeyOf,
} from '../catalog/rollups.ts';
import { canonicalJson } from '../core/digest.ts';
import type { Findings } from './findings.ts';
import { sqlName, sqlText } from './formats/sql-text.ts';
import type { IngestSession } from './ingest-session.ts';
import { textOf } from './ingest-session.ts';
import { tableRowsSql } from './read-table-files.ts';
import { holds } from './rollup-parts.ts';

export type RollupFiles = Readonly<Record<'charges' | 'rollups' | 'tags', readonly LiveDataFile[]>>;

/**
 * @param files of whole batches, and whole parts of them; none of them damaged
 * @param isTagsSound false: rollups by tags are not compared
 */
export async function checkRollups(
  session: IngestSession,
  rollups: readonly Rollup[],
  files: RollupFiles,
  isTagsSound: boolean,
  findings: Findings,
): Promise<void> {
  for (const rollup of rollups) {
    if (!isTagsSound && rollup.attributes.some((key) => tagKeyOf(key) !== null)) continue;
    const own = files.rollups.filter(({ partition }) => partition['rollup'] === rollup.id);
    const parts = [...Map.groupBy(own, ({ partition }) => partition['batch'])].map(([batch, ofPart]) => ({
      batch,
      files: ofPart,
      attributes: rollup.attributes.filter((key) => holds(rollup, key, ofPart)),
    }));
    // Parts that left the same out are compared together.
    for (const alike of Map.groupBy(parts, ({ attributes }) => canonicalJson(attributes)).values()) {
      const batches = new Set(alike.map(({ batch }) => batch));
      const compared = {
        charges: files.charges.filter(({ partition }) => batches.has(partition['batch'])),
        rollups: alike.flatMap((part) => part.files),
        tags: files.tags,
      };
      const sql = differencesSql(rollup, alike[0]?.attributes ?? [], compared);
      await findings.addRows(session, `rollup ${rollup.name}`, sql, (row) => ({
        at: `rollup ${rollup.name}, batch ${textOf(row, 'batch')}, ${rollup.grain} ${textOf(row, 'bucket')}, ${textOf(row, 'metric')}`,
        expected: textOf(row, 'expected') ?? 'nothing',
        found: textOf(row, 'found') ?? 'nothing',
      }));
    }
  }
}

/**
 * A row for each batch, bucket and metric that differs. Beside the sum stands one in which each row counts as often as
 * a hash of its group says: it is the same for charges and for what they are put together to, unless values went to
 * other groups. So nothing need be grouped by attributes again, which takes memory.
 */
function differencesSql(rollup: Rollup, attributes: readonly string[], files: RollupFiles): string {
  const metrics = [CHARGE_COUNT, ...summedColumns];
  const group = [...standingAttributes, ...attributes].map(sqlName).join(', ');
  const sums = metrics.flatMap((name) => {
    const value = `CAST(${name} AS DECIMAL(38,12))`;
    return [`sum(${value}) AS ${name}`, `sum(${value} * weight) AS weighted_${name}`];
  });
  const weight = `CAST(hash(${group}) & ${WEIGHT_MAX} AS DECIMAL(7,0)) AS weight`;
  const side = (from: string): string =>
    `(SELECT batch, bucket, ${sums.join(', ')} FROM (SELECT *, ${weight} FROM ${from}) GROUP BY batch, bucket)`;
  const pairs = metrics.map((name) => {
    const values = [`e.${name}`, `e.weighted_${name}`, `f.${name}`, `f.weighted_${name}`];
    return `{'metric': '${name}', 'e': ${values[0]}, 'we': ${values[1]}, 'f': ${values[2]}, 'wf': ${values[3]}}`;
  });
  const others = `CASE WHEN one.e = one.f THEN ' in other groups' ELSE '' END`;
  return `SELECT batch, CAST(bucket AS VARCHAR) AS bucket, one.metric AS metric,
  CAST(one.e AS VARCHAR) AS expected, CAST(one.f AS VARCHAR) || ${others} AS found
FROM (SELECT batch, bucket, unnest([${pairs.join(', ')}]) AS one
  FROM ${side(chargesSql(rollup, attributes, files))} AS e
  FULL JOIN ${side(partsSql(rollup, attributes, files))} AS f USING (batch, bucket))
WHERE one.e IS DISTINCT FROM one.f OR one.we IS DISTINCT FROM one.wf`;
}

/** 20 bits: a weighted sum has room for a hundred of the largest values there are. */
const WEIGHT_MAX = 0xfffff;

function chargesSql(
  { grain }: Rollup,
  attributes: readonly string[],
  { charges, tags }: RollupFiles,
): string {
  const joins: string[] = [];
  const columns = attributes.flatMap((key, i) => {
    const tag = tagKeyOf(key);
    if (tag === null) return [];
    const entries =
      tags.length === 0
        ? '(SELECT 0 AS id, NULL AS key, NULL AS value)'
        : tableRowsSql(lakeTables.tags, tags);
    joins.push(
      `LEFT JOIN (SELECT id, value FROM ${entries} WHERE key = ${sqlText(tag)}) AS t${i} ON t${i}.id = c.tag_set`,
    );
    const pointer = sqlText(`/${tag.replaceAll('~', '~0').replaceAll('/', '~1')}`);
    return [`coalesce(t${i}.value, json_extract_string(${INLINE_TAGS}, ${pointer})) AS ${sqlName(key)}`];
  });
  const bucket = `date_trunc('${grain}', charge_period_start) AS bucket, 1 AS ${CHARGE_COUNT}`;
  return `(SELECT ${['c.*', bucket, ...columns].join(', ')}
    FROM ${tableRowsSql(lakeTables.charges, charges)} AS c ${joins.join(' ')})`;
}

function partsSql(rollup: Rollup, attributes: readonly string[], { rollups }: RollupFiles): string {
  const tags = attributes
    .filter((key) => tagKeyOf(key) !== null)
    .map((key) => `${rollupColumnOf(rollup, key)} AS ${sqlName(key)}`);
  return `(SELECT ${['*', 'charge_period_start AS bucket', ...tags].join(', ')}
    FROM ${tableRowsSql(lakeTables.rollups, rollups)})`;
}
