/** Is everything that charges refer to in a dictionary, once, and under the id of its contents? */
import type { LiveDataFile } from '../catalog/iceberg/data-file.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import { dictionaryDigest, dictionaryId, resourceEncoding } from './charge-identity.ts';
import type { DictionaryName } from './dictionaries.ts';
import type { Findings } from './findings.ts';
import type { IngestSession } from './ingest-session.ts';
import { textOf } from './ingest-session.ts';
import { tableRowsSql } from './read-table-files.ts';

const keyColumns = { resources: 'resource_key', tags: 'tag_set' } as const;

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

/** As `tagsEncoding` of the set's map; entries that are there twice must not end the query. */
function encodedSql(name: DictionaryName, entries: string): string {
  if (name === 'resources') return `SELECT id, digest, ${resourceEncoding} AS encoding FROM ${entries}`;
  const pair = `concat(strlen(key), ':', key, strlen(value), ':', value)`;
  return `SELECT id, digest, array_to_string(list(${pair} ORDER BY key), '') AS encoding FROM ${entries} GROUP BY id, digest`;
}
