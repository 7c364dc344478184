/* foreign.c - bodies of messages that have no file behind them, kept whole. */
#include "consumer/copybin.h"
#include "consumer/step.h"

#include <string.h>

#define COPY_BODIES                                                   \
	"copy meta.message (source_id, app_id, message_id, routing_key," \
	" content_type, body) from stdin binary"

enum { PROPERTIES = 4, CELLS = PROPERTIES + 2 };

/* Names of anybody's choosing: escaped one behind the other into scratch. */
static bool escape_properties(const struct message *message,
	struct buf *scratch, struct cell *cells, struct err *err)
{
	const char *const texts[PROPERTIES] = { message->app_id,
		message->message_id, message->routing_key,
		message->content_type };
	size_t starts[PROPERTIES + 1] = { 0 };

	buf_reset(scratch);
	for (size_t i = 0; i < PROPERTIES; i++) {
		if (texts[i] != NULL && !buf_add_escaped(scratch, texts[i],
			strlen(texts[i]), err))
			return false;
		starts[i + 1] = scratch->len;
	}
	for (size_t i = 0; i < PROPERTIES; i++)
		cells[i] = (struct cell){
			.type = COLUMN_TEXT,
			.null = texts[i] == NULL && i != 2,
			.v.s = { .data = scratch->len > 0 ?
					scratch->data + starts[i] : "",
				.len = starts[i + 1] - starts[i] },
		};
	return true;
}

static bool put_body(struct load *load, const struct work *work,
	struct err *err)
{
	const struct message *message = &work->delivery->message;
	struct cell cells[CELLS];

	cells[0] = (struct cell){ .type = COLUMN_INTEGER,
		.v.i = load->batch.sources[work->source].id };
	if (!escape_properties(message, &load->scratch, cells + 1, err))
		return false;
	cells[CELLS - 1] = (struct cell){ .type = COLUMN_TEXT,
		.v.s = { .data = message->body.data,
			.len = message->body.len } };
	buf_reset(&load->copy);
	return copybin_row(&load->copy, cells, CELLS, NULL, 0, err) &&
		db_copy_put(load->db, load->copy.data, load->copy.len, err);
}

static bool is_kept(const struct work *work)
{
	return work->fresh && work_is_foreign(work);
}

static bool put_bodies(struct load *load, struct err *err)
{
	bool ok;

	buf_reset(&load->copy);
	ok = copybin_header(&load->copy, err) &&
		db_copy_put(load->db, load->copy.data, load->copy.len, err);
	for (size_t i = 0; ok && i < load->batch.count; i++)
		if (is_kept(load->batch.works[i]))
			ok = put_body(load, load->batch.works[i], err);
	buf_reset(&load->copy);
	return ok && copybin_trailer(&load->copy, err) &&
		db_copy_put(load->db, load->copy.data, load->copy.len, err);
}

bool store_bodies(struct load *load, struct err *err)
{
	int64_t counted = 0;
	int64_t kept = 0;

	for (size_t i = 0; i < load->batch.count; i++)
		kept += is_kept(load->batch.works[i]);
	if (kept == 0)
		return true;
	if (!db_copy_begin(load->db, COPY_BODIES, err) ||
		!put_bodies(load, err) ||
		!db_copy_end(load->db, &counted, err))
		return err_wrap(err, "copy into meta.message");
	return counted == kept ||
		err_set(err, ERR_STOP, "%lld bodies sent, %lld stored",
			(long long)kept, (long long)counted);
}
