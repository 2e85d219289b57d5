/** A text literal of DuckDB. */
export function sqlText(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/** A quoted name of DuckDB. */
export function sqlName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function sqlTexts(values: readonly string[]): string {
  return values.map(sqlText).join(', ');
}

/** A path as a literal that matches this file alone, whatever characters of a pattern it has. */
export function sqlPath(path: string): string {
  return sqlText(path.replaceAll(/[*?[]/g, '[$&]'));
}
