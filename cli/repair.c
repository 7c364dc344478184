/* repair.c - a record's bytes made better: by a command, or by a file. */
#include "cli/repair.h"
#include "common/jsonscan.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static bool read_to_end(int fd, const char *what, struct buf *out,
	struct err *err)
{
	char piece[65536];
	ssize_t got;

	while ((got = read(fd, piece, sizeof(piece))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, ERR_STOP, "read %s", what);
		if (!buf_add(out, piece, (size_t)got, err))
			return false;
	}
	return true;
}

bool repair_read(const char *path, struct buf *out, struct err *err)
{
	const bool standard = strcmp(path, "-") == 0;
	const int fd = standard ? STDIN_FILENO :
		open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	bool ok;

	if (fd < 0)
		return err_stop(err, EXIT_IO, "open %s: %s", path,
			strerror(errno));
	ok = read_to_end(fd, path, out, err);
	if (!standard)
		close(fd);
	return ok;
}

/* -- a command ---------------------------------------------------------- */

/* Nobody has to be fed while its output is read. */
static int file_of(const void *data, size_t len)
{
	const int fd = memfd_create("record", MFD_CLOEXEC);
	size_t put = 0;

	while (fd >= 0 && put < len) {
		const ssize_t n = write(fd, (const char *)data + put, len - put);

		if (n < 0) {
			close(fd);
			return -1;
		}
		put += (size_t)n;
	}
	if (fd >= 0)
		(void)lseek(fd, 0, SEEK_SET);
	return fd;
}

/* Our ears are shut for broken pipes; a filter's need not be. */
static bool start(const char *command, int in, int out, pid_t *pid,
	struct err *err)
{
	char shell[] = "sh", flag[] = "-c";
	char *const argv[] = { shell, flag, strdup(command), NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t pipes;
	int failed;

	(void)sigemptyset(&pipes);
	(void)sigaddset(&pipes, SIGPIPE);
	(void)posix_spawnattr_init(&attributes);
	(void)posix_spawnattr_setsigdefault(&attributes, &pipes);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	failed = argv[2] == NULL ? ENOMEM : posix_spawn(pid, "/bin/sh",
		&actions, &attributes, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attributes);
	free(argv[2]);
	errno = failed;
	return failed == 0 || err_errno(err, ERR_STOP, "start the filter");
}

static bool judge(int status, const struct buf *out, struct err *err)
{
	if (WIFSIGNALED(status))
		return err_set(err, ERR_REJECT, "the filter died of signal %d",
			WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(err, ERR_REJECT, "the filter ended with %d",
			WEXITSTATUS(status));
	return out->len > 0 ||
		err_set(err, ERR_REJECT, "the filter printed nothing");
}

bool repair_filter(const char *command, const void *data, size_t len,
	struct buf *out, struct err *err)
{
	const int in = file_of(data, len);
	int ends[2];
	int status = 0;
	bool ok, started;
	pid_t pid;

	if (in < 0 || pipe2(ends, O_CLOEXEC) != 0) {
		err_errno(err, ERR_STOP, "start the filter");
		if (in >= 0)
			close(in);
		return false;
	}
	started = start(command, in, ends[1], &pid, err);
	close(in);
	close(ends[1]);
	ok = started && read_to_end(ends[0], "from the filter", out, err);
	close(ends[0]);
	while (started && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return ok && judge(status, out, err);
}

/* -- the result --------------------------------------------------------- */

static void place(const struct buf *text, size_t at, size_t *line,
	size_t *column)
{
	*line = 1;
	*column = 1;
	for (size_t i = 0; i < at && i < text->len; i++)
		if (text->data[i] == '\n') {
			(*line)++;
			*column = 1;
		} else {
			(*column)++;
		}
}

static bool cut(struct buf *text, size_t start, size_t end)
{
	memmove(text->data, text->data + start, end - start);
	text->len = end - start;
	text->data[text->len] = '\0';
	for (size_t i = 0; i < text->len; i++)
		if (text->data[i] == '\n' || text->data[i] == '\r')
			text->data[i] = ' ';
	return true;
}

bool repair_check(struct buf *text, struct err *err)
{
	const char *data = text->data != NULL ? text->data : "";
	const size_t start = json_blanks(data, text->len);
	struct json_fault fault = { .at = 0, .what = "nothing is there" };
	size_t end = 0, rest, line, column;
	bool ok = start < text->len && json_scan(data + start,
		text->len - start, true, &end, &fault) == JSON_OK;

	if (ok && data[start] != '{') {
		ok = false;
		fault = (struct json_fault){ .what = "not an object" };
	}
	end += start;
	rest = ok ? end + json_blanks(data + end, text->len - end) : 0;
	if (ok && rest < text->len) {
		ok = false;
		fault = (struct json_fault){ .at = rest - start,
			.what = "there is more than one record" };
	}
	if (ok)
		return cut(text, start, end);
	place(text, start + fault.at, &line, &column);
	return err_set(err, ERR_REJECT,
		"not one JSON object: line %zu, column %zu: %s", line, column,
		fault.what);
}
