/* doctor.h - is this machine, and are these servers, as Sluice needs them?
 *
 * A table of checks; each says what it found under its id. The remedies stand
 * in docs/OPERATIONS.md under the same ids. Nothing here changes anything, but
 * that one message is published that no queue takes. */
#ifndef SLUICE_DOCTOR_H
#define SLUICE_DOCTOR_H

#include "cli/manage.h"
#include "common/broker.h"
#include "common/config.h"
#include "common/db.h"
#include "consumer/plan.h"

enum grade { GRADE_OK, GRADE_WARN, GRADE_PROBLEM };

struct finding {
	const char *id;   /* of the check */
	enum grade grade;
	char what[512];   /* may hold anything: escape it */
	char remedy[512]; /* "": none is needed */
};

#define FINDINGS_MAX 256

struct doctor {
	const struct config *config;
	struct plan *plan;    /* NULL: the pipelines or models are wrong */
	struct err plan_err;
	struct db *db;        /* as the reader; NULL: not there */
	struct broker *tap;   /* NULL: not there */
	struct finding findings[FINDINGS_MAX];
	size_t count;
	const char *id;       /* of the check that runs */
	void (*say)(const struct finding *finding); /* NULL: nobody listens */
};

struct check {
	const char *id;
	const char *what; /* what it looks at, for `sluice help doctor` */
	void (*run)(struct doctor *doctor);
	bool broker;      /* only where there is one */
};

/* NULL id behind the last. */
extern const struct check doctor_checks[];

/* Runs them all. Takes seconds, never for ever: every server has a few. */
void doctor_run(struct doctor *doctor, const struct config *config);
void doctor_clear(struct doctor *doctor);
enum grade doctor_grade(const struct doctor *doctor); /* the worst */
const char *doctor_grade_name(enum grade grade);

/* -- for the checks -------------------------------------------------------- */

/* "fmt" is what was found; remedy NULL: none. */
void doctor_say(struct doctor *doctor, enum grade grade, const char *remedy,
	const char *fmt, ...) PRINTF_LIKE(4, 5);
/* One row of one statement; NULL: it was said that it cannot be asked. */
struct db_result *doctor_ask(struct doctor *doctor, const char *sql);

/* doctor_machine.c */
void check_inotify(struct doctor *doctor);
void check_folders(struct doctor *doctor);
void check_disk(struct doctor *doctor);
void check_secrets(struct doctor *doctor);
void check_pipelines(struct doctor *doctor);
void check_endpoints(struct doctor *doctor);
/* doctor_database.c */
void check_database(struct doctor *doctor);
void check_clock(struct doctor *doctor);
void check_settings(struct doctor *doctor);
void check_schema(struct doctor *doctor);
void check_roles(struct doctor *doctor);
void check_grants(struct doctor *doctor);
void check_indexes(struct doctor *doctor);
void check_bloat(struct doctor *doctor);
/* doctor_broker.c */
void check_broker(struct doctor *doctor);
void check_queues(struct doctor *doctor);
void check_alarms(struct doctor *doctor);
void check_unroutable(struct doctor *doctor);
void check_certificates(struct doctor *doctor);
void check_daemons(struct doctor *doctor);

#endif
