/* paper.c - all that is known of one source, and whether its law holds. */
#include "cli/paper.h"
#include "cli/connect.h"
#include "common/pipeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UTC(what) "to_char(" what \
	" at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

static const char source_sql[] =
	"select s.source_id, s.drop_id, s.pipeline, s.dataset, s.kind,\n"
	"       s.name,\n"
	"       " UTC("s.claimed_at") ", " UTC("s.completed_at") ",\n"
	"       s.format, s.file_size, s.size, s.sha256, s.manifest_chunks,\n"
	"       s.manifest_rejects, s.manifest_records, s.remainder_failed,\n"
	"       s.chunks, s.reader_rejects, s.records, s.inserted, s.updated,\n"
	"       s.unchanged, s.rejected, s.filtered,\n"
	"       (select count(*) from meta.reject r\n"
	"        where r.source_id = s.source_id and r.item = 0\n"
	"          and r.resolved_by is null),\n"
	"       (select count(*) from meta.reject r\n"
	"        where r.source_id = s.source_id\n"
	"          and r.resolved_by is not null),\n"
	"       d.delta,\n"
	"       to_char(s.claimed_at at time zone 'UTC', 'YYYY-MM-DD'),\n"
	"       s.replay_of, (select o.source_id from meta.source o\n"
	"        where o.drop_id = s.replay_of),\n"
	"       (select string_agg(o.source_id::text, ', '\n"
	"          order by o.source_id)\n"
	"        from meta.source o where o.replay_of = s.drop_id),\n"
	"       " UTC("s.undone_at") ", s.undone_by, s.undone_reason\n"
	"from meta.source s\n"
	"left join meta.dataset d\n"
	"       on d.dataset = s.pipeline || '.' || s.dataset\n"
	"where s.source_id = $1";

static const char ledger_sql[] =
	"select lo, hi, kind, records\n"
	"from meta.chunk\n"
	"where drop_id = $1::uuid and dataset = $2 and replay = 0\n"
	"order by lo, hi";

enum { D_DATASET, D_DELTA, D_RECORDS, D_INSERTED, D_UPDATED, D_UNCHANGED,
	D_REJECTED, D_REJECT_ROWS };

static const char derived_sql[] =
	"select d.dataset, t.delta, d.records, d.inserted, d.updated,\n"
	"       d.unchanged, d.rejected,\n"
	"       (select count(*) from meta.reject r\n"
	"        where r.source_id = d.source_id and r.dataset = d.dataset\n"
	"          and r.item > 0 and r.resolved_by is null)\n"
	"from meta.derived d\n"
	"join meta.source s using (source_id)\n"
	"left join meta.dataset t\n"
	"       on t.dataset = s.pipeline || '.' || d.dataset\n"
	"where d.source_id = $1\n"
	"order by d.dataset";

int64_t paper_number(const struct paper *paper, enum paper_column column)
{
	return db_int(paper->source, 0, column);
}

const char *paper_text(const struct paper *paper, enum paper_column column)
{
	return db_value(paper->source, 0, column);
}

bool paper_is_null(const struct paper *paper, enum paper_column column)
{
	return db_is_null(paper->source, 0, column);
}

static bool load_ledger(struct db *db, struct paper *paper, struct err *err)
{
	const char *values[] = { paper_text(paper, PAPER_DROP_ID),
		paper_text(paper, PAPER_DATASET) };
	size_t rows;

	if (!db_query(db, ledger_sql, 2, values, &paper->ledger, err))
		return false;
	rows = db_rows(paper->ledger);
	paper->ranges = calloc(rows + 1, sizeof(*paper->ranges));
	if (paper->ranges == NULL)
		return err_memory(err);
	for (size_t i = 0; i < rows; i++)
		paper->ranges[i] = (struct receipt_range){
			.lo = db_int(paper->ledger, i, 0),
			.hi = db_int(paper->ledger, i, 1),
			.kind = db_value(paper->ledger, i, 2)[0],
			.records = db_int(paper->ledger, i, 3),
		};
	paper->receipt.ranges = paper->ranges;
	paper->receipt.range_count = rows;
	return true;
}

