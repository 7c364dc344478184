/* fuzz_ident.c - whatever the bytes, what is quoted reads back as it was. */
#include "common/db.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool claim)
{
	if (!claim)
		abort();
}

/* Reads quoted text from *at: a doubled byte of `doubled` stands for one. */
static char *read_quoted(const char *at, char quote, const char *doubled)
{
	char *out = calloc(1, strlen(at) + 1);
	size_t len = 0;

	expect(out != NULL && *at == quote);
	for (at++; *at != quote || at[1] == quote; at++) {
		expect(*at != '\0');
		if (strchr(doubled, *at) != NULL) {
			expect(at[1] == *at);
			at++;
		}
		out[len++] = *at;
	}
	expect(at[1] == '\0'); /* nothing behind the closing quote */
	return out;
}

static void check_ident(const char *text)
{
	struct buf sql = { 0 };
	struct err err = { 0 };

	if (sql_add_ident(&sql, text, &err)) {
		char *back = read_quoted(sql.data, '"', "\"");

		expect(strcmp(back, text) == 0);
		free(back);
	}
	buf_clear(&sql);
}

static void check_literal(const char *text)
{
	struct buf sql = { 0 };
	struct err err = { 0 };

	if (sql_add_literal(&sql, text, &err)) {
		const bool escapes = strncmp(sql.data, " E", 2) == 0;
		char *back = read_quoted(sql.data + (escapes ? 2 : 0), '\'',
			escapes ? "'\\" : "'");

		expect(escapes || strchr(text, '\\') == NULL);
		expect(strcmp(back, text) == 0);
		free(back);
	}
	buf_clear(&sql);
}

static void check_array(const char *text, size_t len)
{
	struct buf array = { 0 };
	struct err err = { 0 };
	size_t at = 2;

	if (sql_add_array_item(&array, text, len, &err)) {
		for (size_t i = 0; i < len; i++, at++) {
			at += array.data[at] == '\\';
			expect(array.data[at] == text[i]);
		}
		expect(strcmp(array.data + at, "\"}") == 0);
	}
	buf_clear(&array);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_ident(text);
	check_literal(text);
	check_array(text, size);
	free(text);
	return 0;
}
