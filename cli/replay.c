/* replay.c - one reject, put through again: its bytes, its message. */
#include "cli/replay.h"
#include "cli/locate.h"
#include "cli/repair.h"
#include "producer/input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_STEP ((size_t)256 << 10)

enum { R_ID, R_DROP, R_PIPELINE, R_DATASET, R_KIND, R_NAME, R_CLAIMED, R_LO,
	R_HI, R_ITEM, R_RECORD, R_LINE, R_CODE, R_BYTES, R_TRY, R_SHA256,
	R_FILE_SIZE, R_DAY, R_HOME, R_SOURCE };

static const char next_sql[] =
	"select r.reject_id, s.drop_id, s.pipeline, r.dataset, s.kind,\n"
	"       s.name, (extract(epoch from s.claimed_at) * 1000000)::bigint,\n"
	"       r.lo, r.hi, r.item, r.record_no, r.line, r.code,\n"
	"       encode(r.bytes, 'hex'),\n"
	"       1 + coalesce((select max(c.replay) from meta.chunk c\n"
	"           where c.drop_id = s.drop_id and c.dataset = r.dataset\n"
	"             and c.lo = r.lo and c.hi = r.hi), 0),\n"
	"       s.sha256, s.file_size,\n"
	"       to_char(s.claimed_at at time zone 'UTC', 'YYYY-MM-DD'),\n"
	"       s.dataset, s.source_id\n"
	"from meta.reject r\n"
	"join meta.source s using (source_id)\n"
	"where " WHERE_SQL
	"  and r.resolved_by is null and s.undone_at is null\n"
	"  and r.reject_id > $10::bigint\n"
	"order by r.reject_id\n"
	"limit $11::bigint";

static const char message_sql[] =
	"select encode(substr(body, $2::bigint::integer + 1,\n"
	"    $3::bigint::integer), 'hex')\n"
	"from meta.message\n"
	"where source_id = $1::bigint";

/* A row of next_sql on its way. */
struct row {
	struct db *db;
	const struct db_result *result;
	size_t at;
	const struct replay_rules *rules;
};

static const char *text(const struct row *row, size_t column)
{
	return db_value(row->result, row->at, column);
}

static int64_t number(const struct row *row, size_t column)
{
	return db_int(row->result, row->at, column);
}

static uint64_t length(const struct row *row)
{
	return (uint64_t)(number(row, R_HI) - number(row, R_LO));
}

/* -- bytes -------------------------------------------------------------- */

static bool read_range(int fd, uint64_t lo, uint64_t len, struct buf *out,
	struct err *err)
{
	struct input *input = input_open(fd, READ_STEP, err);
	char *piece = malloc(READ_STEP);
	bool ok = input != NULL && (piece != NULL || err_memory(err));
	size_t got = 1;

	ok = ok && input_skip(input, lo, err);
	while (ok && got > 0 && out->len < len) {
		const uint64_t left = len - out->len;

		ok = input_read(input, piece,
			left < READ_STEP ? (size_t)left : READ_STEP, &got,
			err) && buf_add(out, piece, got, err);
	}
	input_close(input);
	free(piece);
	return ok && (out->len == len ||
		err_set(err, ERR_REJECT, "the kept file is too short"));
}

/* Chunks have blanks where a file has line breaks. */
static bool begins_like(const struct buf *whole, const struct buf *kept)
{
	if (kept->len > whole->len)
		return false;
	for (size_t i = 0; i < kept->len; i++) {
		const char c = whole->data[i];

		if (c != kept->data[i] &&
			!((c == '\n' || c == '\r') && kept->data[i] == ' '))
			return false;
	}
	return true;
}

static bool read_kept_file(const struct row *row, const char *path,
	struct buf *out, struct err *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool ok;

	if (fd < 0)
		return err_set(err, ERR_REJECT, "the kept file %s: %s", path,
			strerror(errno));
	ok = read_range(fd, (uint64_t)number(row, R_LO), length(row), out,
		err);
	close(fd);
	return ok;
}

static const char *directory_of(const struct row *row)
{
	const struct pipeline *pipeline =
		pipeline_find(row->rules->set, text(row, R_PIPELINE));
	const struct dataset *dataset = pipeline != NULL ?
		dataset_find(pipeline, text(row, R_HOME)) : NULL;

	return dataset != NULL ? dataset->directory : NULL;
}

