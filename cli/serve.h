/* serve.h - the page: what its files share. One struct serve a server; calls
 * come in threads of their own. */
#ifndef SLUICE_SERVE_H
#define SLUICE_SERVE_H

#include "cli/serve_guard.h"
#include "common/config.h"
#include "common/db.h"
#include "common/httpd_serve.h"
#include "common/json.h"

#include <pthread.h>

#define SERVE_PAGE 50      /* items of a page, unless asked otherwise */
#define SERVE_PAGE_MAX 200
#define SERVE_SESSIONS 4   /* of the database at once, by reading calls */
#define SERVE_STREAMS 16   /* clients of live figures at once */
#define SERVE_SQL_MS 10000 /* a statement may take */

struct serve_live;

struct serve {
	const struct config *config;
	struct buf token;
	pthread_mutex_t lock;
	pthread_cond_t freed;
	struct guard_rate wrong;           /* under the lock, as the next */
	struct db *idle[SERVE_SESSIONS];   /* NULL: none */
	size_t busy;                       /* sessions that are lent */
	bool acting;                       /* an action is under way */
	struct serve_live *live;
	int stop_fd;
};

/* One request on its way to an answer. */
struct serve_call {
	struct serve *serve;
	const struct httpd_request *request;
	struct httpd_reply *reply;
	const char *id;    /* what stood for {id} in the path; NULL */
	bool trusted;      /* came with the token */
};

/* Answers with this status and {"error": {"code", "message"}}. */
void serve_error(struct serve_call *call, unsigned status, const char *code,
	const char *fmt, ...) PRINTF_LIKE(4, 5);
/* The same by what went wrong: 503 when a server is not there, 400 for what the
 * caller asked (ERR_REJECT), 500. */
void serve_fail(struct serve_call *call, const struct err *err);
/* Prints the document as the answer, and frees it. */
void serve_json(struct serve_call *call, struct json *root);

/* A handler fills the reply; it has nobody to tell an error but the client. */
typedef void serve_handler(struct serve_call *call);

/* -- serve_route.c: which handler ------------------------------------------ */

enum serve_rule {
	SERVE_OPEN,    /* anybody who may see the page */
	SERVE_TRUSTED, /* with the token only: record contents */
	SERVE_ACTION,  /* with the token, by POST */
};

struct serve_route {
	const char *path; /* "/api/v1/sources/{id}": {id} is digits */
	enum serve_rule rule;
	serve_handler *handler;
};

extern const struct serve_route serve_routes[]; /* ended by a NULL path */

/* The route of the path among those; NULL: none. *id is what stands for {id},
 * within the path, or NULL. */
const struct serve_route *serve_route_find(const struct serve_route *routes,
	const char *path, const char **id);
/* Whether that path is one of the page's own, each of them the same file. */
bool serve_is_page(const char *path);

/* -- serve_pool.c: sessions ------------------------------------------------ */

/* As the reader, read-only; waits some seconds for one to be free. NULL: no. */
struct db *serve_borrow(struct serve *serve, struct err *err);
/* Takes it back, and the place it had; one that failed is closed. NULL: a
 * place alone. */
void serve_return(struct serve *serve, struct db *db, bool good);
void serve_pool_clear(struct serve *serve);

/* -- serve_page.c, serve_views.c: rows of the database, paged -------------- */

/* A value a query may have in the address. */
struct serve_word {
	const char *name;
	bool number;
};

struct serve_view {
	const char *sql; /* columns: a JSON object, its cursor. $1 rows, $2
			  * cursor (null: from the beginning), then words */
	bool cursor_is_text;
	const struct serve_word *words; /* ended by a NULL name */
	const char *extra; /* a last parameter; NULL: none */
};

/* {"items": [...], "next": cursor or null} */
void serve_page(struct serve_call *call, const struct serve_view *view);
/* A whole number of the query; false: it is none, answered. */
bool serve_number(struct serve_call *call, const char *name, int64_t min,
	int64_t max, int64_t otherwise, int64_t *value);

serve_handler serve_sources, serve_loads, serve_rejects, serve_reject_groups,
	serve_models, serve_model_runs, serve_lineage, serve_tests,
	serve_test_runs, serve_test_failures;

/* -- serve_one.c: single things -------------------------------------------- */

serve_handler serve_source, serve_reject_bytes, serve_endpoints, serve_session;

/* -- serve_chart.c --------------------------------------------------------- */

serve_handler serve_charts, serve_chart_data;

/* -- serve_live.c: the figures, gathered once for all ---------------------- */

/* Starts the thread that gathers. */
bool serve_live_start(struct serve *serve, struct err *err) MUST_CHECK;
/* Ends it, and all streams. */
void serve_live_stop(struct serve *serve);
void serve_live_free(struct serve_live *live);
serve_handler serve_overview, serve_history, serve_stream;

/* -- serve_act.c ----------------------------------------------------------- */

serve_handler serve_pauses, serve_pause, serve_resume, serve_replay,
	serve_run_models;

/* -- serve.c --------------------------------------------------------------- */

/* Serves at the address of the settings until stop_fd is readable; ready (may
 * be NULL) hears where. */
bool serve_run(const struct config *config, int stop_fd,
	void (*ready)(unsigned port), struct err *err) MUST_CHECK;

/* -- serve_ask.c ----------------------------------------------------------- */

/* Whether a page answers at the address of the settings. */
bool serve_answers(const struct config *config);

#endif
