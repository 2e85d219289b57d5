import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGunzip, gunzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { runCommand } from '../../src/commands/run-command.ts';
import { IngestFolder } from '../ingest/ingest-folder.ts';
import { tenant } from '../support/deployment.ts';

const ROOT = join(import.meta.dirname, '../..');
const LOG = join(ROOT, 'data/ordering-2019-11-26/access-log-2019-11-26.gz');
const SCRIPT = join(ROOT, 'scripts/access-log-to-telemetry.awk');

let bench: IngestFolder;
beforeAll(async () => {
  bench = await IngestFolder.open();
});
afterAll(() => bench[Symbol.asyncDispose]());

/** What the script makes of a log. */
async function converted(log: NodeJS.ReadableStream): Promise<string> {
  const awk = spawn('awk', ['-f', SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(awk, 'exit');
  const [, rows] = await Promise.all([pipeline(log, awk.stdin), text(awk.stdout)]);
  expect((await exited)[0]).toBe(0);
  return rows;
}

async function telemetry(path: string, ...args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const environment = { COSTGRAPH_DATA: join(bench.folder, 'data') };
  const all = ['telemetry', '--tenant', 'demo', '--stream', 'work', path, ...args];
  const status = await runCommand(all, { stdout, stderr, environment });
  stdout.end();
  stderr.end();
  return { status, stdout: await text(stdout), stderr: await text(stderr) };
}

/** Work by hour, customer and plan, read from the log by other means than the script's. */
function workOfLog(): Record<string, number> {
  const work: Record<string, number> = {};
  for (const line of gunzipSync(readFileSync(LOG)).toString().split('\n')) {
    const found = /^[\d.]+ - - \[26\/Nov\/2019:(\d\d):.*\?name=(\w+),user=(\w+),work=(\d+) /.exec(line);
    if (found === null) continue;
    const [, hour, customer, plan, units] = found;
    const key = `${hour} ${customer} ${plan}`;
    work[key] = (work[key] ?? 0) + Number(units);
  }
  return work;
}

describe('the web log of the ordering day', () => {
  it('becomes driver data as docs/telemetry.md says, hour by hour what the log says', async () => {
    const path = join(bench.folder, 'work.csv');
    const rows = await converted(createReadStream(LOG).pipe(createGunzip()));
    expect(rows.split('\n', 2)).toEqual([
      'time,customer,plan,units',
      '2019-11-26T00:00:04+00:00,William,paid,68',
    ]);
    await writeFile(path, rows);

    const printed = readFileSync(join(ROOT, 'docs/telemetry.md'), 'utf8').match(/```text\n([^]*?)```/)?.[1];
    expect(await telemetry(path)).toEqual({ status: 0, stdout: printed, stderr: '' });
    expect(JSON.parse((await telemetry(path, '--json')).stdout)).toMatchObject({
      load: null,
      unchanged: 28_485,
    });

    const cells = await bench.query(
      'telemetry',
      `SELECT strftime(time, '%H') || ' ' || key_1 || ' ' || key_2 AS cell, CAST(sum(units) AS BIGINT) AS units
FROM rows GROUP BY ALL`,
      tenant('demo'),
    );
    const found = Object.fromEntries(cells.map(({ cell, units }) => [String(cell), Number(units)]));
    const expected = workOfLog();
    expect(found).toEqual(expected);
    const hours = new Set(Object.keys(expected).map((key) => key.slice(0, 2)));
    expect([...hours].sort()).toEqual(Array.from({ length: 21 }, (_, hour) => String(hour).padStart(2, '0')));
  });

  it('is refused where rows are bad, with the first of them', async () => {
    const path = join(bench.folder, 'bad.csv');
    const rows = Array.from({ length: 7 }, () => '2019-11-26,William,paid,-1');
    await writeFile(path, ['time,customer,plan,units', ...rows].join('\n'));
    const { status, stdout, stderr } = await telemetry(path, '--json');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^BAD_TELEMETRY_ROWS: 7 of the 7 rows of bad.csv .*; row 5: [^;]*; …\. Nothing/);
    expect(JSON.parse(stdout)).toMatchObject({ file: 'bad.csv', rows: 7, bad: 7, errors: { length: 7 } });
  });

  it('warns of another step than that of earlier loads', async () => {
    const path = join(bench.folder, 'hour.csv');
    await writeFile(path, 'time,customer,plan,units\n2019-11-26T00:00:00Z,William,paid,68\n');
    const { stdout } = await telemetry(path);
    expect(stdout).toMatch(/1 added, 0 replaced, .*\n {2}\d+ earlier rows stay beside them/);
  });
});
