import { DuckDBInstance } from '@duckdb/node-api';

/** A bill of one provider as FOCUS 1.2 Parquet, the same for the same size: skewed as real bills are. */
export type BillShape = {
  readonly rows: number;
  readonly days: number;
  readonly services: number;
  readonly regions: number;
  readonly accounts: number;
  readonly resources: number;
  /** First day; BILL_START where it is left out. */
  readonly start?: string;
};

export const TENANT_SHAPE: BillShape = {
  rows: 10_000_000,
  days: 60,
  services: 40,
  regions: 20,
  accounts: 200,
  resources: 100_000,
};

/** First hour of the generated bills; 60 days are March and most of April. */
export const BILL_START = '2026-03-01';

/**
 * Values are drawn by hashing the row number, so that a bill can be made again; a resource has one region and account. `skewed` raises a uniform draw to a
 * power: the first service, region, account or resource has the most rows.
 */
export async function generateBill(path: string, shape: BillShape): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  const skewed = (count: number, of: string, salt: number) =>
    `floor(${count} * pow((hash(${of} * 31 + ${salt}) % 1000003) / 1000003.0, 3))::INT`;
  await connection.run("SET TimeZone = 'UTC'");
  await connection.run(`
    COPY (
      WITH drawn AS (
        SELECT i, ${skewed(shape.resources, 'i', 4)} AS resource, ${skewed(shape.services, 'i', 1)} AS service,
          ${skewed(shape.regions, 'resource', 2)} AS region, ${skewed(shape.accounts, 'resource', 3)} AS account,
          TIMESTAMPTZ '${shape.start ?? BILL_START} 00:00:00Z' + to_hours(((i * ${shape.days * 24}) // ${shape.rows})::BIGINT) AS started,
          (hash(i * 31 + 5) % 100000) / 1000000 AS cost
        FROM range(${shape.rows}) t(i)
      )
      SELECT
        cost::DECIMAL(18,8) AS BilledCost, cost::DECIMAL(18,8) AS EffectiveCost, (cost * 1.2)::DECIMAL(18,8) AS ListCost,
        cost::DECIMAL(18,8) AS ContractedCost, 'USD' AS BillingCurrency, '100000000001' AS BillingAccountId,
        date_trunc('month', started) AS BillingPeriodStart, date_trunc('month', started) + INTERVAL 1 MONTH AS BillingPeriodEnd,
        started AS ChargePeriodStart, started + INTERVAL 1 HOUR AS ChargePeriodEnd,
        'Usage' AS ChargeCategory, 'Usage-Based' AS ChargeFrequency, 'Usage of service ' || service AS ChargeDescription,
        'AWS' AS ProviderName, 'AWS' AS PublisherName, 'AWS' AS InvoiceIssuerName,
        'Service ' || service AS ServiceName, 'Compute' AS ServiceCategory,
        'region-' || region AS RegionId, 'Region ' || region AS RegionName,
        lpad((account + 1)::VARCHAR, 12, '0') AS SubAccountId, 'Account ' || account AS SubAccountName,
        'arn:aws:ec2:region:' || account || ':instance/i-' || lpad(to_hex(resource), 8, '0') AS ResourceId,
        'Standard' AS PricingCategory, 1::DECIMAL(18,6) AS PricingQuantity, 'Hours' AS PricingUnit,
        1::DECIMAL(18,6) AS ConsumedQuantity, 'Hours' AS ConsumedUnit,
        'SKU' || (service * 7 + region) AS SkuId, 'SKU' || (service * 7 + region) || '.OD' AS SkuPriceId,
        CASE WHEN resource % 5 = 0 THEN NULL
          ELSE '{"team": "team-' || (resource % 25) || '", "env": "' || ['prod', 'test', 'dev'][1 + resource % 3] || '"}' END AS Tags
      FROM drawn
    ) TO '${path.replaceAll("'", "''")}' (FORMAT parquet, COMPRESSION zstd)`);
  connection.closeSync();
  instance.closeSync();
}
