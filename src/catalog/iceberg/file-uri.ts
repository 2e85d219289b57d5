/**
 * Iceberg names files by URI, always absolute. What stands after `file://` is the path itself, without
 * percent-encoding: that is how Hadoop's Path, and with it Trino, and pyiceberg read it.
 */
export function toFileUri(path: string): string {
  return `file://${path}`;
}

/** Also takes `file:/path` and a bare path, which other programs write. */
export function fromFileUri(uri: string): string {
  return uri.replace(/^file:(?:\/\/)?/, '');
}
