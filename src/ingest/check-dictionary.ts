/** Is everything that charges refer to in a dictionary, once, and under the id of its contents; is the rest on them? */
import { INLINE_TAGS, inlineResourceColumn, resourceDimensionNames } from '../catalog/charge-columns.ts';
import type { LiveDataFile } from '../catalog/iceberg/data-file.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import { dictionaryDigest, dictionaryId, resourceEncoding } from './charge-identity.ts';
import type { DictionaryName } from './dictionaries.ts';
import type { Findings } from './findings.ts';
import { tagMapSql } from './formats/tags-sql.ts';
import type { IngestSession } from './ingest-session.ts';
import { textOf } from './ingest-session.ts';
import { tableRowsSql } from './read-table-files.ts';

const keyColumns = { resources: 'resource_key', tags: 'tag_set' } as const;
/** What charges carry inline: in which columns, and SQL that holds where it is not as it must be. */
const inlineOf = {
  resources: {
    columns: resourceDimensionNames.map(inlineResourceColumn),
    isWrong: 'resource_key IS NOT NULL',
    found: 'an id beside them',
  },
  tags: {
    columns: [INLINE_TAGS],
    isWrong: `tag_set IS NOT NULL OR ${INLINE_TAGS} IS DISTINCT FROM CAST(to_json(${tagMapSql(INLINE_TAGS)}) AS VARCHAR)`,
    found: 'an id beside them, or no tags in their canonical form',
  },
};

/** @param charges files of charges; like those of the dictionary, they are whole */
export async function checkDictionary(
  session: IngestSession,
  name: DictionaryName,
  charges: readonly LiveDataFile[],
  dictionary: readonly LiveDataFile[],
  findings: Findings,
): Promise<void> {
  const entries = dictionary.length === 0 ? null : tableRowsSql(lakeTables[name], dictionary);
  if (charges.length > 0) {
    const known = entries === null ? '' : `ANTI JOIN ${entries} AS known ON known.id = used.id`;
    await findings.addRows(
      session,
      `charges, ${keyColumns[name]}`,
      `SELECT id, count(*) AS charges, min(batch) AS batch
FROM (SELECT ${keyColumns[name]} AS id, batch FROM ${tableRowsSql(lakeTables.charges, charges)}) AS used
${known} WHERE id IS NOT NULL GROUP BY id`,
      (row) => ({
        at: `${name}, id ${textOf(row, 'id')} of ${textOf(row, 'charges')} charges, first in batch ${textOf(row, 'batch')}`,
        expected: 'an entry',
        found: 'none',
      }),
    );
  }
  await checkInline(session, name, charges, findings);
  if (entries === null) return;
  const unique = name === 'resources' ? 'id' : "id, concat(', key ', key)";
  await findings.addRows(
    session,
    name,
    `SELECT concat(${unique}) AS entry, count(*) AS entries FROM ${entries} GROUP BY ${unique} HAVING count(*) > 1`,
    (row) => ({
      at: `${name}, id ${textOf(row, 'entry')}`,
      expected: '1 row',
      found: `${textOf(row, 'entries')}`,
    }),
  );
  await findings.addRows(
    session,
    name,
    `SELECT DISTINCT id, digest, ${dictionaryDigest('encoding')} AS contents FROM (${encodedSql(name, entries)})
WHERE digest <> contents OR id <> ${dictionaryId('encoding')}`,
    (row) => ({
      at: `${name}, id ${textOf(row, 'id')}, digest of its contents`,
      expected: textOf(row, 'digest') ?? 'nothing',
      found: textOf(row, 'contents') ?? 'nothing',
    }),
  );
}

async function checkInline(
  session: IngestSession,
  name: DictionaryName,
  charges: readonly LiveDataFile[],
  findings: Findings,
): Promise<void> {
  const { columns, isWrong, found } = inlineOf[name];
  const ids = lakeTables.charges.fields.filter((field) => columns.includes(field.name)).map(({ id }) => id);
  const holding = charges.filter(({ valueCounts }) => ids.some((id) => valueCounts.has(id)));
  if (holding.length === 0) return;
  await findings.addRows(
    session,
    `charges, inline ${name}`,
    `SELECT batch, count(*) AS charges FROM ${tableRowsSql(lakeTables.charges, holding)}
WHERE coalesce(${columns.join(', ')}) IS NOT NULL AND (${isWrong}) GROUP BY batch`,
    (row) => ({
      at: `charges, batch ${textOf(row, 'batch')}, inline ${name} of ${textOf(row, 'charges')} charges`,
      expected: 'values alone',
      found,
    }),
  );
}

/** As `tagsEncoding` of the set's map; entries that are there twice must not end the query. */
function encodedSql(name: DictionaryName, entries: string): string {
  if (name === 'resources') return `SELECT id, digest, ${resourceEncoding} AS encoding FROM ${entries}`;
  const pair = `concat(strlen(key), ':', key, strlen(value), ':', value)`;
  return `SELECT id, digest, array_to_string(list(${pair} ORDER BY key), '') AS encoding FROM ${entries} GROUP BY id, digest`;
}
