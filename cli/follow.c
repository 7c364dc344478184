/* follow.c - `sluice load --follow`: what appears in the folders is loaded. */
#include "cli/follow.h"
#include "cli/done.h"
#include "cli/output.h"
#include "common/backoff.h"
#include "common/clock.h"
#include "common/log.h"
#include "producer/watch.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STOP_SECS 4 /* then without a summary: any moment is safe */

struct follow {
	const struct follow_options *options;
	struct watch *watch;
	struct watch_folder *folders;
	char root[4096];      /* what the watch is below */
	const char *below;    /* in it: the given directory; NULL */
	struct done *done;
	uint32_t swept;       /* the scan after which done was swept */
	struct backoff backoff;
	struct log_repeat away;
};

/* -- stopping ----------------------------------------------------------- */

static int stop_fd = -1;

static void on_stop(int signal_number)
{
	const uint64_t one = 1;

	(void)signal_number;
	(void)alarm(STOP_SECS);
	if (write(stop_fd, &one, sizeof(one)) < 0)
		return; /* raised already */
}

int follow_stop_fd(struct err *err)
{
	const struct sigaction action = { .sa_handler = on_stop };

	stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stop_fd < 0 || sigaction(SIGINT, &action, NULL) != 0 ||
		sigaction(SIGTERM, &action, NULL) != 0)
		(void)err_errno(err, ERR_STOP, "catch signals");
	return stop_fd;
}

/* Waits that long for a stop, or for the watch when it is given. */
static bool stopped(const struct follow *follow, int timeout_ms, bool watch)
{
	struct pollfd fds[] = {
		{ .fd = follow->options->stop_fd, .events = POLLIN },
		{ .fd = watch ? watch_fd(follow->watch) : -1,
			.events = POLLIN },
	};

	(void)poll(fds, 2, timeout_ms);
	return fds[0].revents != 0;
}

/* -- files that are done ------------------------------------------------ */

static struct done_mark mark_of(const struct stat *st)
{
	return (struct done_mark){
		.inode = (uint64_t)st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 +
			st->st_mtim.tv_nsec,
	};
}

static bool is_done(void *context, const char *path, const struct stat *st)
{
	const struct follow *follow = context;
	const struct done_mark mark = mark_of(st);

	return done_knows(follow->done, path, &mark);
}

/* A scan has asked for all that is there. */
static void sweep(struct follow *follow)
{
	const uint32_t scan = watch_scans(follow->watch);

	if (scan != follow->swept)
		done_sweep(follow->done);
	follow->swept = scan;
}

/* -- one file ----------------------------------------------------------- */

static void say_loaded(const struct follow *follow, const char *path,
	const struct direct_totals *before)
{
	const struct direct_totals *now = direct_totals(follow->options->direct);
	struct buf shown = { 0 };

	progress_wipe(follow->options->progress);
	if (now->records > before->records)
		(void)fprintf(stderr, "%s: %" PRId64 " records, %" PRId64
			" inserted, %" PRId64 " updated, %" PRId64
			" unchanged, %" PRId64 " rejected, %" PRId64
			" filtered\n", output_escape(&shown, path),
			now->records - before->records,
			now->inserted - before->inserted,
			now->updated - before->updated,
			now->unchanged - before->unchanged,
			now->rejected - before->rejected,
			now->filtered - before->filtered);
	buf_clear(&shown);
}

/* Whether the next try makes sense: PostgreSQL may be away for long. */
static bool wait_for_server(struct follow *follow, const struct err *err)
{
	progress_wipe(follow->options->progress);
	if (log_repeat_due_for(&follow->away, err->text))
		log_err(LOG_WARN, "load_again", err);
	return !stopped(follow, backoff_next_ms(&follow->backoff), false);
}

static void server_is_back(struct follow *follow)
{
	backoff_reset(&follow->backoff);
	if (log_repeat_clear(&follow->away) > 0)
		LOG(LOG_INFO, "loading_again",
			LOG_S("database",
				follow->options->config->database_name));
}

/* *ok: loaded, and known to be. False: a signal came, or an error that the
 * next file would meet as well. */
static bool load_file(struct follow *follow, const struct dataset *dataset,
	const char *path, const char *whole, bool *ok, struct err *err)
{
	struct direct *direct = follow->options->direct;

	*ok = false;
	for (;;) {
		*err = (struct err){ 0 };
		*ok = direct_load(direct, dataset, whole, err);
		if (*ok) {
			server_is_back(follow);
			return true;
		}
		if (stopped(follow, 0, false))
			return true;
		if (err_exit_code(err) == EXIT_IO) {
			progress_wipe(follow->options->progress);
			watch_refuse(follow->watch, path, err->text);
			return true;
		}
		if (err->kind != ERR_RETRY)
			return false;
		if (!wait_for_server(follow, err))
			return true;
	}
}

