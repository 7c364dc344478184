/* doctor_database.c - PostgreSQL: is it there, and as we need it? */
#include "cli/connect.h"
#include "cli/doctor.h"
#include "common/clock.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENT_MS 10000
#define OLDEST 140000 /* PostgreSQL's version as it gives it */
#define UNIQUE_NULLS 150000
#define CLOCK_US 2000000

void check_database(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	struct err err = { 0 };
	int version;

	doctor->db = connect_db(config, &config->reader, true, STATEMENT_MS,
		&err);
	if (doctor->db == NULL) {
		doctor_say(doctor, GRADE_PROBLEM, "start it; check "
			"database_host, database_port and the reader's password",
			"%s", err.text);
		return;
	}
	version = db_server_version(doctor->db);
	doctor_say(doctor, version < UNIQUE_NULLS ? GRADE_PROBLEM : GRADE_OK,
		version < UNIQUE_NULLS ? "run PostgreSQL 15 or later" : NULL,
		"PostgreSQL %d.%d at %s:%" PRId64, version / 10000,
		version % 10000, config->database_host, config->database_port);
}

void check_clock(struct doctor *doctor)
{
	const int64_t before = clock_wall_us();
	struct db_result *result = doctor_ask(doctor,
		"select (extract(epoch from clock_timestamp()) * 1e6)::bigint");
	const int64_t after = clock_wall_us();
	int64_t off;

	if (result == NULL)
		return;
	off = db_int(result, 0, 0) - (before + after) / 2;
	off = off < 0 ? -off : off;
	db_result_free(result);
	doctor_say(doctor, off > CLOCK_US + (after - before) ? GRADE_WARN :
		GRADE_OK, off > CLOCK_US + (after - before) ?
			"let a time service set both clocks (chrony): which "
			"version of a key wins goes by the claim's time" : NULL,
		"%" PRId64 " ms between this machine and PostgreSQL",
		off / 1000);
}

/* -- settings -------------------------------------------------------------- */

/* A setting that has another value than these is told. */
static const struct {
	const char *sql; /* null or false: amiss */
	enum grade grade;
	const char *name, *remedy;
} settings[] = {
	{ "current_setting('fsync') = 'on'", GRADE_PROBLEM, "fsync",
		"set it to on: a power cut destroys the database else" },
	{ "current_setting('full_page_writes') = 'on'", GRADE_PROBLEM,
		"full_page_writes", "set it to on" },
	{ "(select reset_val from pg_settings where name = "
		"'synchronous_commit') <> 'off'", GRADE_WARN,
		"synchronous_commit", "Sluice's sessions switch it on; others "
		"may lose what they committed" },
	{ "pg_size_bytes(current_setting('max_wal_size')) >= 1073741824",
		GRADE_WARN, "max_wal_size", "1GB or more: loading waits for "
		"checkpoints else" },
	{ "current_setting('autovacuum') = 'on'", GRADE_PROBLEM, "autovacuum",
		"set it to on: tables grow without end" },
	{ "current_setting('data_checksums') = 'on'", GRADE_WARN,
		"data_checksums", "pg_checksums --enable while it is stopped: "
		"rotten blocks are found then" },
	{ "current_setting('max_connections')::integer >= 30", GRADE_WARN,
		"max_connections", "30 or more: a consumer takes six" },
};

void check_settings(struct doctor *doctor)
{
	const size_t before = doctor->count;

	for (size_t i = 0; doctor->db != NULL &&
		i < sizeof(settings) / sizeof(*settings); i++) {
		struct db_result *result;
		char sql[512];

		(void)snprintf(sql, sizeof(sql), "select %s, "
			"current_setting('%s')", settings[i].sql,
			settings[i].name);
		result = doctor_ask(doctor, sql);
		if (result == NULL)
			return;
		if (db_value(result, 0, 0)[0] != 't')
			doctor_say(doctor, settings[i].grade,
				settings[i].remedy, "%s is %s",
				settings[i].name, db_value(result, 0, 1));
		db_result_free(result);
	}
	if (doctor->db != NULL && doctor->count == before)
		doctor_say(doctor, GRADE_OK, NULL, "fsync, autovacuum and the "
			"others");
}

/* -- schema ---------------------------------------------------------------- */

static int64_t newest_file(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	int64_t newest = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		const int64_t number = strtoll(entry->d_name, NULL, 10);

		if (strstr(entry->d_name, ".sql") != NULL && number > newest)
			newest = number;
	}
	if (dir != NULL)
		(void)closedir(dir);
	return newest;
}

void check_schema(struct doctor *doctor)
{
	const int64_t wanted = newest_file(doctor->config->schema_dir);
	struct db_result *result = doctor_ask(doctor,
		"select coalesce(max(version), 0) from meta.schema_version");
	int64_t version;

	if (result == NULL)
		return;
	version = db_int(result, 0, 0);
	db_result_free(result);
	if (wanted == 0)
		doctor_say(doctor, GRADE_PROBLEM, "check schema_dir",
			"no migrations in %s", doctor->config->schema_dir);
	else if (version != wanted)
		doctor_say(doctor, GRADE_PROBLEM, version < wanted ?
			"run `sluice apply`" : "these programs are older than "
			"the database: bring them up to date",
			"the database has version %" PRId64 ", the files have %"
			PRId64, version, wanted);
	else
		doctor_say(doctor, GRADE_OK, NULL, "version %" PRId64, version);
}

/* -- lists that are empty when all is well --------------------------------- */

