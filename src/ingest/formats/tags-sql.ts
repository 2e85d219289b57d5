/**
 * MAP(VARCHAR, VARCHAR) of a mapped relation's `tags`, sorted by key; null when there is no tag.
 * Take it of distinct texts: it costs about 2 µs, the text is passed through.
 *
 * Values that are no strings become their JSON text (1.50 is 1.5); null and empty values are no tags. Keys are
 * trimmed (the official FOCUS sample has one with a leading space); of keys that are then equal, the
 * greatest value stays. Both `{"key": "value"}` and `[{"key": "…", "value": "…"}]` (BigQuery) are read.
 */
export function tagMapSql(tags: string): string {
  const entries = `CASE WHEN starts_with(ltrim(${tags}), '[')
    THEN from_json(${tags}, '[{"key": "VARCHAR", "value": "VARCHAR"}]')
    ELSE map_entries(from_json(${tags}, '"MAP(VARCHAR, VARCHAR)"')) END`;
  const present = `list_filter(${entries}, lambda e: e.value <> '' AND trim(e.key) <> '')`;
  const sorted = `list_sort(list_transform(${present}, lambda e: {'key': trim(e.key), 'value': e.value}))`;
  // A list of one list, to give the sorted one a name.
  const distinct = `list_transform([${sorted}], lambda l: list_filter(l, lambda e, i: i = len(l) OR l[i + 1].key <> e.key))[1]`;
  return `map_from_entries(nullif(${distinct}, []))`;
}

/** True for a text that `tagMapSql` can read. */
export function areTagsReadable(tags: string): string {
  return `json_valid(${tags}) AND (starts_with(ltrim(${tags}), '{') OR starts_with(ltrim(${tags}), '['))`;
}
