/* reader_check.h - the pieces of a file in words that tables can hold. */
#ifndef SLUICE_TEST_READER_CHECK_H
#define SLUICE_TEST_READER_CHECK_H

#include "tests/support/pieces.h"

#include <CUnit/CUnit.h>

/* Shows line feeds as bars, and what is not printable as points. */
static inline void show_bytes(struct buf *out, struct bytes bytes)
{
	const char *data = bytes.data;
	struct err err = { 0 };

	for (size_t i = 0; i < bytes.len; i++) {
		const bool plain = data[i] >= ' ' && data[i] <= '~';

		CU_ASSERT_TRUE(buf_add_char(out,
			data[i] == '\n' ? '|' :
				plain    ? data[i] :
					   '.',
			&err));
	}
}

/* One piece in the words of the tables below. */
static inline void show(struct buf *out, const struct piece *piece)
{
	const struct envelope *e = &piece->envelope;
	struct err err = { 0 };
	bool ok = true;

	if (out->len > 0)
		ok = buf_add_char(out, ' ', &err);
	switch (piece->kind) {
	case PIECE_CHUNK:
		ok = ok && buf_printf(out, &err, "%" PRIu64 "-%" PRIu64 ":",
				   e->lo, e->hi);
		show_bytes(out, piece->body);
		break;
	case PIECE_REJECT:
		ok = ok && buf_printf(out, &err,
				   "%" PRIu64 "-%" PRIu64 "!%.*s@%" PRIu64
				   ":%" PRIu64 "<",
				   e->lo, e->hi, (int)e->code.len,
				   (const char *)e->code.data, e->line,
				   e->column);
		show_bytes(out, piece->body);
		ok = ok && buf_add_char(out, '>', &err);
		break;
	case PIECE_END:
		ok = ok && buf_printf(out, &err, "%.*s%s", (int)e->format.len,
				   (const char *)e->format.data,
				   e->failed ? " failed" : "");
	}
	CU_ASSERT_TRUE(ok);
}

static inline void read_all(const void *bytes, size_t len,
	const struct reader_limits *limits, struct buf *shown)
{
	const int fd = pieces_file(bytes, len);
	struct err err = { 0 };
	struct reader *reader = reader_open(fd, limits, &err);
	struct piece piece = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	do {
		CU_ASSERT_TRUE_FATAL(reader_next(reader, &piece, &err));
		show(shown, &piece);
	} while (piece.kind != PIECE_END);
	reader_close(reader);
	close(fd);
}

static inline void check_holds(const void *bytes, size_t len,
	const struct reader_limits *limits)
{
	struct pieces pieces = { 0 };
	const char *why = pieces_hold(bytes, len, limits, 1000, &pieces);

	if (why != NULL)
		printf("\n  %.*s: %s\n", (int)(len < 200 ? len : 200),
			(const char *)bytes, why);
	CU_ASSERT_PTR_NULL(why);
	pieces_clear(&pieces);
}

static inline void check_len(const void *bytes, size_t len,
	const struct reader_limits *limits, const char *want)
{
	struct buf shown = { 0 };

	read_all(bytes, len, limits, &shown);
	if (strcmp(shown.data, want) != 0)
		printf("\n  want %s\n  got  %s\n", want, shown.data);
	CU_ASSERT_STRING_EQUAL(shown.data, want);
	buf_clear(&shown);
	check_holds(bytes, len, limits);
}

#endif
