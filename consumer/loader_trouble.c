/* loader_trouble.c - what went wrong, whose fault it is, who waits how long. */
#include "consumer/loader_private.h"
#include "common/clock.h"
#include "common/health.h"

#include <stdio.h>
#include <string.h>

/* -- whose fault ---------------------------------------------------------- */

bool loader_is_void(const struct loader *loader, const struct work *work)
{
	return work->generation != intake_generation(loader->intake);
}

static bool any_void(const struct loader *loader, struct work *const *works,
	size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (loader_is_void(loader, works[i]))
			return true;
	return false;
}

/* Out of memory and failed checks of our own: a new process is the cure. */
static bool is_fatal(const struct err *err)
{
	return err->kind == ERR_STOP && err->code[0] == '\0' &&
		err_exit_code(err) == EXIT_BUG;
}

/* The statement took too long: a smaller load may do. */
static bool is_slow(const struct err *err)
{
	return strcmp(err->code, "57014") == 0;
}

/* What the tables at hand have brought about: they were altered or dropped by
 * hand, somebody holds a lock, a trigger objects. */
bool loader_is_of_tables(const struct err *err)
{
	if (err->kind == ERR_STOP)
		return !is_fatal(err) && strncmp(err->code, "28", 2) != 0 &&
			strncmp(err->code, "3D", 2) != 0;
	return strncmp(err->code, "55", 2) == 0 || is_slow(err) ||
		strcmp(err->code, "53100") == 0; /* perhaps one tablespace */
}

/* Wrong from the start: user, password, database. */
static bool is_misconfigured(const struct loader *loader,
	const struct err *err)
{
	return loader->session.day[0] == '\0' &&
		(strncmp(err->code, "28", 2) == 0 ||
			strncmp(err->code, "3D", 2) == 0);
}

/* A lost session hides what keeps the next from coming about: each new cause
 * is told at once, those that were told at growing intervals. */
static bool is_news(struct loader *loader, const struct err *err)
{
	for (size_t i = 0; i < loader->told_count; i++)
		if (strcmp(loader->told[i], err->code) == 0)
			return false;
	if (loader->told_count == LOADER_TOLD_MAX)
		return false;
	(void)snprintf(loader->told[loader->told_count++],
		sizeof(loader->told[0]), "%s", err->code);
	return true;
}

static void complain(struct loader *loader, const struct err *err)
{
	const bool news = is_news(loader, err);

	health_down("database", err->text);
	if (loader->trouble_since == 0)
		loader->trouble_since = clock_now_ms();
	if (log_repeat_due(&loader->trouble) || news)
		log_err(err->kind == ERR_STOP ? LOG_ERROR : LOG_WARN,
			"load_waits", err);
}

void loader_calm(struct loader *loader)
{
	const uint64_t times = log_repeat_clear(&loader->trouble);

	health_up("database");
	if (times > 1)
		LOG(LOG_INFO, "load_goes_on", LOG_U("failures", times));
	loader->trouble_since = 0;
	loader->told_count = 0;
	backoff_reset(&loader->backoff);
}

/* Waits for the next try; false when there is to be none. */
static bool wait_for_retry(struct loader *loader, const struct err *err)
{
	if (!fate_wait(loader->fate, 0))
		return false;
	pulse_idle(loader->pulse); /* the complaint tells */
	complain(loader, err);
	if (is_fatal(err) || is_misconfigured(loader, err)) {
		fate_end(loader->fate, err);
		return false;
	}
	/* a partition may have been dropped by hand */
	if (strcmp(err->code, "42P01") == 0)
		session_forget_partitions(&loader->session);
	return fate_wait(loader->fate, backoff_next_ms(&loader->backoff));
}

bool loader_await_session(struct loader *loader)
{
	struct err err = { 0 };

	pulse_busy(loader->pulse, "a connection to PostgreSQL");
	while (!session_ensure(&loader->session, &err)) {
		if (!wait_for_retry(loader, &err))
			return false;
		err = (struct err){ 0 };
	}
	return true;
}

/* The messages cannot be held for ever: the broker gets them back, and gives
 * them to us anew once the database is there. */
static void give_back(struct loader *loader)
{
	LOG(LOG_WARN, "messages_returned",
		LOG_S("reason", "they could not be loaded for 10 minutes"));
	intake_pause(loader->intake);
	while (intake_generation(loader->intake) != 0)
		if (!fate_wait(loader->fate, 50))
			return;
	loader->trouble_since = clock_now_ms();
	if (loader_await_session(loader))
		intake_resume(loader->intake);
}

enum verdict loader_persist(struct loader *loader, loader_step *step,
	struct work **works, size_t count, struct err *err)
{
	for (;;) {
		*err = (struct err){ 0 };
		loader->fault = NULL;
		pulse_busy(loader->pulse, "a load");
		if (session_ensure(&loader->session, err) &&
			step(loader, works, count, err)) {
			loader_calm(loader);
			return LOADED;
		}
		if (err->kind == ERR_REJECT ||
			(loader->fault != NULL && count > 1 && is_slow(err)))
			return REFUSED;
		if (loader->fault != NULL)
			return HELD;
		if (!wait_for_retry(loader, err))
			return VOID;
		if (clock_now_ms() - loader->trouble_since > LOADER_HOLD_MS)
			give_back(loader);
		if (any_void(loader, works, count))
			return VOID;
	}
}

/* -- what to do about it --------------------------------------------------- */

/* What a human can do about an SQLSTATE; stop: only a human can. Those of data
 * (22, 23) are here that follow from the table's shape, not from a row. */
static const struct remedy {
	const char *code;
	bool stop;
	const char *text;
} remedies[] = {
#define UNDO "the tables do not fit the pipeline files: run `sluice apply`, " \
	"or undo what was altered by hand"
	{ "22P03", true, UNDO },
	{ "22P04", true, UNDO },
	{ "23502", true, UNDO },
	{ "42703", true, UNDO },
	{ "42804", true, UNDO },
	{ "42P01", true, UNDO },
	{ "42P10", true, UNDO },
#undef UNDO
	{ "42501", true, "run `sluice apply`, it grants what is needed" },
	{ "53100", false, "make room on the disk of PostgreSQL, or of the "
		"table's tablespace" },
	{ "55P03", false, "somebody holds a lock on the table: end that "
		"session (pg_locks, pg_stat_activity), or wait for it" },
	{ "57014", false, "a statement was cancelled, or took longer than "
		"statement_timeout_ms: look for what slows the table down" },
};

void loader_explain(struct err *err)
{
	const struct err was = *err;

	for (size_t i = 0; i < sizeof(remedies) / sizeof(*remedies); i++) {
		const struct remedy *remedy = &remedies[i];

		if (strcmp(was.code, remedy->code) != 0)
			continue;
		err_stop(err, EXIT_CONFIG, "%.800s: %s", was.text,
			remedy->text);
		memcpy(err->code, was.code, sizeof(err->code));
		if (!remedy->stop)
			err->kind = was.kind;
	}
}
