/* oracle.c - PostgreSQL's json judges the reader: texts made from the corpora
 * by mutation, and by rule, are accepted by both or by neither.
 *
 * usage: oracle RUNS SEED FOLDER...   (SLUICE_CONFIG names the servers)
 *
 * Held for each text: json_parse accepts it exactly if `convert_from(text,
 * 'UTF8')::json` does; an object, or an array of objects, that PostgreSQL
 * accepts is read whole, its records' bytes as they stand there; and what
 * the reader takes for records, of any text, PostgreSQL accepts.
 *
 * Allowed to differ: nesting deeper than JSON_DEPTH_MAX, which is ours to
 * refuse (code json_depth). Nothing else.
 *
 * A seed gives the same texts again. Exit 0: no difference; 1: some; 69: no
 * server. */
#include "cli/connect.h"
#include "common/jsonscan.h"
#include "producer/reader.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BATCH 2000
#define TEXT_MAX 320
#define POOL_MAX 4096
#define REPORTS_MAX 20

struct text {
	char data[TEXT_MAX];
	size_t len;
};

static const char judge[] =
	"create function pg_temp.verdict(t bytea) returns boolean "
	"language plpgsql as $$ begin "
	"perform convert_from(t, 'UTF8')::json; return true; "
	"exception when data_exception then return false; end $$";
static const char ask[] =
	"select string_agg(case when pg_temp.verdict(t) then '1' else '0' end, "
	"'' order by n) from unnest($1::bytea[]) with ordinality as u (t, n)";

static struct text pool[POOL_MAX];
static size_t pool_count;
static uint64_t dice;

/* -- texts ------------------------------------------------------------- */

