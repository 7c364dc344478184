/* api_control.c - how `sluice api` reaches the daemon that owns the state. */
#include "producer/api_control.h"

#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define GUESTS_MAX 4
#define LINE_MAX_BYTES 8192
#define BUSY_MS 100 /* as many as may are under way */

/* Somebody who asks. */
struct guest {
	int fd;           /* -1: free */
	char line[LINE_MAX_BYTES];
	size_t len;
	struct api_endpoint *waits; /* for the end of its run */
};

struct api_control {
	int listener;
	char *path;
	struct guest guests[GUESTS_MAX];
};

/* -- addresses --------------------------------------------------------------- */

/* A socket's address holds 107 bytes, a path may be longer: the folder is
 * opened and named by its descriptor. */
static int open_folder(const char *state_file, struct sockaddr_un *address,
	struct err *err)
{
	const char *slash = strrchr(state_file, '/');
	const char *name = slash == NULL ? state_file : slash + 1;
	char *folder = slash == NULL ? strdup(".") :
		strndup(state_file, (size_t)(slash - state_file) + 1);
	const int fd = folder == NULL ? -1 :
		open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int len;

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	len = snprintf(address->sun_path, sizeof(address->sun_path),
		"/proc/self/fd/%d/%s.control", fd, name);
	if (fd < 0)
		(void)err_errno(err, ERR_REJECT, "open the folder of %s",
			state_file);
	free(folder);
	if (fd >= 0 && (len < 0 ||
			(size_t)len >= sizeof(address->sun_path))) {
		close(fd);
		(void)err_set(err, ERR_REJECT, "the name of %s is too long "
			"for a socket beside it", state_file);
		return -1;
	}
	return fd;
}

/* -- the daemon's side ---------------------------------------------------------- */

/* The socket's file takes its mode from the socket as it is when it is bound
 * (Linux). The umask would be that of all threads: folders that another one
 * makes meanwhile could not be entered. */
static bool bind_private(int fd, const struct sockaddr_un *address)
{
	return fchmod(fd, 0600) == 0 &&
		bind(fd, (const struct sockaddr *)address,
			sizeof(*address)) == 0;
}

static bool listen_at(struct api_control *control, const char *state_file,
	struct err *err)
{
	struct sockaddr_un address;
	const int folder = open_folder(state_file, &address, err);
	bool ok = folder >= 0;

	control->listener = socket(AF_UNIX,
		SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ok) {
		(void)unlink(address.sun_path); /* an earlier process's */
		ok = (control->listener >= 0 &&
			     bind_private(control->listener, &address) &&
			     listen(control->listener, GUESTS_MAX) == 0) ||
			err_errno(err, ERR_REJECT, "listen at %s.control",
				state_file);
	}
	if (folder >= 0)
		close(folder);
	return ok;
}

struct api_control *api_control_open(const char *state_file, struct err *err)
{
	struct api_control *control = calloc(1, sizeof(*control));
	struct buf path = { 0 };

	if (control == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	control->listener = -1;
	for (size_t i = 0; i < GUESTS_MAX; i++)
		control->guests[i].fd = -1;
	if (buf_printf(&path, err, "%s.control", state_file)) {
		control->path = buf_take(&path);
		if (listen_at(control, state_file, err))
			return control;
	}
	buf_clear(&path);
	api_control_close(control);
	return NULL;
}

static void dismiss(struct guest *guest)
{
	if (guest->fd >= 0)
		close(guest->fd);
	*guest = (struct guest){ .fd = -1 };
}

void api_control_close(struct api_control *control)
{
	if (control == NULL)
		return;
	for (size_t i = 0; i < GUESTS_MAX; i++)
		dismiss(&control->guests[i]);
	if (control->listener >= 0) {
		close(control->listener);
		(void)unlink(control->path);
	}
	free(control->path);
	free(control);
}

unsigned api_control_fds(const struct api_control *control,
	struct pollfd *fds, unsigned max)
{
	unsigned count = 0;

