import { describe, expect, it } from 'vitest';
import { duckdbDialect } from '../../../src/connectors/duckdb/duckdb-dialect.ts';
import { planToSql } from '../../../src/connectors/sql/plan-to-sql.ts';
import { DAY_MS } from '../../../src/core/time-range.ts';
import { measuresOf } from '../../../src/planner/measures.ts';
import type { Plan } from '../../../src/planner/plan.ts';
import { and, not } from '../../../src/planner/predicate.ts';
import {
  aggregate,
  ask,
  bucket,
  evenBuckets,
  filter,
  isIn,
  isMissing,
  key,
  lookup,
  page,
  scan,
  selection,
  test,
  top,
} from '../../support/plans.ts';

const OCTOBER = { from: Date.UTC(2018, 9, 1), to: Date.UTC(2018, 10, 1) };
const COST = measuresOf('EFFECTIVE_COST');
const COUNT = measuresOf('CHARGE_COUNT');
const files = selection('charges', ['/lake/a.parquet', '/lake/b.parquet'], { narrow: ['effective_cost'] });
const dictionaries = {
  resources: selection('resources', ['/lake/resources.parquet']),
  tags: selection('tags', ['/lake/tags.parquet']),
};
const charges = (columns: readonly string[]) => scan(columns, { range: OCTOBER, files });

function statement(plan: Plan): string {
  return planToSql(ask(plan, dictionaries), duckdbDialect);
}

