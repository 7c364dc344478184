/* main.c - sluice-producer: dropped files and answers of HTTP servers become
 * messages.
 *
 * Threads: the keeper (folders, state file), the publisher (RabbitMQ), the
 * poller (HTTP), and this one, which owns the signals. Queues join them:
 * claimed sources one way, reports the other. */
#include "common/log.h"
#include "common/footprint.h"
#include "common/health.h"
#include "common/metrics.h"
#include "common/options.h"
#include "common/probe.h"
#include "common/pulse.h"
#include "common/service.h"
#include "producer/api_poller.h"
#include "producer/keeper.h"
#include "producer/publish.h"
#include "producer/report.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define QUEUE_ITEMS ((size_t)65536)
#define JOIN_MS 3000
#define STOP_SECS 4 /* then without saying goodbye: any moment is safe */
#define HOPELESS_MS 600000 /* in one call: longer than any server may take */

struct daemon {
	const struct options *options;
	struct plan *plan;
	struct probe *probe;
	struct queue *claims;  /* struct source */
	struct queue *reports; /* struct report */
	struct queue *spooled; /* struct source */
	struct keeper *keeper;
	struct publisher *publisher;
	struct api_poller *poller;
	int signals; /* signalfd */
	int died;    /* eventfd, raised by a thread that failed */
};

/* -- starting --------------------------------------------------------- */

/* Before any thread is made, so that all of them inherit it. */
static bool take_signals(struct daemon *d, struct err *err)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return err_errno(err, ERR_STOP, "block signals");
	d->signals = signalfd(-1, &set, SFD_CLOEXEC);
	d->died = eventfd(0, EFD_CLOEXEC);
	return (d->signals >= 0 && d->died >= 0) ||
		err_errno(err, ERR_STOP, "signalfd");
}

static void measure(void *context)
{
	struct daemon *d = context;

	metrics_set(METRIC_QUEUE_LENGTH, (double)queue_len(d->claims),
		"claims", NULL);
	metrics_set(METRIC_QUEUE_LENGTH, (double)queue_len(d->reports),
		"reports", NULL);
	metrics_set(METRIC_QUEUE_LENGTH, (double)queue_len(d->spooled),
		"spooled", NULL);
}

static bool start(struct daemon *d, struct err *err)
{
	const struct config *config = &d->plan->config;

	service_begin();
	pulse_setup(config->stall_secs * 1000, HOPELESS_MS);
	metrics_begin(METRIC_OF_PRODUCER);
	metrics_set(METRIC_BUILD, 1, "sluice-producer", SLUICE_VERSION);
	log_setup(config->log_level, config->log_format);
	LOG(LOG_INFO, "start", LOG_S("version", SLUICE_VERSION),
		LOG_S("raw_dir", config->raw_dir),
		LOG_U("datasets", d->plan->count),
		LOG_I("pid", getpid()));
	health_down("broker", "not connected yet");
	d->claims = queue_new(QUEUE_ITEMS, SIZE_MAX, err);
	d->reports = queue_new(QUEUE_ITEMS, SIZE_MAX, err);
	d->spooled = queue_new(QUEUE_ITEMS, SIZE_MAX, err);
	if (d->claims == NULL || d->reports == NULL || d->spooled == NULL)
		return false;
	d->probe = probe_start(config->producer_http, measure, d);
	d->keeper = keeper_start(d->plan, d->claims, d->reports, d->spooled,
		d->died, err);
	if (d->keeper == NULL)
		return false;
	d->publisher = publisher_start(d->plan, d->claims, d->reports,
		d->died, err);
	if (d->publisher != NULL)
		d->poller = api_poller_start(d->plan, d->spooled, d->died,
			err);
	return d->poller != NULL;
}

/* -- running ---------------------------------------------------------- */

static void reload(struct daemon *d)
{
	struct err err = { 0 };
	struct plan *plan = plan_load(d->options->config_file,
		d->options->flags, &err);

	if (plan == NULL || !plan_can_follow(d->plan, plan, &err)) {
		(void)err_wrap(&err, "going on as before");
		log_err(LOG_ERROR, "reload_refused", &err);
		plan_release(plan);
		return;
	}
	log_setup(plan->config.log_level, plan->config.log_format);
	keeper_follow(d->keeper, plan);
	api_poller_follow(d->poller, plan);
	plan_release(d->plan);
	d->plan = plan;
}

