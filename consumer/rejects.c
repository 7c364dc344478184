/* rejects.c - refused records, kept with their reason. */
#include "consumer/copybin.h"
#include "consumer/measure.h"
#include "common/mutation.h"
#include "consumer/step.h"

#include <string.h>

#define COPY_REJECTS                                                    \
	"copy meta.reject (source_id, dataset, lo, hi, item, record_no, line," \
	" col, code, field, detail, stage, bytes, load_id) from stdin binary"

static struct cell int_cell(uint64_t value)
{
	return (struct cell){ .type = COLUMN_INTEGER, .v.i = (int64_t)value };
}

/* bytea travels as text does: length and bytes. */
static struct cell bytes_cell(const void *data, size_t len)
{
	return (struct cell){ .type = COLUMN_TEXT,
		.v.s = { .data = data, .len = len } };
}

static struct cell text_cell(const char *text)
{
	if (text == NULL)
		return (struct cell){ .type = COLUMN_TEXT, .null = true };
	return bytes_cell(text, strlen(text));
}

bool reject_add_clean(struct buf *out, const char *text, size_t len,
	struct err *err)
{
	for (size_t i = 0; i < len;) {
		const size_t n = utf8_length(text + i, len - i);
		const bool fine = n > 1 || (n == 1 && text[i] >= ' ');

		if (!buf_add(out, fine ? text + i : "?", fine ? n : 1, err))
			return false;
		i += n > 0 ? n : 1;
	}
	return true;
}

static size_t cut(size_t len)
{
	return len < REJECT_BYTES_MAX ? len : REJECT_BYTES_MAX;
}

/* Adds the row; dataset and detail are made clean. */
static bool add_row(struct load *load, const struct work *work,
	const struct derived *derived, struct cell *cells, struct bytes detail,
	struct err *err)
{
	const char *dataset = derived != NULL ? derived->dataset->name :
		work->dataset_name;
	struct source *source = &load->batch.sources[work->source];
	struct tally *tally = derived != NULL ?
		&derived->tallies[work->source] : &source->tally;
	struct buf *text = &load->scratch;
	size_t dataset_len;

	buf_reset(text);
	if (!buf_add_escaped(text, dataset, strlen(dataset), err))
		return false;
	dataset_len = text->len;
	if (!reject_add_clean(text, detail.data, detail.len, err) ||
		!buf_add_char(text, '\0', err))
		return false;
	cells[R_SOURCE] = int_cell((uint64_t)source->id);
	cells[R_DATASET] = bytes_cell(text->data, dataset_len);
	cells[R_DETAIL] = bytes_cell(text->data + dataset_len,
		text->len - 1 - dataset_len);
	cells[R_LOAD] = int_cell((uint64_t)load->totals.load_id);
	tally->rejected++;
	measure_reject(load, derived != NULL ? derived->dataset :
		work->dataset, cells[R_CODE].v.s.data, cells[R_CODE].v.s.len);
	return load->sink->reject(load, cells, err);
}

bool reject_record(struct load *load, const struct work *work,
	const struct reject *reject, struct err *err)
{
	const struct record *record = reject->record;
	struct cell cells[R_COUNT];
	uint64_t line, column;

	if (work_is_replay(work) && reject->derived == NULL)
		return refuse_again(load, work, reject, err);
	record_place(reject->place != NULL ? reject->place : record,
		reject->at, &line, &column);
	cells[R_LO] = int_cell(record->offset);
	cells[R_HI] = int_cell(record->offset + record->len);
	cells[R_ITEM] = int_cell(reject->item);
	cells[R_RECORD] = int_cell(record->number);
	cells[R_LINE] = int_cell(line);
	cells[R_COLUMN] = int_cell(column);
	cells[R_CODE] = text_cell(reject->code);
	cells[R_FIELD] = text_cell(reject->field);
	cells[R_STAGE] = text_cell("consumer");
	cells[R_BYTES] = bytes_cell(record->text, cut(record->len));
	return add_row(load, work, reject->derived, cells,
		(struct bytes){ reject->detail, strlen(reject->detail) }, err);
}

/* What the producer could not make a record of. */
static bool reject_of_reader(struct load *load, const struct work *work,
	struct err *err)
{
	const struct envelope *envelope = &work->envelope;
	const struct bytes body = work->delivery->message.body;
	struct cell cells[R_COUNT];

	cells[R_LO] = int_cell(envelope->offset);
	cells[R_HI] = int_cell(envelope->offset + envelope->length);
	cells[R_ITEM] = int_cell(0);
	cells[R_RECORD] = int_cell(envelope->first_record);
	cells[R_LINE] = int_cell(envelope->line);
	cells[R_COLUMN] = int_cell(envelope->column);
	cells[R_CODE] = bytes_cell(envelope->code.data, envelope->code.len);
	cells[R_FIELD] = text_cell(NULL);
	cells[R_STAGE] = text_cell("reader");
	cells[R_BYTES] = bytes_cell(body.data, cut(body.len));
	return add_row(load, work, NULL, cells, envelope->reason, err);
}

/* The message as one record, whatever it holds. */
static bool reject_whole(struct load *load, const struct work *work,
	struct err *err)
{
	const struct bytes body = work->delivery->message.body;
	const struct record whole = {
		.text = body.len > 0 ? body.data : "",
		.len = body.len,
		.number = 1,
		.line = 1,
		.column = 1,
	};

	return reject_record(load, work,
		&(struct reject){ .record = &whole, .code = work->code,
			.detail = work->detail },
		err);
}

static bool reject_each(struct load *load, const struct work *work,
	struct err *err)
{
	struct json_fault fault;
	struct record record;
	struct walk walk;

	work_walk(work, &walk);
	while (walk_next(&walk, &record, &fault) != WALK_END)
		if (!reject_record(load, work,
			&(struct reject){ .record = &record,
				.code = work->code,
				.detail = work->detail },
			err))
			return false;
	return true;
}

static bool reject_message(struct load *load, const struct work *work,
	struct err *err)
{
	switch (work->kind) {
	case WORK_REJECT:
		return reject_of_reader(load, work, err);
	case WORK_ASIDE:
		return reject_whole(load, work, err);
	case WORK_CHUNK:
	case WORK_FOREIGN:
		return work->code == NULL || reject_each(load, work, err);
	case WORK_MANIFEST:
	case WORK_UNREAD:
		break;
	}
	return true;
}

bool reject_messages(struct load *load, struct err *err)
{
	for (size_t i = 0; i < load->batch.count; i++)
		if (load->batch.works[i]->fresh &&
			!reject_message(load, load->batch.works[i], err))
			return false;
	return true;
}

bool store_rejects(struct load *load, struct err *err)
{
	int64_t counted = 0;

	if (load->reject_count == 0 || MUTATED(bad_record_dropped))
		return true;
	if (!copybin_trailer(&load->rejects, err) ||
		!db_copy_begin(load->db, COPY_REJECTS, err) ||
		!db_copy_put(load->db, load->rejects.data, load->rejects.len,
			err) ||
		!db_copy_end(load->db, &counted, err))
		return err_wrap(err, "copy into meta.reject");
	return counted == load->reject_count ||
		err_set(err, ERR_STOP, "%lld rejects sent, %lld stored",
			(long long)load->reject_count, (long long)counted);
}
