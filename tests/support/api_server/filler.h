/* filler.h - bodies without an end, made by hand. */
#ifndef SLUICE_TEST_API_FILLER_H
#define SLUICE_TEST_API_FILLER_H

#include "tests/support/api_server/message.h"

/* Fills out with the bytes at `at` of an endless body: blanks, or gzip (158
 * blanks a byte) or zstd (32,768 blanks a byte) of blanks. */
void filler_bytes(enum filler filler, uint64_t at, char *out, size_t len);

/* Data as one zstd frame, not made smaller (RFC 8878 3.1.1.2.2, raw). */
void zstd_wrap(const struct buf *data, struct buf *out);

#endif
