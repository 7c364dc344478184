/* hash.c - SHA-256, CRC-32C and UUIDs (the door to libcrypto). */
#include "common/hash.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct sha256 {
	EVP_MD_CTX *ctx;
};

/* Nothing else can go wrong here. What the library noted about it must not be
 * left to whoever asks for the thread's TLS errors next. */
static bool out_of_memory(struct err *err)
{
	ERR_clear_error();
	return err_memory(err);
}

static bool start(struct sha256 *hash)
{
	return EVP_DigestInit_ex(hash->ctx, EVP_sha256(), NULL) == 1;
}

struct sha256 *sha256_new(struct err *err)
{
	struct sha256 *hash = calloc(1, sizeof(*hash));

	if (hash != NULL)
		hash->ctx = EVP_MD_CTX_new();
	if (hash == NULL || hash->ctx == NULL || !start(hash)) {
		sha256_free(hash);
		out_of_memory(err);
		return NULL;
	}
	return hash;
}

void sha256_free(struct sha256 *hash)
{
	if (hash == NULL)
		return;
	EVP_MD_CTX_free(hash->ctx);
	free(hash);
}

bool sha256_add(struct sha256 *hash, const void *data, size_t len,
	struct err *err)
{
	return EVP_DigestUpdate(hash->ctx, data, len) == 1 || out_of_memory(err);
}

bool sha256_end(struct sha256 *hash, uint8_t digest[SHA256_BYTES],
	struct err *err)
{
	const bool ok = EVP_DigestFinal_ex(hash->ctx, digest, NULL) == 1;

	return (ok && start(hash)) || out_of_memory(err);
}

bool sha256_once(const void *data, size_t len, uint8_t digest[SHA256_BYTES],
	struct err *err)
{
	return EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) == 1 ||
		out_of_memory(err);
}

static void hex(const uint8_t *bytes, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * len] = '\0';
}

void sha256_format(const uint8_t digest[SHA256_BYTES], char out[SHA256_TEXT])
{
	hex(digest, SHA256_BYTES, out);
}

static uint32_t crc_table[8][256];

static void crc_build(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) ? 0x82f63b78u : 0);
		crc_table[0][i] = crc;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int t = 1; t < 8; t++)
			crc_table[t][i] = crc_table[0][crc_table[t - 1][i] &
						  0xff] ^
				(crc_table[t - 1][i] >> 8);
}

/* Eight bytes a step ("slicing by 8"). */
static uint32_t crc_by_tables(uint32_t crc, const uint8_t *p, size_t len)
{
	for (; len >= 8; len -= 8, p += 8) {
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		word ^= crc;
		crc = 0;
		for (int t = 0; t < 8; t++)
			crc ^= crc_table[7 - t][(word >> (8 * t)) & 0xff];
	}
	for (; len > 0; len--, p++)
		crc = crc_table[0][(crc ^ *p) & 0xff] ^ (crc >> 8);
	return crc;
}

#ifdef __x86_64__
/* The processor's own instruction for this polynomial has a result only three
 * cycles later, and could begin another each cycle: three strips at a time. */
#define STRIP ((size_t)1024)

/* What a checksum becomes over a strip of zeros; for each of its bytes, for
 * the sum is linear. */
static uint32_t crc_over_strip[4][256];

__attribute__((target("sse4.2"))) static uint64_t
crc_word(uint64_t crc, const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return __builtin_ia32_crc32di(crc, word);
}

__attribute__((target("sse4.2"))) static void crc_build_strips(void)
{
	static const uint8_t zeros[8];

	for (unsigned byte = 0; byte < 4; byte++)
		for (uint32_t i = 0; i < 256; i++) {
			uint64_t crc = i << (8 * byte);

			for (size_t n = 0; n < STRIP; n += 8)
				crc = crc_word(crc, zeros);
			crc_over_strip[byte][i] = (uint32_t)crc;
		}
}

static uint64_t over_strip(uint64_t crc)
{
	return crc_over_strip[0][crc & 0xff] ^
		crc_over_strip[1][crc >> 8 & 0xff] ^
		crc_over_strip[2][crc >> 16 & 0xff] ^
		crc_over_strip[3][crc >> 24 & 0xff];
}

