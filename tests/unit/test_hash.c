/* test_hash.c - digests and UUIDs against published vectors. */
#include "common/hash.h"

#include <CUnit/CUnit.h>
#include <string.h>

static void sha256_vector(void)
{
	uint8_t digest[SHA256_BYTES];
	char text[SHA256_TEXT];
	struct err err = { 0 };

	CU_ASSERT_TRUE(sha256_once("abc", 3, digest, &err));
	sha256_format(digest, text);
	CU_ASSERT_STRING_EQUAL(text,
		"ba7816bf8f01cfea414140de5dae2223"
		"b00361a396177a9cb410ff61f20015ad");
}

static void crc32c_vectors(void)
{
	const char *digits = "123456789";
	uint8_t zeros[32] = { 0 };

	CU_ASSERT_EQUAL(crc32c(0, digits, 9), 0xe3069283u);
	CU_ASSERT_EQUAL(crc32c(0, zeros, 32), 0x8a9136aau);
	CU_ASSERT_EQUAL(crc32c(crc32c(0, digits, 4), digits + 4, 5),
		0xe3069283u);
}

static void crc32c_is_one_sum(void)
{
	const char *text = "The tables and the processor must agree on every "
			   "length and on every place in memory.";
	const size_t len = strlen(text);

	for (size_t from = 0; from < 8; from++)
		for (size_t n = 0; n <= len - from; n++)
			CU_ASSERT_EQUAL(crc32c(7, text + from, n),
				crc32c_by_tables(7, text + from, n));
	CU_ASSERT_EQUAL(crc32c_by_tables(0, "123456789", 9), 0xe3069283u);
}

/* Long enough that the processor's sum goes over strips. */
static void crc32c_of_long_bytes(void)
{
	static uint8_t bytes[20000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 167 + i / 251);
	for (size_t from = 0; from < 8; from++)
		for (size_t n = 0; n <= sizeof(bytes) - from; n += 509)
			CU_ASSERT_EQUAL(crc32c(7, bytes + from, n),
				crc32c_by_tables(7, bytes + from, n));
	for (size_t n = 3060; n <= 3090; n++)
		CU_ASSERT_EQUAL(crc32c(0, bytes, n),
			crc32c_by_tables(0, bytes, n));
}

static void uuids_round_trip(void)
{
	struct uuid a, b;
	char text[UUID_TEXT];
	struct err err = { 0 };

	CU_ASSERT_TRUE(uuid_random(&a, &err));
	uuid_format(&a, text);
	CU_ASSERT_EQUAL(text[14], '4');
	CU_ASSERT_TRUE(uuid_parse(text, strlen(text), &b));
	CU_ASSERT_TRUE(uuid_equal(&a, &b));
	CU_ASSERT_FALSE(uuid_parse(text, 35, &b));
	text[8] = '0';
	CU_ASSERT_FALSE(uuid_parse(text, 36, &b));
}

/* The answers are another implementation's. */
static void names_give_uuids(void)
{
	static const struct {
		const char *name, *want;
	} cases[] = {
		{ "one", "2bdf6ffe-1691-51a2-8bb0-f1850e4afe7f" },
		{ "", "1ecbb0e9-7830-5575-b5fc-aa6b4e7fba38" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err err = { 0 };
		struct uuid uuid;
		char text[UUID_TEXT];

		CU_ASSERT_TRUE_FATAL(uuid_named(cases[i].name,
			strlen(cases[i].name), &uuid, &err));
		uuid_format(&uuid, text);
		CU_ASSERT_STRING_EQUAL(text, cases[i].want);
	}
}

CU_TestInfo hash_tests[] = {
	{ "SHA-256 of abc", sha256_vector },
	{ "CRC-32C vectors of RFC 3720", crc32c_vectors },
	{ "CRC-32C is the same with and without SSE 4.2", crc32c_is_one_sum },
	{ "CRC-32C of long bytes, too", crc32c_of_long_bytes },
	{ "UUIDs are version 4 and round-trip", uuids_round_trip },
	{ "a name gives one UUID of version 5", names_give_uuids },
	CU_TEST_INFO_NULL,
};
