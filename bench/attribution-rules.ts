/**
 * Attribution rules in the path of events: 5 dimensions of 20 rules each, of every kind of condition and value, one
 * with a list of 10,000 values. A hit is an attribute set whose values are known, a miss one that is new.
 */
import { compileRules } from '../src/attribution/compile-rules.ts';
import { parseRules } from '../src/attribution/parse-rules.ts';
import { median, printTable, quantile } from './support/figures.ts';
import { drawn } from './support/simulate-files.ts';

const RULES = 20;
const HIT_SETS = 20_000;
const ROUNDS = 30;
const CALLS_A_ROUND = 10_000;
const HIT_TARGET_NS = 2_000;
const MISS_TARGET_NS = 50_000;
const INSTANT = Date.UTC(2026, 10, 22);
const LISTED = 10_000;

type Attributes = Readonly<Record<string, string>>;

const started = performance.now();
const parsed = parseRules(rulesText(), { lookupFile: () => ownersCsv() });
if ('errors' in parsed) throw new Error(JSON.stringify(parsed.errors[0]));
const parseMs = performance.now() - started;
const { evaluate, inputs } = compileRules(parsed.ruleSet);

let draws = 0;
const hitSets = Array.from({ length: HIT_SETS }, (_, i) => attributes(i));
for (const set of hitSets) ask(set);
const hit = measure(() => hitSets[below(HIT_SETS)] ?? {});
let fresh = HIT_SETS;
const miss = measure(() => attributes(fresh++));
printTable(
  `Values of ${inputs.length} attributes by 5 dimensions of ${RULES} rules (parsed in ${parseMs.toFixed(0)} ms), ns`,
  ['', 'p50', 'p90', 'target'],
  [
    ['hit', ...figures(hit), `${HIT_TARGET_NS}`],
    ['miss', ...figures(miss), `${MISS_TARGET_NS}`],
  ],
);

function ask(set: Attributes): void {
  evaluate((key) => set[key] ?? null, INSTANT);
}

/** Nanoseconds of CPU a call, of each round. */
function measure(next: () => Attributes): number[] {
  return Array.from({ length: ROUNDS }, () => {
    const sets = Array.from({ length: CALLS_A_ROUND }, next);
    const before = process.threadCpuUsage();
    for (const set of sets) ask(set);
    const { user, system } = process.threadCpuUsage(before);
    return ((user + system) * 1e3) / CALLS_A_ROUND;
  });
}

function figures(values: readonly number[]): string[] {
  return [median(values), quantile(values, 0.9)].map((ns) => ns.toFixed(0));
}

/** A whole number, the same ones each time. */
function below(most: number): number {
  return Math.floor(drawn(draws++) * most);
}

function attributes(i: number): Attributes {
  return {
    service_name: `Service ${below(40)}`,
    sub_account_id: String(10_000_000 + below(2 * LISTED)),
    region_id: `eu-central-${below(5)}`,
    resource_id: `arn:aws:ec2:eu-central-1:1234567890:instance/i-${i.toString(16)}`,
    'tag:Application': ` App-${below(200)} `,
    'tag:Environment': ['prod', 'Production', 'TEST', 'dev', 'Stage'][below(5)] ?? '',
    'tag:CostCenter': `CC-${below(1_000)}`,
  };
}

function rulesText(): string {
  const list = Array.from({ length: LISTED }, (_, i) => `"${10_000_000 + i}"`).join(', ');
  const numbered = (rule: (i: number) => string) =>
    Array.from({ length: RULES - 2 }, (_, i) => rule(i)).join('\n');
  return `
version: 1
lookups: [{ name: owners, file: owners.csv }]
dimensions:
  - key: environment
    rules:
${numbered((i) => `      - { value: env${i}, when: { key: "tag:Environment", in: [env${i}, ENV${i}], ignoreCase: true } }`)}
      - { valueOf: { key: "tag:Environment", normalize: [trim, lower], replace: [{ match: "^prod$", with: production }] } }
      - { value: other }
  - key: team
    rules:
      - { value: listed, when: { all: [{ key: sub_account_id, in: [${list}] }, { key: service_name, in: [Service 1] }] } }
${numbered((i) => `      - { value: team${i}, when: { all: [{ key: service_name, endsWith: " ${i}" }, { not: { key: region_id, in: [eu-central-${i}] } }] } }`)}
      - { lookup: { name: owners, on: sub_account_id, column: owner } }
  - key: feature
    rules:
${numbered((i) => `      - { value: feature${i}, when: { key: "tag:Application", matches: "\\\\s*App-${i}[0-9]\\\\s*" } }`)}
      - { valueOf: { key: "tag:Application", normalize: [trim], replace: [{ match: "[^A-Za-z0-9]+", with: "-" }] } }
      - { value: none }
  - key: customer
    rules:
${numbered((i) => `      - { value: customer${i}, when: { any: [{ key: resource_id, contains: "i-${i}f" }, { key: team, in: [owner${i}] }] } }`)}
      - { coalesce: ["tag:Customer", "tag:customer"] }
      - { value: shared }
  - key: cost_center
    rules:
${numbered((i) => `      - { value: cc${i}, when: { key: "tag:CostCenter", startsWith: "CC-${i}", ignoreCase: true }, effective: [{ to: 2026-01-0${(i % 9) + 1} }] }`)}
      - { valueOf: { key: "tag:CostCenter", normalize: [upper] } }
      - { valueOf: { key: team } }
`;
}

function ownersCsv(): string {
  const rows = Array.from({ length: 2 * LISTED }, (_, i) => `${10_000_000 + i},owner${i % 500}`);
  return ['sub_account_id,owner', ...rows].join('\n');
}