__attribute__((target("sse4.2"))) static uint64_t
crc_three_strips(uint64_t crc, const uint8_t *p)
{
	uint64_t second = 0, third = 0;

	for (size_t at = 0; at < STRIP; at += 8) {
		crc = crc_word(crc, p + at);
		second = crc_word(second, p + STRIP + at);
		third = crc_word(third, p + 2 * STRIP + at);
	}
	return over_strip(over_strip(crc) ^ second) ^ third;
}

__attribute__((target("sse4.2"))) static uint32_t
crc_by_processor(uint32_t crc, const uint8_t *p, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint64_t wide = crc;

	if (len >= 3 * STRIP)
		(void)pthread_once(&once, crc_build_strips);
	for (; len >= 3 * STRIP; len -= 3 * STRIP, p += 3 * STRIP)
		wide = crc_three_strips(wide, p);
	for (; len >= 8; len -= 8, p += 8)
		wide = crc_word(wide, p);
	crc = (uint32_t)wide;
	for (; len > 0; len--, p++)
		crc = __builtin_ia32_crc32qi(crc, *p);
	return crc;
}
#endif

uint32_t crc32c_by_tables(uint32_t crc, const void *data, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, crc_build);
	return ~crc_by_tables(~crc, data, len);
}

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc_by_processor(~crc, data, len);
#endif
	return crc32c_by_tables(crc, data, len);
}

bool uuid_random(struct uuid *uuid, struct err *err)
{
	if (getrandom(uuid->bytes, sizeof(uuid->bytes), 0) !=
		(ssize_t)sizeof(uuid->bytes))
		return err_errno(err, ERR_STOP, "getrandom");
	uuid->bytes[6] = (uint8_t)((uuid->bytes[6] & 0x0f) | 0x40);
	uuid->bytes[8] = (uint8_t)((uuid->bytes[8] & 0x3f) | 0x80);
	return true;
}

bool uuid_named(const void *name, size_t len, struct uuid *uuid,
	struct err *err)
{
	/* 7d6b2a7e-52c1-4f0b-9d3a-6f1f2c8e4b90 */
	static const uint8_t space[16] = { 0x7d, 0x6b, 0x2a, 0x7e, 0x52, 0xc1,
		0x4f, 0x0b, 0x9d, 0x3a, 0x6f, 0x1f, 0x2c, 0x8e, 0x4b, 0x90 };
	uint8_t digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const bool ok = ctx != NULL &&
		EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) == 1 &&
		EVP_DigestUpdate(ctx, space, sizeof(space)) == 1 &&
		EVP_DigestUpdate(ctx, name, len) == 1 &&
		EVP_DigestFinal_ex(ctx, digest, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	if (!ok)
		return err_memory(err);
	memcpy(uuid->bytes, digest, sizeof(uuid->bytes));
	uuid->bytes[6] = (uint8_t)((uuid->bytes[6] & 0x0f) | 0x50);
	uuid->bytes[8] = (uint8_t)((uuid->bytes[8] & 0x3f) | 0x80);
	return true;
}

struct uuid uuid_from_digest(const uint8_t digest[SHA256_BYTES])
{
	struct uuid uuid;

	memcpy(uuid.bytes, digest, sizeof(uuid.bytes));
	uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x80);
	uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80);
	return uuid;
}

void uuid_format(const struct uuid *uuid, char out[UUID_TEXT])
{
	static const size_t groups[] = { 4, 2, 2, 2, 6 };
	size_t from = 0;

	for (size_t g = 0; g < 5; g++) {
		hex(uuid->bytes + from, groups[g], out);
		out += 2 * groups[g];
		from += groups[g];
		if (g < 4)
			*out++ = '-';
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool uuid_parse(const char *text, size_t len, struct uuid *uuid)
{
	size_t n = 0;

	if (len != UUID_TEXT - 1)
		return false;
	for (size_t i = 0; i < len;) {
		int high, low;

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i++] != '-')
				return false;
			continue;
		}
		high = hex_digit(text[i]);
		low = hex_digit(text[i + 1]);
		if (high < 0 || low < 0)
			return false;
		uuid->bytes[n++] = (uint8_t)(high * 16 + low);
		i += 2;
	}
	return true;
}

bool uuid_is_nil(const struct uuid *uuid)
{
	static const struct uuid nil;

	return uuid_equal(uuid, &nil);
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
