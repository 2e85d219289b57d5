import { join } from 'node:path';

import { demoTenant, sourceName } from '../core/ids.ts';
import type { SourceName } from '../core/ids.ts';
import type { IngestContext } from './import-bills.ts';
import { importBills } from './import-bills.ts';
import type { OnProgress } from './progress.ts';

const DATA_FOLDER = join(import.meta.dirname, '../../data');

/** The bundled bills (data/README.md), a source each. */
const samples = [
  { source: 'aws', files: ['aws-cur/cur-2018-10.snappy.parquet', 'aws-cur/cur-2018-11.snappy.parquet'] },
  { source: 'ordering', files: ['ordering-2019-11-26/cur-2019-11-26.0x01.gz'] },
  { source: 'focus', files: ['focus-official/focus_sample_1000.csv'] },
] as const;

/**
 * Loads the bundled bills into tenant demo. A source that ever had a batch is left as it is: what was replaced since
 * stays replaced, and a start that was broken off goes on where it stopped.
 *
 * @returns how many sources were loaded
 */
export async function loadSample(
  context: Omit<IngestContext, 'onProgress'>,
  progressOf: (source: string) => OnProgress,
): Promise<number> {
  const known = new Set<string>(
    (await context.control.publishedBatches(demoTenant)).map((batch) => batch.source),
  );
  const missing = samples.filter(({ source }) => !known.has(source));
  for (const { source, files } of missing) {
    await importBills(
      { ...context, onProgress: progressOf(source) },
      {
        tenant: demoTenant,
        source: checkedName(source),
        mode: 'replace',
        force: false,
        format: null,
        paths: files.map((file) => join(DATA_FOLDER, file)),
      },
    );
  }
  return missing.length;
}

function checkedName(text: string): SourceName {
  const name = sourceName(text);
  if (name === null) throw new Error(`${text} is no source name`);
  return name;
}
