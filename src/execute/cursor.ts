import { createHmac, timingSafeEqual } from 'node:crypto';
import { costError } from '../core/errors.ts';
import type { CursorCodec } from './engine.ts';

const MAC_BYTES = 12;
const CURSOR_LENGTH_MAX = 400;

/**
 * Cursors are `base64url(mac ‖ "offset version")`. The mac covers tenant and scope (which are not in the text), so a
 * cursor opens only for the tenant, field and arguments that it was made for.
 */
export function createCursors(key: Buffer): CursorCodec {
  const macOf = (tenant: string, scope: string, body: string): Buffer =>
    createHmac('sha256', key)
      .update(JSON.stringify([tenant, scope, body]))
      .digest()
      .subarray(0, MAC_BYTES);
  return {
    seal: (tenant, scope, version, offset) => {
      const body = `${offset} ${version}`;
      return Buffer.concat([macOf(tenant, scope, body), Buffer.from(body)]).toString('base64url');
    },
    open: (tenant, scope, cursor) => {
      if (cursor.length > CURSOR_LENGTH_MAX) throw costError('BAD_CURSOR', { reason: 'it is too long' });
      const bytes = Buffer.from(cursor, 'base64url');
      const body = bytes.subarray(MAC_BYTES).toString('utf8');
      const mac = bytes.subarray(0, MAC_BYTES);
      const match = /^(\d{1,9}) (\S+)$/.exec(body);
      if (mac.length !== MAC_BYTES || !match || !timingSafeEqual(mac, macOf(tenant, scope, body))) {
        throw costError('BAD_CURSOR', { reason: 'it was not made by this server for this query' });
      }
      return { offset: Number(match[1]), version: match[2] ?? '' };
    },
  };
}