/* Known as it was before it was read: should it change meanwhile it comes
 * once more. */
static bool take_file(struct follow *follow, size_t at, const char *path,
	struct err *err)
{
	const struct direct_totals before =
		*direct_totals(follow->options->direct);
	struct buf whole = { 0 };
	struct stat st;
	bool ok, loaded = false;

	ok = buf_printf(&whole, err, "%s/%s", follow->root, path);
	if (ok && lstat(whole.data, &st) == 0) {
		const struct done_mark mark = mark_of(&st);

		ok = load_file(follow, follow->options->files->datasets[at],
			path, whole.data, &loaded, err);
		if (loaded) {
			say_loaded(follow, path, &before);
			ok = done_add(follow->done, path, &mark, err);
		}
	}
	buf_clear(&whole);
	return ok;
}

/* One of each folder in turn; *any: there was one. */
static bool take_files(struct follow *follow, bool *any, struct err *err)
{
	bool ok = true;

	*any = false;
	for (size_t i = 0; ok && i < follow->options->files->dataset_count;
		i++) {
		char *path = watch_take(follow->watch, i);

		if (path == NULL || stopped(follow, 0, false)) {
			free(path);
			continue;
		}
		*any = true;
		ok = take_file(follow, i, path, err);
		free(path);
	}
	return ok;
}

/* -- folders ------------------------------------------------------------ */

/* The given one is a folder of its parent, as a dataset's is of raw_dir. */
static bool find_root(struct follow *follow, struct err *err)
{
	const struct follow_options *options = follow->options;
	char *slash;

	if (options->directory == NULL) {
		(void)snprintf(follow->root, sizeof(follow->root), "%s",
			options->config->raw_dir);
		return true;
	}
	if (realpath(options->directory, follow->root) == NULL)
		return err_errno(err, ERR_STOP, "%s", options->directory);
	slash = strrchr(follow->root, '/');
	if (slash == NULL || slash == follow->root)
		return err_stop(err, EXIT_USAGE, "--directory %s: name a "
			"folder deeper down", options->directory);
	*slash = '\0';
	follow->below = slash + 1;
	return true;
}

static bool name_folders(struct follow *follow, struct err *err)
{
	const struct files *files = follow->options->files;

	follow->folders = calloc(files->dataset_count,
		sizeof(*follow->folders));
	if (follow->folders == NULL)
		return err_memory(err);
	for (size_t i = 0; i < files->dataset_count; i++) {
		const struct dataset *dataset = files->datasets[i];

		follow->folders[i] = (struct watch_folder){
			.directory = follow->below != NULL ? follow->below :
							     dataset->directory,
			.patterns = dataset->patterns,
			.pattern_count = dataset->pattern_count,
		};
	}
	return true;
}

static bool watch_folders(struct follow *follow, struct err *err)
{
	const struct config *config = follow->options->config;
	const struct watch_options options = {
		.raw_dir = follow->root,
		.processed_dir = config->processed_dir,
		.failed_dir = config->failed_dir,
		.settle_ms = config->settle_secs * 1000,
		.rescan_ms = config->rescan_secs * 1000,
		.max_file_bytes = (uint64_t)config->max_file_bytes,
		.only_folders = true,
		.is_done = is_done,
		.context = follow,
	};

	follow->watch = watch_open(&options, follow->folders,
		follow->options->files->dataset_count, err);
	return follow->watch != NULL;
}

static void say_start(const struct follow *follow)
{
	struct buf shown = { 0 };

	for (size_t i = 0; i < follow->options->files->dataset_count; i++) {
		(void)fprintf(stderr, "%s%s", i == 0 ? "following " : ", ",
			output_escape(&shown, follow->root));
		(void)fprintf(stderr, "/%s", output_escape(&shown,
			follow->folders[i].directory));
	}
	(void)fprintf(stderr, "; INT (Ctrl-C) or TERM ends it\n");
	buf_clear(&shown);
}

static bool follow_on(struct follow *follow, struct err *err)
{
	bool any = false;

	while (!stopped(follow, any ? 0 : watch_timeout_ms(follow->watch),
		!any)) {
		if (!watch_step(follow->watch, err))
			return false;
		sweep(follow);
		if (!take_files(follow, &any, err))
			return false;
	}
	return true;
}

bool follow_run(const struct follow_options *options, struct err *err)
{
	struct follow follow = { .options = options,
		.backoff = { .base_ms = 500, .ceiling_ms = 30000 } };
	bool ok;

	follow.done = done_new(err);
	ok = follow.done != NULL && find_root(&follow, err) &&
		name_folders(&follow, err) && watch_folders(&follow, err) &&
		watch_step(follow.watch, err);
	if (ok) {
		say_start(&follow);
		ok = follow_on(&follow, err);
	}
	progress_wipe(options->progress);
	watch_close(follow.watch);
	free(follow.folders);
	done_free(follow.done);
	return ok;
}
