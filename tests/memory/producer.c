/* producer.c - operations of producer/. */
#include "producer/claim.h"
#include "common/place.h"
#include "memory.h"
#include "producer/reader.h"
#include "producer/seen.h"
#include "producer/state.h"
#include "producer/window.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* -- reader ------------------------------------------------------------- */

static const char array[] =
	"[{\"a\":1},\n {\"a\":\"a long one that does not fit its chunk\"},"
	"\n 7, {\"a\" 2}, {\"a\":3}]";
static const char lines[] = "{\"a\":1}\n{\"a\":2}\nnot json\n{\"a\":3}\n{\"a\":";

/* {"a":1} in a line. */
static const char gzip[] =
	"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x4a\x54\xb2\x32"
	"\xac\xe5\x02\x00\x46\xa3\xe8\x74\x08\x00\x00\x00";
static const char zstd[] =
	"\x28\xb5\x2f\xfd\x00\x58\x41\x00\x00\x7b\x22\x61\x22\x3a\x31\x7d\x0a";

static int file_of(const char *text, size_t len, struct err *err)
{
	const int fd = memfd_create("file", MFD_CLOEXEC);

	if (fd >= 0 && write(fd, text, len) == (ssize_t)len &&
		lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	err_errno(err, ERR_STOP, "memfd");
	return -1;
}

static bool read_pieces(int fd, struct err *err)
{
	const struct reader_limits limits = { 3, 30, 100, "" };
	struct reader *reader = reader_open(fd, &limits, err);
	struct piece piece = { .kind = PIECE_CHUNK };
	bool ok = reader != NULL;

	while (ok && piece.kind != PIECE_END) {
		ok = reader_next(reader, &piece, err);
		if (!ok)
			break;
		memory_note(&piece.kind, sizeof(piece.kind));
		memory_note(piece.body.data, piece.body.len);
	}
	reader_close(reader);
	return ok;
}

static bool read_text(const char *text, size_t len, struct err *err)
{
	const int fd = file_of(text, len, err);
	bool ok;

	if (fd < 0)
		return false;
	ok = read_pieces(fd, err);
	(void)close(fd);
	return ok;
}

static bool do_read_array(struct err *err)
{
	return read_text(array, strlen(array), err);
}

static bool do_read_lines(struct err *err)
{
	return read_text(lines, strlen(lines), err);
}

static bool do_read_gzip(struct err *err)
{
	return read_text(gzip, sizeof(gzip) - 1, err);
}

static bool do_read_zstd(struct err *err)
{
	return read_text(zstd, sizeof(zstd) - 1, err);
}

/* -- window, seen ------------------------------------------------------- */

static bool do_window(struct err *err)
{
	struct window *window = window_new(100, 1000, err);
	const bool ok = window != NULL;

	window_free(window);
	return ok;
}

static bool do_seen(struct err *err)
{
	struct seen *seen = seen_new(10, err);
	const struct look look = { 1, 2, 3, 4 };
	char *path;
	bool ok = seen != NULL && seen_look(seen, "a/b.json", &look, 0, err) &&
		seen_complete(seen, "a/b.json", err) &&
		seen_complete(seen, "a/c.json", err);

	while (ok && (path = seen_take(seen)) != NULL) {
		memory_note_text(path);
		free(path);
	}
	if (ok && seen_ready(seen) > 0) /* to be taken another time */
		ok = err_memory(err);
	seen_free(seen);
	return ok;
}

/* -- claims ------------------------------------------------------------- */

/* In memory where there is such a place: every run syncs. */
static char folder[64];

static bool make_folder(const char *pattern)
{
	(void)snprintf(folder, sizeof(folder), "%s", pattern);
	return mkdtemp(folder) != NULL;
}

static int make_root(struct err *err)
{
	int root, fd;

	if (folder[0] == '\0' && !make_folder("/dev/shm/sluice-XXXXXX"))
		(void)make_folder("/tmp/sluice-XXXXXX");
	root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = root < 0 ? -1 : openat(root, "a.json", O_WRONLY | O_CREAT |
		O_CLOEXEC, 0600);
	if (fd >= 0 && write(fd, lines, strlen(lines)) > 0) {
		(void)close(fd);
		return root;
	}
	err_errno(err, ERR_STOP, "make %s", folder);
	return -1;
}

static void remove_root(int root)
{
	static const char *const names[] = { "a.json", "s.db", "s.db-wal",
		"s.db-shm", "s.db-journal", "s.db.lock" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		(void)unlinkat(root, names[i], 0);
	(void)close(root);
	(void)rmdir(folder);
	folder[0] = '\0';
}

static bool hash_claim(int root, struct err *err)
{
	const struct claim_rules rules = { .pipeline = "p", .dataset = "d",
		.directory = "", .limits = { 3, 30, 100 },
		.max_file_bytes = 1 << 20 };
	struct claim *claim = claim_new(root, &rules, "a.json", err);
	bool done = false;
	bool ok = claim != NULL;

	while (ok && !done)
		ok = claim_hash(claim, 16, &done, err);
	if (ok)
		memory_note(claim->source->sha256, SHA256_BYTES);
	claim_free(claim);
	return ok;
}

static bool do_claim(struct err *err)
{
	const int root = make_root(err);
	bool ok;

	if (root < 0)
		return false;
	ok = hash_claim(root, err);
	remove_root(root);
	return ok;
}

static bool note_source(struct state *state, struct err *err)
{
	struct source *source =
		source_new("p", "d", "folder", "folder/a.json", err);
	struct source *found = NULL;
	struct buf path = { 0 };
	int64_t after = 0;
	bool ok;

	if (source == NULL)
		return false;
	source->drop = (struct uuid){ { 1 } };
	ok = state_begin(state, err) && state_add(state, source, err) &&
		state_checkpoint(state, &source->drop, &source->position,
			err) &&
		state_commit(state, err) &&
		state_next(state, &after, &found, err) &&
		source_claimed_path(source, &path, err);
	if (ok) {
		memory_note_text(found != NULL ? found->name : NULL);
		memory_note(path.data, path.len);
	}
	state_rollback(state);
	source_free(found);
	source_free(source);
	buf_clear(&path);
	return ok;
}

static bool do_state(struct err *err)
{
	const int root = make_root(err);
	char file[80];
	struct state *state;
	bool ok;

	if (root < 0)
		return false;
	(void)snprintf(file, sizeof(file), "%s/s.db", folder);
	state = state_open(file, err);
	ok = state != NULL && note_source(state, err);
	state_close(state);
	remove_root(root);
	return ok;
}

const struct operation producer_operations[] = {
	{ "read-array", do_read_array },
	{ "read-lines", do_read_lines },
	{ "read-gzip", do_read_gzip },
	{ "read-zstd", do_read_zstd },
	{ "window", do_window },
	{ "seen", do_seen },
	{ "claim", do_claim },
	{ "state", do_state },
	{ NULL, NULL },
};
