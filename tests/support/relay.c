/* relay.c - a TCP relay that misbehaves on demand, for tests of networks.
 *
 * usage: relay LISTEN_ADDRESS TARGET_PORT COMMANDS
 *
 * Listens on a port of its own choice, prints it, and connects each caller to
 * 127.0.0.1:TARGET_PORT. COMMANDS is a FIFO; each line of it is one of
 *   pass      bytes go through, as at the start
 *   hold      connections stay, no byte moves: a peer that hangs
 *   slow N    N bytes a second go through, each way of each connection
 *   cut N     each connection is reset after N bytes from the caller
 *   reset     all connections are reset, once */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CALLS_MAX 64
#define BYTES_MAX 65536
#define TICK_MS 20

/* One way of a connection: what was read and is not yet written. */
struct way {
	char bytes[BYTES_MAX];
	size_t at, len;
	int64_t allowed; /* bytes that may be read now, when slow */
	uint64_t passed;
	bool ended; /* nothing more will come */
};

struct call {
	int fd[2]; /* caller, target */
	struct way way[2]; /* from fd[i] to the other */
};

struct relay {
	struct call *calls[CALLS_MAX];
	size_t count;
	int listener, commands, port;
	bool hold;
	int64_t bytes_a_second; /* 0: as fast as can be */
	uint64_t cut_after;     /* 0: never */
	int64_t tick_ms;
};

static int64_t now_ms(void)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* -- connections ------------------------------------------------------- */

/* With no time to linger, close() sends a reset instead of an end. */
static void set_reset(int fd)
{
	const struct linger none = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}

static void hang_up(struct relay *relay, size_t i, bool reset)
{
	struct call *call = relay->calls[i];

	for (int side = 0; side < 2; side++) {
		if (reset)
			set_reset(call->fd[side]);
		(void)close(call->fd[side]);
	}
	free(call);
	relay->calls[i] = relay->calls[--relay->count];
}

static void prepare(int fd)
{
	const int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
}

static int call_target(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* A target that is not there refuses: so do we. */
static void take_call(struct relay *relay)
{
	const int fd = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC);
	struct call *call;
	int target;

	if (fd < 0)
		return;
	target = relay->count < CALLS_MAX ? call_target(relay->port) : -1;
	if (target < 0) {
		set_reset(fd);
		(void)close(fd);
		return;
	}
	call = calloc(1, sizeof(*call));
	if (call == NULL)
		die("calloc");
	prepare(fd);
	prepare(target);
	call->fd[0] = fd;
	call->fd[1] = target;
	relay->calls[relay->count++] = call;
}

/* -- bytes -------------------------------------------------------------- */

static bool wants_bytes(const struct relay *relay, const struct way *way)
{
	return !relay->hold && !way->ended && way->len == 0 &&
		(relay->bytes_a_second == 0 || way->allowed > 0);
}

/* False: the connection is broken. */
static bool take_bytes(struct relay *relay, int from, struct way *way)
{
	size_t room = BYTES_MAX;
	ssize_t got;

	if (relay->bytes_a_second != 0 && way->allowed < BYTES_MAX)
		room = (size_t)way->allowed;
	got = read(from, way->bytes, room);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	way->ended = got == 0;
	way->at = 0;
	way->len = (size_t)got;
	way->allowed -= got;
	way->passed += (uint64_t)got;
	return true;
}

static bool give_bytes(int to, struct way *way)
{
	const ssize_t given = write(to, way->bytes + way->at, way->len);

	if (given < 0)
		return errno == EAGAIN || errno == EINTR;
	way->at += (size_t)given;
	way->len -= (size_t)given;
	return true;
}

/* Both ways of a connection; false: it is over, *reset says how. */
static bool serve(struct relay *relay, struct call *call,
	const struct pollfd *fds, bool *reset)
{
	*reset = true;
	for (int side = 0; side < 2; side++) {
		struct way *way = &call->way[side];
		const int to = call->fd[1 - side];

		if (wants_bytes(relay, way) && fds[side].revents != 0 &&
			!take_bytes(relay, call->fd[side], way))
			return false;
		if (!relay->hold && way->len > 0 && !give_bytes(to, way))
			return false;
	}
	*reset = false;
	if (relay->cut_after != 0 &&
		call->way[0].passed >= relay->cut_after) {
		*reset = true;
		return false;
	}
	return (!call->way[0].ended || call->way[0].len > 0) &&
		(!call->way[1].ended || call->way[1].len > 0);
}

