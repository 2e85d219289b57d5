import type { Kysely, Transaction } from 'kysely';

/**
 * The control plane's rows. Instants are milliseconds, lists are JSON text, decimals are text (SQLite has no
 * exact type that wide).
 */
export type ControlTables = {
  tenant: { name: string };
  /** One row per control step; sequences are 1, 2, 3… per tenant and instants strictly increase with them. */
  knowledge_step: { tenant: string; sequence: number; instant: number };
  batch: BatchRow;
  /** `position` is the place of the load in its step. */
  load: LoadRow;
  /** Versions are 1, 2, 3… per tenant, in the order of their steps; `lookups` is a list of LookupText. */
  rule_set: {
    tenant: string;
    version: number;
    sequence: number;
    format: string;
    source: string;
    lookups: string;
    digest: string;
    published_by: string;
  };
  close: {
    tenant: string;
    name: string;
    sequence: number;
    from_instant: number;
    to_instant: number;
    closed_by: string;
  };
  column_statistics: {
    tenant: string;
    batch: string;
    key: string;
    distinct_count: number;
    null_count: number;
  };
  /** A tenant's own rollups; `attributes` is a list. */
  rollup: { tenant: string; id: string; name: string; grain: string; attributes: string };
  /** Default rollups that a tenant does not have. */
  dropped_rollup: { tenant: string; id: string };
  /** `profile` is a BatchProfile as JSON. */
  batch_profile: { tenant: string; batch: string; profile: string };
  /** `actuals` is an AskActuals as JSON. */
  ask_actuals: { store: string; shape: string; actuals: string; updated_at: number };
  /** Random secrets made once per deployment, base64url. */
  server_secret: { name: string; value: string };
  /** What a tenant has of its own; whole numbers as text, in the units of Use. */
  tenant_limit: { tenant: string; name: string; value: string };
  /** What a tenant's queries used on a UTC day (`2026-11-22`); whole numbers as text, in the units of Use. */
  day_use: { tenant: string; day: string; bytes: string; usd: string; ms: string };
  /** What questions needed of a UTC day, under the text of `needKey`; sums are whole numbers, of times fractions. */
  observed_need: {
    tenant: string;
    day: string;
    need: string;
    times: number;
    charges: number;
    rows: number;
    bytes: number;
    estimated_ms: number;
    ms: number;
  };
  /** `columns` is a list. */
  telemetry_stream: { tenant: string; name: string; columns: string };
  telemetry_load: TelemetryLoadRow;
  lease: { name: string; owner: string; expires_at: number };
};

export type BatchRow = {
  tenant: string;
  id: string;
  source: string;
  billing_month: string;
  mode: string;
  format: string;
  mapping_version: number;
  charges: number;
  quarantined: number;
  from_instant: number;
  to_instant: number;
  currencies: string;
  billed_cost: string;
  effective_cost: string;
  live_from_sequence: number;
  live_to_sequence: number | null;
  dropped_at: number | null;
};

export type LoadRow = {
  tenant: string;
  sequence: number;
  position: number;
  source: string;
  sha256: string;
  file_name: string;
  format: string;
  mode: string;
  batches: string;
  report: string;
};

/** `units` is a decimal. */
export type TelemetryLoadRow = {
  tenant: string;
  stream: string;
  id: string;
  sequence: number;
  rows: number;
  units: string;
  from_instant: number;
  to_instant: number;
  digest: string;
  file: string;
};

/** What the control plane needs of a database; each dialect provides it in a file of its own. */
export type ControlStore = {
  /** Runs again where the database was busy: `work` must only read. */
  readonly read: <T>(work: (database: Kysely<ControlTables>) => Promise<T>) => Promise<T>;
  /** One transaction, alone among all writers of all processes. Runs again where the database was busy. */
  readonly write: <T>(work: (transaction: Transaction<ControlTables>) => Promise<T>) => Promise<T>;
  /** The same for what nothing that is kept by changeCounter depends on: our own counter stays as it is. */
  readonly writeAside: <T>(work: (transaction: Transaction<ControlTables>) => Promise<T>) => Promise<T>;
  /** @see Control.changeCounter */
  readonly changeCounter: () => Promise<number>;
  readonly close: () => Promise<void>;
};
