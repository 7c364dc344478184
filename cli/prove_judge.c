/* prove_judge.c - what became of everything a proof has issued. */
#include "cli/prove_judge.h"
#include "cli/connect.h"
#include "cli/paper.h"
#include "cli/prove_places.h"
#include "consumer/models.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE "2000"
#define SLOTS (PROVE_REACH + 1) /* files whose keys may still change */

bool prove_fault(struct prove_verdict *verdict, struct err *err,
	const char *fmt, ...)
{
	char line[512];
	va_list args;

	if (verdict->faults++ >= PROVE_FAULTS_MAX)
		return true;
	va_start(args, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	return buf_printf(&verdict->text, err, "%s\n", line);
}

void prove_verdict_clear(struct prove_verdict *verdict)
{
	buf_clear(&verdict->text);
	*verdict = (struct prove_verdict){ 0 };
}

/* -- rows, a page at a time ---------------------------------------- */

struct rows {
	struct db *db;
	const char *fetch;
	struct db_result *page;
	size_t at;
	bool ended;
};

static bool rows_fill(struct rows *rows, struct err *err)
{
	if (rows->ended || (rows->page != NULL &&
		rows->at < db_rows(rows->page)))
		return true;
	db_result_free(rows->page);
	rows->page = NULL;
	rows->at = 0;
	if (!db_query(rows->db, rows->fetch, 0, NULL, &rows->page, err))
		return false;
	rows->ended = db_rows(rows->page) == 0;
	return true;
}

static bool rows_open(struct rows *rows, struct db *db, const char *declare,
	const char *fetch, struct err *err)
{
	*rows = (struct rows){ .db = db, .fetch = fetch };
	return db_exec(db, declare, err) && rows_fill(rows, err);
}

static bool rows_next(struct rows *rows, struct err *err)
{
	rows->at++;
	return rows_fill(rows, err);
}

static const char *cell(const struct rows *rows, size_t column)
{
	return db_value(rows->page, rows->at, column);
}

static int64_t cell_int(const struct rows *rows, size_t column)
{
	return db_int(rows->page, rows->at, column);
}

static bool cell_null(const struct rows *rows, size_t column)
{
	return db_is_null(rows->page, rows->at, column);
}

/* -- the judge's table --------------------------------------------- */

/* The best version of a key so far. */
struct best {
	bool there;
	int64_t version, rank;
	uint64_t offset;
	uint8_t digest[SHA256_BYTES];
};

struct judge {
	struct prove_site *site;
	const struct prove_plan *plan;
	uint32_t files;
	struct prove_verdict *verdict;
	struct db *db;
	struct rows sources, records, master;
	struct best *best; /* SLOTS files of plan->file_records keys */
};

enum { S_NAME, S_ID, S_RANK, S_SHA256, S_SIZE, S_FILE_SIZE, S_RECORDS,
	S_FAILED, S_COMPLETE };

/* Sources in the order of their files; those that are no file of ours last,
 * as number_of has it. */
#define OURS_FIRST(name) "coalesce(" name " !~ " \
	"'^proof/[0-9]{6}\\.json(\\.gz)?$', true), " name " collate \"C\""

static const char sources_sql[] =
	"declare sources no scroll cursor for\n"
	"select name, source_id, rank() over (order by claimed_at, drop_id),\n"
	"       sha256, size, file_size, manifest_records, remainder_failed,\n"
	"       completed_at is not null\n"
	"from meta.source\n"
	"order by " OURS_FIRST("name") ", source_id";

enum { R_NAME, R_OFFSET, R_DIGEST, R_CODE };

static const char records_head[] =
	"declare records no scroll cursor for\n"
	"select s.name, r.at, r.digest, r.code\n"
	"from (\n"
	"    select _source as source_id, _offset as at, null as code,\n"
	"           encode(sha256(convert_to(";
static const char records_tail[] =
	", 'UTF8')), 'hex') as digest\n"
	"    from raw.proof_delta\n"
	"    union all\n"
	"    select source_id, lo, code, null\n"
	"    from meta.reject\n"
	") r\n"
	"left join meta.source s using (source_id)\n"
	"order by " OURS_FIRST("s.name") ", r.at, r.code nulls first";

enum { M_ID, M_DIGEST };

static const char master_head[] =
	"declare master no scroll cursor for\n"
	"select id, encode(sha256(convert_to(";
static const char master_tail[] =
	", 'UTF8')), 'hex')\n"
	"from raw.proof\n"
	"order by id collate \"C\"";

static bool open_with_row(struct rows *rows, struct db *db, const char *head,
	const char *tail, const char *fetch, struct err *err)
{
	struct buf sql = { 0 };
	bool ok;

	ok = buf_printf(&sql, err, "%s%s%s", head, prove_gen_row_sql, tail) &&
		rows_open(rows, db, sql.data, fetch, err);
	buf_clear(&sql);
	return ok;
}

static bool open_rows(struct judge *judge, struct err *err)
{
	static const char snapshot_sql[] =
		"begin isolation level repeatable read read only";

	return db_exec(judge->db, snapshot_sql, err) &&
		rows_open(&judge->sources, judge->db, sources_sql,
			"fetch " PAGE " from sources", err) &&
		open_with_row(&judge->records, judge->db, records_head,
			records_tail, "fetch " PAGE " from records", err) &&
		open_with_row(&judge->master, judge->db, master_head,
			master_tail, "fetch " PAGE " from master", err);
}

/* -- the source of a file ------------------------------------------ */

/* Which file the row is of; files that were never dropped come last. */
static uint32_t number_of(const struct rows *rows)
{
	uint32_t number;

	return prove_file_number(cell(rows, 0), &number) ? number : UINT32_MAX;
}

static bool check_receipt(struct judge *judge, int64_t id, struct err *err)
{
	struct prove_verdict *verdict = judge->verdict;
	struct paper paper = { 0 };
	bool ok = paper_gather(judge->db, id, &paper, err);

	if (ok && paper.judgement.verdict == RECEIPT_HOLDS) {
		verdict->receipts++;
	} else if (ok) {
		verdict->broken_receipts++;
		ok = prove_fault(verdict, err, "receipt of %s: %s%s%.*s",
			paper_text(&paper, PAPER_NAME),
			receipt_word(paper.judgement.verdict),
			paper.judgement.faults > 0 ? ": " : "",
			paper.judgement.faults > 0 ? (int)strcspn(
				paper.judgement.text.data, "\n") : 0,
			paper.judgement.faults > 0 ?
				paper.judgement.text.data : "");
	}
	paper_clear(&paper);
	return ok;
}

static bool check_source(struct judge *judge, const struct prove_file *file,
	struct err *err)
{
	const struct rows *rows = &judge->sources;
	uint8_t digest[SHA256_BYTES];
	char sha256[SHA256_TEXT];

	if (!sha256_once(file->bytes.data, file->bytes.len, digest, err))
		return false;
	sha256_format(digest, sha256);
	if (cell(rows, S_COMPLETE)[0] == 't' &&
		strcmp(cell(rows, S_SHA256), sha256) == 0 &&
		cell_int(rows, S_SIZE) == (int64_t)file->size &&
		cell_int(rows, S_FILE_SIZE) == (int64_t)file->bytes.len &&
		cell_int(rows, S_RECORDS) == (int64_t)file->count &&
		(cell(rows, S_FAILED)[0] == 't') == file->failed)
		return true;
	return prove_fault(judge->verdict, err, "%s: its manifest is not what "
		"was dropped", file->name);
}

/* One source a file; *rank is its claim's. */
static bool judge_source(struct judge *judge, const struct prove_file *file,
	int64_t *rank, struct err *err)
{
	struct rows *rows = &judge->sources;
	size_t found = 0;
	bool ok = true;

	*rank = 0;
	for (; ok && !rows->ended && number_of(rows) <= file->number; found++) {
		if (*rank < cell_int(rows, S_RANK))
			*rank = cell_int(rows, S_RANK);
		ok = check_source(judge, file, err) &&
			check_receipt(judge, cell_int(rows, S_ID), err) &&
			rows_next(rows, err);
	}
	return ok && (found == 1 || prove_fault(judge->verdict, err,
		"%s: %zu sources have its name", file->name, found));
}

/* -- its records --------------------------------------------------- */

static bool same_digest(const char *hex, const uint8_t *digest)
{
	char text[SHA256_TEXT];

	sha256_format(digest, text);
	return strcmp(hex, text) == 0;
}

/* The row is where the record was: is it what was issued? */
static bool check_record(struct judge *judge, const struct prove_file *file,
	const struct prove_record *record, struct err *err)
{
	struct prove_verdict *verdict = judge->verdict;
	const struct rows *rows = &judge->records;
	const bool loaded = cell_null(rows, R_CODE);

	if (loaded && record->code == NULL &&
		same_digest(cell(rows, R_DIGEST), record->digest)) {
		verdict->loaded++;
		return true;
	}
	if (!loaded && record->code != NULL &&
		strcmp(cell(rows, R_CODE), record->code) == 0) {
		verdict->rejected++;
		return true;
	}
	verdict->altered++;
	if (loaded && record->code == NULL)
		return prove_fault(verdict, err, "%s, byte %" PRIu64
			": its row is not what was issued", file->name,
			record->offset);
	return prove_fault(verdict, err, "%s, byte %" PRIu64 ": %s, not %s",
		file->name, record->offset,
		loaded ? "loaded" : cell(rows, R_CODE),
		record->code == NULL ? "loaded" : record->code);
}

static bool at_record(const struct rows *rows, uint32_t number,
	uint64_t offset)
{
	return !rows->ended && number_of(rows) == number &&
		cell_int(rows, R_OFFSET) == (int64_t)offset;
}

static bool before_record(const struct rows *rows, uint32_t number,
	uint64_t offset)
{
	return !rows->ended && (number_of(rows) < number ||
		(number_of(rows) == number &&
			cell_int(rows, R_OFFSET) < (int64_t)offset));
}

/* Rows that come before what is expected next were never issued. */
static bool skip_strange(struct judge *judge, uint32_t number, uint64_t offset,
	struct err *err)
{
	struct rows *rows = &judge->records;
	bool ok = true;

	while (ok && before_record(rows, number, offset)) {
		judge->verdict->strange++;
		ok = prove_fault(judge->verdict, err,
			"%s, byte %" PRId64 ": nothing was issued there",
			cell(rows, R_NAME), cell_int(rows, R_OFFSET)) &&
			rows_next(rows, err);
	}
	return ok;
}

static bool judge_record(struct judge *judge, const struct prove_file *file,
	const struct prove_record *record, struct err *err)
{
	struct prove_verdict *verdict = judge->verdict;
	struct rows *rows = &judge->records;
	const uint32_t number = file->number;
	bool ok = skip_strange(judge, number, record->offset, err);

	verdict->issued++;
	if (ok && !at_record(rows, number, record->offset)) {
		verdict->lost++;
		return prove_fault(verdict, err, "%s, byte %" PRIu64 ": LOST",
			file->name, record->offset);
	}
	ok = ok && check_record(judge, file, record, err) &&
		rows_next(rows, err);
	while (ok && at_record(rows, number, record->offset)) {
		verdict->doubled++;
		ok = prove_fault(verdict, err, "%s, byte %" PRIu64 ": DOUBLED",
			file->name, record->offset) && rows_next(rows, err);
	}
	return ok;
}

/* -- which version of a key has won -------------------------------- */

static struct best *best_of(struct judge *judge, uint32_t file,
	uint32_t ordinal)
{
	return &judge->best[(size_t)(file % SLOTS) *
		judge->plan->file_records + ordinal];
}

/* The order of ARCHITECTURE.md: version, claim, offset. */
static bool is_greater(const struct prove_record *record, int64_t rank,
	const struct best *best)
{
	if (!best->there || record->version != best->version)
		return !best->there || record->version > best->version;
	if (rank != best->rank)
		return rank > best->rank;
	return record->offset > best->offset;
}

static void note_version(struct judge *judge, const struct prove_record *record,
	int64_t rank)
{
	struct best *best = best_of(judge, record->file, record->ordinal);

	if (record->code != NULL || !is_greater(record, rank, best))
		return;
	*best = (struct best){ .there = true, .version = record->version,
		.rank = rank, .offset = record->offset };
	memcpy(best->digest, record->digest, sizeof(best->digest));
}

static bool wrong_key(struct judge *judge, const char *key, const char *what,
	struct err *err)
{
	judge->verdict->wrong_keys++;
	return prove_fault(judge->verdict, err, "key %s of the master: %s", key,
		what);
}

/* Keys up to `key` that nobody issued; "" behind the last. */
static bool skip_keys(struct judge *judge, const char *key, struct err *err)
{
	struct rows *rows = &judge->master;
	bool ok = true;

	while (ok && !rows->ended &&
		(key[0] == '\0' || strcmp(cell(rows, M_ID), key) < 0))
		ok = wrong_key(judge, cell(rows, M_ID), "never issued", err) &&
			rows_next(rows, err);
	return ok;
}

/* No later file can change the keys of this one. */
static bool settle(struct judge *judge, uint32_t file, struct err *err)
{
	struct rows *rows = &judge->master;
	bool ok = true;

	for (uint32_t i = 0; ok && i < judge->plan->file_records; i++) {
		struct best *best = best_of(judge, file, i);
		char key[PROVE_KEY];

		if (!best->there)
			continue;
		prove_key(file, i, key);
		judge->verdict->keys++;
		ok = skip_keys(judge, key, err);
		if (ok && (rows->ended || strcmp(cell(rows, M_ID), key) != 0))
			ok = wrong_key(judge, key, "not there", err);
		else if (ok)
			ok = (same_digest(cell(rows, M_DIGEST), best->digest) ||
				wrong_key(judge, key, "not the version that "
					"must win", err)) &&
				rows_next(rows, err);
		*best = (struct best){ 0 };
	}
	return ok;
}

/* -- all files ----------------------------------------------------- */

static bool judge_file(struct judge *judge, uint32_t number, bool *failed,
	struct err *err)
{
	struct prove_file file;
	int64_t rank = 0;
	bool ok = prove_file_make(judge->plan, number, &file, err) &&
		judge_source(judge, &file, &rank, err);

	for (size_t i = 0; ok && i < file.count; i++) {
		ok = judge_record(judge, &file, &file.records[i], err);
		note_version(judge, &file.records[i], rank);
	}
	*failed = file.failed;
	prove_file_clear(&file);
	return ok && (number < PROVE_REACH ||
		settle(judge, number - PROVE_REACH, err));
}

static bool judge_rest(struct judge *judge, struct err *err)
{
	struct prove_verdict *verdict = judge->verdict;
	uint32_t file = judge->files > PROVE_REACH ?
		judge->files - PROVE_REACH : 0;
	bool ok = true;

	for (; ok && file < judge->files; file++)
		ok = settle(judge, file, err);
	ok = ok && skip_strange(judge, UINT32_MAX, UINT64_MAX / 2, err) &&
		skip_keys(judge, "", err);
	for (; ok && !judge->sources.ended; verdict->strange++)
		ok = prove_fault(verdict, err, "source %s: never dropped",
			cell(&judge->sources, S_NAME)) &&
			rows_next(&judge->sources, err);
	return ok;
}

/* -- where the files are ------------------------------------------- */

static bool judge_place(struct judge *judge, uint32_t number, bool failed,
	const uint8_t *in_processed, const uint8_t *in_failed, struct err *err)
{
	const uint8_t right = failed ? in_failed[number] : in_processed[number];
	const uint8_t wrong = failed ? in_processed[number] : in_failed[number];

	if (failed)
		judge->verdict->failed += right > 0;
	else
		judge->verdict->processed += right > 0;
	if (right == 1 && wrong == 0)
		return true;
	judge->verdict->misplaced++;
	return prove_fault(judge->verdict, err, "file %06u: %u times in "
		"processed, %u in failed", number, in_processed[number],
		in_failed[number]);
}

/* Every file in its folder: a walk for each, then a look at each number. */
static bool judge_folders(struct judge *judge, const bool *failed,
	struct err *err)
{
	const struct config *config = &judge->site->config;
	struct prove_verdict *verdict = judge->verdict;
	uint8_t *seen = calloc(2 * (size_t)judge->files + 1, 1);
	int64_t found, strange[3] = { 0 };
	struct buf path = { 0 };
	bool ok = seen != NULL || err_memory(err);

	ok = ok && prove_places(config->processed_dir, seen, judge->files,
		&found, &strange[0], err);
	ok = ok && prove_places(config->failed_dir, seen + judge->files,
		judge->files, &found, &strange[1], err);
	ok = ok && prove_site_path(judge->site, "raw_data/proof", &path, err) &&
		prove_places(path.data, NULL, 0, &found, &strange[2], err);
	if (ok && strange[0] + strange[1] + strange[2] > 0) {
		verdict->misplaced += strange[0] + strange[1] + strange[2];
		ok = prove_fault(verdict, err, "files that should not be there:"
			" %" PRId64 " in processed, %" PRId64 " in failed, %"
			PRId64 " in the folder", strange[0], strange[1],
			strange[2]);
	}
	for (uint32_t i = 0; ok && i < judge->files; i++)
		ok = judge_place(judge, i, failed[i], seen,
			seen + judge->files, err);
	buf_clear(&path);
	free(seen);
	return ok;
}

/* -- models and queues --------------------------------------------- */

static void count_model(void *context, const struct model_info *model,
	int64_t rows, int64_t different)
{
	struct prove_verdict *verdict = context;

	(void)model;
	(void)rows;
	(void)different;
	verdict->models++;
}

static bool judge_models(struct judge *judge, struct err *err)
{
	const struct config *config = &judge->site->config;
	struct prove_verdict *verdict = judge->verdict;
	struct pipeline_set set = { 0 };
	struct models *models = NULL;
	struct db *db = NULL;
	bool ok = pipeline_set_read(config->pipelines_dir, &set, err);

	if (ok)
		models = models_read(config->models_dir, &set, err);
	if (models != NULL)
		db = connect_db(config, &config->loader, false, 0, err);
	ok = db != NULL && models_verify(models, db, NULL,
		&verdict->model_differences, count_model, verdict, err);
	if (ok && verdict->model_differences > 0)
		ok = prove_fault(verdict, err, "%" PRId64 " rows of models "
			"differ from their recomputation",
			verdict->model_differences);
	db_close(db);
	models_free(models);
	pipeline_set_clear(&set);
	return ok;
}

bool prove_queued(const struct config *config, int64_t *ready,
	struct err *err)
{
	static const char *const names[] = { "sluice.proof",
		"sluice.proof.dead" };
	struct broker *broker = connect_broker(config, &config->tap, err);
	bool ok = broker != NULL;

	*ready = 0;
	for (size_t i = 0; ok && i < 2; i++) {
		uint32_t messages = 0, consumers = 0;
		bool found = false;

		ok = broker_inspect(broker, names[i], &found, &messages,
			&consumers, err) && (found || err_set(err, ERR_REJECT,
			"queue %s is not there", names[i]));
		*ready += messages;
	}
	broker_close(broker);
	return ok;
}

static bool judge_queues(struct judge *judge, struct err *err)
{
	struct prove_verdict *verdict = judge->verdict;

	return prove_queued(&judge->site->config, &verdict->queued, err) &&
		(verdict->queued == 0 || prove_fault(verdict, err,
			"%" PRId64 " messages are still in the queues",
			verdict->queued));
}

static bool count_duplicates(struct judge *judge, struct err *err)
{
	struct db_result *result = NULL;
	bool ok = db_query(judge->db, "select coalesce(sum(duplicates), 0)"
		" from meta.load", 0, NULL, &result, err);

	if (ok)
		judge->verdict->duplicates = db_int(result, 0, 0);
	db_result_free(result);
	return ok && (judge->verdict->duplicates > 0 || prove_fault(
		judge->verdict, err, "no message came twice: nothing was "
		"proven about duplicates"));
}

/* -- the whole ----------------------------------------------------- */

static bool judge_files(struct judge *judge, struct err *err)
{
	bool *failed = calloc((size_t)judge->files + 1, sizeof(*failed));
	bool ok = failed != NULL || err_memory(err);

	for (uint32_t i = 0; ok && i < judge->files; i++)
		ok = judge_file(judge, i, &failed[i], err);
	ok = ok && judge_rest(judge, err) &&
		judge_folders(judge, failed, err);
	free(failed);
	return ok;
}

bool prove_judge(struct prove_site *site, const struct prove_plan *plan,
	uint32_t files, struct prove_verdict *verdict, struct err *err)
{
	struct judge judge = { .site = site, .plan = plan, .files = files,
		.verdict = verdict };
	bool ok;

	verdict->files = files;
	judge.best = calloc((size_t)SLOTS * plan->file_records,
		sizeof(*judge.best));
	if (judge.best == NULL)
		return err_memory(err);
	judge.db = connect_db(&site->config, &site->config.loader, true, 0,
		err);
	ok = judge.db != NULL && open_rows(&judge, err) &&
		judge_files(&judge, err) && count_duplicates(&judge, err);
	db_result_free(judge.sources.page);
	db_result_free(judge.records.page);
	db_result_free(judge.master.page);
	db_close(judge.db);
	free(judge.best);
	return ok && judge_models(&judge, err) && judge_queues(&judge, err);
}