static bool take_from_file(const struct row *row, struct replay *replay,
	struct buf *out, struct err *err)
{
	const struct locate_wanted wanted = {
		.directory = directory_of(row),
		.name = text(row, R_NAME),
		.drop = text(row, R_DROP),
		.day = text(row, R_DAY),
		.size = db_is_null(row->result, row->at, R_FILE_SIZE) ? -1 :
			number(row, R_FILE_SIZE),
		.sha256 = text(row, R_SHA256),
	};
	struct located located = { 0 };
	bool ok;

	if (wanted.directory == NULL)
		return err_set(err, ERR_REJECT,
			"its dataset is in no pipeline file any more");
	ok = locate_source(row->rules->config, &wanted, &located, err);
	if (ok && located.place == PLACE_UNKNOWN)
		ok = err_set(err, ERR_REJECT, "only its first 64 KiB are kept "
			"and the file %s is not in processed or failed: use "
			"--file", text(row, R_NAME));
	ok = ok && read_kept_file(row, located.path.data, out, err) &&
		buf_add_str(&replay->from, located.path.data, err);
	buf_clear(&located.path);
	return ok;
}

static bool take_from_message(const struct row *row, struct replay *replay,
	struct buf *out, struct err *err)
{
	char len[24];
	const char *values[] = { text(row, R_SOURCE), text(row, R_LO), len };
	struct db_result *result = NULL;
	bool ok;

	(void)snprintf(len, sizeof(len), "%" PRIu64, length(row));
	ok = db_query(row->db, message_sql, 3, values, &result, err);
	if (ok && db_rows(result) == 0)
		ok = err_set(err, ERR_REJECT, "its message is not kept");
	ok = ok && buf_add_unhexed(out, db_value(result, 0, 0),
			db_value_len(result, 0, 0), err) && buf_add_str(&replay->from, "meta.message", err);
	db_result_free(result);
	if (ok && out->len != length(row))
		ok = err_set(err, ERR_REJECT,
			"only its first %zu bytes are kept", out->len);
	return ok;
}

/* What was refused, whole: as it is kept, or from where it came. */
static bool take_bytes(const struct row *row, struct replay *replay,
	struct err *err)
{
	const uint64_t most = (uint64_t)row->rules->config->max_record_bytes;
	struct buf *record = &replay->record;
	struct buf kept = { 0 };
	bool ok = buf_add_unhexed(&kept, text(row, R_BYTES),
		db_value_len(row->result, row->at, R_BYTES), err);

	if (ok && kept.len == length(row)) {
		ok = buf_add(record, kept.data, kept.len, err) &&
			buf_add_str(&replay->from, "meta.reject", err);
	} else if (ok && length(row) > most) {
		ok = err_set(err, ERR_REJECT, "%" PRIu64 " bytes are more than "
			"max_record_bytes", length(row));
	} else if (ok) {
		ok = strcmp(text(row, R_KIND), "foreign") == 0 ?
			take_from_message(row, replay, record, err) :
			take_from_file(row, replay, record, err);
		if (ok && !begins_like(record, &kept))
			ok = err_set(err, ERR_REJECT, "the kept file has other "
				"bytes there: it is not the one");
	}
	buf_clear(&kept);
	return ok;
}

static bool filter_bytes(const struct row *row, struct replay *replay,
	struct err *err)
{
	struct buf out = {
		.max = (size_t)row->rules->config->max_record_bytes };
	bool ok = repair_filter(row->rules->filter,
		replay->record.len > 0 ? replay->record.data : "",
		replay->record.len, &out, err);

	buf_clear(&replay->record);
	replay->record = out;
	replay->record.max = 0;
	return ok;
}

static bool make_record(const struct row *row, struct replay *replay,
	struct err *err)
{
	const struct replay_rules *rules = row->rules;

	replay->repaired = rules->file != NULL || rules->filter != NULL;
	if (number(row, R_ITEM) != 0)
		return err_set(err, ERR_REJECT, "it is a value inside of record "
			"%s, not a record: mend that record and drop it again",
			text(row, R_RECORD));
	if (rules->file != NULL) {
		if (!repair_read(rules->file, &replay->record, err) ||
			!buf_add_str(&replay->from, rules->file, err))
			return false;
	} else if (!take_bytes(row, replay, err)) {
		return false;
	}
	return (rules->filter == NULL || filter_bytes(row, replay, err)) &&
		repair_check(&replay->record, err);
}