describe('statements', () => {
  it('fold scan, filter, lookup, buckets and groups into one SELECT', () => {
    const filtered = filter(
      and([isIn('service_name', ["Amazon's", 'EC2']), not(isIn('tag:env', ['dev']))]),
      lookup(
        'tags',
        ['tag:env'],
        charges(['service_name', 'tag_set', 'effective_cost', 'charge_period_start']),
      ),
    );
    const days = bucket(filtered, { buckets: evenBuckets(OCTOBER, DAY_MS), clip: OCTOBER });
    expect(statement(aggregate(['$time', 'service_name'], COST, days))).toMatchInlineSnapshot(`
      "SELECT (epoch_us(date_trunc('day', charges."charge_period_start")) - 1538352000000000) // 86400000000 AS "$time",
        charges."service_name",
        count(*) AS "count",
        sum(charges."effective_cost") AS "sum(effective_cost)"
      FROM read_parquet(['/lake/a.parquet', '/lake/b.parquet'], hive_partitioning = false) AS charges
      LEFT JOIN (SELECT "id", "value" FROM read_parquet(['/lake/tags.parquet'], hive_partitioning = false) WHERE "tenant" = 'demo' AND "key" = 'env') AS tags ON tags."id" = charges."tag_set"
      WHERE charges."tenant" = 'demo'
        AND charges."charge_period_start" >= TIMESTAMPTZ '2018-10-01T00:00:00Z'
        AND charges."charge_period_start" < TIMESTAMPTZ '2018-11-01T00:00:00Z'
        AND charges."service_name" IN ('Amazon''s', 'EC2')
        AND (tags."value" IS NULL OR tags."value" NOT IN ('dev'))
      GROUP BY date_trunc('day', charges."charge_period_start"), 2"
    `);
  });

  it('ask the dictionary for ids, and look texts up after grouping by id', () => {
    const member = { kind: 'member', dictionary: 'tags', test: isMissing('tag:env') } as const;
    const input = filter(member, charges(['resource_key', 'tag_set', 'effective_cost']));
    const partial = aggregate(['resource_key'], COST, input, 'partial');
    const final = aggregate(['resource_id'], COST, lookup('resources', ['resource_id'], partial), 'final');
    expect(statement(final)).toMatchInlineSnapshot(`
      "WITH groups AS (
        SELECT charges."resource_key",
          count(*) AS "count",
          sum(charges."effective_cost") AS "sum(effective_cost)"
        FROM read_parquet(['/lake/a.parquet', '/lake/b.parquet'], hive_partitioning = false) AS charges
        WHERE charges."tenant" = 'demo'
          AND charges."charge_period_start" >= TIMESTAMPTZ '2018-10-01T00:00:00Z'
          AND charges."charge_period_start" < TIMESTAMPTZ '2018-11-01T00:00:00Z'
          AND (charges."tag_set" IS NULL OR charges."tag_set" NOT IN (SELECT "id" FROM read_parquet(['/lake/tags.parquet'], hive_partitioning = false) WHERE "tenant" = 'demo' AND "key" = 'env' AND "value" IS NOT NULL))
        GROUP BY 1
      )
      SELECT resources."resource_id",
        CAST(coalesce(sum(groups."count"), 0) AS BIGINT) AS "count",
        sum(groups."sum(effective_cost)") AS "sum(effective_cost)"
      FROM groups
      LEFT JOIN (SELECT "id", "resource_id" FROM read_parquet(['/lake/resources.parquet'], hive_partitioning = false) WHERE "tenant" = 'demo') AS resources ON resources."id" = groups."resource_key"
      GROUP BY 1"
    `);
  });

  it('take what is inline where there is no entry', () => {
    const member = { kind: 'member', dictionary: 'resources' } as const;
    const columns = ['tag_set', 'inline_tags', 'resource_key', 'inline_resource_id'];
    const named = filter(
      and([
        { ...member, test: isIn('resource_id', ['i-1']) },
        { ...member, test: isIn('resource_id', ['i-2'], { orNull: true }) },
      ]),
      lookup('tags', ["tag:a/b~c'd"], charges(columns)),
    );
    expect(statement(aggregate(["tag:a/b~c'd"], [], named))).toMatchInlineSnapshot(`
      "SELECT coalesce(tags."value", json_extract_string(charges."inline_tags", '/a~1b~0c''d')) AS "tag:a/b~c'd"
      FROM read_parquet(['/lake/a.parquet', '/lake/b.parquet'], hive_partitioning = false) AS charges
      LEFT JOIN (SELECT "id", "value" FROM read_parquet(['/lake/tags.parquet'], hive_partitioning = false) WHERE "tenant" = 'demo' AND "key" = 'a/b~c''d') AS tags ON tags."id" = charges."tag_set"
      WHERE charges."tenant" = 'demo'
        AND charges."charge_period_start" >= TIMESTAMPTZ '2018-10-01T00:00:00Z'
        AND charges."charge_period_start" < TIMESTAMPTZ '2018-11-01T00:00:00Z'
        AND (charges."resource_key" IN (SELECT "id" FROM read_parquet(['/lake/resources.parquet'], hive_partitioning = false) WHERE "tenant" = 'demo' AND "resource_id" IN ('i-1')) OR charges."inline_resource_id" IN ('i-1'))
        AND ((charges."resource_key" IS NULL OR charges."resource_key" NOT IN (SELECT "id" FROM read_parquet(['/lake/resources.parquet'], hive_partitioning = false) WHERE "tenant" = 'demo' AND "resource_id" NOT IN ('i-2'))) AND (charges."inline_resource_id" IS NULL OR charges."inline_resource_id" IN ('i-2')))
      GROUP BY 1"
    `);
  });

  it('name what is read twice, and print a page as the summary and the rows', () => {
    const groups = aggregate(['service_name'], COST, charges(['service_name', 'effective_cost']));
    const best = top(groups, { count: 3, by: ['service_name'], keys: ['service_name'], measures: COST });
    const sort = [
      { by: 'metric', metric: 'EFFECTIVE_COST', direction: 'DESC' } as const,
      key('service_name'),
    ];
    expect(statement(page(best, { sort, measures: COST, offset: 2, limit: 10 }))).toMatchInlineSnapshot(`
      "WITH groups AS (
        SELECT charges."service_name",
          count(*) AS "count",
          sum(charges."effective_cost") AS "sum(effective_cost)"
        FROM read_parquet(['/lake/a.parquet', '/lake/b.parquet'], hive_partitioning = false) AS charges
        WHERE charges."tenant" = 'demo'
          AND charges."charge_period_start" >= TIMESTAMPTZ '2018-10-01T00:00:00Z'
          AND charges."charge_period_start" < TIMESTAMPTZ '2018-11-01T00:00:00Z'
        GROUP BY 1
      ), winners AS (
        SELECT groups."service_name",
          1 AS "$kept"
        FROM groups
        ORDER BY CASE WHEN groups."count" = 0 THEN 0 ELSE groups."sum(effective_cost)" END DESC NULLS LAST, groups."service_name" ASC NULLS LAST
        LIMIT 3
      ), top AS (
        SELECT CASE WHEN winners."$kept" = 1 THEN groups."service_name" END AS "service_name",
          CASE WHEN winners."$kept" = 1 THEN 0 ELSE 1 END AS "$remainder",
          CAST(coalesce(sum(groups."count"), 0) AS BIGINT) AS "count",
          sum(groups."sum(effective_cost)") AS "sum(effective_cost)"
        FROM groups
        LEFT JOIN winners ON groups."service_name" IS NOT DISTINCT FROM winners."service_name"
        GROUP BY 1, 2
      ), page AS (
        SELECT top."service_name",
          top."count",
          top."sum(effective_cost)",
          top."$remainder"
        FROM top
        ORDER BY CASE WHEN top."count" = 0 THEN 0 ELSE top."sum(effective_cost)" END DESC NULLS LAST, top."service_name" ASC NULLS LAST, CASE WHEN top."service_name" IS NULL THEN top."$remainder" END
        LIMIT 10
        OFFSET 2
      )
      SELECT NULL AS "service_name",
        CAST(coalesce(sum(top."count"), 0) AS BIGINT) AS "count",
        sum(top."sum(effective_cost)") AS "sum(effective_cost)",
        NULL AS "$remainder",
        0 AS "$ordinal",
        count(*) AS "$rows"
      FROM top
      UNION ALL
      SELECT page."service_name",
        page."count",
        page."sum(effective_cost)",
        page."$remainder",
        row_number() OVER (ORDER BY CASE WHEN page."count" = 0 THEN 0 ELSE page."sum(effective_cost)" END DESC NULLS LAST, page."service_name" ASC NULLS LAST, CASE WHEN page."service_name" IS NULL THEN page."$remainder" END) + 2 AS "$ordinal",
        NULL AS "$rows"
      FROM page
      ORDER BY "$ordinal""
    `);
  });

  it('cut amounts to buckets in whole numbers', () => {
    const columns = ['effective_cost', 'charge_period_start', 'charge_period_end'];
    const input = scan(columns, { range: OCTOBER, within: 'overlap', files });
    const spread = bucket(input, {
      timing: 'PRORATED',
      buckets: evenBuckets(OCTOBER, DAY_MS),
      clip: OCTOBER,
    });
    expect(statement(aggregate(['$time'], COST, spread))).toMatchInlineSnapshot(`
      "WITH spans AS (
        SELECT charges."effective_cost",
          charges."charge_period_start",
          charges."charge_period_end",
          epoch_ms(charges."charge_period_start") AS "$from",
          epoch_ms(charges."charge_period_end") AS "$to"
        FROM read_parquet(['/lake/a.parquet', '/lake/b.parquet'], hive_partitioning = false) AS charges
        WHERE charges."tenant" = 'demo'
          AND charges."charge_period_end" >= TIMESTAMPTZ '2018-10-01T00:00:00Z'
          AND charges."charge_period_start" < TIMESTAMPTZ '2018-11-01T00:00:00Z'
          AND (charges."charge_period_end" > TIMESTAMPTZ '2018-10-01T00:00:00Z' OR charges."charge_period_start" >= TIMESTAMPTZ '2018-10-01T00:00:00Z')
      ), numbered AS (
        SELECT spans."effective_cost",
          spans."charge_period_start",
          spans."charge_period_end",
          spans."$from",
          spans."$to",
          (greatest(spans."$from", 1538352000000) - 1538352000000) // 86400000 AS "$first",
          (greatest(least(spans."$to", 1541030400000) - 1, spans."$from", 1538352000000) - 1538352000000) // 86400000 AS "$last"
        FROM spans
      ), touched AS (
        SELECT numbered."effective_cost",
          numbered."charge_period_start",
          numbered."charge_period_end",
          numbered."$from",
          numbered."$to",
          numbered."$first",
          numbered."$last",
          CASE WHEN numbered."$first" <> numbered."$last" OR numbered."$from" < 1538352000000 OR numbered."$to" > 1541030400000 THEN CASE WHEN numbered."effective_cost" BETWEEN -999999 AND 999999 THEN CAST(replace(CAST(CAST(numbered."effective_cost" AS DECIMAL(18,12)) AS VARCHAR), '.', '') AS BIGINT) ELSE CAST(replace(CAST(numbered."effective_cost" AS VARCHAR), '.', '') AS HUGEINT) END END AS "$units:effective_cost",
          unnest(range(numbered."$first", numbered."$last" + 1)) AS "$time"
        FROM numbered
      ), pieces AS (
        SELECT touched."effective_cost",
          touched."charge_period_start",
          touched."charge_period_end",
          touched."$from",
          touched."$to",
          touched."$first",
          touched."$last",
          touched."$units:effective_cost",
          touched."$time",
          greatest(touched."$from", 1538352000000, 1538352000000 + touched."$time" * 86400000) AS "$cut_from",
          least(touched."$to", 1541030400000, 1538352000000 + (touched."$time" + 1) * 86400000) AS "$cut_to",
          CASE WHEN touched."$units:effective_cost" BETWEEN -9223372036854775807 AND 9223372036854775807 THEN CAST(touched."$units:effective_cost" AS BIGINT) // (touched."$to" - touched."$from") ELSE touched."$units:effective_cost" // (touched."$to" - touched."$from") END AS "$rate:effective_cost"
        FROM touched
      )
      SELECT pieces."$time",
        count(*) AS "count",
        sum(CASE WHEN pieces."$units:effective_cost" IS NULL THEN pieces."effective_cost" ELSE CAST(pieces."$rate:effective_cost" * (pieces."$cut_to" - pieces."$cut_from") + CASE WHEN (pieces."$to" - pieces."$from") <= 3037000499 THEN (CAST(pieces."$units:effective_cost" - pieces."$rate:effective_cost" * (pieces."$to" - pieces."$from") AS BIGINT) * (pieces."$cut_to" - pieces."$from")) // (pieces."$to" - pieces."$from") - (CAST(pieces."$units:effective_cost" - pieces."$rate:effective_cost" * (pieces."$to" - pieces."$from") AS BIGINT) * (pieces."$cut_from" - pieces."$from")) // (pieces."$to" - pieces."$from") ELSE (CAST(CAST(pieces."$units:effective_cost" - pieces."$rate:effective_cost" * (pieces."$to" - pieces."$from") AS BIGINT) AS HUGEINT) * (pieces."$cut_to" - pieces."$from")) // (pieces."$to" - pieces."$from") - (CAST(CAST(pieces."$units:effective_cost" - pieces."$rate:effective_cost" * (pieces."$to" - pieces."$from") AS BIGINT) AS HUGEINT) * (pieces."$cut_from" - pieces."$from")) // (pieces."$to" - pieces."$from") END AS DECIMAL(38,0)) * CAST(0.000000000001 AS DECIMAL(12,12)) END) AS "sum(effective_cost)"
      FROM pieces
      GROUP BY 1"
    `);
  });

  it('read by field id where a file lacks a column, or amounts are wide', () => {
    const mixed = selection('charges', ['/lake/a.parquet', '/lake/b.parquet'], { lacking: ['region_id'] });
    const plan = aggregate(
      ['region_id'],
      COST,
      scan(['region_id', 'effective_cost'], { range: OCTOBER, files: mixed }),
    );
    expect(statement(plan)).toMatchInlineSnapshot(`
      "SELECT charges."region_id",
        count(*) AS "count",
        sum(charges."effective_cost") AS "sum(effective_cost)"
      FROM read_parquet(['/lake/a.parquet', '/lake/b.parquet'], hive_partitioning = false, schema = MAP {1: {name: 'tenant', type: 'VARCHAR', default_value: NULL}, 12: {name: 'charge_period_start', type: 'TIMESTAMPTZ', default_value: NULL}, 21: {name: 'effective_cost', type: 'DECIMAL(38,12)', default_value: NULL}, 125: {name: 'region_id', type: 'VARCHAR', default_value: NULL}}) AS charges
      WHERE charges."tenant" = 'demo'
        AND charges."charge_period_start" >= TIMESTAMPTZ '2018-10-01T00:00:00Z'
        AND charges."charge_period_start" < TIMESTAMPTZ '2018-11-01T00:00:00Z'
      GROUP BY 1"
    `);
  });

  it('test no row for what statistics prove of all of them', () => {
    const proven = { tenant: true, time: true };
    const own = selection('charges', ['/lake/a.parquet'], { proven });
    const resources = selection('resources', ['/lake/r.parquet'], { proven: { tenant: true, time: false } });
    const plan = lookup('resources', ['resource_id'], scan(['resource_key'], { range: OCTOBER, files: own }));
    expect(planToSql(ask(aggregate(['resource_id'], COUNT, plan), { resources }), duckdbDialect))
      .toMatchInlineSnapshot(`
      "SELECT resources."resource_id",
        count(*) AS "count"
      FROM read_parquet(['/lake/a.parquet'], hive_partitioning = false) AS charges
      LEFT JOIN (SELECT "id", "resource_id" FROM read_parquet(['/lake/r.parquet'], hive_partitioning = false)) AS resources ON resources."id" = charges."resource_key"
      GROUP BY 1"
    `);
    const none = selection('charges', [], { proven });
    expect(planToSql(ask(aggregate([], COUNT, scan([], { range: OCTOBER, files: none }))), duckdbDialect))
      .toMatchInlineSnapshot(`
      "SELECT count(*) AS "count"
      FROM (SELECT NULL WHERE FALSE) AS charges"
    `);
  });

  it('write times as text only once they are grouped', () => {
    const plan = aggregate(['charge_period_start'], COST, charges(['charge_period_start', 'effective_cost']));
    expect(statement(plan)).toMatchInlineSnapshot(`
      "SELECT replace(strftime(make_timestamp(epoch_ms(charges."charge_period_start") * 1000), '%Y-%m-%dT%H:%M:%S.%gZ'), '.000Z', 'Z') AS "charge_period_start",
        count(*) AS "count",
        sum(charges."effective_cost") AS "sum(effective_cost)"
      FROM read_parquet(['/lake/a.parquet', '/lake/b.parquet'], hive_partitioning = false) AS charges
      WHERE charges."tenant" = 'demo'
        AND charges."charge_period_start" >= TIMESTAMPTZ '2018-10-01T00:00:00Z'
        AND charges."charge_period_start" < TIMESTAMPTZ '2018-11-01T00:00:00Z'
      GROUP BY epoch_ms(charges."charge_period_start")"
    `);
  });

  it('refuse what cannot be a fragment', () => {
    expect(() => statement(scan(['service_name']))).toThrow('files');
    expect(() => statement(aggregate(['region_id'], COST, charges(['effective_cost'])))).toThrow('region_id');
    const lookedUp = lookup('tags', ['tag:env'], charges(['tag_set']));
    expect(() => planToSql(ask(lookedUp), duckdbDialect)).toThrow('tags');
  });

  it('find a bucket of many uneven ones in few steps', () => {
    const edges = Array.from({ length: 121 }, (_, month) => Date.UTC(2010, month, 1));
    const months = { granularity: 'MONTH', timeZone: 'UTC', labels: edges.slice(0, -1), edges } as const;
    const plan = bucket(charges(['charge_period_start']), { buckets: months, clip: OCTOBER });
    const nested = (statement(plan).match(/\b(?:CASE|END)\b/g) ?? []).reduce(
      ({ depth, deepest }, word) => {
        const now = depth + (word === 'CASE' ? 1 : -1);
        return { depth: now, deepest: Math.max(deepest, now) };
      },
      { depth: 0, deepest: 0 },
    );
    expect(nested).toEqual({ depth: 0, deepest: 7 });
  });

  it('test a value by functions that know no wildcards', () => {
    const tested = test('service_name', { op: 'startsWith', value: '50%', ignoreCase: false });
    expect(
      statement(aggregate([], COST, filter(tested, charges(['service_name', 'effective_cost'])))),
    ).toContain(`starts_with(charges."service_name", '50%')`);
  });
});
