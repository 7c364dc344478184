/* message.c - see message.h. */
#include "tests/support/api_server/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* -- memory ------------------------------------------------------------ */

void must(bool ok)
{
	if (ok)
		return;
	(void)fputs("api_server: out of memory\n", stderr);
	abort();
}

void *must_have(void *memory)
{
	must(memory != NULL);
	return memory;
}

char *copy_of(const char *text, size_t len)
{
	return must_have(strndup(text, len));
}

/* -- text -------------------------------------------------------------- */

static void say_list(struct buf *text, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

static void say_list(struct buf *text, const char *fmt, va_list args)
{
	char *line = NULL;

	must(vasprintf(&line, fmt, args) >= 0);
	say_bytes(text, line, strlen(line));
	free(line);
}

void say(struct buf *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say_list(text, fmt, args);
	va_end(args);
}

void say_bytes(struct buf *text, const void *bytes, size_t len)
{
	struct err err = { 0 };

	must(buf_add(text, bytes, len, &err));
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || strchr("-._~:/", c) != NULL;
}

void say_encoded(struct buf *text, const char *value)
{
	for (; *value != '\0'; value++) {
		if (is_plain(*value))
			say_bytes(text, value, 1);
		else
			say(text, "%%%02X", (unsigned)(unsigned char)*value);
	}
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, c | 0x20);

	return at == NULL ? -1 : (int)(at - digits);
}

size_t percent_decode(char *text, bool plus)
{
	char *out = text;

	for (const char *in = text; *in != '\0'; in++) {
		const int high = *in == '%' ? hex_digit(in[1]) : -1;
		const int low = high < 0 ? -1 : hex_digit(in[2]);

		if (low >= 0) {
			*out++ = (char)(high * 16 + low);
			in += 2;
		} else {
			*out++ = plus && *in == '+' ? ' ' : *in;
		}
	}
	*out = '\0';
	return (size_t)(out - text);
}

/* -- pairs ------------------------------------------------------------- */

static struct pair *find(const struct pairs *pairs, const char *name)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (strcasecmp(pairs->list[i].name, name) == 0)
			return &pairs->list[i];
	return NULL;
}

void pairs_add(struct pairs *pairs, const char *name, const char *value)
{
	if (pairs->count == pairs->room) {
		pairs->room = pairs->room * 2 + 8;
		pairs->list = must_have(reallocarray(pairs->list, pairs->room,
			sizeof(*pairs->list)));
	}
	pairs->list[pairs->count++] = (struct pair){
		.name = copy_of(name, strlen(name)),
		.value = copy_of(value, strlen(value)),
	};
}

void pairs_set(struct pairs *pairs, const char *name, const char *value)
{
	struct pair *pair = find(pairs, name);

	if (pair == NULL) {
		pairs_add(pairs, name, value);
		return;
	}
	free(pair->value);
	pair->value = copy_of(value, strlen(value));
}

const char *pairs_get(const struct pairs *pairs, const char *name)
{
	const struct pair *pair = find(pairs, name);

	return pair == NULL ? NULL : pair->value;
}

int64_t pairs_int(const struct pairs *pairs, const char *name,
	int64_t otherwise)
{
	const char *text = pairs_get(pairs, name);

	return text == NULL || text[0] == '\0' ? otherwise :
		strtoll(text, NULL, 10);
}

void pairs_clear(struct pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		free(pairs->list[i].name);
		free(pairs->list[i].value);
	}
	free(pairs->list);
	*pairs = (struct pairs){ 0 };
}

static void read_one(struct pairs *pairs, char *name)
{
	char *value = strchr(name, '=');

	if (value != NULL)
		*value++ = '\0';
	(void)percent_decode(name, true);
	if (value != NULL)
		(void)percent_decode(value, true);
	pairs_add(pairs, name, value == NULL ? "" : value);
}

void pairs_read_query(struct pairs *pairs, const char *text, size_t len)
{
	char *copy = copy_of(text, len);
	char *next = copy;
	char *one;

	while ((one = strsep(&next, "&")) != NULL)
		if (one[0] != '\0')
			read_one(pairs, one);
	free(copy);
}

/* -- answers ----------------------------------------------------------- */

void answer_clear(struct answer *answer)
{
	pairs_clear(&answer->headers);
	buf_clear(&answer->body);
	*answer = (struct answer){ .status = 200, .cut = -1 };
}

void answer_message(struct answer *answer, unsigned status, const char *fmt,
	...)
{
	va_list args;

	buf_clear(&answer->body);
	answer->status = status;
	pairs_set(&answer->headers, "Content-Type",
		"application/json; charset=utf-8");
	say(&answer->body, "{\"message\": \"");
	va_start(args, fmt);
	say_list(&answer->body, fmt, args);
	va_end(args);
	say(&answer->body, "\"}");
}

void answer_text(struct answer *answer, const char *fmt, ...)
{
	va_list args;

	pairs_set(&answer->headers, "Content-Type", "text/plain");
	va_start(args, fmt);
	say_list(&answer->body, fmt, args);
	va_end(args);
}