/* -- the message -------------------------------------------------------- */

static bool name_it(const struct row *row, struct replay *replay,
	struct err *err)
{
	struct envelope *envelope = &replay->envelope;
	const char *drop = text(row, R_DROP);

	*envelope = (struct envelope){
		.kind = ENVELOPE_CHUNK,
		.lo = (uint64_t)number(row, R_LO),
		.hi = (uint64_t)number(row, R_HI),
		.replay = (uint32_t)number(row, R_TRY),
		.claimed_us = number(row, R_CLAIMED),
		.first_record = (uint64_t)number(row, R_RECORD),
		.first_line = (uint64_t)number(row, R_LINE),
		.records = 1,
	};
	replay->reject_id = number(row, R_ID);
	replay->code = strdup(text(row, R_CODE));
	if (asprintf(&replay->dataset, "%s.%s", text(row, R_PIPELINE),
		text(row, R_DATASET)) < 0)
		replay->dataset = NULL;
	if (replay->code == NULL || replay->dataset == NULL)
		return err_memory(err);
	if (!uuid_parse(drop, strlen(drop), &envelope->drop))
		return err_stop(err, EXIT_BUG, "drop id %s", drop);
	envelope_id(envelope, replay->id);
	return buf_add_str(&replay->source, text(row, R_NAME), err);
}

static bool seal(struct replay *replay, struct err *err)
{
	struct envelope *envelope = &replay->envelope;
	struct envelope_record previous = { .offset = envelope->lo,
		.line = envelope->first_line };
	const struct envelope_record record = { .offset = envelope->lo,
		.length = (uint32_t)replay->record.len,
		.line = envelope->first_line };

	if (!buf_add_char(&replay->record, '\n', err) ||
		!envelope_index_add(&replay->index, &previous, &record, err))
		return false;
	envelope->index =
		(struct bytes){ replay->index.data, replay->index.len };
	envelope->crc = crc32c(0, replay->record.data, replay->record.len);
	return true;
}

/* What is wrong with a reject itself is its problem; the others go on. */
static bool make(const struct row *row, struct replay *replay, struct err *err)
{
	struct err why = { 0 };

	if (!name_it(row, replay, err))
		return false;
	if (make_record(row, replay, &why))
		return seal(replay, err);
	if (why.kind != ERR_REJECT) {
		*err = why;
		return false;
	}
	(void)snprintf(replay->problem, sizeof(replay->problem), "%.500s",
		why.text);
	return true;
}

bool replay_next(struct db *db, const struct where *where, int64_t after,
	int64_t most, const struct replay_rules *rules,
	struct replay_list *list, struct err *err)
{
	char after_text[24], most_text[24];
	const char *values[WHERE_PARAMETERS + 2];
	struct db_result *result = NULL;
	bool ok;

	*list = (struct replay_list){ 0 };
	where_values(where, values);
	values[WHERE_PARAMETERS] = after_text;
	values[WHERE_PARAMETERS + 1] = most_text;
	(void)snprintf(after_text, sizeof(after_text), "%" PRId64, after);
	(void)snprintf(most_text, sizeof(most_text), "%" PRId64, most);
	if (!db_query(db, next_sql, WHERE_PARAMETERS + 2, values, &result, err))
		return where_blame(err);
	list->items = calloc(db_rows(result) + 1, sizeof(*list->items));
	ok = list->items != NULL || err_memory(err);
	for (size_t i = 0; ok && i < db_rows(result); i++) {
		const struct row row = { db, result, i, rules };

		ok = make(&row, &list->items[list->count++], err);
	}
	db_result_free(result);
	return ok;
}

void replay_list_clear(struct replay_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct replay *replay = &list->items[i];

		free(replay->dataset);
		free(replay->code);
		buf_clear(&replay->source);
		buf_clear(&replay->index);
		buf_clear(&replay->record);
		buf_clear(&replay->from);
	}
	free(list->items);
	*list = (struct replay_list){ 0 };
}
