/* bell.c - one thread calls another that sleeps. */
#include "consumer/bell.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool bell_init(struct bell *bell, struct err *err)
{
	bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return bell->fd >= 0 || err_errno(err, ERR_STOP, "eventfd");
}

void bell_clear(struct bell *bell)
{
	close(bell->fd);
}

void bell_ring(struct bell *bell)
{
	const uint64_t one = 1;

	if (write(bell->fd, &one, sizeof(one)) < 0)
		return; /* it rings already */
}

void bell_wait(struct bell *bell, const struct fate *fate, int64_t ms,
	int together_ms)
{
	struct pollfd fds[] = {
		{ .fd = bell->fd, .events = POLLIN },
		{ .fd = fate->leave_fd, .events = POLLIN },
	};
	uint64_t rings;

	if (poll(fds, 2, (int)ms) <= 0 || fds[0].revents == 0 ||
		!fate_wait(fate, together_ms))
		return;
	if (read(bell->fd, &rings, sizeof(rings)) < 0)
		return; /* low already */
}
