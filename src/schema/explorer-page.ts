/** GraphiQL as one page that loads nothing from elsewhere. */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

import { EXAMPLE_OPERATION } from './example-operation.ts';

export type ExplorerPage = {
  readonly html: Buffer;
  readonly gzipped: Buffer;
  readonly tag: string;
};

/** All that the page needs is in it; what it asks, it asks of the server that it came from. */
export const EXPLORER_POLICY = [
  "default-src 'none'",
  "script-src 'unsafe-inline' blob:",
  "style-src 'unsafe-inline'",
  'font-src data:',
  'img-src data:',
  'worker-src blob:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

let page: Promise<ExplorerPage> | null = null;

/** Made at the first request: nine megabytes, which a server that nobody explores does not hold. */
export function explorerPage(endpoint: string): Promise<ExplorerPage> {
  page ??= makePage(endpoint);
  return page;
}

async function makePage(endpoint: string): Promise<ExplorerPage> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const text = renderGraphiQL({
    title: 'costgraph',
    endpoint,
    defaultQuery: EXAMPLE_OPERATION,
    shouldPersistHeaders: false,
  });
  const html = Buffer.from(text.trim());
  const tag = `"${createHash('sha256').update(html).digest('base64url').slice(0, 22)}"`;
  return { html, gzipped: await promisify(gzip)(html), tag };
}