static size_t roll(size_t sides)
{
	dice ^= dice >> 12;
	dice ^= dice << 25;
	dice ^= dice >> 27;
	return (size_t)((dice * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % sides;
}

/* Replaces `cut` bytes at `at`; what does not fit is left off. */
static void splice(struct text *text, size_t at, size_t cut, const char *with,
	size_t len)
{
	char rest[TEXT_MAX];
	const size_t rest_len = text->len - at - cut;
	size_t room = TEXT_MAX - at;

	memcpy(rest, text->data + at + cut, rest_len);
	if (len > room)
		len = room;
	memcpy(text->data + at, with, len);
	room -= len;
	text->len = at + len + (rest_len < room ? rest_len : room);
	memcpy(text->data + at + len, rest, text->len - at - len);
}

static const struct {
	const char *data;
	size_t len;
} words[] = {
#define WORD(text) { text, sizeof(text) - 1 }
	WORD("{"), WORD("}"), WORD("["), WORD("]"), WORD("\""), WORD(","),
	WORD(":"), WORD("true"), WORD("false"), WORD("null"), WORD("0"),
	WORD("-"), WORD("-0"), WORD("1e5"), WORD("1E+400"), WORD(".5"),
	WORD("01"), WORD("9007199254740993"), WORD("{\"a\":1}"),
	WORD("\"a\":"), WORD("\\"), WORD("\\u0000"), WORD("\\ud83d\\ude00"),
	WORD("\\ud800"), WORD("\\udc00"), WORD("\\u00"), WORD("\\n"),
	WORD("\\x"), WORD(" "), WORD("\n"), WORD("\r\n"), WORD("\t"),
	WORD("\f"), WORD("\0"), WORD("\x1f"), WORD("\x7f"),
	WORD("\xef\xbb\xbf"), WORD("\xc3\xa9"), WORD("\xf0\x9f\x98\x80"),
	WORD("\xed\xa0\x80"), WORD("\xc0\x80"), WORD("\xe0\x80\x80"),
	WORD("\xf4\x90\x80\x80"), WORD("\xf8"), WORD("\xff"), WORD("\x80"),
	WORD("\xc2\xa0"), WORD("\xe2\x80\xa8"), WORD("NaN"), WORD("'"),
	WORD("//"), WORD("\"\""), WORD("[]"), WORD("{}"), WORD("\xef\xbf\xbf"),
};

static void mutate(struct text *text)
{
	const size_t at = roll(text->len + 1);
	size_t run = roll(8) + 1;
	const struct text *other = &pool[roll(pool_count)];
	const size_t word = roll(sizeof(words) / sizeof(*words));
	char byte = (char)roll(256);

	if (run > text->len - at)
		run = text->len - at;
	switch (roll(7)) {
	case 0: /* another byte */
		splice(text, at, run > 0, &byte, 1);
		break;
	case 1: /* less */
		splice(text, at, run, "", 0);
		break;
	case 2: /* twice */
		splice(text, at, 0, text->data + at, run);
		break;
	case 3: /* the end of another one */
		run = roll(other->len + 1);
		splice(text, at, text->len - at, other->data + run,
			other->len - run);
		break;
	case 4: /* cut off */
		text->len = at;
		break;
	case 5: /* a word in place of some bytes */
		splice(text, at, run, words[word].data, words[word].len);
		break;
	default:
		splice(text, at, 0, words[word].data, words[word].len);
	}
}

static void add(struct text *text, const char *word)
{
	splice(text, text->len, 0, word, strlen(word));
}

static void add_scalar(struct text *text)
{
	static const char *const scalars[] = { "0", "-1", "12.50", "1e3",
		"2E-7", "true", "false", "null", "\"\"", "\"a\"", "\"\\u00e9\"",
		"\"\xc3\xa9\"", "\"\\\\\\\"\"", "\"\\ud800\"", "\"\\u0000\"",
		"123456789012345678901234567890.5" };

	add(text, scalars[roll(sizeof(scalars) / sizeof(*scalars))]);
}

static void add_blank(struct text *text)
{
	static const char *const blanks[] = { "", "", "", "", " ", "\n", "\r\n",
		"\t" };

	add(text, blanks[roll(8)]);
}

/* A value by the rules; small enough that most fit. */
static void add_value(struct text *text, int depth)
{
	const size_t kind = roll(4);
	const bool object = kind == 0;
	size_t more = roll(4);

	if (depth == 0 || kind > 1) {
		add_scalar(text);
		return;
	}
	add(text, object ? "{" : "[");
	for (add_blank(text); more > 0; more--) {
		if (object) {
			add(text, roll(2) != 0 ? "\"a\"" : "\"b\"");
			add_blank(text);
			add(text, ":");
		}
		add_value(text, depth - 1);
		add_blank(text);
		add(text, more > 1 ? "," : "");
	}
	add(text, object ? "}" : "]");
}

static void make_text(struct text *text)
{
	text->len = 0;
	if (roll(4) != 0) {
		add_blank(text);
		add_value(text, (int)roll(5));
		add_blank(text);
	} else
		*text = pool[roll(pool_count)];
	for (size_t i = roll(3); i > 0; i--)
		mutate(text);
}

/* Some corpora have bytes of their own in front: without these as well. */
static void learn(const char *path, size_t skip)
{
	FILE *file = fopen(path, "rb");
	struct text *text = &pool[pool_count];

	if (file == NULL || pool_count == POOL_MAX)
		return;
	if (fseek(file, (long)skip, SEEK_SET) == 0)
		text->len = fread(text->data, 1, TEXT_MAX, file);
	pool_count += text->len > 0;
	(void)fclose(file);
}

static void learn_folder(const char *folder)
{
	struct dirent **entries = NULL;
	const int count = scandir(folder, &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		char path[4096];

		(void)snprintf(path, sizeof(path), "%s/%s", folder,
			entries[i]->d_name);
		if (entries[i]->d_name[0] != '.') {
			learn(path, 0);
			learn(path, 1);
			learn(path, 3);
		}
		free(entries[i]);
	}
	free(entries);
}

/* -- what the reader says ----------------------------------------------- */

struct reading {
	uint64_t records;
	uint64_t rejects;
	struct buf bodies; /* a record a line; none of a compressed file, which
			    * is fuzz_input's matter */
};

static bool read_text(int fd, const struct text *text,
	struct reading *reading, struct err *err)
{
	const struct reader_limits limits = { .chunk_records = 1000,
		.chunk_bytes = 1 << 20, .max_record_bytes = 1 << 20 };
	struct reader *reader = NULL;
	struct piece piece = { .kind = PIECE_CHUNK };
	bool ok = ftruncate(fd, 0) == 0 &&
		pwrite(fd, text->data, text->len, 0) == (ssize_t)text->len;

	reading->records = reading->rejects = 0;
	buf_reset(&reading->bodies);
	if (!ok)
		return err_errno(err, ERR_STOP, "write the text");
	reader = reader_open_step(fd, &limits, 1024, err);
	ok = reader != NULL;
	while (ok && piece.kind != PIECE_END) {
		ok = reader_next(reader, &piece, err);
		if (!ok || piece.kind == PIECE_END)
			break;
		reading->rejects += piece.kind == PIECE_REJECT;
		if (piece.kind == PIECE_REJECT)
			continue;
		reading->records += piece.envelope.records;
		ok = buf_add(&reading->bodies, piece.body.data, piece.body.len,
			err);
	}
	if (ok && memchr(piece.envelope.format.data, '+',
		piece.envelope.format.len) != NULL) {
		reading->records = reading->rejects = 0;
		buf_reset(&reading->bodies);
	}
	reader_close(reader);
	return ok;
}

/* Elements of an array of objects, 1 for an object; 0: neither. */
static uint64_t objects_in(const char *text, size_t len)
{
	static struct json_tape tape;
	struct json_fault fault;
	uint64_t count = 0;

	if (json_parse(text, len, &tape, &fault) != JSON_OK)
		return 0;
	if (tape.nodes[0].type == JSON_OBJECT)
		return 1;
	if (tape.nodes[0].type != JSON_ARRAY)
		return 0;
	for (uint32_t i = 1; i < tape.count; i = tape.nodes[i].next) {
		if (tape.nodes[i].type != JSON_OBJECT)
			return 0;
		count++;
	}
	return count;
}

/* Every byte of the records stands in the text, in its order; breaks between
 * tokens have become blanks. */
static bool bodies_stand_in(const struct reading *reading,
	const struct text *text)
{
	size_t at = 0;

	for (size_t i = 0; i < reading->bodies.len; i++) {
		const char want = reading->bodies.data[i];

		if (want == '\n')
			continue;
		while (at < text->len && text->data[at] != want &&
			!(want == ' ' && (text->data[at] == '\n' ||
						 text->data[at] == '\r')))
			at++;
		if (at++ == text->len)
			return false;
	}
	return true;
}

/* -- a batch ------------------------------------------------------------ */

/* What was asked: a text, or the records that the reader found in it. */
struct question {
	struct text text;
	bool of_records;
	bool want; /* what json_parse said; of records: true */
	const char *code;
	uint64_t objects, records, rejects;
	bool stand;
};

static struct question *questions;
static size_t question_count;
static uint64_t made, accepted, deep, reports;

static bool add_question(struct buf *array, const struct question *question,
	const char *text, size_t len, struct err *err)
{
	static const char hex[] = "0123456789abcdef";

	questions[question_count++] = *question;
	if (!buf_add_str(array, array->len == 0 ? "{\"\\\\x" : ",\"\\\\x", err) ||
		!buf_grow(array, 2 * len + 2, err))
		return false;
	for (size_t i = 0; i < len; i++) {
		array->data[array->len++] = hex[(uint8_t)text[i] >> 4];
		array->data[array->len++] = hex[(uint8_t)text[i] & 15];
	}
	return buf_add_char(array, '"', err);
}

/* All records as one array. */
static bool ask_records(struct buf *array, struct question *question,
	struct reading *reading, struct err *err)
{
	struct buf all = { 0 };
	bool ok = buf_add_char(&all, '[', err) &&
		buf_add(&all, reading->bodies.data, reading->bodies.len, err);

	for (size_t i = 0; ok && i < all.len; i++)
		if (all.data[i] == '\n')
			all.data[i] = ',';
	if (ok) {
		all.data[all.len - 1] = ']';
		question->of_records = true;
		question->want = true;
		ok = add_question(array, question, all.data, all.len, err);
	}
	buf_clear(&all);
	return ok;
}

static bool make_question(int fd, struct buf *array, struct reading *reading,
	struct err *err)
{
	static struct json_tape tape;
	struct json_fault fault = { .code = "" };
	struct question question = { .of_records = false };
	struct text *text = &question.text;

	make_text(text);
	made++;
	if (!read_text(fd, text, reading, err))
		return false;
	question.want = json_parse(text->data, text->len, &tape, &fault) ==
		JSON_OK;
	question.code = question.want ? "" : fault.code;
	question.objects = objects_in(text->data, text->len);
	question.records = reading->records;
	question.rejects = reading->rejects;
	question.stand = bodies_stand_in(reading, text);
	if (!add_question(array, &question, text->data, text->len, err))
		return false;
	return reading->records == 0 || question.objects > 0 ||
		ask_records(array, &question, reading, err);
}

static void report(const struct question *question, bool verdict,
	const char *what)
{
	struct buf line = { 0 };
	struct err err = { 0 };

	if (reports++ < REPORTS_MAX &&
		buf_add_escaped(&line, question->text.data, question->text.len,
			&err))
		printf("DIFFERENCE %s\n  text: %s\n  ours: %s %s, %llu records, "
			"%llu rejects; json: %s\n", what, line.data,
			question->want ? "accepted" : "refused", question->code,
			(unsigned long long)question->records,
			(unsigned long long)question->rejects,
			verdict ? "accepted" : "refused");
	buf_clear(&line);
}

static void compare(const struct question *question, bool verdict)
{
	if (question->of_records) {
		if (!verdict)
			report(question, verdict, "in what the records hold");
		return;
	}
	accepted += verdict;
	if (strcmp(question->code, "json_depth") == 0) {
		deep++;
		return;
	}
	if (question->want != verdict)
		report(question, verdict, "in what is JSON");
	else if (!question->stand)
		report(question, verdict, "in the bytes of records");
	else if (verdict && question->objects > 0 &&
		(question->records != question->objects ||
			question->rejects > 0))
		report(question, verdict, "in how many records there are");
}

static bool run_batch(struct db *db, int fd, struct err *err)
{
	struct db_result *result = NULL;
	struct reading reading = { 0 };
	struct buf array = { 0 };
	const char *values[1];
	bool ok = true;

	question_count = 0;
	for (int i = 0; ok && i < BATCH; i++)
		ok = make_question(fd, &array, &reading, err);
	ok = ok && buf_add_char(&array, '}', err);
	values[0] = array.data;
	ok = ok && db_query(db, ask, 1, values, &result, err);
	if (ok && db_value_len(result, 0, 0) != question_count)
		ok = err_set(err, ERR_STOP, "%zu answers to %zu questions",
			db_value_len(result, 0, 0), question_count);
	for (size_t i = 0; ok && i < question_count; i++)
		compare(&questions[i], db_value(result, 0, 0)[i] == '1');
	db_result_free(result);
	buf_clear(&array);
	buf_clear(&reading.bodies);
	return ok;
}

static bool run(struct db *db, uint64_t runs, uint64_t seed, struct err *err)
{
	const int fd = memfd_create("text", MFD_CLOEXEC);
	bool ok = fd >= 0 && db_exec(db, judge, err);

	questions = calloc((size_t)2 * BATCH, sizeof(*questions));
	ok = ok && questions != NULL;
	for (uint64_t batch = 0; ok && made < runs; batch++) {
		dice = (seed + batch) * UINT64_C(0x9e3779b97f4a7c15) | 1;
		ok = run_batch(db, fd, err);
		if (batch % 50 == 49) {
			printf("#%llu texts, %llu of them JSON, differences: "
				"%llu\n", (unsigned long long)made,
				(unsigned long long)accepted,
				(unsigned long long)reports);
			(void)fflush(stdout);
		}
	}
	free(questions);
	if (fd >= 0)
		close(fd);
	return ok;
}

int main(int argc, char **argv)
{
	struct config config = { 0 };
	struct err err = { 0 };
	struct db *db = NULL;
	bool ok;

	if (argc < 4)
		return 64;
	for (int i = 3; i < argc; i++)
		learn_folder(argv[i]);
	if (pool_count > 0 && config_load(&config, NULL, NULL, &err))
		db = connect_db(&config, &config.owner, false, 0, &err);
	ok = db != NULL &&
		run(db, strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10),
			&err);
	if (!ok)
		(void)fprintf(stderr, "oracle: %s\n", err.text);
	printf("seed %s: %llu texts, %llu of them JSON, %llu too deep to "
		"compare, differences: %llu\n", argv[2],
		(unsigned long long)made, (unsigned long long)accepted,
		(unsigned long long)deep, (unsigned long long)reports);
	printf("stat::number_of_executed_units: %llu\n",
		(unsigned long long)made);
	db_close(db);
	config_clear(&config);
	if (!ok)
		return 69;
	return reports > 0;
}
