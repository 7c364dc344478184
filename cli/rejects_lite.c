/* rejects_lite.c - the rejects in an SQLite file. */
#include "cli/rejects.h"
#include "consumer/store.h"

#include <stdio.h>
#include <string.h>

/* As WHERE_SQL, for SQLite. */
#define CONDITION \
	"(?1 is null or instr(',' || trim(?1, '{}') || ',',\n" \
	"       ',' || r.reject_id || ','))\n" \
	"  and (?2 is null or r.code = ?2)\n" \
	"  and (?3 is null or r.field = ?3)\n" \
	"  and (?4 is null or\n" \
	"       ?4 in (r.dataset, s.pipeline || '.' || r.dataset))\n" \
	"  and (?5 is null or ?5 in (cast(s.source_id as text), s.drop_id,\n" \
	"       s.name) or substr(s.name, -length(?5) - 1) = '/' || ?5)\n" \
	"  and (?6 is null or s.name like ?6 escape '\\' or\n" \
	"       s.name like '%/' || ?6 escape '\\')\n" \
	"  and (?7 is null or r.stage = ?7)\n" \
	"  and (?8 is null or r.rejected_at >= datetime(?8))\n" \
	"  and (?9 is null or r.rejected_at < datetime(?9))\n"

#define UTC(what) "replace(substr(" what ", 1, 19), ' ', 'T') || 'Z'"

/* Of the columns that are not grouped SQLite gives those of the largest. */
static const char groups_sql[] =
	"select s.pipeline || '.' || r.dataset, r.code,\n"
	"       coalesce(r.field, ''), count(*),\n"
	"       count(distinct r.source_id),\n"
	"       " UTC("min(r.rejected_at)") ",\n"
	"       " UTC("e.last_at") ", e.reject_id, e.name, e.line, e.detail\n"
	"from meta_reject r\n"
	"join meta_source s using (source_id)\n"
	"join (\n"
	"    select s.pipeline, r.dataset, r.code, r.field,\n"
	"           max(r.reject_id) as reject_id, s.name, r.line, r.detail,\n"
	"           r.rejected_at as last_at\n"
	"    from meta_reject r\n"
	"    join meta_source s using (source_id)\n"
	"    where " CONDITION
	"    group by 1, 2, 3, 4\n"
	") e on e.pipeline = s.pipeline and e.dataset = r.dataset\n"
	"    and e.code = r.code and e.field is r.field\n"
	"where " CONDITION
	"group by 1, 2, 3\n"
	"order by count(*) desc, 1, 2, 3\n"
	"limit ?10";

static const char each_sql[] =
	"select r.reject_id, s.pipeline || '.' || r.dataset, r.code,\n"
	"       coalesce(r.field, ''), s.name, r.record_no, r.line, r.col,\n"
	"       r.lo, r.hi, r.stage, " UTC("r.rejected_at") ", r.detail,\n"
	"       r.source_id, ''\n"
	"from meta_reject r\n"
	"join meta_source s using (source_id)\n"
	"where " CONDITION
	"order by r.reject_id desc\n"
	"limit ?10";

static bool ask(const char *file, const char *sql, size_t count,
	const char *const *values, struct grid *grid, struct err *err)
{
	const struct sqlite_options options = { .busy_ms = 5000,
		.cache_kib = 4096, .application = STORE_LITE_APPLICATION };
	struct sqlite *db = sqlite_open_store(file, &options, err);
	const bool ok = db != NULL &&
		grid_of_lite(grid, db, sql, count, values, err);

	sqlite_close_file(db);
	return ok;
}

static bool is_time(const char *text, const char *key, struct err *err)
{
	return text == NULL || strlen(text) >= 10 ||
		err_stop(err, EXIT_USAGE, "%s=%s: of an SQLite file it wants a "
			"time such as 2026-11-22 or 2026-11-22T10:00Z", key,
			text);
}

bool rejects_lite(const struct rejects_query *query, struct grid *grid,
	struct err *err)
{
	const char *values[WHERE_PARAMETERS + 1];
	char limit[32];

	where_values(query->where, values);
	values[4] = query->where->source;
	values[WHERE_PARAMETERS] = limit;
	(void)snprintf(limit, sizeof(limit), "%lld", (long long)query->limit);
	return is_time(query->where->since, "since", err) &&
		is_time(query->where->until, "until", err) &&
		ask(query->file, query->each ? each_sql : groups_sql,
			WHERE_PARAMETERS + 1, values, grid, err);
}

bool rejects_lite_bytes(const char *file, const char *id, struct grid *grid,
	struct err *err)
{
	return ask(file, "select lower(hex(bytes)) from meta_reject"
		" where reject_id = cast(? as integer)", 1, &id, grid, err);
}
