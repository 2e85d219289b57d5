import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { DuckDBInstance } from '@duckdb/node-api';
import { detectFormat } from '../../../src/ingest/formats/detect-format.ts';
import { mappedColumns } from '../../../src/ingest/formats/format.ts';
import type { FormatName } from '../../../src/ingest/formats/format.ts';
import { writeBill } from '../../support/focus-file.ts';

/** A mapped row, every value as text. */
export type MappedRow = Readonly<Record<string, string | null>>;

/** A database and a folder of a test file's own. Its time zone is not UTC: no answer may depend on it. */
export class BillBench implements AsyncDisposable {
  readonly connection: DuckDBConnection;
  readonly folder: string;
  private readonly instance: DuckDBInstance;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection, folder: string) {
    this.instance = instance;
    this.connection = connection;
    this.folder = folder;
  }

  static async open(): Promise<BillBench> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '1GB' });
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'America/New_York'");
    return new BillBench(instance, connection, await mkdtemp(join(tmpdir(), 'costgraph-formats-')));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Rows of a query, every value as text; times in UTC. */
  async rows(query: string): Promise<readonly MappedRow[]> {
    const answer = await this.connection.runAndReadAll(`SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (${query})`);
    // Every column is cast to text above.
    return answer.getRowObjectsJson() as MappedRow[];
  }

  /** The mapped relation as SQL, with times as UTC text. */
  async mappedSql(path: string, asked: FormatName | null = null): Promise<string> {
    const { format, file } = await detectFormat(this.connection, path, asked);
    const list = mappedColumns.map(({ name, type }) =>
      type.startsWith('TIMESTAMP') ? `make_timestamp(epoch_us(${name})) AS ${name}` : name,
    );
    return `SELECT ${list.join(', ')} FROM (${format.mappedSelect(file)})`;
  }

  async mapped(path: string, asked: FormatName | null = null): Promise<readonly MappedRow[]> {
    return this.rows(`${await this.mappedSql(path, asked)} ORDER BY row_number, charge_key`);
  }

  async mappedText(text: string, name = 'bill.csv'): Promise<readonly MappedRow[]> {
    return this.mapped(await writeBill(this.path(name), text));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.connection.closeSync();
    this.instance.closeSync();
    await rm(this.folder, { recursive: true, force: true });
  }
}
