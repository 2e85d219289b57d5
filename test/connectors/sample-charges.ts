import type { DuckDBConnection } from '@duckdb/node-api';
import path from 'node:path';
import type { Ask, FileSelection } from '../../src/planner/plan.ts';
import { writeParquet } from '../support/parquet-files.ts';
import { selection } from '../support/plans.ts';

/**
 * Six charges of `demo` that differ where stores go wrong, and one of another tenant that shares all its ids.
 *
 * Charge c carries a resource inline (i-9) and d tags (App=Shop and one that is hard to spell), in columns that most
 * tests do not read.
 *
 *     id  service  region  resource       tags                    charge                  effective  quantity
 *     a   EC2      us      1 i-1 web      10 App=shop Env=prod    1 Oct 00:00–01:00       1.5        2 Hrs
 *     b   EC2      eu      2 i-2 unnamed  11 App=Shop             1 Oct 01:30:00.5–02:30  2.25       -
 *     c   S3       -       -              10                      2 Oct, the whole day    10         5 GB
 *     d   -        eu      3, no entry    -                       31 Oct 23:00–1 Nov 01:00  -1       1 Hrs
 *     e   ec2É     us      1              12 Env=dev              5 Oct 12:00, no length  7e-12      -
 *     f   50%_\    a'b     4 i-1 db       13 App=50%              30 Sep 12:00–1 Oct 12:00  0.3      1, no unit
 */
export async function writeSampleCharges(
  connection: DuckDBConnection,
  folder: string,
): Promise<{ charges: FileSelection; dictionaries: Ask['dictionaries'] }> {
  const rows = [
    `('demo', 'a', 'EC2', 'us', 1, 10, '2018-10-01 00:00:00', '2018-10-01 01:00:00', 1.5, 2, 'Hrs')`,
    `('demo', 'b', 'EC2', 'eu', 2, 11, '2018-10-01 01:30:00.5', '2018-10-01 02:30:00', 2.25, NULL, NULL)`,
    `('demo', 'c', 'S3', NULL, NULL, 10, '2018-10-02 00:00:00', '2018-10-03 00:00:00', 10, 5, 'GB')`,
    `('demo', 'd', NULL, 'eu', 3, NULL, '2018-10-31 23:00:00', '2018-11-01 01:00:00', -1, 1, 'Hrs')`,
    `('demo', 'e', 'ec2É', 'us', 1, 12, '2018-10-05 12:00:00', '2018-10-05 12:00:00', 0.000000000007, NULL, NULL)`,
    `('demo', 'f', '50%_\\', 'a''b', 4, 13, '2018-09-30 12:00:00', '2018-10-01 12:00:00', 0.3, 1, NULL)`,
    `('other', 'x', 'EC2', 'us', 1, 10, '2018-10-01 00:00:00', '2018-10-01 01:00:00', 1000, 1000, 'Hrs')`,
  ];
  const names = [
    'tenant, charge_id, service_name, region_id, resource_key, tag_set, charge_period_start, charge_period_end',
    'effective_cost, consumed_quantity, consumed_unit',
  ].join(', ');
  const query = `SELECT * REPLACE (
      resource_key::BIGINT AS resource_key, tag_set::BIGINT AS tag_set,
      (charge_period_start || '+00')::TIMESTAMPTZ AS charge_period_start,
      (charge_period_end || '+00')::TIMESTAMPTZ AS charge_period_end,
      effective_cost::DECIMAL(18,12) AS effective_cost, consumed_quantity::DECIMAL(18,12) AS consumed_quantity),
      CASE charge_id WHEN 'c' THEN 'i-9' END AS inline_resource_id,
      CASE charge_id WHEN 'd' THEN '{"App":"Shop","a/b~c\\"d":"x\\ny"}' END AS inline_tags,
      'aws' AS source FROM (VALUES ${rows.join(', ')}) AS t(${names})`;
  const resources = `SELECT * REPLACE (id::BIGINT AS id) FROM (VALUES
      ('demo', 1, 'i-1', 'web'), ('demo', 2, 'i-2', NULL), ('demo', 4, 'i-1', 'db'),
      ('other', 1, 'secret', 'secret'), ('other', 3, 'secret', 'secret')) AS t(tenant, id, resource_id, resource_name)`;
  const tags = `SELECT * REPLACE (id::BIGINT AS id) FROM (VALUES
      ('demo', 10, 'App', 'shop'), ('demo', 10, 'Env', 'prod'), ('demo', 11, 'App', 'Shop'), ('demo', 12, 'Env', 'dev'),
      ('demo', 13, 'App', '50%'), ('other', 10, 'App', 'secret'), ('other', 12, 'App', 'secret')) AS t(tenant, id, "key", value)`;
  const write = (table: 'charges' | 'resources' | 'tags', text: string) =>
    writeParquet(connection, table, path.join(folder, `${table}.parquet`), text);
  const narrow = ['effective_cost', 'consumed_quantity'];
  return {
    charges: selection('charges', [await write('charges', query)], { narrow }),
    dictionaries: {
      resources: selection('resources', [await write('resources', resources)]),
      tags: selection('tags', [await write('tags', tags)]),
    },
  };
}
