import type { Brand } from './brand.ts';

export type TenantId = Brand<string, 'TenantId'>;
export type SourceName = Brand<string, 'SourceName'>;
export type BatchId = Brand<string, 'BatchId'>;

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** Who asks where no token is needed, and whom the bundled sample belongs to. */
export const demoTenant = 'demo' as TenantId;

/** Lower-case letters, digits, `-` and `_`, at most 63, the first a letter or digit. */
export function isName(text: string): boolean {
  return NAME.test(text);
}

/** Tenant names become folder names: lower-case letters, digits, `-` and `_`, at most 63. Null when they are not. */
export function tenantId(text: string): TenantId | null {
  return NAME.test(text) ? (text as TenantId) : null;
}

/** Source names become partition values: same alphabet as tenants. Null when they are not. */
export function sourceName(text: string): SourceName | null {
  return NAME.test(text) ? (text as SourceName) : null;
}

export function batchId(text: string): BatchId {
  return text as BatchId;
}
