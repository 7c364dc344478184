/* doctor.c - the table of checks, run one after the other. */
#include "cli/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* In the order in which they are told; what others need comes first. */
const struct check doctor_checks[] = {
	{ "pipelines", "pipeline and model files", check_pipelines, false },
	{ "folders", "folders: there, whose, no links", check_folders, false },
	{ "disk", "room and inodes on every file system used", check_disk,
		false },
	{ "inotify", "the kernel's limits of watches", check_inotify, false },
	{ "secrets", "password files: there, for nobody else", check_secrets,
		false },
	{ "endpoints", "credentials of HTTP APIs", check_endpoints, false },
	{ "database", "PostgreSQL answers, its version", check_database, false },
	{ "clock", "this machine's against PostgreSQL's", check_clock, false },
	{ "settings", "settings of PostgreSQL that keep data, or speed",
		check_settings, false },
	{ "schema", "the migrations that were run", check_schema, false },
	{ "roles", "what the accounts could do beyond their part", check_roles,
		false },
	{ "grants", "rights on tables: those needed, and no more",
		check_grants, false },
	{ "indexes", "indexes that are not valid", check_indexes, false },
	{ "bloat", "dead rows that nobody has cleaned up", check_bloat, false },
	{ "broker", "RabbitMQ answers, its version, the virtual host",
		check_broker, true },
	{ "queues", "queues: there, of the right type, their length",
		check_queues, true },
	{ "alarms", "RabbitMQ's alarms of memory and disk", check_alarms, true },
	{ "unroutable", "a message for nobody comes back", check_unroutable,
		true },
	{ "certificates", "until when the servers' certificates are good",
		check_certificates, false },
	{ "daemons", "producer and consumer: running, ready, of this version",
		check_daemons, true },
	{ .id = NULL },
};

const char *doctor_grade_name(enum grade grade)
{
	static const char *const names[] = { "ok", "warn", "problem" };

	return names[grade];
}

enum grade doctor_grade(const struct doctor *doctor)
{
	enum grade worst = GRADE_OK;

	for (size_t i = 0; i < doctor->count; i++)
		if (doctor->findings[i].grade > worst)
			worst = doctor->findings[i].grade;
	return worst;
}

void doctor_say(struct doctor *doctor, enum grade grade, const char *remedy,
	const char *fmt, ...)
{
	struct finding *finding;
	va_list args;

	if (doctor->count == FINDINGS_MAX)
		return;
	finding = &doctor->findings[doctor->count++];
	*finding = (struct finding){ .id = doctor->id, .grade = grade };
	va_start(args, fmt);
	(void)vsnprintf(finding->what, sizeof(finding->what), fmt, args);
	va_end(args);
	(void)snprintf(finding->remedy, sizeof(finding->remedy), "%s",
		remedy != NULL ? remedy : "");
	if (doctor->say != NULL)
		doctor->say(finding);
}

struct db_result *doctor_ask(struct doctor *doctor, const char *sql)
{
	struct db_result *result = NULL;
	struct err err = { 0 };

	if (doctor->db == NULL)
		return NULL; /* `database` has said why */
	if (!db_alive(doctor->db)) {
		doctor_say(doctor, GRADE_WARN, NULL, "not known: the "
			"connection to PostgreSQL was lost");
		return NULL;
	}
	if (db_query(doctor->db, sql, 0, NULL, &result, &err))
		return result;
	doctor_say(doctor, GRADE_PROBLEM, "run `sluice apply`",
		"it cannot be asked: %s", err.text);
	return NULL;
}

void doctor_run(struct doctor *doctor, const struct config *config)
{
	doctor->config = config;
	doctor->plan = plan_read(config, &doctor->plan_err);
	for (const struct check *check = doctor_checks; check->id != NULL;
		check++) {
		doctor->id = check->id;
		if (!check->broker || config->broker)
			check->run(doctor);
	}
}

void doctor_clear(struct doctor *doctor)
{
	plan_free(doctor->plan);
	db_close(doctor->db);
	broker_close(doctor->tap);
}
