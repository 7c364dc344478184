/* where.h - which rejects are meant: `--where KEY=VALUE`, as parameters of one
 * condition. */
#ifndef SLUICE_WHERE_H
#define SLUICE_WHERE_H

#include "common/config.h"
#include "common/db.h"

/* Over meta.reject r and meta.source s; parameters $1 .. $9. */
#define WHERE_SQL \
	"($1::bigint[] is null or r.reject_id = any($1))\n" \
	"  and ($2::text is null or r.code = $2)\n" \
	"  and ($3::text is null or r.field = $3)\n" \
	"  and ($4::text is null or\n" \
	"       $4 in (r.dataset, s.pipeline || '.' || r.dataset))\n" \
	"  and ($5::bigint is null or r.source_id = $5)\n" \
	"  and ($6::text is null or s.name like $6 or s.name like '%/' || $6)\n" \
	"  and ($7::text is null or r.stage = $7)\n" \
	"  and ($8::text is null or r.rejected_at >= case\n" \
	"       when $8 ~ '^[0-9]+[a-z]+$' then now() - $8::interval\n" \
	"       else $8::timestamptz end)\n" \
	"  and ($9::text is null or r.rejected_at < case\n" \
	"       when $9 ~ '^[0-9]+[a-z]+$' then now() - $9::interval\n" \
	"       else $9::timestamptz end)\n"
#define WHERE_PARAMETERS 9

struct where {
	const char *code, *field, *dataset, *stage, *since, *until;
	const char *source;   /* as the user named it */
	struct buf ids;       /* "{1,2,3}" */
	size_t id_count;
	struct buf file;      /* a pattern for like */
	char source_id[32];
};

/* Takes one "key=value"; ERR_STOP, EXIT_USAGE when it is none. What it points
 * to must outlive the conditions. */
bool where_take(struct where *where, const char *term, struct err *err)
	MUST_CHECK;
/* One more reject by its number. */
bool where_add_id(struct where *where, const char *id, struct err *err)
	MUST_CHECK;
/* Looks the source up. */
bool where_resolve(struct where *where, struct db *db,
	const struct config *config, struct err *err) MUST_CHECK;
/* Fills values[0 .. WHERE_PARAMETERS). */
void where_values(const struct where *where, const char **values);
/* Something was asked for that is not everything. */
bool where_any(const struct where *where);
void where_clear(struct where *where);

/* A value that PostgreSQL could not read (a time, an id) is the caller's
 * mistake: EXIT_USAGE. Returns false. */
bool where_blame(struct err *err);

#endif
