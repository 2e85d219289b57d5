/** The text of an indented template literal: without its first and last line break and the common indent. */
export function dedent([text = '']: TemplateStringsArray): string {
  const lines = text.replace(/^\n/, '').trimEnd().split('\n');
  const indent = Math.min(...lines.map((line) => line.length - line.trimStart().length));
  return lines.map((line) => line.slice(indent)).join('\n');
}