/* Rows of the source in the delta, found by the loads that took its chunks
 * (the delta has an index on _load). Not when the partition of one of them was
 * dropped. */
static bool count_delta(struct db *db, const struct paper *paper,
	const char *dataset, const char *delta, int64_t *count, struct err *err)
{
	const char *values[] = { paper_text(paper, PAPER_SOURCE_ID),
		paper_text(paper, PAPER_DROP_ID),
		paper_text(paper, PAPER_PIPELINE), dataset };
	struct db_result *result = NULL;
	struct buf sql = { 0 };
	bool ok;

	*count = -1;
	if (delta[0] == '\0')
		return true;
	ok = buf_printf(&sql, err,
		"select case when exists (\n"
		"    select from meta.delta_dropped x\n"
		"    join meta.chunk c on c.load_id >= x.first_load\n"
		"        and coalesce(c.first_load, c.load_id) <= x.last_load\n"
		"    where x.dataset = $3 || '.' || $4\n"
		"      and c.drop_id = $2::uuid) then -1 else (\n"
		"    select count(*) from %s\n"
		"    where _source = $1::bigint and _load in (\n"
		"        select load_id from meta.chunk\n"
		"        where drop_id = $2::uuid and kind <> 'w')) + (\n"
		"    select count(*) from %s\n"
		"    where _source = $1::bigint and _load between (\n"
		"        select min(first_load) from meta.chunk\n"
		"        where drop_id = $2::uuid and kind = 'w') and (\n"
		"        select max(load_id) from meta.chunk\n"
		"        where drop_id = $2::uuid and kind = 'w')) end",
		delta, delta);
	ok = ok && db_query(db, sql.data, 4, values, &result, err);
	if (ok)
		*count = db_int(result, 0, 0);
	db_result_free(result);
	buf_clear(&sql);
	return ok;
}

/* Of a source that was undone the delta has nothing to be counted. */
static int64_t expected_delta(const struct paper *paper, int64_t count)
{
	return count == 0 && !paper_is_null(paper, PAPER_UNDONE_AT) ? -1 :
		count;
}

static bool load_undone(struct db *db, struct paper *paper, struct err *err)
{
	const char *values[] = { paper_text(paper, PAPER_SOURCE_ID) };

	return db_query(db, "select dataset, deleted, restored\n"
		"from meta.undone\n"
		"where source_id = $1\n"
		"order by dataset", 1, values, &paper->undone, err);
}

static bool load_derived(struct db *db, struct paper *paper, struct err *err)
{
	const char *values[] = { paper_text(paper, PAPER_SOURCE_ID) };
	bool ok = true;
	size_t rows;

	if (!db_query(db, derived_sql, 1, values, &paper->made, err))
		return false;
	rows = db_rows(paper->made);
	paper->derived = calloc(rows + 1, sizeof(*paper->derived));
	if (paper->derived == NULL)
		return err_memory(err);
	for (size_t i = 0; ok && i < rows; i++) {
		struct receipt_derived *derived = &paper->derived[i];

		*derived = (struct receipt_derived){
			.dataset = db_value(paper->made, i, D_DATASET),
			.records = db_int(paper->made, i, D_RECORDS),
			.inserted = db_int(paper->made, i, D_INSERTED),
			.updated = db_int(paper->made, i, D_UPDATED),
			.unchanged = db_int(paper->made, i, D_UNCHANGED),
			.rejected = db_int(paper->made, i, D_REJECTED),
			.reject_rows = db_int(paper->made, i, D_REJECT_ROWS),
		};
		ok = count_delta(db, paper, derived->dataset,
			db_value(paper->made, i, D_DELTA),
			&derived->delta_rows, err);
		derived->delta_rows = expected_delta(paper,
			derived->delta_rows);
	}
	paper->receipt.derived = paper->derived;
	paper->receipt.derived_count = rows;
	return ok;
}

