/* tables.h - the SQL that follows from a dataset's columns. Pure.
 *
 * Master: <schema>.<table>(columns..., _source bigint, _offset bigint,
 * _load bigint), primary key on the key columns. Delta: <schema>.<table>_delta
 * with the same columns and _day date (the day of the load), no primary key,
 * partitioned by _day, index on (_load). Text is collate "C", and
 * _day of a partition has its day as default. With unknown: keep there is one
 * more column, extra jsonb. A derived dataset has one more at the end, _item
 * bigint: which value of the record at _offset the row was, from 1; of those of
 * one record the first wins. */
#ifndef SLUICE_TABLES_H
#define SLUICE_TABLES_H

#include "common/pipeline.h"

/* "raw"."events" and "raw"."events_delta". */
bool tables_master_name(const struct dataset *dataset, struct buf *out,
	struct err *err) MUST_CHECK;
bool tables_delta_name(const struct dataset *dataset, struct buf *out,
	struct err *err) MUST_CHECK;

/* create table statements, grants, the meta.dataset row: everything `sluice
 * apply` runs for a dataset that has no tables yet. (What captures changes for
 * the models is models_apply_sql's.) */
bool tables_create_sql(const struct dataset *dataset, struct buf *sql,
	struct err *err) MUST_CHECK;

/* alter table statements that bring a new column to master and delta. */
bool tables_add_column_sql(const struct dataset *dataset,
	const struct column *column, struct buf *sql, struct err *err)
	MUST_CHECK;

/* COPY <partition> (<columns>, _source, _offset, _load[, _item]) from stdin
 * binary.
 * partition is already quoted. */
bool tables_copy_sql(const struct dataset *dataset, const char *partition,
	struct buf *sql, struct err *err) MUST_CHECK;

/* The one upsert. Reads the rows of load $1 from partition (quoted) and the
 * claims of this batch's sources: $2 bigint[] source ids, $3 int[] their rank
 * by (claimed_at, drop_id). Keeps one row a key, in key order: the greatest
 * version in (newest nulls first; claimed_at; drop id; offset), or with `wins:
 * first` the smallest in (newest nulls last; claimed_at; drop id; offset;
 * item), whatever the order of arrival. A winner that says the same moves
 * _source and _offset on (or a middle one that comes late would win) but not
 * _load, and counts as unchanged. Returns one row for each source of which a row won:
 * _source, inserted, updated (bigints); a receipt counts by source. */
bool tables_upsert_sql(const struct dataset *dataset, const char *partition,
	struct buf *sql, struct err *err) MUST_CHECK;

/* Which sources' rows the master has lost: of each key the winner in the
 * delta, by the order of the upsert, that the master has not, or has another
 * version of that it beats and that says something else. Rows _source, count.
 * Reads all of the delta. */
bool tables_behind_sql(const struct dataset *dataset, struct buf *sql,
	struct err *err) MUST_CHECK;

/* Takes the rows of source $1 out of the master: each becomes what the delta
 * has best of that key without that source, by the order of the upsert, or
 * goes. Returns one row: deleted, restored. Reads all of the delta; the caller
 * keeps loads away from both tables. */
bool tables_undo_sql(const struct dataset *dataset, struct buf *sql,
	struct err *err) MUST_CHECK;
/* The same, counted only. */
bool tables_undo_count_sql(const struct dataset *dataset, struct buf *sql,
	struct err *err) MUST_CHECK;

#endif