static void allow(struct relay *relay)
{
	const int64_t now = now_ms();
	const int64_t more =
		relay->bytes_a_second * (now - relay->tick_ms) / 1000;

	if (relay->bytes_a_second != 0 && more == 0)
		return;
	relay->tick_ms = now;
	for (size_t i = 0; i < relay->count; i++)
		for (int side = 0; side < 2; side++)
			relay->calls[i]->way[side].allowed =
				more; /* no savings: a trickle stays one */
}

/* -- commands ------------------------------------------------------------ */

static void obey(struct relay *relay, const char *line)
{
	const char *blank = strchr(line, ' ');
	const long long n = blank != NULL ? strtoll(blank, NULL, 10) : 0;

	if (strcmp(line, "reset") == 0) {
		while (relay->count > 0)
			hang_up(relay, 0, true);
		return;
	}
	relay->hold = strcmp(line, "hold") == 0;
	relay->bytes_a_second = strncmp(line, "slow ", 5) == 0 ? n : 0;
	relay->cut_after = strncmp(line, "cut ", 4) == 0 ? (uint64_t)n : 0;
	for (size_t i = 0; i < relay->count; i++)
		relay->calls[i]->way[0].passed = 0;
}

static void take_commands(struct relay *relay)
{
	char text[256];
	const ssize_t got = read(relay->commands, text, sizeof(text) - 1);
	char *rest = NULL;

	if (got <= 0)
		return;
	text[got] = '\0';
	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
		line = strtok_r(NULL, "\n", &rest))
		obey(relay, line);
}

/* -- the loop ------------------------------------------------------------ */

static short events_of(const struct relay *relay, const struct call *call,
	int side)
{
	const struct way *in = &call->way[side];
	const struct way *out = &call->way[1 - side];

	return (short)((wants_bytes(relay, in) ? POLLIN : 0) |
		(!relay->hold && out->len > 0 ? POLLOUT : 0));
}

/* One that wants nothing is not polled: it would only report its end. */
static void poll_call(const struct relay *relay, const struct call *call,
	struct pollfd *fds)
{
	for (int side = 0; side < 2; side++) {
		fds[side].events = events_of(relay, call, side);
		fds[side].fd = fds[side].events != 0 ? call->fd[side] : -1;
	}
}

static void turn(struct relay *relay)
{
	struct pollfd fds[2 + 2 * CALLS_MAX] = {
		{ .fd = relay->listener, .events = POLLIN },
		{ .fd = relay->commands, .events = POLLIN } };
	const size_t count = relay->count;

	for (size_t i = 0; i < count; i++)
		poll_call(relay, relay->calls[i], &fds[2 + 2 * i]);
	(void)poll(fds, 2 + 2 * count,
		relay->bytes_a_second != 0 ? TICK_MS : -1);
	allow(relay);
	for (size_t i = count; i-- > 0;) {
		bool reset;

		if (!serve(relay, relay->calls[i], &fds[2 + 2 * i], &reset))
			hang_up(relay, i, reset);
	}
	if (fds[0].revents != 0)
		take_call(relay);
	if (fds[1].revents != 0)
		take_commands(relay);
}

static int listen_at(const char *address)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1 ||
		bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
		listen(fd, CALLS_MAX) != 0 ||
		getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		die(address);
	(void)printf("%d\n", ntohs(at.sin_port));
	(void)fflush(stdout);
	return fd;
}

int main(int argc, char **argv)
{
	struct relay relay = { 0 };

	if (argc != 4) {
		(void)fprintf(stderr,
			"usage: relay LISTEN_ADDRESS TARGET_PORT COMMANDS\n");
		return 64;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	relay.port = (int)strtol(argv[2], NULL, 10);
	relay.commands = open(argv[3], O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (relay.commands < 0)
		die(argv[3]);
	relay.listener = listen_at(argv[1]);
	relay.tick_ms = now_ms();
	for (;;)
		turn(&relay);
}
