/* main.c - sluice-consumer: from the queues into PostgreSQL. Wires the
 * threads, watches the signals. */
#include "common/footprint.h"
#include "common/log.h"
#include "common/options.h"
#include "common/health.h"
#include "common/metrics.h"
#include "common/probe.h"
#include "common/pulse.h"
#include "common/service.h"
#include "consumer/depth.h"
#include "consumer/intake.h"
#include "consumer/loader.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define SUMMARY \
	"Loads what the queues hold into PostgreSQL; runs until TERM or INT."
#define FINISH_MS 2500 /* for the batch at hand, before it is abandoned */
#define HARD_MS 4600   /* then the process ends whatever its threads do */
#define HOPELESS_MS 600000 /* in one call: longer than any server may take */

struct daemon {
	struct options options;
	struct config config;
	struct probe *probe;
	struct fate fate;
	struct queue *deliveries;
	struct intake *intake;
	struct watchdog *watchdog;
	struct care *care;
	struct pauses *pauses;
	struct depth *depth;
	struct loader *loader;
	int signals;
};

static int fail(const struct err *err)
{
	log_err(LOG_ERROR, "ends", err);
	return err_exit_code(err);
}

/* -- starting ----------------------------------------------------------- */

/* Blocked before any thread starts: only the descriptor gets them. */
static bool open_signals(int *fd, struct err *err)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *fd >= 0 || err_errno(err, ERR_STOP, "signalfd");
}

static void measure(void *context)
{
	struct daemon *daemon = context;

	metrics_set(METRIC_QUEUE_LENGTH,
		(double)queue_len(daemon->deliveries), "deliveries", NULL);
	depth_want(daemon->depth);
}

/* A statement may take its time; one without a limit may take for ever. */
static int64_t hopeless_ms(const struct config *config)
{
	return config->statement_timeout_ms == 0 ? 0 :
		config->statement_timeout_ms + HOPELESS_MS;
}

static bool start(struct daemon *daemon, struct err *err)
{
	const struct config *config = &daemon->config;
	struct plan *plan;

	service_begin();
	pulse_setup(config->stall_secs * 1000, hopeless_ms(config));
	if (!open_signals(&daemon->signals, err) ||
		!fate_init(&daemon->fate, err))
		return false;
	health_down("database", "not connected yet");
	health_down("broker", "not connected yet");
	plan = plan_read(config, err);
	if (plan == NULL)
		return false;
	daemon->deliveries = queue_new(
		(size_t)config->prefetch * 2 * INTAKE_WIDER * plan->set.count,
		(size_t)config->batch_bytes / 2, err); /* of the next batch */
	if (daemon->deliveries != NULL)
		daemon->depth = depth_start(config, &plan->set, err);
	if (daemon->depth != NULL)
		daemon->probe = probe_start(config->consumer_http, measure,
			daemon);
	if (daemon->depth != NULL)
		daemon->intake = intake_start(config, &plan->set,
			daemon->deliveries, &daemon->fate, err);
	if (daemon->intake != NULL)
		daemon->watchdog = watchdog_start((int)config->stuck_secs, err);
	if (err->kind == ERR_NONE)
		daemon->care = care_start(config, &daemon->fate, err);
	if (err->kind == ERR_NONE)
		daemon->pauses = pauses_start(config, daemon->intake,
			&daemon->fate, err);
	if (err->kind != ERR_NONE) {
		plan_free(plan);
		return false;
	}
	daemon->loader = loader_start(config, plan, daemon->deliveries,
		daemon->intake, &daemon->fate, daemon->watchdog, daemon->care,
		daemon->pauses, err);
	return daemon->loader != NULL;
}

/* -- running ------------------------------------------------------------ */

/* Checks first; what is wrong leaves everything as it is. Settings of the
 * connections take a restart, the pipelines and models do not. */
static void reload(struct daemon *daemon)
{
	struct config config = { 0 };
	struct plan *plan = NULL;
	struct err err = { 0 };

	service_reloading();
	if (config_load(&config, daemon->options.config_file,
		daemon->options.flags, &err))
		plan = plan_read(&config, &err);
	if (plan != NULL &&
		intake_set_queues(daemon->intake, &plan->set, &err) &&
		depth_set_queues(daemon->depth, &plan->set, &err)) {
		log_setup(config.log_level, config.log_format);
		loader_set_plan(daemon->loader, plan);
		LOG(LOG_INFO, "reloaded",
			LOG_S("config", config.config_file));
	} else {
		plan_free(plan);
		log_err(LOG_ERROR, "reload_refused", &err);
	}
	config_clear(&config);
	service_ready();
}

