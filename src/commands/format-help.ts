import type { Option, Usage } from './command.ts';

/** How the program is called by those who have only the repository. */
const PROGRAM = 'npm run -s costgraph --';

/** `costgraph token --tenant T --scope SCOPES [--ttl DURATION]` */
export function formatSynopsis(name: string, { options, operands }: Usage): string {
  const parts = Object.entries(options).map(([key, option]) => {
    const text = formatOption(key, option);
    return option.kind === 'text' && option.isRequired ? text : `[${text}]`;
  });
  if (operands !== null) {
    // Two are both in the name, as in `publish FILE`.
    const text = operands.max > 2 ? `${operands.name}…` : operands.name;
    parts.push(operands.min > 0 ? text : `[${text}]`);
  }
  return ['costgraph', name, ...parts].join(' ');
}

/** What `costgraph COMMAND --help` prints. */
export function formatCommandHelp(name: string, summary: string, usage: Usage): string {
  const options = Object.entries(usage.options).map(([key, option]): [string, string] => [
    formatOption(key, option),
    option.help,
  ]);
  return [
    `${name}: ${summary}`,
    '',
    `Usage: ${formatSynopsis(name, usage)}`,
    ...(options.length > 0 ? ['', 'Options:', ...formatTable(options)] : []),
    '',
    'Examples:',
    ...usage.examples.map((example) => `  ${PROGRAM} ${example}`),
    '',
  ].join('\n');
}

/** What `costgraph --help` prints. */
export function formatProgramHelp(commands: readonly (readonly [name: string, summary: string])[]): string {
  return [
    'Usage: costgraph COMMAND [OPTIONS]',
    '',
    'Commands:',
    ...formatTable(commands),
    '',
    `"${PROGRAM} COMMAND --help" shows the options and examples of one.`,
    '',
  ].join('\n');
}

function formatOption(key: string, option: Option): string {
  return option.kind === 'flag' ? `--${key}` : `--${key} ${option.value}`;
}

function formatTable(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