/* Until a signal asks for the end, or a thread failed. */
static void run(struct daemon *d)
{
	struct pollfd fds[] = { { .fd = d->signals, .events = POLLIN },
		{ .fd = d->died, .events = POLLIN } };
	struct signalfd_siginfo info;

	service_ready();
	for (;;) {
		service_tick();
		if (poll(fds, 2, SERVICE_TICK_MS) <= 0)
			continue;
		if (fds[1].revents != 0)
			return;
		if (read(d->signals, &info, sizeof(info)) !=
			(ssize_t)sizeof(info))
			continue;
		if (info.ssi_signo != SIGHUP) {
			LOG(LOG_INFO, "stopping",
				LOG_S("signal", info.ssi_signo == SIGINT ?
					"INT" : "TERM"));
			return;
		}
		service_reloading();
		reload(d);
		service_ready();
	}
}

/* -- stopping --------------------------------------------------------- */

static void on_alarm(int signal_number)
{
	(void)signal_number;
	_exit(EXIT_FINE);
}

static void drain(struct daemon *d)
{
	struct source *source;
	struct report *report;

	while (d->claims != NULL &&
		(source = queue_pop(d->claims, 0)) != NULL)
		source_free(source);
	while (d->reports != NULL &&
		(report = queue_pop(d->reports, 0)) != NULL) {
		source_free(report->source);
		free(report);
	}
	while (d->spooled != NULL &&
		(source = queue_pop(d->spooled, 0)) != NULL)
		source_free(source);
	queue_free(d->claims);
	queue_free(d->reports);
	queue_free(d->spooled);
}

/* The poller first: what it spooled has its rows. The publisher before the
 * keeper: its last reports are the keeper's last work. */
static bool stop(struct daemon *d, struct err *err)
{
	bool ok = true;

	service_stopping();
	(void)signal(SIGALRM, on_alarm);
	(void)alarm(STOP_SECS);
	if (d->poller != NULL)
		ok = api_poller_stop(d->poller, err);
	if (d->claims != NULL)
		queue_close(d->claims);
	if (d->keeper != NULL)
		keeper_stop(d->keeper);
	if (d->publisher != NULL)
		ok = publisher_join(d->publisher, JOIN_MS, err) && ok;
	if (d->reports != NULL)
		queue_close(d->reports);
	if (d->keeper != NULL)
		ok = keeper_join(d->keeper, err) && ok;
	probe_stop(d->probe);
	drain(d);
	api_poller_free(d->poller);
	plan_release(d->plan);
	return ok;
}

/* -- the program ------------------------------------------------------ */

static int fail(const struct err *err)
{
	log_err(LOG_ERROR, "failed", err);
	return err_exit_code(err);
}

static int serve(const struct options *options)
{
	struct daemon d = { .options = options, .signals = -1, .died = -1 };
	struct err err = { 0 }, later = { 0 };
	bool ok;

	footprint_limit();
	(void)footprint_drop_code(); /* what the linker needed */
	ok = take_signals(&d, &err);
	if (ok) {
		d.plan = plan_load(options->config_file, options->flags, &err);
		ok = d.plan != NULL && start(&d, &err);
	}
	if (ok) {
		(void)footprint_drop_code(); /* what starting needed */
		run(&d);
	}
	if (!stop(&d, &later) && ok) {
		err = later;
		ok = false;
	}
	if (!ok)
		return fail(&err);
	LOG(LOG_INFO, "stopped", LOG_S("version", SLUICE_VERSION));
	return EXIT_FINE;
}

static int print_help(void)
{
	struct buf text = { 0 };
	struct err err = { 0 };
	int code = EXIT_FINE;

	if (options_help("sluice-producer", "Publishes the files that are "
		"dropped into the datasets' folders.", &text, &err))
		(void)fputs(text.data, stdout);
	else
		code = fail(&err);
	buf_clear(&text);
	return code;
}

/* --health */
static int ask(const struct options *options)
{
	struct config config = { 0 };
	struct err err = { 0 };
	int code;

	if (!config_load(&config, options->config_file, options->flags, &err))
		return fail(&err);
	code = probe_health(config.producer_http);
	config_clear(&config);
	return code;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct err err = { 0 };

	if (!options_parse(&options, argc, argv, &err)) {
		(void)fprintf(stderr, "sluice-producer: %s\n", err.text);
		return err_exit_code(&err);
	}
	if (options.help)
		return print_help();
	if (options.version) {
		(void)printf("sluice-producer %s\n", SLUICE_VERSION);
		return EXIT_FINE;
	}
	return options.health ? ask(&options) : serve(&options);
}
