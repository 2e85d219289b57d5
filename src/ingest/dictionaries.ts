/**
 * Gives each distinct resource and tag set of the charges its entry in the tenant's dictionary, as long as the
 * dictionary's budget lasts; the charges of those that find no room carry them inline.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { isConflict } from '../catalog/iceberg/catalog.ts';
import type { DataFile } from '../catalog/iceberg/data-file.ts';
import { removeFiles } from '../catalog/iceberg/durable-files.ts';
import { listDataFiles } from '../catalog/iceberg/list-data-files.ts';
import { appendFiles } from '../catalog/iceberg/table-operations.ts';
import type { DataLake } from '../catalog/lake.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import { costError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import { readingFiles, refuseDamaged } from './check-data-file.ts';
import {
  dictionaryDigest,
  dictionaryId,
  isResource,
  resourceEncoding,
  tagsEncoding,
} from './charge-identity.ts';
import { tagMapSql } from './formats/tags-sql.ts';
import type { IngestSession } from './ingest-session.ts';
import { numberOf, requiredText } from './ingest-session.ts';
import { tableRowsSql } from './read-table-files.ts';
import { writeTableFiles } from './write-table-files.ts';

/** Imports of other sources append to the same dictionary; each attempt that loses let one of them through. */
const ATTEMPTS_MAX = 50;
const PAUSE_MS_MAX = 250;
/** About 30 MB of them, of ids of usual length. */
const FREQUENT_RESOURCES_MAX = 200_000;

export const dictionaryNames = ['resources', 'tags'] as const;
export type DictionaryName = (typeof dictionaryNames)[number];
/** Entries (resources, tag sets) that a dictionary of a tenant may have. What it has stays where the budget is lowered. */
export type DictionaryBudget = Readonly<Record<DictionaryName, number>>;
/** Distinct resources and tag sets of an import that found no room. */
export type Inline = Readonly<Record<DictionaryName, number>>;

/**
 * Both are what was written. Beside a damaged file, entries that cannot be found in it would be added a second
 * time, and once it is restored, charges would find two.
 *
 * @throws TABLE_DAMAGED
 */
export async function checkDictionaries(
  session: IngestSession,
  lake: DataLake,
  tenant: TenantId,
): Promise<void> {
  for (const name of dictionaryNames) {
    const state = await lake.findTable(tenant, name);
    if (state !== null) await refuseDamaged(session, await listDataFiles(lake.manifests, state));
  }
}

/**
 * Makes the tables `tag_texts (text, tag_set, billing_month, charges)`, by which a charge's tags find their
 * id, `new_tags` and `new_resources`: the distinct entries, in the columns of the dictionaries but `tenant`;
 * resources with their number of `charges`.
 */
export async function collectDictionaries(session: IngestSession): Promise<void> {
  await session.rows(
    `CREATE OR REPLACE TABLE tag_maps AS SELECT text, ${tagMapSql('text')} AS map
FROM (SELECT DISTINCT tags AS text FROM charges WHERE tags IS NOT NULL)`,
  );
  await session.rows(
    `CREATE OR REPLACE TABLE tag_texts AS
SELECT text, ${dictionaryId(tagsEncoding('map'))} AS tag_set, billing_month, charges FROM tag_maps
JOIN (SELECT tags AS text, billing_month, count(*) AS charges FROM charges WHERE tags IS NOT NULL GROUP BY ALL) USING (text)
WHERE map IS NOT NULL`,
  );
  await session.rows(
    `CREATE OR REPLACE TABLE new_tags AS
SELECT ${dictionaryId(tagsEncoding('map'))} AS id, ${dictionaryDigest(tagsEncoding('map'))} AS digest, entry.key AS key, entry.value AS value
FROM (SELECT map, unnest(map_entries(map)) AS entry FROM (SELECT DISTINCT map FROM tag_maps))`,
  );
  await session.rows(
    `CREATE OR REPLACE TABLE new_resources AS
SELECT ${dictionaryId(resourceEncoding)} AS id, ${dictionaryDigest(resourceEncoding)} AS digest, *
FROM (SELECT resource_id, resource_name, resource_type, count(*) AS charges FROM charges WHERE ${isResource} GROUP BY ALL)`,
  );
}

/**
 * Appends the entries of `new_resources` or `new_tags` that the dictionary lacks and has room for, those of most
 * charges first. Never rebased: whoever adds to it in between may have added the same, or taken the room.
 *
 * Makes the table `inline_resources (id)` or `inline_tags (id, inline_tags)` of the others, and returns how many
 * they are.
 *
 * @throws DICTIONARY_COLLISION, COMMIT_CONFLICT after many attempts, TABLE_DAMAGED, STORAGE_FULL
 */