	if (control == NULL)
		return 0;
	if (count < max)
		fds[count++] = (struct pollfd){ .fd = control->listener,
			.events = POLLIN };
	for (size_t i = 0; i < GUESTS_MAX && count < max; i++)
		if (control->guests[i].fd >= 0)
			fds[count++] = (struct pollfd){
				.fd = control->guests[i].fd,
				.events = POLLIN };
	return count;
}

/* -- orders ------------------------------------------------------------------------ */

static bool order_run(struct api_desk *desk, struct api_endpoint *e,
	bool once, struct err *err)
{
	if (e->asked)
		return err_set(err, ERR_REJECT, "somebody waits for the end of "
			"this run already");
	if (e->host->open_ms > clock_now_ms())
		return err_set(err, ERR_REJECT, "%s has failed too often: "
			"nothing is asked of it for %" PRId64 " s",
			e->host->name, (e->host->open_ms - clock_now_ms()) /
			1000 + 1);
	if (e->phase == API_IDLE && !api_begin(desk, e, err))
		return false;
	e->once = once;
	if (e->phase == API_IDLE) { /* there was nothing to ask */
		e->told = true;
		e->outcome = (struct err){ 0 };
	}
	e->asked = true;
	return true;
}

/* A request under way belongs to the old place: its answer is not taken. */
static bool order_change(struct api_desk *desk, struct api_endpoint *e,
	const char *cursor, struct err *err)
{
	struct api_row row;
	bool ok = state_begin(desk->state, err) &&
		(!e->intends || api_abandon(desk, e, err)) &&
		api_state_reset(desk->state, e->name, err);

	if ((e->phase != API_IDLE && e->phase != API_READY) ||
		e->steps != NULL)
		ok = ok && err_set(err, ERR_REJECT, "a request is under way: "
			"try again in a moment");
	if (ok && cursor != NULL) {
		ok = api_state_row(desk->state, e->name, &row, err);
		free(row.cursor);
		row.cursor = ok ? strdup(cursor) : NULL;
		ok = ok && (row.cursor != NULL || err_memory(err)) &&
			api_state_put_row(desk->state, e->name, &row, err);
		api_row_clear(&row);
	}
	ok = ok && state_commit(desk->state, err);
	state_rollback(desk->state);
	if (!ok)
		return false;
	e->phase = API_IDLE;
	e->told = e->asked; /* who waits for the run hears how it ended */
	(void)err_set(&e->outcome, ERR_REJECT, "somebody changed how far it "
		"has got: this run is over");
	return api_load(desk, e, err);
}

/* Written down first, as those of our own are. */
static bool order_count(struct api_desk *desk, struct api_host *host,
	int64_t *wait_ms, struct err *err)
{
	const int64_t now = clock_now_ms(), wall = clock_wall_us();

	*wait_ms = api_host_wait(host, now, wall);
	if (*wait_ms < 0)
		*wait_ms = BUSY_MS;
	if (*wait_ms > 0)
		return true;
	if (!api_host_promised(host, wall) &&
		!api_put_used(desk, host, true, err))
		return false;
	api_host_count(host, now, wall);
	return true;
}

bool api_order(struct api_desk *desk, char *const *words, size_t count,
	struct api_endpoint **e, int64_t *wait_ms, struct err *err)
{
	const char *what = count > 0 ? words[0] : "";

	*wait_ms = 0;
	*e = count > 1 ? api_desk_find(desk, words[1]) : NULL;
	if (*e == NULL)
		return err_set(err, ERR_REJECT, "the producer knows no "
			"endpoint of that name (SIGHUP lets it read the "
			"pipeline files anew)");
	if (strcmp(what, "run") == 0)
		return order_run(desk, *e, count > 2 &&
			strcmp(words[2], "once") == 0, err);
	if (strcmp(what, "set") == 0 && count > 2)
		return order_change(desk, *e, words[2], err);
	if (strcmp(what, "reset") == 0)
		return order_change(desk, *e, NULL, err);
	if (strcmp(what, "count") == 0)
		return order_count(desk, (*e)->host, wait_ms, err);
	return err_set(err, ERR_REJECT, "the producer does not know what "
		"\"%s\" means: it is of another version", what);
}

bool api_tally_text(const struct api_tally *tally, struct buf *out,
	struct err *err)
{
	return buf_printf(out, err, "%" PRIu64 " request%s, %" PRIu64 " page%s"
		" (%" PRIu64 " unchanged), %" PRIu64 " record%s",
		tally->requests, tally->requests == 1 ? "" : "s",
		tally->pages, tally->pages == 1 ? "" : "s",
		tally->unchanged, tally->records,
		tally->records == 1 ? "" : "s");
}

/* -- guests ---------------------------------------------------------------------------- */

static void answer(struct guest *guest, const struct err *why,
	const char *text)
{
	struct buf line = { 0 };
	struct err none = { 0 };
	bool ok = why->kind == ERR_NONE ?
		buf_printf(&line, &none, "ok\t%s\n", text) :
		buf_printf(&line, &none, "error %d\t", err_exit_code(why)) &&
			buf_add_escaped(&line, why->text, strlen(why->text),
				&none) &&
			buf_add_char(&line, '\n', &none);

	if (ok)
		(void)send(guest->fd, line.data, line.len,
			MSG_NOSIGNAL | MSG_DONTWAIT);
	buf_clear(&line);
	dismiss(guest);
}

static void answer_run(struct guest *guest)
{
	struct api_endpoint *e = guest->waits;
	struct buf text = { 0 };
	struct err why = e->outcome;

	e->asked = e->told = false;
	if (why.kind == ERR_NONE && !api_tally_text(&e->tally, &text, &why))
		buf_clear(&text);
	answer(guest, &why, text.data != NULL ? text.data : "");
	buf_clear(&text);
}

/* Splits at tabs, in place. */
static size_t split(char *line, char **words)
{
	size_t count = 0;

	while (count < API_CONTROL_WORDS && line != NULL) {
		words[count++] = line;
		line = strchr(line, '\t');
		if (line != NULL)
			*line++ = '\0';
	}
	return count;
}

static bool take_line(struct guest *guest, struct api_desk *desk,
	struct err *err)
{
	char *words[API_CONTROL_WORDS];
	const size_t count = split(guest->line, words);
	struct api_endpoint *e = NULL;
	struct err why = { 0 };
	char text[32];
	int64_t wait_ms;

