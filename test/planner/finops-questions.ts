import type { CostQuery, FilterInput } from '../../src/planner/cost-query.ts';

/** What people who look after cloud bills ask, by what they want to know. Golden plans and estimates are held to them. */

const OCTOBER = { month: '2018-10' };
const NOVEMBER = { month: '2018-11' };
const QUARTER = { from: '2018-10-01T00:00:00Z', to: '2019-01-01T00:00:00Z' };
const ALL_YEARS = { from: '2018-01-01T00:00:00Z', to: '2025-01-01T00:00:00Z' };

function only(key: string, ...values: string[]): FilterInput {
  return { dimension: { key, in: values } };
}

export const finopsQuestions: Readonly<Record<string, Partial<CostQuery>>> = {
  // Who is billed, and by whom.
  'accounts-of-the-bill': {
    groupBy: ['provider_name', 'billing_account_id', 'sub_account_id'],
  },
  'sources-of-billed-cost': {
    period: ALL_YEARS,
    groupBy: ['provider_name', 'publisher_name', 'invoice_issuer_name', 'invoice_id'],
  },
  'reconcile-invoices': {
    period: QUARTER,
    timeAxis: 'BILLING_PERIOD',
    granularity: 'MONTH',
    groupBy: ['invoice_issuer_name', 'invoice_id'],
  },
  'credits-by-provider': {
    period: ALL_YEARS,
    filter: only('charge_category', 'Credit'),
    groupBy: ['provider_name', 'service_name'],
  },
  'corrections-by-account': {
    timeAxis: 'BILLING_PERIOD',
    filter: only('charge_class', 'Correction'),
    groupBy: ['billing_account_id', 'sub_account_id', 'service_category'],
  },
  'marketplace-vendors': {
    period: ALL_YEARS,
    granularity: 'MONTH',
    filter: { dimension: { key: 'publisher_name', notIn: ['Amazon Web Services', 'Microsoft', 'Oracle'] } },
    groupBy: ['provider_name', 'publisher_name'],
  },
  'charges-by-currency': { period: ALL_YEARS, groupBy: ['billing_currency', 'pricing_currency'] },

  // What is spent on what.
  'cost-by-service': { groupBy: ['service_name'] },
  'cost-by-service-category': {
    timeAxis: 'BILLING_PERIOD',
    groupBy: ['provider_name', 'service_category', 'service_subcategory'],
  },
  'cost-by-service-over-months': {
    period: QUARTER,
    granularity: 'MONTH',
    groupBy: ['service_category', 'service_name'],
  },
  'one-service-by-account': {
    filter: only('service_name', 'Amazon Elastic Compute Cloud'),
    groupBy: ['sub_account_id', 'region_id'],
  },
  'top-services': {
    groupBy: ['service_name'],
    top: { count: 10, metric: 'EFFECTIVE_COST', by: null, remainder: true },
  },
  'movers-by-service': {
    period: NOVEMBER,
    compare: OCTOBER,
    groupBy: ['service_name'],
    orderBy: [{ change: { metric: 'EFFECTIVE_COST', direction: 'DESC' } }],
  },
  'services-above-a-threshold': {
    groupBy: ['service_name', 'region_id'],
    having: [{ metric: 'EFFECTIVE_COST', gt: '10' }],
  },
  'cost-by-charge-category': { period: QUARTER, granularity: 'MONTH', groupBy: ['charge_category'] },
  'compute-against-the-rest': {
    period: QUARTER,
    granularity: 'WEEK',
    filter: { not: only('service_category', 'Compute') },
    groupBy: ['service_category'],
  },

  // Where.
  'accounts-by-region': { groupBy: ['sub_account_id', 'region_id', 'region_name'] },
  'zones-of-an-account': {
    filter: { dimension: { key: 'availability_zone', isNull: false } },
    groupBy: ['region_id', 'availability_zone'],
  },
  'usage-outside-home-regions': {
    filter: { dimension: { key: 'region_id', notIn: ['us-east-1', 'us-west-2'] } },
    groupBy: ['region_id', 'service_name'],
  },
  'transfer-by-day': {
    granularity: 'DAY',
    filter: { dimension: { key: 'charge_description', contains: 'transfer', ignoreCase: true } },
    groupBy: ['consumed_unit'],
  },

  // When, and what stands out.
  'daily-cost': { granularity: 'DAY' },
  'hourly-cost-of-a-day': {
    period: { from: '2018-10-15T00:00:00Z', to: '2018-10-16T00:00:00Z' },
    granularity: 'HOUR',
    groupBy: ['service_name'],
  },
  'daily-anomalies-by-service': {
    granularity: 'DAY',
    groupBy: ['sub_account_id', 'region_id', 'service_name'],
  },
  'daily-anomalies-by-region': { granularity: 'DAY', groupBy: ['sub_account_id', 'region_id'] },
  'daily-cost-in-the-team-s-zone': {
    granularity: 'DAY',
    timeZone: 'America/Los_Angeles',
    groupBy: ['service_name'],
  },
  'first-ten-days-by-service': {
    period: { from: '2018-11-01T00:00:00Z', to: '2018-11-11T00:00:00Z' },
    granularity: 'DAY',
    groupBy: ['service_name'],
  },
  'hours-of-one-service': {
    period: { from: '2018-10-01T00:00:00Z', to: '2018-10-08T00:00:00Z' },
    granularity: 'HOUR',
    filter: only('service_name', 'Amazon Relational Database Service'),
  },

  // Rates, units, commitments.
  'prices-of-a-product': { groupBy: ['sku_id', 'sku_price_id', 'pricing_unit'] },
  'descriptions-of-a-service': {
    filter: only('service_name', 'Amazon Simple Storage Service'),
    groupBy: ['charge_description', 'consumed_unit'],
  },
  'usage-for-a-forecast': {
    period: QUARTER,
    timeAxis: 'BILLING_PERIOD',
    granularity: 'MONTH',
    groupBy: ['service_category', 'service_name', 'region_id', 'pricing_unit'],
  },
  'savings-by-service': { groupBy: ['provider_name', 'service_name', 'pricing_category'] },
  'commitments-by-status': {
    filter: { dimension: { key: 'commitment_discount_id', isNull: false } },
    groupBy: ['commitment_discount_id', 'commitment_discount_type', 'commitment_discount_status'],
  },
  'commitments-over-days': {
    granularity: 'DAY',
    filter: only('commitment_discount_status', 'Unused'),
    groupBy: ['commitment_discount_id'],
  },
  'commitment-purchases': {
    period: QUARTER,
    filter: {
      all: [
        only('charge_category', 'Purchase'),
        { dimension: { key: 'commitment_discount_id', isNull: false } },
      ],
    },
    groupBy: ['commitment_discount_id', 'charge_frequency'],
  },

  // Resources and tags.
  'dearest-resources': {
    filter: only('service_category', 'Compute'),
    groupBy: ['service_name', 'resource_id'],
    orderBy: [{ metric: { metric: 'EFFECTIVE_COST', direction: 'DESC' } }],
  },
  'resources-by-type': { groupBy: ['resource_type', 'service_name'] },
  'tag-coverage': {
    filter: { dimension: { key: 'tag:CostCenter', isNull: true } },
    groupBy: ['service_name'],
  },
  'cost-by-team-over-months': { period: QUARTER, granularity: 'MONTH', groupBy: ['tag:CostCenter'] },
  'environments-by-service': { groupBy: ['tag:Environment', 'service_name'] },
  'a-team-by-day': {
    granularity: 'DAY',
    filter: { dimension: { key: 'tag:Environment', isNull: false } },
    groupBy: ['tag:Environment', 'tag:CostCenter'],
  },
};
