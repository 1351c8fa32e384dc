// Owns taking up a table of the log at start: where it begins and ends, and its terms, found by
// SQLite without a row passing through JavaScript. An object that wakes has some 50 ms for all of
// its start, and a table may hold 40,000 rows.

import { assert } from "../base/assert.ts";
import { SEGMENT_BYTES } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";

/** What a table holds. */
export interface LogSurvey {
  /** The index of its first entry. */
  readonly first: number;
  /** One behind its last entry. */
  readonly end: number;
  /** Of its bodies; of a table that is no longer written, at least the size of a full one. */
  readonly bytes: number;
  /** Its terms with the first index of each, ascending. */
  readonly runs: readonly { readonly term: number; readonly first: number }[];
}

type Ends = { readonly first: number; readonly end: number; readonly term: number };
type Sums = {
  readonly term: number;
  readonly first: number;
  readonly end: number;
  readonly count: number;
  readonly fewest: number;
  readonly bytes: number;
};

const SUMS = `MIN(first) AS first, MAX(first + count) AS end, SUM(count) AS count,
  MIN(count) AS fewest, SUM(LENGTH(body)) AS bytes`;

/**
 * Surveys `log_<number>`. A table that is no longer written and is of one term costs two seeks; what
 * may be amiss between its ends shows when it is read. Of the others the counts are summed up: a gap,
 * an overlap or a count of none shows in a sum that is not the distance from end to end, unless two
 * of them cancel out, which shows when it is read too.
 *
 * @throws InvariantError on damage.
 */
export function surveyLogTable(
  sql: SqlPort,
  number: number,
  { isWritten }: { readonly isWritten: boolean },
): LogSurvey {
  const table = `log_${number}`;
  const first = endOf(sql, table, "ASC");
  const last = endOf(sql, table, "DESC");
  const isOfOneTerm = first.term === last.term;
  if (isOfOneTerm && !isWritten) {
    return { first: first.first, end: last.end, bytes: SEGMENT_BYTES, runs: [first] };
  }
  const sums = isOfOneTerm
    ? sql.all<Sums>(`SELECT ${SUMS}, MAX(term) AS term FROM ${table}`)
    : sql.all<Sums>(`SELECT ${SUMS}, term FROM ${table} GROUP BY term ORDER BY term`);
  let end = first.first;
  for (const sum of sums) {
    const isDense = sum.first === end && sum.first + sum.count === sum.end && sum.fewest > 0;
    assert(isDense, `the rows of ${table} from ${end} on follow one another`);
    end = sum.end;
  }
  assert(end === last.end, `the terms of ${table} rise`);
  const bytes = sums.reduce((total, sum) => total + sum.bytes, 0);
  return { first: first.first, end, bytes, runs: sums };
}

function endOf(sql: SqlPort, table: string, direction: "ASC" | "DESC"): Ends {
  const [row] = sql.all<Ends>(
    `SELECT first, first + count AS end, term FROM ${table} ORDER BY first ${direction} LIMIT 1`,
  );
  assert(row !== undefined, `${table} has rows`);
  return row;
}
