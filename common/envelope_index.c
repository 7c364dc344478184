/* envelope_index.c - where each record of a chunk lies, in few bytes. */
#include "common/envelope.h"

bool envelope_index_add(struct buf *index, struct envelope_record *previous,
	const struct envelope_record *record, struct err *err)
{
	const uint64_t end = previous->offset + previous->length;

	if (record->offset < end || record->line < previous->line)
		return err_stop(err, EXIT_BUG, "index out of order");
	if (!buf_add_varint(index, record->offset - end, err) ||
		!buf_add_varint(index, record->length, err) ||
		!buf_add_varint(index, record->line - previous->line, err))
		return false;
	*previous = *record;
	return true;
}

bool envelope_index_next(struct bytes index, size_t *pos,
	struct envelope_record *record, bool *ok)
{
	uint64_t gap, length, lines;
	const uint64_t end = record->offset + record->length;

	*ok = true;
	if (*pos == index.len)
		return false;
	*ok = varint_read(index.data, index.len, pos, &gap) &&
		varint_read(index.data, index.len, pos, &length) &&
		varint_read(index.data, index.len, pos, &lines) &&
		length <= UINT32_MAX && length <= UINT64_MAX - end &&
		gap <= UINT64_MAX - end - length &&
		lines <= UINT64_MAX - record->line;
	if (!*ok)
		return false;
	record->offset = end + gap;
	record->length = (uint32_t)length;
	record->line += lines;
	return true;
}