static void tell_rows(struct doctor *doctor, const char *sql, enum grade grade,
	const char *remedy, const char *well)
{
	struct db_result *result = doctor_ask(doctor, sql);

	if (result == NULL)
		return;
	for (size_t i = 0; i < db_rows(result); i++)
		doctor_say(doctor, grade, remedy, "%s",
			db_value(result, i, 0));
	if (db_rows(result) == 0)
		doctor_say(doctor, GRADE_OK, NULL, "%s", well);
	db_result_free(result);
}

void check_roles(struct doctor *doctor)
{
	tell_rows(doctor,
		"select format('%s may %s', r.rolname, v.what)\n"
		"from pg_roles r\n"
		"cross join lateral (values (r.rolsuper, 'do everything "
		"(superuser)'), (r.rolcreaterole, 'make roles'),\n"
		"    (r.rolcreatedb, 'make databases'), (r.rolbypassrls, "
		"'pass row security'), (r.rolreplication, 'replicate'))\n"
		"    v (yes, what)\n"
		"where v.yes and (r.rolname in ('sluice_loader', "
		"'sluice_reader')\n"
		"    or exists (select from pg_auth_members m\n"
		"        join pg_roles g on g.oid = m.roleid\n"
		"        where m.member = r.oid and g.rolname in "
		"('sluice_loader', 'sluice_reader')))\n"
		"order by 1", GRADE_PROBLEM, "alter role ... no...: the loader "
		"and the reader need nothing but their grants",
		"loader and reader are nothing but that");
}

/* Needed and lacking, or there and too much. */
static const char grants_sql[] =
	"with t as (\n"
	"    select c.oid, n.nspname, c.relname, c.relacl, c.relowner,\n"
	"           c.oid in (select master::regclass from meta.dataset)\n"
	"               as master,\n"
	"           c.oid in (select delta::regclass from meta.dataset)\n"
	"               as delta\n"
	"    from pg_class c\n"
	"    join pg_namespace n on n.oid = c.relnamespace\n"
	"    where c.relkind in ('r', 'p', 'v') and not c.relispartition\n"
	"      and (n.nspname in ('meta', 'modelled') or c.oid in (\n"
	"          select master::regclass from meta.dataset union all\n"
	"          select delta::regclass from meta.dataset))\n"
	")\n"
	"select format('%s lacks %s on %I.%I', w.role, w.right, t.nspname,\n"
	"    t.relname), true\n"
	"from t\n"
	"cross join (values ('sluice_reader', 'select', true, true),\n"
	"    ('sluice_loader', 'select', true, true),\n"
	"    ('sluice_loader', 'insert', true, true),\n"
	"    ('sluice_loader', 'update', true, false))\n"
	"    w (role, \"right\", master, delta)\n"
	"where (t.master and w.master or t.delta and w.delta)\n"
	"  and not has_table_privilege(w.role, t.oid, w.right)\n"
	"union all\n"
	"select format('%s may %s %I.%I', coalesce(r.rolname, 'everybody'),\n"
	"    lower(a.privilege_type), t.nspname, t.relname), false\n"
	"from t\n"
	"cross join lateral aclexplode(t.relacl) a\n"
	"left join pg_roles r on r.oid = a.grantee\n"
	"where a.grantee <> t.relowner\n"
	"  and not (r.rolname is not distinct from 'sluice_reader'\n"
	"      and a.privilege_type = 'SELECT')\n"
	"  and not (r.rolname is not distinct from 'sluice_loader'\n"
	"      and (a.privilege_type in ('SELECT', 'INSERT')\n"
	"          or a.privilege_type = 'UPDATE' and not t.delta\n"
	"          or a.privilege_type = 'DELETE' and t.nspname in ('meta',\n"
	"              'modelled')))\n"
	"order by 1\n"
	"limit 20";

void check_grants(struct doctor *doctor)
{
	struct db_result *result = doctor_ask(doctor, grants_sql);

	if (result == NULL)
		return;
	for (size_t i = 0; i < db_rows(result); i++) {
		const bool lacks = db_value(result, i, 1)[0] == 't';

		doctor_say(doctor, lacks ? GRADE_PROBLEM : GRADE_WARN, lacks ?
			"run `sluice apply`; if it stays so: grant it" :
			"revoke it, unless you have granted it on purpose",
			"%s", db_value(result, i, 0));
	}
	if (db_rows(result) == 0)
		doctor_say(doctor, GRADE_OK, NULL, "what is needed, no more");
	db_result_free(result);
}

void check_indexes(struct doctor *doctor)
{
	tell_rows(doctor,
		"select format('%I.%I of %I is not valid', n.nspname,\n"
		"    i.relname, t.relname)\n"
		"from pg_index x\n"
		"join pg_class i on i.oid = x.indexrelid\n"
		"join pg_class t on t.oid = x.indrelid\n"
		"join pg_namespace n on n.oid = i.relnamespace\n"
		"where not (x.indisvalid and x.indisready)\n"
		"order by 1\n"
		"limit 20", GRADE_PROBLEM, "reindex index concurrently ...; "
		"until then the table is slow, or a key not unique",
		"all are valid");
}

void check_bloat(struct doctor *doctor)
{
	tell_rows(doctor,
		"select format('%I.%I: %s dead rows beside %s, cleaned up %s',\n"
		"    schemaname, relname, n_dead_tup, n_live_tup,\n"
		"    coalesce(to_char(greatest(last_vacuum, last_autovacuum)\n"
		"        at time zone 'UTC', 'YYYY-MM-DD HH24:MI \"UTC\"'),\n"
		"        'never'))\n"
		"from pg_stat_user_tables\n"
		"where n_dead_tup > 50000 and n_dead_tup > n_live_tup / 3\n"
		"order by n_dead_tup desc\n"
		"limit 10", GRADE_WARN, "vacuum it; look for a session that is "
		"idle in a transaction (pg_stat_activity)",
		"autovacuum keeps up");
}
