/* test_sending.c - files become messages, and changes under way are found. */
#include "producer/sending.h"
#include "common/log.h"
#include "common/place.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORDS 10
#define MESSAGES_MAX 32

static char dir[64];
static int root;

/* What came of a file, in order. */
static struct outgoing *messages[MESSAGES_MAX];
static size_t message_count;

static void setup(void)
{
	struct err err = { 0 };

	(void)snprintf(dir, sizeof(dir), "/tmp/sluice-sending-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	root = place_root(dir, &err);
	CU_ASSERT_TRUE(place_make(root, "o/.claimed", &err));
	log_setup(LOG_ERROR, LOG_LOGFMT);
}

static int remove_one(const char *path, const struct stat *st, int flag,
	struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void forget_messages(void)
{
	while (message_count > 0)
		outgoing_free(messages[--message_count]);
}

static void teardown(void)
{
	forget_messages();
	log_setup(LOG_INFO, LOG_LOGFMT);
	close(root);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* -- files ------------------------------------------------------------ */

static int open_claimed(const struct source *source, int flags)
{
	struct buf path = { 0 };
	struct err err = { 0 };
	int fd;

	CU_ASSERT_TRUE(source_claimed_path(source, &path, &err));
	fd = openat(root, path.data, flags, 0600);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	buf_clear(&path);
	return fd;
}

static void note_claim(struct source *source, int fd, const char *text)
{
	struct err err = { 0 };
	struct stat st;

	CU_ASSERT_EQUAL(fstat(fd, &st), 0);
	source->size = (uint64_t)st.st_size;
	source->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 +
		st.st_mtim.tv_nsec;
	CU_ASSERT_TRUE(sha256_once(text, strlen(text), source->sha256, &err));
}

/* A claimed file of RECORDS lines of 10 bytes, two records a chunk; end is
 * what follows the last record. The time lies in the past, so that any write
 * changes it. */
static struct source *claimed_with(const char *end)
{
	const struct timespec old[] = { { 1000000, 0 }, { 1000000, 0 } };
	struct err err = { 0 };
	char text[RECORDS * 10 + 32] = "";
	struct source *s = source_new("p", "d", "o", "o/n\xff.json", &err);
	int fd;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_TRUE(uuid_random(&s->drop, &err));
	s->limits = (struct reader_limits){ 2, 1000, 1000, "" };
	s->reader_version = READER_VERSION;
	s->claimed_us = 77;
	for (int i = 0; i < RECORDS; i++)
		(void)snprintf(text + i * 10, 32, "{\"a\": %2d}%s", i,
			i < RECORDS - 1 ? "\n" : end);
	fd = open_claimed(s, O_RDWR | O_CREAT);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	CU_ASSERT_EQUAL(futimens(fd, old), 0);
	note_claim(s, fd, text);
	close(fd);
	return s;
}

static struct source *claimed(void)
{
	return claimed_with("\n");
}

static void scribble(const struct source *source, off_t at)
{
	const int fd = open_claimed(source, O_RDWR);

	CU_ASSERT_EQUAL(pwrite(fd, "[", 1, at), 1);
	close(fd);
}

/* A change that neither size nor time show. */
static void scribble_secretly(const struct source *source, off_t at)
{
	const struct timespec old[] = { { 1000000, 0 }, { 1000000, 0 } };
	const int fd = open_claimed(source, O_RDWR);

	CU_ASSERT_EQUAL(pwrite(fd, "8", 1, at), 1);
	CU_ASSERT_EQUAL(futimens(fd, old), 0);
	close(fd);
}

/* -- sending ---------------------------------------------------------- */

static struct sending *begin(struct source *source)
{
	struct err err = { 0 };
	struct sending *sending = sending_new(source, dir, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(sending);
	return sending;
}

static bool step(struct sending *sending, struct err *err)
{
	struct outgoing *given[SENDING_GIVES];
	size_t count = 0;

	if (!sending_next(sending, given, &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		CU_ASSERT_TRUE_FATAL(message_count < MESSAGES_MAX);
		messages[message_count++] = given[i];
	}
	return true;
}

static void step_to(struct sending *sending, size_t count)
{
	struct err err = { 0 };

	while (message_count < count && !sending->ended)
		CU_ASSERT_TRUE_FATAL(step(sending, &err));
}

static void to_the_end(struct sending *sending)
{
	step_to(sending, MESSAGES_MAX);
	CU_ASSERT_TRUE(sending->ended);
}

/* Kinds in order ("cc...rm"); the ranges tile, and the numbers agree. */
static void check_messages(const char *kinds, uint64_t from, uint64_t size)
{
	const struct envelope *last;
	uint64_t at = from, records = 0;

	CU_ASSERT_EQUAL_FATAL(message_count, strlen(kinds));
	for (size_t i = 0; i < message_count; i++) {
		const struct envelope *e = &messages[i]->envelope;

		CU_ASSERT_EQUAL("crm"[e->kind], kinds[i]);
		CU_ASSERT_EQUAL(e->lo, at);
		CU_ASSERT_EQUAL(messages[i]->after.offset, e->hi);
		CU_ASSERT_EQUAL(messages[i]->last, i == message_count - 1);
		CU_ASSERT_EQUAL(e->claimed_us, 77);
		CU_ASSERT_EQUAL(e->source.len, strlen("o/n\xff.json"));
		records += e->records;
		at = e->hi;
	}
	last = &messages[message_count - 1]->envelope;
	CU_ASSERT_EQUAL(last->size, size);
	CU_ASSERT_EQUAL(last->hi, size);
	if (from == 0)
		CU_ASSERT_EQUAL(last->all_records, records);
	CU_ASSERT_EQUAL(last->chunks + last->rejects,
		message_count - 1 + from / 20);
}

/* Every message must pass what the consumer checks. */
static void check_decodes(void)
{
	for (size_t i = 0; i < message_count; i++) {
		char id[ENVELOPE_ID_TEXT];
		struct message message = { 0 };
		struct envelope back = { 0 };
		struct err err = { 0 };

		envelope_encode(&messages[i]->envelope, id, &message);
		message.body = messages[i]->body;
		CU_ASSERT_TRUE(envelope_decode(&message, &back, &err));
		if (err.kind != ERR_NONE)
			(void)fprintf(stderr, "%s\n", err.text);
		CU_ASSERT_STRING_EQUAL(id, messages[i]->id);
	}
}

static void a_file_is_sent_whole(void)
{
	struct sending *sending;

	setup();
	sending = begin(claimed());
	to_the_end(sending);
	check_messages("cccccm", 0, RECORDS * 10);
	check_decodes();
	CU_ASSERT_FALSE(sending->failed);
	CU_ASSERT_EQUAL(messages[5]->envelope.file_size, RECORDS * 10);
	sending_free(sending);
	teardown();
}

/* From every confirmed prefix on, the rest has the same names. */
static void resumed_files_go_on_alike(void)
{
	char ids[6][ENVELOPE_ID_TEXT];
	struct reader_position after[6];
	struct sending *sending;
	struct source *source;

	setup();
	sending = begin(claimed());
	to_the_end(sending);
	for (size_t i = 0; i < 6; i++) {
		memcpy(ids[i], messages[i]->id, sizeof(ids[i]));
		after[i] = messages[i]->after;
	}
	source = sending_take_source(sending);
	sending_free(sending);
	for (size_t done = 0; done < 5; done++) {
		forget_messages();
		source->position = after[done];
		source->resumed = true;
		sending = begin(source);
		to_the_end(sending);
		CU_ASSERT_EQUAL_FATAL(message_count, 5 - done);
		for (size_t i = 0; i < message_count; i++)
			CU_ASSERT_STRING_EQUAL(messages[i]->id,
				ids[done + 1 + i]);
		source = sending_take_source(sending);
		sending_free(sending);
	}
	source_free(source);
	teardown();
}

static void check_changed(struct sending *sending, const char *kinds,
	uint64_t size)
{
	const struct envelope *rest;

	to_the_end(sending);
	check_messages(kinds, 0, size);
	check_decodes();
	CU_ASSERT_TRUE(sending->failed);
	CU_ASSERT_STRING_EQUAL(sending->code, "source_changed");
	rest = &messages[message_count - 2]->envelope;
	CU_ASSERT_EQUAL(rest->length, rest->hi - rest->lo);
	CU_ASSERT_EQUAL(rest->offset, rest->lo);
	sending_free(sending);
	teardown();
}

static void changed_under_way_rejects_the_rest(void)
{
	struct sending *sending;

	setup();
	sending = begin(claimed());
	step_to(sending, 2);
	scribble(sending->source, 95);
	check_changed(sending, "cccrm", RECORDS * 10);
}

static void changed_before_the_first_look_rejects_all(void)
{
	struct sending *sending;

	setup();
	sending = begin(claimed());
	scribble(sending->source, 95);
	check_changed(sending, "rm", RECORDS * 10);
}

static void cut_under_way_rejects_the_rest(void)
{
	struct sending *sending;
	int fd;

	setup();
	sending = begin(claimed());
	step_to(sending, 1);
	fd = open_claimed(sending->source, O_RDWR);
	CU_ASSERT_EQUAL(ftruncate(fd, 55), 0);
	close(fd);
	check_changed(sending, "ccrm", RECORDS * 10);
}

static void secret_changes_show_in_the_digest(void)
{
	struct sending *sending;

	setup();
	sending = begin(claimed());
	step_to(sending, 1);
	scribble_secretly(sending->source, 96);
	check_changed(sending, "ccccrm", RECORDS * 10);
}

static void changed_behind_the_last_piece_rejects_that(void)
{
	struct sending *sending;

	setup();
	sending = begin(claimed_with(""));
	step_to(sending, 4);
	scribble(sending->source, 5);
	check_changed(sending, "ccccrm", RECORDS * 10 - 1);
}

static void resumed_and_changed_sends_no_more(void)
{
	struct err err = { 0 };
	struct sending *sending;

	setup();
	sending = begin(claimed());
	sending->source->resumed = true;
	step_to(sending, 2);
	scribble(sending->source, 95);
	CU_ASSERT_FALSE(step(sending, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	CU_ASSERT_EQUAL(message_count, 2);
	sending_free(sending);
	teardown();
}

/* An earlier process may have sent some of it: no range may overlap that. */
static void changed_while_nobody_looked_sends_nothing(void)
{
	struct err err = { 0 };
	struct sending *sending;

	setup();
	sending = begin(claimed());
	sending->source->resumed = true;
	scribble(sending->source, 95);
	CU_ASSERT_FALSE(step(sending, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	CU_ASSERT_FALSE(sending->gone);
	CU_ASSERT_EQUAL(message_count, 0);
	sending_free(sending);
	teardown();
}

static void another_splitter_sends_nothing(void)
{
	struct err err = { 0 };
	struct sending *sending;

	setup();
	sending = begin(claimed());
	sending->source->resumed = true;
	sending->source->reader_version = READER_VERSION + 1;
	CU_ASSERT_FALSE(step(sending, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "another version"));
	sending_free(sending);
	teardown();
}

static void a_missing_file_is_gone(void)
{
	struct err err = { 0 };
	struct buf path = { 0 };
	struct sending *sending;

	setup();
	sending = begin(claimed());
	CU_ASSERT_TRUE(source_claimed_path(sending->source, &path, &err));
	CU_ASSERT_EQUAL(unlinkat(root, path.data, 0), 0);
	CU_ASSERT_FALSE(step(sending, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	CU_ASSERT_TRUE(sending->gone);
	buf_clear(&path);
	sending_free(sending);
	teardown();
}

/* Of a file that lies elsewhere by now, what is not loaded yet. */
static void loaded_pieces_are_left_out(void)
{
	static const struct source_range loaded[] = { { 0, 19 }, { 39, 59 },
		{ 59, 78 }, { 99, 100 } };
	struct source *source;
	struct sending *sending;
	struct buf path = { 0 };
	struct err err = { 0 };

	setup();
	source = claimed();
	CU_ASSERT_TRUE(source_claimed_path(source, &path, &err));
	CU_ASSERT_EQUAL(renameat(root, path.data, root, "kept"), 0);
	source->kept_root = dir;
	source->kept = strdup("kept");
	source->loaded = malloc(sizeof(loaded));
	CU_ASSERT_PTR_NOT_NULL_FATAL(source->loaded);
	memcpy(source->loaded, loaded, sizeof(loaded));
	source->loaded_count = sizeof(loaded) / sizeof(*loaded);
	sending = begin(source);
	to_the_end(sending);
	CU_ASSERT_EQUAL_FATAL(message_count, 4);
	CU_ASSERT_EQUAL(messages[0]->envelope.lo, 19);
	CU_ASSERT_EQUAL(messages[1]->envelope.lo, 59); /* 59-78 is another */
	CU_ASSERT_EQUAL(messages[2]->envelope.lo, 79);
	CU_ASSERT_TRUE(messages[3]->last);
	CU_ASSERT_EQUAL(messages[3]->envelope.all_records, RECORDS);
	CU_ASSERT_EQUAL(messages[3]->envelope.chunks, 5);
	check_decodes();
	buf_clear(&path);
	sending_free(sending);
	teardown();
}

/* Far more often than trouble with the file itself is borne with. */
static void a_missing_folder_is_waited_for(void)
{
	struct err err = { 0 };
	struct sending *sending;

	setup();
	sending = begin(claimed());
	CU_ASSERT_EQUAL(renameat(root, "o", root, "away"), 0);
	for (int i = 0; i < 20; i++) {
		err = (struct err){ 0 };
		CU_ASSERT_FALSE(step(sending, &err));
		CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
		CU_ASSERT_FALSE(sending->gone);
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "bring it back"));
	CU_ASSERT_EQUAL(renameat(root, "away", root, "o"), 0);
	err = (struct err){ 0 };
	CU_ASSERT_TRUE(step(sending, &err));
	sending_free(sending);
	teardown();
}

CU_TestInfo sending_tests[] = {
	{ "a file is sent whole", a_file_is_sent_whole },
	{ "resumed files go on alike", resumed_files_go_on_alike },
	{ "changed under way rejects the rest",
		changed_under_way_rejects_the_rest },
	{ "changed before the first look rejects all",
		changed_before_the_first_look_rejects_all },
	{ "cut under way rejects the rest", cut_under_way_rejects_the_rest },
	{ "secret changes show in the digest",
		secret_changes_show_in_the_digest },
	{ "changed behind the last piece rejects that",
		changed_behind_the_last_piece_rejects_that },
	{ "resumed and changed sends no more",
		resumed_and_changed_sends_no_more },
	{ "changed while nobody looked sends nothing",
		changed_while_nobody_looked_sends_nothing },
	{ "another splitter sends nothing", another_splitter_sends_nothing },
	{ "a missing file is gone", a_missing_file_is_gone },
	{ "loaded pieces are left out", loaded_pieces_are_left_out },
	{ "a missing folder is waited for", a_missing_folder_is_waited_for },
	CU_TEST_INFO_NULL,
};
