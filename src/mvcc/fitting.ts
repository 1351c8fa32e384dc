// Owns the rule by which rows are read in runs: sizes first, blobs after, so that what is held at
// once is bounded although a row may have megabytes and a table thousands of rows.

/** The last row up to which the sizes add up to `bytesMax` at most; the first one in any case. */
export function lastFitting<Row extends { readonly size: number }>(
  rows: readonly Row[],
  bytesMax: number,
): Row | undefined {
  let bytes = 0;
  let last = rows[0];
  for (const row of rows) {
    bytes += row.size;
    if (bytes > bytesMax) return last;
    last = row;
  }
  return last;
}
