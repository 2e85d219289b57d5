import type { RowDimensionName } from '../../catalog/charge-columns.ts';
import { sqlText } from './sql-text.ts';

/** Allowed values of FOCUS 1.2, the frequent ones first. */
export const focusValues = {
  capacity_reservation_status: ['Used', 'Unused'],
  charge_category: ['Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment'],
  charge_class: ['Correction'],
  charge_frequency: ['Usage-Based', 'Recurring', 'One-Time'],
  commitment_discount_category: ['Usage', 'Spend'],
  commitment_discount_status: ['Used', 'Unused'],
  pricing_category: ['Standard', 'Committed', 'Dynamic', 'Other'],
  service_category: [
    'Compute',
    'Storage',
    'Networking',
    'Databases',
    'Management and Governance',
    'Analytics',
    'AI and Machine Learning',
    'Security',
    'Integration',
    'Identity',
    'Developer Tools',
    'Internet of Things',
    'Media',
    'Migration',
    'Mobile',
    'Multicloud',
    'Web',
    'Business Applications',
    'Other',
  ],
} as const satisfies { readonly [Name in RowDimensionName]?: readonly string[] };

/**
 * SQL of a value in the specification's spelling: `Usage-based` becomes `Usage-Based`. A value that the
 * specification does not know stays as it is.
 */
export function inSpecSpelling(name: string, allowed: readonly string[]): string {
  const respelt = allowed
    .map((value) => `WHEN ${sqlText(value.toLowerCase())} THEN ${sqlText(value)}`)
    .join(' ');
  // No IN: DuckDB makes a join of a long one.
  const isAllowed = allowed.map((value) => `${name} = ${sqlText(value)}`).join(' OR ');
  return `CASE WHEN ${isAllowed} THEN ${name}
    WHEN ${name} IS NOT NULL THEN CASE lower(trim(${name})) ${respelt} ELSE ${name} END END`;
}