export async function extendDictionary(
  session: IngestSession,
  lake: DataLake,
  tenant: TenantId,
  name: DictionaryName,
  entriesMax: number,
  importId: string,
): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const state = await lake.ensureTable(tenant, name);
    const files = await listDataFiles(lake.manifests, state);
    const { added, inline } = await readingFiles(session, files, async () => {
      await refuseCollisions(session, name, files);
      const known =
        files.length === 0 ? '' : ` ANTI JOIN ${tableRowsSql(lakeTables[name], files)} USING (id)`;
      const inline = await findInline(session, name, files, known, entriesMax);
      const placed = inline === 0 ? '' : ` ANTI JOIN inline_${name} USING (id)`;
      const missing = {
        from: `(SELECT * FROM new_${name}${known}${placed})`,
        constants: new Map([['tenant', tenant]]),
      };
      const label = `${importId}-${attempt}`;
      const added = await writeTableFiles(session, state, lakeTables[name], {}, missing, label);
      return { added, inline };
    });
    if (added.length === 0) return inline;
    try {
      const summary = { 'costgraph.import': importId };
      await appendFiles(lake, state, added, { rebase: false, summary });
      return inline;
    } catch (error) {
      // After any other error the commit may be in: clean-up looks whether the files are used.
      if (!isConflict(error)) throw error;
      await removeFiles(added.map(({ path }) => path));
      if (attempt === ATTEMPTS_MAX) throw error;
      await sleep(Math.random() * PAUSE_MS_MAX);
    }
  }
}

/**
 * Writing charges needs no entries, but the memory: they may be as many as charges. Only of resources of most charges it
 * looks up the id, which takes a third of the time of hashing. Makes the table `frequent_resources (id, resource, name,
 * type)`.
 */
export async function forgetEntries(session: IngestSession): Promise<void> {
  await session.rows(
    `CREATE OR REPLACE TABLE frequent_resources AS
SELECT id, resource_id AS resource, resource_name AS name, resource_type AS type
FROM new_resources ORDER BY charges DESC LIMIT ${FREQUENT_RESOURCES_MAX}`,
  );
  for (const table of ['new_resources', 'new_tags', 'tag_maps']) await session.rows(`DROP TABLE ${table}`);
}

/** Those of most charges come first; equal ones in the order of their ids, which is the same in every import. */
const newIds = {
  resources: 'SELECT id FROM new_resources KNOWN ORDER BY charges DESC, id',
  tags: `SELECT id, any_value(CAST(to_json(map) AS VARCHAR)) AS inline_tags
FROM (SELECT tag_set AS id, map, charges FROM tag_texts JOIN tag_maps USING (text)) KNOWN
GROUP BY id ORDER BY sum(charges) DESC, id`,
} as const;

/** @param known join that leaves out the ids of the dictionary's files */
async function findInline(
  session: IngestSession,
  name: DictionaryName,
  files: readonly DataFile[],
  known: string,
  entriesMax: number,
): Promise<number> {
  const room = await roomFor(session, name, files, entriesMax);
  const rest = room === Infinity ? 'LIMIT 0' : `OFFSET ${room}`;
  await session.rows(
    `CREATE OR REPLACE TABLE inline_${name} AS ${newIds[name].replace('KNOWN', known)} ${rest}`,
  );
  const [row = {}] = await session.rows(`SELECT count(*) AS inline FROM inline_${name}`);
  return numberOf(row, 'inline');
}

/** How many entries the dictionary may still take; Infinity where it certainly has room for all of the new ones. */
async function roomFor(
  session: IngestSession,
  name: DictionaryName,
  files: readonly DataFile[],
  entriesMax: number,
): Promise<number> {
  // An entry has one row at least, so that rows are never too few; the entries are counted only where it matters.
  const [added = {}] = await session.rows(`SELECT count(*) AS row_count FROM new_${name}`);
  const records = files.reduce((sum, file) => sum + file.records, numberOf(added, 'row_count'));
  if (records <= entriesMax) return Infinity;
  if (files.length === 0) return entriesMax;
  const [held = {}] = await session.rows(
    `SELECT count(DISTINCT id) AS entries FROM ${tableRowsSql(lakeTables[name], files)}`,
  );
  return Math.max(0, entriesMax - numberOf(held, 'entries'));
}

/** The same id with another digest: two things would be taken for one. */
async function refuseCollisions(
  session: IngestSession,
  name: DictionaryName,
  files: readonly DataFile[],
): Promise<void> {
  const known =
    files.length === 0
      ? ''
      : ` UNION ALL SELECT id, digest FROM ${tableRowsSql(lakeTables[name], files)} SEMI JOIN new_${name} USING (id)`;
  const [collision] = await session.rows(
    `SELECT id FROM (SELECT id, digest FROM new_${name}${known})
GROUP BY id HAVING min(digest) <> max(digest) ORDER BY id LIMIT 1`,
  );
  if (collision !== undefined) throw costError('DICTIONARY_COLLISION', { id: requiredText(collision, 'id') });
}
