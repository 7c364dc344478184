/* s3_text.c - what S3 wants to read and what it writes.
 *
 * Its answers are small XML of one known shape each, without attributes that
 * matter, comments or sections: elements are found by name. */
#include "common/s3_text.h"
#include "common/datetime.h"

#include <stdlib.h>
#include <string.h>

#define EPOCH_2000_US ((int64_t)946684800 * 1000000)

/* -- addresses ------------------------------------------------------------- */

static bool is_plain(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		(c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
		c == '~';
}

bool s3_encode(const char *text, bool path, struct buf *out, struct err *err)
{
	bool ok = buf_grow(out, 0, err);

	for (const char *c = text; ok && *c != '\0'; c++)
		if (is_plain((unsigned char)*c) || (path && *c == '/'))
			ok = buf_add_char(out, *c, err);
		else
			ok = buf_printf(out, err, "%%%02X",
				(unsigned)(unsigned char)*c);
	return ok;
}

/* -- answers --------------------------------------------------------------- */

/* Where "<name>" or "</name>" ends after at, or begins when that is asked. */
static const char *find_tag(const struct s3_xml *xml, size_t at,
	const char *name, bool closing, const char **begins)
{
	const char *end = xml->text + xml->len;
	const char *c = xml->text + at;
	const size_t len = strlen(name);
	const size_t lead = closing ? 2 : 1;

	while (c < end && (c = memchr(c, '<', (size_t)(end - c))) != NULL) {
		const char *word = c + lead;
		const char *stop;

		if ((size_t)(end - c) > lead + len &&
			(!closing || c[1] == '/') &&
			memcmp(word, name, len) == 0 &&
			strchr("> \t\r\n", word[len]) != NULL &&
			(stop = memchr(word, '>', (size_t)(end - word))) !=
				NULL) {
			*begins = c;
			return stop + 1;
		}
		c++;
	}
	return NULL;
}

bool s3_xml_next(const struct s3_xml *xml, const char *name, size_t *at,
	struct s3_xml *inside)
{
	const char *begins, *from, *behind;

	from = xml->len <= *at ? NULL :
		find_tag(xml, *at, name, false, &begins);
	if (from == NULL)
		return false;
	behind = find_tag(xml, (size_t)(from - xml->text), name, true,
		&begins);
	if (behind == NULL)
		return false;
	*inside = (struct s3_xml){ from, (size_t)(begins - from) };
	*at = (size_t)(behind - xml->text);
	return true;
}

static bool add_utf8(uint32_t c, struct buf *out, struct err *err)
{
	char text[4];
	size_t len = 0;

	if (c < 0x80) {
		text[len++] = (char)c;
	} else if (c < 0x800) {
		text[len++] = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		text[len++] = (char)(0xe0 | c >> 12);
		text[len++] = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		text[len++] = (char)(0xf0 | (c >> 18 & 7));
		text[len++] = (char)(0x80 | (c >> 12 & 0x3f));
		text[len++] = (char)(0x80 | (c >> 6 & 0x3f));
	}
	if (c >= 0x80)
		text[len++] = (char)(0x80 | (c & 0x3f));
	return buf_add(out, text, len, err);
}

/* What stands between & and ; is no entity: it is left out. */
static bool add_entity(const char *name, size_t len, struct buf *out,
	struct err *err)
{
	static const struct {
		const char *name;
		char stands_for;
	} known[] = { { "amp", '&' }, { "lt", '<' }, { "gt", '>' },
		{ "quot", '"' }, { "apos", '\'' } };
	const bool hex = len > 1 && name[1] == 'x';
	unsigned long number;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i].name) == len &&
			memcmp(known[i].name, name, len) == 0)
			return buf_add_char(out, known[i].stands_for, err);
	if (len < 2 || name[0] != '#')
		return true;
	number = strtoul(name + (hex ? 2 : 1), NULL, hex ? 16 : 10);
	return number == 0 || number > 0x10ffff ||
		add_utf8((uint32_t)number, out, err);
}

static bool decode(const struct s3_xml *xml, struct buf *out, struct err *err)
{
	const char *end = xml->text + xml->len;
	bool ok = true;

	for (const char *c = xml->text; ok && c < end; c++) {
		const char *stop = *c != '&' ? NULL :
			memchr(c, ';', (size_t)(end - c));

		if (stop == NULL) {
			ok = buf_add_char(out, *c, err);
		} else {
			ok = add_entity(c + 1, (size_t)(stop - c - 1), out,
				err);
			c = stop;
		}
	}
	return ok;
}

bool s3_xml_text(const struct s3_xml *xml, const char *name, struct buf *out,
	struct err *err)
{
	struct s3_xml inside;
	size_t at = 0;

	buf_reset(out);
	return buf_grow(out, 0, err) &&
		(!s3_xml_next(xml, name, &at, &inside) ||
			decode(&inside, out, err));
}

/* -- times ----------------------------------------------------------------- */

int64_t s3_time_of_listing(const char *text)
{
	int64_t us;

	return datetime_time(text, strlen(text), false, &us) ?
		us + EPOCH_2000_US : 0;
}

/* Not by strptime: its names of months follow the locale. */
int64_t s3_time_of_header(const char *text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char iso[] = "YYYY-MM-DD HH:MM:SS";
	unsigned month = 0;

	if (strlen(text) != strlen("Sun, 22 Nov 2026 10:30:00 GMT"))
		return 0;
	while (month < 12 && memcmp(months + (size_t)month * 3, text + 8, 3) !=
		0)
		month++;
	memcpy(iso, text + 12, 4);
	iso[5] = (char)('0' + (month + 1) / 10);
	iso[6] = (char)('0' + (month + 1) % 10);
	memcpy(iso + 8, text + 5, 2);
	memcpy(iso + 11, text + 17, 8);
	return s3_time_of_listing(iso);
}
