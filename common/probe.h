/* probe.h - a daemon's own HTTP port: /healthz says that it is alive, /readyz
 * that it does its work (503 and reasons when not), /metrics what it counts. */
#ifndef SLUICE_PROBE_H
#define SLUICE_PROBE_H

#include "common/buf.h"

struct probe;

/* Called in the port's thread before /metrics is shown, to set what nobody
 * sets otherwise. */
typedef void probe_refresh(void *context);

/* Listens at the address; "" listens nowhere. A port that cannot be had is
 * logged and no reason to end: NULL then, too. refresh may be NULL; it is not
 * called any more once probe_stop has returned. */
struct probe *probe_start(const char *address, probe_refresh *refresh,
	void *context);
unsigned probe_port(const struct probe *probe);
void probe_stop(struct probe *probe);

/* What the daemon at this address answers to /readyz: *ready, and its lines
 * appended. False: nobody answers, ERR_RETRY, or no address is set. */
bool probe_ask(const char *address, bool *ready, struct buf *text,
	struct err *err) MUST_CHECK;
/* For --health: asks, prints the lines; the exit code, 0 when ready. */
int probe_health(const char *address);

#endif
