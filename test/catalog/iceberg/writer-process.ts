/**
 * A process that appends to the sample table: `node writer-process.ts WAREHOUSE WRITER COMMITS`.
 * It prints each file's name once its commit has returned.
 */
import { createTable, appendFiles } from '../../../src/catalog/iceberg/table-operations.ts';
import { emptyDataFile, openLake, sampleIdent, sampleTable } from './sample-files.ts';

const [warehouse = '', writer = '', commits = '0'] = process.argv.slice(2);
const lake = openLake(warehouse);
let state = await createTable(lake.catalog, sampleIdent, sampleTable);
for (let i = 0; i < Number(commits); i++) {
  const name = `${writer}-${i}`;
  const file = await emptyDataFile(state, { source: writer, billing_month: i }, name);
  state = await appendFiles(lake, state, [file], { summary: { name }, rebase: true });
  process.stdout.write(`${name}\n`);
}
