import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';

/**
 * What a team would query without costgraph, as the view `flat`: the same rows and types as the lake's, tags as a map,
 * in the lake's order, as one Parquet file.
 */
export async function openFlat(bill: string, path: string): Promise<DuckDBConnection> {
  const connection = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect();
  await connection.run("SET TimeZone = 'UTC'; SET parquet_metadata_cache = true");
  await connection.run(`
    COPY (
      SELECT ChargePeriodStart AS charge_period_start, ServiceName AS service_name, SubAccountId AS sub_account_id,
        RegionId AS region_id, ResourceId AS resource_id, EffectiveCost::DECIMAL(18,12) AS effective_cost,
        from_json(Tags, '"MAP(VARCHAR, VARCHAR)"') AS tags
      FROM read_parquet('${bill}')
      ORDER BY date_trunc('day', ChargePeriodStart), ServiceName, SubAccountId, RegionId, ChargePeriodStart
    ) TO '${path}' (FORMAT parquet, COMPRESSION zstd)`);
  await connection.run(`CREATE VIEW flat AS FROM read_parquet('${path}')`);
  return connection;
}
