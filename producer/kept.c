/* kept.c - files of sources that were sent already, to be sent once more. */
#include "producer/kept.h"
#include "common/clock.h"
#include "common/place.h"
#include "producer/publish.h"
#include "producer/report.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)128 << 10)
#define JOIN_MS 3000

/* -- the file --------------------------------------------------------- */

static int open_kept(const struct source *source, struct err *err)
{
	const int root = open(source->kept_root,
		O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (root < 0) {
		(void)err_errno(err, ERR_REJECT, "open %s", source->kept_root);
		return -1;
	}
	fd = place_open(root, source->kept, O_RDONLY, err);
	close(root);
	return fd;
}

static bool digest_of(int fd, uint8_t digest[SHA256_BYTES], struct err *err)
{
	char *block = malloc(BLOCK_BYTES);
	struct sha256 *hash = sha256_new(err);
	ssize_t got = 1;
	bool ok = (block != NULL && hash != NULL) || err_memory(err);

	while (ok && got > 0) {
		got = read(fd, block, BLOCK_BYTES);
		ok = got < 0 ? err_errno(err, ERR_REJECT, "read") :
			sha256_add(hash, block, (size_t)got, err);
	}
	ok = ok && sha256_end(hash, digest, err);
	sha256_free(hash);
	free(block);
	return ok;
}

static bool same_file(struct source *source, const struct stat *st,
	const uint8_t digest[SHA256_BYTES], struct err *err)
{
	if ((uint64_t)st->st_size != source->size)
		return err_set(err, ERR_REJECT, "the kept file is not what was "
			"claimed: it has %lld bytes, and had %llu",
			(long long)st->st_size,
			(unsigned long long)source->size);
	return memcmp(digest, source->sha256, SHA256_BYTES) == 0 ||
		err_set(err, ERR_REJECT, "the kept file is not what was "
			"claimed: its SHA-256 is another");
}

static void note_facts(struct source *source, const struct stat *st,
	const uint8_t digest[SHA256_BYTES])
{
	source->size = (uint64_t)st->st_size;
	source->mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 +
		st->st_mtim.tv_nsec;
	memcpy(source->sha256, digest, SHA256_BYTES);
}

bool kept_check(struct source *source, bool known, struct err *err)
{
	uint8_t digest[SHA256_BYTES];
	const int fd = open_kept(source, err);
	struct stat st;
	bool ok;

	if (fd < 0)
		return false;
	ok = fstat(fd, &st) == 0 || err_errno(err, ERR_REJECT, "stat");
	if (ok && !S_ISREG(st.st_mode))
		ok = err_set(err, ERR_REJECT, "it is no regular file");
	ok = ok && digest_of(fd, digest, err);
	ok = ok && (!known || same_file(source, &st, digest, err));
	if (ok)
		note_facts(source, &st, digest);
	close(fd);
	return ok;
}

/* Pieces and loaded ranges come in the same order. */
static bool compare_pieces(const struct source *source, struct reader *reader,
	bool *fits, struct err *err)
{
	struct piece piece = { 0 };
	size_t at = 0;

	while (piece.kind != PIECE_END && at < source->loaded_count) {
		const struct source_range *range = &source->loaded[at];

		if (!reader_next(reader, &piece, err))
			return false;
		if (piece.envelope.lo == range->lo &&
			piece.envelope.hi == range->hi)
			at++;
	}
	*fits = at == source->loaded_count;
	return true;
}

bool kept_fits(const struct source *source, bool *fits, struct err *err)
{
	const int fd = open_kept(source, err);
	struct reader *reader = fd < 0 ? NULL :
		reader_open(fd, &source->limits, err);
	const bool ok = reader != NULL &&
		compare_pieces(source, reader, fits, err);

	reader_close(reader);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* -- sending ---------------------------------------------------------- */

struct resend {
	struct plan plan; /* the settings alone, borrowed */
	struct queue *claims, *reports;
	struct publisher *publisher;
	int died;
	size_t left;
	kept_done *done;
	void *context;
};

static bool start(struct resend *r, struct source **sources, size_t count,
	struct err *err)
{
	r->left = count;
	r->died = eventfd(0, EFD_CLOEXEC);
	r->claims = queue_new(count + 1, SIZE_MAX, err);
	r->reports = queue_new(count * 2 + 1024, SIZE_MAX, err);
	if (r->claims == NULL || r->reports == NULL)
		return false;
	if (r->died < 0)
		return err_errno(err, ERR_STOP, "eventfd");
	for (size_t i = 0; i < count; i++) {
		sources[i]->resumed = true;
		sources[i]->position = (struct reader_position){ 0 };
		if (!queue_push(r->claims, sources[i], 1, 0))
			return err_stop(err, EXIT_BUG, "no room for a source");
		sources[i] = NULL;
	}
	r->publisher = publisher_start(&r->plan, r->claims, r->reports,
		r->died, err);
	return r->publisher != NULL;
}

static void take_report(struct resend *r, struct report *report)
{
	if (report->source != NULL) {
		r->left--;
		r->done(r->context, report->source);
		source_free(report->source);
	}
	free(report);
}

/* Until all have ended, the publisher died, or nothing moves any more. */
static bool follow(struct resend *r, int patience_ms, struct err *err)
{
	struct pollfd fds[] = {
		{ .fd = queue_fd(r->reports), .events = POLLIN },
		{ .fd = r->died, .events = POLLIN },
	};
	int64_t due = clock_now_ms() + patience_ms;
	struct report *report;

	while (r->left > 0) {
		const int64_t left = due - clock_now_ms();

		if (left <= 0)
			return err_stop(err, EXIT_SERVER, "the broker confirmed "
				"nothing for %d s: is the queue full, does a "
				"consumer run?", patience_ms / 1000);
		if (poll(fds, 2, (int)left) <= 0)
			continue;
		while ((report = queue_pop(r->reports, 0)) != NULL) {
			due = clock_now_ms() + patience_ms;
			take_report(r, report);
		}
		if (fds[1].revents != 0)
			return true; /* joining it tells why */
	}
	return true;
}

static void drain(struct resend *r)
{
	struct source *source;
	struct report *report;

	while (r->claims != NULL && (source = queue_pop(r->claims, 0)) != NULL)
		source_free(source);
	while (r->reports != NULL &&
		(report = queue_pop(r->reports, 0)) != NULL) {
		source_free(report->source);
		free(report);
	}
	queue_free(r->claims);
	queue_free(r->reports);
	if (r->died >= 0)
		close(r->died);
}

bool kept_send(const struct config *config, struct source **sources,
	size_t count, int patience_ms, kept_done *done, void *context,
	struct err *err)
{
	struct resend r = { .plan = { .config = *config, .users = 1 },
		.died = -1, .done = done, .context = context };
	struct err ended = { 0 };
	bool ok = start(&r, sources, count, err);

	ok = ok && follow(&r, patience_ms, err);
	if (r.claims != NULL)
		queue_close(r.claims);
	if (r.publisher != NULL &&
		!publisher_join(r.publisher, JOIN_MS, &ended) && ok) {
		*err = ended;
		ok = false;
	}
	drain(&r);
	for (size_t i = 0; i < count; i++) {
		source_free(sources[i]);
		sources[i] = NULL;
	}
	return ok;
}
