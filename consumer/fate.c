/* fate.c - how the threads tell main that the program must end, and main tells
 * them. */
#include "consumer/fate.h"
#include "common/log.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool fate_init(struct fate *fate, struct err *err)
{
	*fate = (struct fate){ 0 };
	fate->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fate->leave_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fate->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fate->ended_fd >= 0 && fate->leave_fd >= 0 && fate->stop_fd >= 0)
		return true;
	return err_errno(err, ERR_STOP, "eventfd");
}

void fate_clear(struct fate *fate)
{
	close(fate->ended_fd);
	close(fate->leave_fd);
	close(fate->stop_fd);
}

static void raise_fd(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return; /* raised already */
}

void fate_end(struct fate *fate, const struct err *err)
{
	int none = 0;

	log_err(LOG_ERROR, "ends", err);
	(void)atomic_compare_exchange_strong(&fate->exit_code, &none,
		err_exit_code(err));
	raise_fd(fate->ended_fd);
}

bool fate_ended(const struct fate *fate)
{
	return atomic_load(&fate->exit_code) != 0;
}

void fate_leave(struct fate *fate)
{
	raise_fd(fate->leave_fd);
}

void fate_stop(struct fate *fate)
{
	raise_fd(fate->leave_fd);
	raise_fd(fate->stop_fd);
}

bool fate_wait(const struct fate *fate, int ms)
{
	struct pollfd fd = { .fd = fate->leave_fd, .events = POLLIN };

	return poll(&fd, 1, ms) <= 0;
}