	if (!api_order(desk, words, count, &e, &wait_ms, &why)) {
		if (why.kind == ERR_STOP && why.exit_code != EXIT_CONFIG) {
			*err = why;
			return false;
		}
		answer(guest, &why, "");
	} else if (strcmp(words[0], "run") == 0)
		guest->waits = e;
	else {
		(void)snprintf(text, sizeof(text), "%" PRId64, wait_ms);
		answer(guest, &why, text);
	}
	return true;
}

static bool hear(struct guest *guest, struct api_desk *desk, struct err *err)
{
	const ssize_t got = recv(guest->fd, guest->line + guest->len,
		sizeof(guest->line) - 1 - guest->len, MSG_DONTWAIT);
	char *end;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (got <= 0 || guest->waits != NULL) {
		if (guest->waits != NULL) /* gone: the run goes on */
			guest->waits->asked = guest->waits->told = false;
		dismiss(guest);
		return true;
	}
	guest->len += (size_t)got;
	guest->line[guest->len] = '\0';
	end = strchr(guest->line, '\n');
	if (end == NULL) {
		if (guest->len == sizeof(guest->line) - 1)
			dismiss(guest);
		return true;
	}
	*end = '\0';
	return take_line(guest, desk, err);
}

static void welcome(struct api_control *control)
{
	for (size_t i = 0; i < GUESTS_MAX; i++) {
		struct guest *guest = &control->guests[i];

		if (guest->fd >= 0)
			continue;
		guest->fd = accept4(control->listener, NULL, NULL,
			SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (guest->fd < 0)
			return;
	}
}

bool api_control_serve(struct api_control *control, struct api_desk *desk,
	struct err *err)
{
	if (control == NULL)
		return true;
	welcome(control);
	for (size_t i = 0; i < GUESTS_MAX; i++)
		if (control->guests[i].fd >= 0 &&
			!hear(&control->guests[i], desk, err))
			return false;
	return true;
}

void api_control_answer(struct api_control *control)
{
	for (size_t i = 0; control != NULL && i < GUESTS_MAX; i++) {
		struct guest *guest = &control->guests[i];

		if (guest->fd >= 0 && guest->waits != NULL &&
			guest->waits->told)
			answer_run(guest);
	}
}

/* -- the other side ----------------------------------------------------------- */

static int connect_to(const char *state_file, bool *answered, struct err *err)
{
	struct sockaddr_un address;
	const int folder = open_folder(state_file, &address, err);
	int fd;

	*answered = false;
	if (folder < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*answered = fd >= 0 && connect(fd, (const struct sockaddr *)&address,
		sizeof(address)) == 0;
	if (!*answered && errno == EACCES)
		(void)err_set(err, ERR_REJECT, "the producer's socket is not "
			"for this user: ask as the user it runs as");
	close(folder);
	if (!*answered && fd >= 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool say(int fd, const char *const *words, size_t count,
	struct err *err)
{
	struct buf line = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++)
		ok = (i == 0 || buf_add_char(&line, '\t', err)) &&
			(strpbrk(words[i], "\t\n") == NULL ||
				err_stop(err, EXIT_USAGE, "neither tab nor "
					"line break may be in it")) &&
			buf_add_str(&line, words[i], err);
	ok = ok && buf_add_char(&line, '\n', err);
	if (ok && send(fd, line.data, line.len, MSG_NOSIGNAL) !=
			(ssize_t)line.len)
		ok = err_stop(err, EXIT_SERVER, "the producer has gone");
	buf_clear(&line);
	return ok;
}

static bool understand(char *line, struct buf *text, struct err *err)
{
	char *tab = strchr(line, '\t');
	const long code = strncmp(line, "error ", 6) == 0 ?
		strtol(line + 6, NULL, 10) : 0;

	line[strcspn(line, "\n")] = '\0';
	if (tab == NULL)
		return err_stop(err, EXIT_SERVER, "the producer has gone in "
			"the middle of it");
	if (code == 0 && strncmp(line, "ok", 2) == 0)
		return buf_add_str(text, tab + 1, err);
	(void)err_stop(err, EXIT_DATA, "%s", tab + 1);
	err->exit_code = (int)code;
	return false;
}

bool api_control_ask(const char *state_file, const char *const *words,
	size_t count, bool *answered, struct buf *text, struct err *err)
{
	char line[LINE_MAX_BYTES + 1] = "";
	const int fd = connect_to(state_file, answered, err);
	size_t len = 0;
	ssize_t got = 1;
	bool ok;

	if (fd < 0)
		return err->kind == ERR_NONE;
	ok = say(fd, words, count, err);
	while (ok && got > 0 && len < LINE_MAX_BYTES &&
		strchr(line, '\n') == NULL) {
		got = recv(fd, line + len, LINE_MAX_BYTES - len, 0);
		len += got > 0 ? (size_t)got : 0;
		line[len] = '\0';
	}
	close(fd);
	return ok && understand(line, text, err);
}
