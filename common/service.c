/* service.c - what the service manager hears. */
#include "common/service.h"
#include "common/clock.h"
#include "common/health.h"
#include "common/log.h"
#include "common/pulse.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
	struct sockaddr_un at;
	socklen_t at_len; /* 0: nobody listens */
	int64_t feed_ms;  /* between two meals of the watchdog; 0: there is none */
	int64_t fed_ms;
	bool starving;
	char status[200];
} service;

/* -- the socket --------------------------------------------------------- */

/* A path, or a name that begins with @. */
static void take_address(const char *name)
{
	const size_t len = name != NULL ? strlen(name) : 0;

	if (len < 2 || len >= sizeof(service.at.sun_path) ||
		(name[0] != '/' && name[0] != '@'))
		return;
	service.at.sun_family = AF_UNIX;
	memcpy(service.at.sun_path, name, len);
	service.at_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
		len + (name[0] == '/'));
	if (name[0] == '@')
		service.at.sun_path[0] = '\0';
}

/* Half of what it grants; meant for us, or for a process before us. */
static void take_watchdog(const char *usec, const char *pid)
{
	if (usec == NULL || (pid != NULL &&
		strtoll(pid, NULL, 10) != (long long)getpid()))
		return;
	service.feed_ms = strtoll(usec, NULL, 10) / 2000;
	if (service.feed_ms < 0)
		service.feed_ms = 0;
}

void service_begin(void)
{
	memset(&service, 0, sizeof(service));
	take_address(getenv("NOTIFY_SOCKET"));
	take_watchdog(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

static void tell(const char *text)
{
	int fd;

	if (service.at_len == 0)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL,
		(const struct sockaddr *)&service.at, service.at_len) < 0)
		LOG(LOG_DEBUG, "no_notify", LOG_S("err", strerror(errno)));
	(void)close(fd);
}

/* -- what is told --------------------------------------------------------- */

void service_ready(void)
{
	tell("READY=1");
}

/* Without the time the manager cannot tell which reload is meant. */
void service_reloading(void)
{
	char text[80];

	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
		(long long)clock_now_us());
	tell(text);
}

void service_stopping(void)
{
	tell("STOPPING=1\nSTATUS=stopping");
}

/* The first reason or note, without the seconds behind it: they are no news. */
static void make_status(char *out, size_t len)
{
	struct buf text = { 0 };
	const bool ready = health_ready(&text);
	const char *line = text.len > 0 ? text.data : "";
	const char *end = strstr(line, " (for ");

	(void)snprintf(out, len, "STATUS=%s%s%.*s", ready ? "ready" : "waits",
		*line != '\0' ? ": " : "",
		(int)(end != NULL ? (size_t)(end - line) :
			strcspn(line, "\n")), line);
	buf_clear(&text);
}

static void tell_status(void)
{
	char status[sizeof(service.status)];

	make_status(status, sizeof(status));
	if (strcmp(status, service.status) == 0)
		return;
	memcpy(service.status, status, sizeof(status));
	tell(status);
}

static void feed(void)
{
	const bool alive = pulse_alive_all();

	if (!alive && !service.starving)
		LOG(LOG_ERROR, "hopeless", LOG_S("why", "a thread does not "
			"come back: the watchdog is not fed any more"));
	service.starving = !alive;
	if (!alive || service.feed_ms == 0 ||
		clock_now_ms() - service.fed_ms < service.feed_ms)
		return;
	service.fed_ms = clock_now_ms();
	tell("WATCHDOG=1");
}

void service_tick(void)
{
	pulse_look();
	tell_status();
	feed();
}