static void load_numbers(struct paper *paper)
{
	paper->receipt = (struct receipt){
		.manifest = !paper_is_null(paper, PAPER_M_RECORDS),
		.complete = !paper_is_null(paper, PAPER_COMPLETED_AT),
		.size = paper_number(paper, PAPER_SIZE),
		.manifest_records = paper_number(paper, PAPER_M_RECORDS),
		.manifest_chunks = paper_number(paper, PAPER_M_CHUNKS),
		.manifest_rejects = paper_number(paper, PAPER_M_REJECTS),
		.chunks = paper_number(paper, PAPER_CHUNKS),
		.reader_rejects = paper_number(paper, PAPER_READER_REJECTS),
		.records = paper_number(paper, PAPER_RECORDS),
		.inserted = paper_number(paper, PAPER_INSERTED),
		.updated = paper_number(paper, PAPER_UPDATED),
		.unchanged = paper_number(paper, PAPER_UNCHANGED),
		.filtered = paper_number(paper, PAPER_FILTERED),
		.rejected = paper_number(paper, PAPER_REJECTED),
		.reject_rows = paper_number(paper, PAPER_REJECT_ROWS),
	};
}

/* A message has no file. */
bool paper_locate(const struct config *config, struct paper *paper,
	struct err *err)
{
	struct pipeline_set set = { 0 };
	const struct pipeline *pipeline;
	const struct dataset *dataset = NULL;
	bool ok;

	if (strcmp(paper_text(paper, PAPER_KIND), "foreign") == 0)
		return true;
	ok = pipeline_set_read(config->pipelines_dir, &set, err);
	if (ok) {
		pipeline = pipeline_find(&set,
			paper_text(paper, PAPER_PIPELINE));
		if (pipeline != NULL)
			dataset = dataset_find(pipeline,
				paper_text(paper, PAPER_DATASET));
	}
	if (ok && dataset != NULL && dataset->directory != NULL) {
		const struct locate_wanted wanted = {
			.directory = dataset->directory,
			.name = paper_text(paper, PAPER_NAME),
			.drop = paper_text(paper, PAPER_DROP_ID),
			.day = paper_text(paper, PAPER_CLAIMED_DAY),
			.size = paper_is_null(paper, PAPER_FILE_SIZE) ? -1 :
				paper_number(paper, PAPER_FILE_SIZE),
			.sha256 = paper_text(paper, PAPER_SHA256),
		};
		ok = locate_source(config, &wanted, &paper->located, err);
	}
	pipeline_set_clear(&set);
	return ok;
}

bool paper_gather(struct db *db, int64_t id, struct paper *paper,
	struct err *err)
{
	char id_text[32];
	const char *values[] = { id_text };

	(void)snprintf(id_text, sizeof(id_text), "%" PRId64, id);
	if (!db_query(db, source_sql, 1, values, &paper->source, err))
		return connect_blame_schema(err);
	if (db_rows(paper->source) != 1)
		return err_set(err, ERR_REJECT, "source %s is gone", id_text);
	load_numbers(paper);
	if (!load_ledger(db, paper, err) ||
		!count_delta(db, paper, paper_text(paper, PAPER_DATASET),
			paper_text(paper, PAPER_DELTA),
			&paper->receipt.delta_rows, err))
		return false;
	paper->receipt.delta_rows = expected_delta(paper,
		paper->receipt.delta_rows);
	return load_derived(db, paper, err) && load_undone(db, paper, err) &&
		receipt_judge(&paper->receipt, &paper->judgement, err);
}

void paper_clear(struct paper *paper)
{
	db_result_free(paper->source);
	db_result_free(paper->ledger);
	db_result_free(paper->made);
	db_result_free(paper->undone);
	free(paper->ranges);
	free(paper->derived);
	buf_clear(&paper->judgement.text);
	buf_clear(&paper->located.path);
	*paper = (struct paper){ 0 };
}
