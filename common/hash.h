/* hash.h - SHA-256, CRC-32C and random UUIDs (the door to libcrypto). */
#ifndef SLUICE_HASH_H
#define SLUICE_HASH_H

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_TEXT 65 /* hex and NUL */
#define UUID_TEXT 37

struct sha256; /* a running hash */

struct sha256 *sha256_new(struct err *err);
void sha256_free(struct sha256 *hash);
bool sha256_add(struct sha256 *hash, const void *data, size_t len,
	struct err *err) MUST_CHECK;
/* Gives the digest and starts over. */
bool sha256_end(struct sha256 *hash, uint8_t digest[SHA256_BYTES],
	struct err *err) MUST_CHECK;
bool sha256_once(const void *data, size_t len, uint8_t digest[SHA256_BYTES],
	struct err *err) MUST_CHECK;
void sha256_format(const uint8_t digest[SHA256_BYTES], char out[SHA256_TEXT]);

/* CRC-32C (Castagnoli, RFC 3720 B.4); start with crc = 0. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);
/* The same, without the instruction some processors have for it. */
uint32_t crc32c_by_tables(uint32_t crc, const void *data, size_t len);

struct uuid {
	uint8_t bytes[16];
};

/* Version 4 (RFC 4122) from the kernel's random source. */
bool uuid_random(struct uuid *uuid, struct err *err) MUST_CHECK;
/* Version 8 (RFC 9562) from a digest: never collides with random ones. */
struct uuid uuid_from_digest(const uint8_t digest[SHA256_BYTES]);
/* Version 5 (RFC 4122: SHA-1), in a namespace of Sluice's own: the same name,
 * the same id. */
bool uuid_named(const void *name, size_t len, struct uuid *uuid,
	struct err *err) MUST_CHECK;
/* Lower-case hex with dashes. */
void uuid_format(const struct uuid *uuid, char out[UUID_TEXT]);
/* Parses exactly 36 characters at text[0..len), either case. */
bool uuid_parse(const char *text, size_t len, struct uuid *uuid) MUST_CHECK;
/* All zeros: none. */
bool uuid_is_nil(const struct uuid *uuid);
bool uuid_equal(const struct uuid *a, const struct uuid *b);

#endif
