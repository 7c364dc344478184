/* service.h - what the service manager hears: the datagrams of sd_notify(3),
 * where $NOTIFY_SOCKET names its socket; else nothing happens. Never fails:
 * who does not listen is not told. For the main thread. */
#ifndef SLUICE_SERVICE_H
#define SLUICE_SERVICE_H

/* Takes these variables and $WATCHDOG_USEC out of the environment: before any
 * thread starts. */
void service_begin(void);
/* All threads run. */
void service_ready(void);
void service_reloading(void); /* then service_ready again */
void service_stopping(void);
/* To be called at least every SERVICE_TICK_MS: tells what /readyz says when that
 * has changed, and feeds the watchdog as long as every thread gets on or waits
 * for what it has a right to wait for. */
#define SERVICE_TICK_MS 1000
void service_tick(void);

#endif