/* True when the signal ends the program. */
static bool take_signal(struct daemon *daemon)
{
	struct signalfd_siginfo info;

	if (read(daemon->signals, &info, sizeof(info)) !=
		(ssize_t)sizeof(info))
		return false;
	if (info.ssi_signo == SIGHUP) {
		reload(daemon);
		return false;
	}
	LOG(LOG_INFO, "stopping", LOG_U("signal", info.ssi_signo));
	return true;
}

static void run(struct daemon *daemon)
{
	struct pollfd fds[] = {
		{ .fd = daemon->signals, .events = POLLIN },
		{ .fd = daemon->fate.ended_fd, .events = POLLIN },
	};

	service_ready();
	for (;;) {
		service_tick();
		if (poll(fds, 2, SERVICE_TICK_MS) <= 0)
			continue;
		if (fds[1].revents != 0)
			return;
		if (fds[0].revents != 0 && take_signal(daemon))
			return;
	}
}

/* -- stopping ----------------------------------------------------------- */

/* First the batch at hand may end, then it is abandoned, then so are we:
 * nothing is lost by that, the broker delivers again. */
static void *watch_the_end(void *context)
{
	struct fate *fate = context;

	(void)poll(NULL, 0, FINISH_MS);
	fate_stop(fate);
	(void)poll(NULL, 0, HARD_MS - FINISH_MS);
	LOG(LOG_WARN, "stopped_hard",
		LOG_S("reason", "a server did not answer in time"));
	_exit(EXIT_FINE);
}

static void stop(struct daemon *daemon)
{
	struct parcel *parcel;
	pthread_t watch;

	if (daemon->deliveries == NULL)
		return;
	service_stopping();
	if (pthread_create(&watch, NULL, watch_the_end, &daemon->fate) != 0)
		fate_stop(&daemon->fate);
	fate_leave(&daemon->fate);
	queue_close(daemon->deliveries);
	probe_stop(daemon->probe);
	loader_join(daemon->loader);
	care_join(daemon->care);
	pauses_join(daemon->pauses);
	watchdog_stop(daemon->watchdog);
	intake_stop(daemon->intake); /* sends the last acknowledgements */
	depth_stop(daemon->depth);
	while ((parcel = queue_pop(daemon->deliveries, 0)) != NULL)
		parcel_free(parcel);
	queue_free(daemon->deliveries);
}

static int serve(struct daemon *daemon)
{
	struct err err = { 0 };
	int code = EXIT_FINE;

	LOG(LOG_INFO, "starts", LOG_S("program", "sluice-consumer"),
		LOG_S("version", SLUICE_VERSION),
		LOG_S("config", daemon->config.config_file));
	if (start(daemon, &err))
		run(daemon);
	else
		code = fail(&err);
	stop(daemon);
	if (code == EXIT_FINE)
		code = atomic_load(&daemon->fate.exit_code);
	LOG(LOG_INFO, "ended", LOG_I("code", code));
	return code;
}

static int say_help(void)
{
	struct buf text = { 0 };
	struct err err = { 0 };

	if (!options_help("sluice-consumer", SUMMARY, &text, &err))
		return fail(&err);
	(void)fputs(text.data, stdout);
	buf_clear(&text);
	return EXIT_FINE;
}

int main(int argc, char **argv)
{
	struct daemon daemon = { 0 };
	struct err err = { 0 };
	int code;

	if (!options_parse(&daemon.options, argc, argv, &err))
		return fail(&err);
	if (daemon.options.help)
		return say_help();
	if (daemon.options.version) {
		(void)puts("sluice-consumer " SLUICE_VERSION);
		return EXIT_FINE;
	}
	if (!config_load(&daemon.config, daemon.options.config_file,
		daemon.options.flags, &err))
		return fail(&err);
	if (daemon.options.health) {
		code = probe_health(daemon.config.consumer_http);
		config_clear(&daemon.config);
		return code;
	}
	if (!config_need_broker(&daemon.config, &err)) {
		config_clear(&daemon.config);
		return fail(&err);
	}
	metrics_begin(METRIC_OF_CONSUMER);
	metrics_set(METRIC_BUILD, 1, "sluice-consumer", SLUICE_VERSION);
	log_setup(daemon.config.log_level, daemon.config.log_format);
	footprint_limit();
	code = serve(&daemon);
	config_clear(&daemon.config);
	return code;
}
