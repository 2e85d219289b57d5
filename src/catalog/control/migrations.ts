import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** In the order of their names. A published one is never edited: a change is a new one. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-batches-and-loads': { up: createBatchesAndLoads },
  '0002-limits': { up: createLimits },
  '0003-rollups': { up: createRollups },
  '0004-value-frequencies': { up: createProfiles },
  '0005-observed-needs': { up: createObservedNeeds },
  '0006-actuals': { up: createActuals },
  '0008-telemetry': { up: createTelemetry },
  '0009-rules-and-closes': { up: createRulesAndCloses },
};

// A migration must not follow later changes of ControlTables, so it knows no table types.
async function createBatchesAndLoads(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .createTable('tenant')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .execute();
  await schema
    .createTable('knowledge_step')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .addColumn('instant', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('knowledge_step_key', ['tenant', 'sequence'])
    .addUniqueConstraint('knowledge_step_instant', ['tenant', 'instant'])
    .execute();
  await schema
    .createTable('batch')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('billing_month', 'text', (column) => column.notNull())
    .addColumn('mode', 'text', (column) => column.notNull())
    .addColumn('format', 'text', (column) => column.notNull())
    .addColumn('mapping_version', 'integer', (column) => column.notNull())
    .addColumn('charges', 'bigint', (column) => column.notNull())
    .addColumn('quarantined', 'bigint', (column) => column.notNull())
    .addColumn('from_instant', 'bigint', (column) => column.notNull())
    .addColumn('to_instant', 'bigint', (column) => column.notNull())
    .addColumn('currencies', 'text', (column) => column.notNull())
    .addColumn('billed_cost', 'text', (column) => column.notNull())
    .addColumn('effective_cost', 'text', (column) => column.notNull())
    .addColumn('live_from_sequence', 'bigint', (column) => column.notNull())
    .addColumn('live_to_sequence', 'bigint')
    .addColumn('dropped_at', 'bigint')
    .addPrimaryKeyConstraint('batch_key', ['tenant', 'id'])
    .execute();
  await schema
    .createTable('load')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('sha256', 'text', (column) => column.notNull())
    .addColumn('file_name', 'text', (column) => column.notNull())
    .addColumn('format', 'text', (column) => column.notNull())
    .addColumn('mode', 'text', (column) => column.notNull())
    .addColumn('batches', 'text', (column) => column.notNull())
    .addColumn('report', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('load_key', ['tenant', 'sequence', 'position'])
    .execute();
  await schema.createIndex('load_content').on('load').columns(['tenant', 'source', 'sha256']).execute();
  await createStatisticsAndLeases(database);
}

async function createStatisticsAndLeases({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('column_statistics')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('batch', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('distinct_count', 'bigint', (column) => column.notNull())
    .addColumn('null_count', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('column_statistics_key', ['tenant', 'batch', 'key'])
    .execute();
  await schema
    .createTable('server_secret')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('value', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('lease')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('owner', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute();
}

/** Values are whole numbers as text: dollars in units of 10^-12 are wider than what SQLite adds exactly. */
async function createLimits({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('tenant_limit')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('value', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('tenant_limit_key', ['tenant', 'name'])
    .execute();
  await schema
    .createTable('day_use')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('day', 'text', (column) => column.notNull())
    .addColumn('bytes', 'text', (column) => column.notNull())
    .addColumn('usd', 'text', (column) => column.notNull())
    .addColumn('ms', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('day_use_key', ['tenant', 'day'])
    .execute();
}

async function createRollups({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('rollup')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('grain', 'text', (column) => column.notNull())
    .addColumn('attributes', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('rollup_key', ['tenant', 'id'])
    .addUniqueConstraint('rollup_name', ['tenant', 'name'])
    .execute();
  await schema
    .createTable('dropped_rollup')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('dropped_rollup_key', ['tenant', 'id'])
    .execute();
}

/** Written whole and read whole: JSON of BatchProfile. */
async function createProfiles({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('batch_profile')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('batch', 'text', (column) => column.notNull())
    .addColumn('profile', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('batch_profile_key', ['tenant', 'batch'])
    .execute();
}

async function createObservedNeeds({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('observed_need')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('day', 'text', (column) => column.notNull())
    .addColumn('need', 'text', (column) => column.notNull())
    .addColumn('times', 'bigint', (column) => column.notNull())
    .addColumn('charges', 'bigint', (column) => column.notNull())
    .addColumn('rows', 'bigint', (column) => column.notNull())
    .addColumn('bytes', 'bigint', (column) => column.notNull())
    .addColumn('estimated_ms', 'real', (column) => column.notNull())
    .addColumn('ms', 'real', (column) => column.notNull())
    .addPrimaryKeyConstraint('observed_need_key', ['tenant', 'day', 'need'])
    .execute();
}

/** `actuals` is JSON of AskActuals. */
async function createActuals({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('ask_actuals')
    .addColumn('store', 'text', (column) => column.notNull())
    .addColumn('shape', 'text', (column) => column.notNull())
    .addColumn('actuals', 'text', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('ask_actuals_key', ['store', 'shape'])
    .execute();
}

/** `columns` is a JSON list, `units` whole units of 10^-12 as text. */
async function createTelemetry({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('telemetry_stream')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('columns', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('telemetry_stream_key', ['tenant', 'name'])
    .execute();
  await schema
    .createTable('telemetry_load')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('stream', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .addColumn('rows', 'bigint', (column) => column.notNull())
    .addColumn('units', 'text', (column) => column.notNull())
    .addColumn('from_instant', 'bigint', (column) => column.notNull())
    .addColumn('to_instant', 'bigint', (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('file', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('telemetry_load_key', ['tenant', 'stream', 'id'])
    .execute();
}

/** `lookups` is JSON of the files that the text names. */
async function createRulesAndCloses({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('rule_set')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('version', 'bigint', (column) => column.notNull())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .addColumn('format', 'text', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('lookups', 'text', (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('published_by', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('rule_set_key', ['tenant', 'version'])
    .execute();
  await schema
    .createTable('close')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .addColumn('from_instant', 'bigint', (column) => column.notNull())
    .addColumn('to_instant', 'bigint', (column) => column.notNull())
    .addColumn('closed_by', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('close_key', ['tenant', 'name'])
    .execute();
}
