/* api_fetch.c - requests, and what comes of them: taken, tried again, or given
 * up for this time. */
#include "producer/api_private.h"
#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_MAX 256          /* sources of endpoints that have not ended */
#define FULL_MS INT64_C(100)  /* when to look again */
#define AGAIN_MS INT64_C(1000)
#define QUIET_MS INT64_C(5000) /* a shorter wish is over after a restart */
#define STEPS_MAX 64
#define HELD_MAX ((size_t)32 << 20)
#define NAME_US (INT64_C(60) * 1000000) /* no older than the answer */

static int64_t now_plus(int64_t ms)
{
	return clock_now_ms() + ms;
}

/* -- giving up, trying again ------------------------------------------------ */

static void drop_request(struct api_endpoint *e)
{
	api_request_clear(&e->request);
	api_login_clear(&e->login);
}

/* Ours fails: a hitch waits, anything else ends the daemon. */
static bool try_ours_again(struct api_desk *desk, struct api_endpoint *e,
	struct err *err)
{
	e->phase = e->intends ? API_READY : API_IDLE;
	e->wake_ms = now_plus(AGAIN_MS);
	return api_stalled(&desk->no_state, err);
}

static bool give_up(struct api_desk *desk, struct api_endpoint *e, bool lost,
	const struct err *why, struct err *err)
{
	return api_fail(desk, e, lost, why, err);
}

/* The same request once more, or the end of this run's patience. */
static bool try_again(struct api_desk *desk, struct api_endpoint *e,
	const struct api_hint *hint, const struct err *why, struct err *err)
{
	int64_t pause;

	if (e->backoff.attempts + 1 >= e->api->retry.tries)
		return give_up(desk, e, false, why, err);
	pause = backoff_next_ms(&e->backoff);
	if (hint != NULL && hint->wait && hint->wait_ms > pause)
		pause = hint->wait_ms + pause / 4; /* and not all at once */
	LOG(LOG_DEBUG, "poll_again", LOG_S("endpoint", e->name),
		LOG_S("err", why->text), LOG_I("ms", pause));
	e->phase = API_READY;
	e->wake_ms = now_plus(pause);
	return true;
}

/* -- sending --------------------------------------------------------------------- */

static void count_request(struct api_desk *desk, struct api_endpoint *e)
{
	(void)desk;
	api_host_take(e->host, clock_now_ms(), clock_wall_us());
	e->row.requests++;
	e->tally.requests++;
}

static bool ask_token(struct api_desk *desk, struct api_endpoint *e,
	struct err *err)
{
	static const struct http_header headers[] = {
		{ "Accept", "application/json" },
		{ "Content-Type", "application/x-www-form-urlencoded" },
		{ NULL, NULL },
	};
	const struct api_limits *limits = &e->api->limits;
	struct buf body = { 0 };
	bool ok = api_token_request(&e->api->auth, &body, &e->login, err);
	const struct http_call call = {
		.method = "POST", .url = e->api->auth.token_url,
		.headers = headers, .user = e->login.user,
		.password = e->login.password, .cacert = e->api->ca_file,
		.plain_http = e->api->plain_http,
		.body = body.data, .body_len = body.len,
		.timeout_ms = limits->timeout_ms,
		.connect_ms = limits->connect_ms,
		.slow_bytes = limits->slow_bytes,
		.slow_secs = limits->slow_secs,
		.max_bytes = 1 << 20, .context = e,
	};

	ok = ok && http_client_start(desk->client, &call, err);
	buf_clear(&body);
	if (!ok)
		return false;
	count_request(desk, e);
	e->phase = API_TOKEN;
	return true;
}

static bool send_request(struct api_desk *desk, struct api_endpoint *e,
	struct err *err)
{
	const struct api_ask ask = api_ask_of(e);
	struct api_known known = { .etag = NULL };
	struct buf address = { 0 };
	struct api_validators validators;
	bool ok = api_address(e, &address, err);

	ok = ok && api_state_known(desk->state, e->name, address.data, &known,
		err);
	validators = (struct api_validators){ known.etag, known.modified };
	ok = ok && api_request_make(&ask, e->intent.url, &e->login,
		&validators, &e->request, err);
	if (ok) {
		e->request.call.context = e;
		ok = http_client_start(desk->client, &e->request.call, err);
	}
	if (ok) {
		count_request(desk, e);
		e->phase = API_FLYING;
	}
	api_known_clear(&known);
	buf_clear(&address);
	return ok;
}

static bool send_now(struct api_desk *desk, struct api_endpoint *e,
	struct err *err)
{
	enum api_auth_need need;

	drop_request(e);
	if (!api_auth_login(&e->api->auth, &e->token, clock_now_ms(), &need,
		    &e->login, err))
		return false;
	return need == API_AUTH_TOKEN ? ask_token(desk, e, err) :
		send_request(desk, e, err);
}

/* -- adopting ----------------------------------------------------------------------- */

/* The first request's name is in the state file, beside its address; of those
 * that follow the kept answer has to say what it was asked with. */
static bool look_for_it(struct api_desk *desk, struct api_endpoint *e,
	struct err *err)
{
	struct api_step *step = api_step_new(e, err);
	bool ok = step != NULL;

	if (ok && e->adopt_more < api_ahead(e) - 1)
		ok = buf_printf(&step->address, err, "%s %s", e->api->method,
			e->intent.url);
	if (!ok) {
		api_step_free(desk, step);
		return false;
	}
	step->work.task = API_LOOK;
	step->work.object = e->intent.object;
	step->work.line = step->address.data;
	step->work.found_note = &step->note;
	step->work.found_body = &step->found_body;
	e->look = step;
	e->phase = API_LOOKING;
	return true; /* given with the next turn */
}

/* The answer of an earlier process, with what came beside it. */
static bool read_found(struct api_step *step, struct err *why)
{
	if (!api_note_read(step->note.data, &step->status,
		    &step->found_headers, why))
		return false;
	step->headers = &step->found_headers;
	step->body = step->found_body.data != NULL ? step->found_body.data :
		"";
	step->len = step->found_body.len;
	buf_reset(&step->address);
	step->work.task = API_KEEP;
	step->done = step->given = false;
	return true;
}

bool api_looked(struct api_desk *desk, struct api_endpoint *e,
	struct err *err)
{
	struct api_step *step = e->look;
	struct err why = { 0 };

	e->look = NULL;
	e->adopt = false;
	e->phase = API_READY;
	if (step->work.found && read_found(step, &why) &&
		api_take_answer(desk, step, true, &why)) {
		LOG(LOG_INFO, "adopted", LOG_S("endpoint", e->name),
			LOG_S("object", step->asked.object));
		return true;
	}
	api_step_free(desk, step);
	if (why.kind == ERR_NONE || why.kind == ERR_REJECT)
		return true; /* none, or of no use any more: it is asked for */
	*err = why;
	e->adopt = true;
	return try_ours_again(desk, e, err);
}

/* -- serving ------------------------------------------------------------------------------ */

/* So many answers wait to be kept or loaded that no more are asked for. */
static bool is_full(const struct api_desk *desk, const struct api_endpoint *e)
{
	return *desk->open >= OPEN_MAX || desk->step_count >= STEPS_MAX ||
		desk->held >= HELD_MAX || e->step_count >= api_ahead(e) ||
		(e->step_count > 0 && clock_wall_us() - e->intent.made_us >
			NAME_US);
}

static bool not_sent(struct api_desk *desk, struct api_endpoint *e,
	struct err *err)
{
	struct err why = *err;

	if (why.kind == ERR_STOP && why.exit_code != EXIT_CONFIG)
		return false;
	if (why.kind == ERR_RETRY)
		return try_ours_again(desk, e, err);
	*err = (struct err){ 0 };
	return give_up(desk, e, false, &why, err);
}

/* It is written down that it counts, before it is made. */
static bool send_promised(struct api_desk *desk, struct api_endpoint *e,
	struct err *err)
{
	return (api_host_promised(e->host, clock_wall_us()) ||
		api_put_used(desk, e->host, true, err)) &&
		send_now(desk, e, err);
}

/* Before the request goes out: is there an answer, is there room, is it
 * time? */
bool api_serve(struct api_desk *desk, struct api_endpoint *e,
	int64_t *wake_ms, struct err *err)
{
	const int64_t now = clock_now_ms();
	int64_t wait;

	*wake_ms = e->wake_ms;
	if (now < e->wake_ms)
		return true;
	*wake_ms = now + FULL_MS;
	if (desk->store == NULL || desk->write_ms != 0 || is_full(desk, e))
		return true;
	*wake_ms = now;
	if (e->adopt)
		return look_for_it(desk, e, err);
	wait = api_host_wait(e->host, now, clock_wall_us());
	*wake_ms = wait < 0 ? API_NEVER : now + wait;
	if (wait != 0)
		return true;
	*wake_ms = API_NEVER;
	return send_promised(desk, e, err) || not_sent(desk, e, err);
}

/* -- what comes back ----------------------------------------------------------------------- */

static bool refused(const struct api_endpoint *e,
	const struct http_reply *reply, struct err *why)
{
	char name[256];

	return err_set(why, ERR_REJECT, "%s: %ld: %s %s", reply->where,
		reply->status, api_auth_name(&e->api->auth, name),
		e->api->auth.kind == API_AUTH_NONE ? "was given" :
		reply->status == 401 ? "is not accepted" :
		"is not accepted, or may not read this");
}

static void describe(const struct api_endpoint *e,
	const struct http_reply *reply, const struct api_hint *hint,
	struct err *why)
{
	const long status = reply->status;

	if (reply->err.kind != ERR_NONE)
		*why = reply->err;
	else if (status == 401 || (status == 403 && !hint->wait))
		(void)refused(e, reply, why);
	else if (status == 404 || status == 410)
		(void)err_set(why, ERR_REJECT, "%s: %ld: nothing is there: "
			"check `url` and `path`", reply->where, status);
	else if (status == 429 || status == 403)
		(void)err_set(why, ERR_RETRY, "%s: %ld: too many requests; "
			"waiting %" PRId64 " s", reply->where, status,
			hint->wait ? hint->wait_ms / 1000 : 0);
	else
		(void)err_set(why, ERR_RETRY, "%s: %ld", reply->where, status);
}

static bool renew_token(struct api_endpoint *e, long status)
{
	if (status != 401 || e->api->auth.kind != API_AUTH_OAUTH2 ||
		e->renewed)
		return false;
	e->renewed = true;
	api_token_clear(&e->token);
	e->phase = API_READY;
	e->wake_ms = 0;
	return true;
}

static bool wants_again(const struct api_endpoint *e,
	const struct http_reply *reply, const struct api_hint *hint)
{
	if (reply->err.kind != ERR_NONE)
		return reply->err.kind == ERR_RETRY &&
			api_retry_wanted(&e->api->retry, 0);
	return api_retry_wanted(&e->api->retry, reply->status) ||
		(reply->status == 403 && hint->wait);
}

/* A place in the middle that is gone: the next run begins anew. */
static bool lost_place(const struct api_endpoint *e, long status)
{
	return status >= 400 && status < 500 && status != 401 &&
		status != 403 && (e->intent.place.number > 1);
}

static bool take_failure(struct api_desk *desk, struct api_endpoint *e,
	const struct http_reply *reply, const struct api_hint *hint,
	struct err *err)
{
	struct err why = { 0 };

	describe(e, reply, hint, &why);
	if (renew_token(e, reply->status))
		return true;
	if (wants_again(e, reply, hint))
		return try_again(desk, e, hint, &why, err);
	if ((reply->status == 404 || reply->status == 410) &&
		e->intent.parent != NULL)
		return api_skip_parent(desk, e, &why, err);
	return give_up(desk, e, lost_place(e, reply->status), &why, err);
}

/* What the server said of itself is believed; only its records may be bad. The
 * reply goes to the step. */
static bool take_success(struct api_desk *desk, struct api_endpoint *e,
	struct http_reply *reply, struct err *err)
{
	struct api_step *step = api_step_new(e, err);
	struct err why = { 0 };
	bool circles;

	if (step == NULL) {
		http_reply_free(reply);
		return false;
	}
	step->reply = reply;
	step->status = reply->status;
	step->headers = &reply->headers;
	step->body = reply->body;
	step->len = reply->len;
	if (api_take_answer(desk, step, false, &why))
		return true;
	circles = strncmp(why.text, "round in circles", 16) == 0;
	if (why.kind == ERR_REJECT)
		(void)err_wrap(&why, "%s", reply->where);
	api_step_free(desk, step);
	if (why.kind != ERR_REJECT) {
		*err = why;
		return why.kind != ERR_STOP && try_ours_again(desk, e, err);
	}
	return circles ? give_up(desk, e, true, &why, err) :
		try_again(desk, e, NULL, &why, err);
}

static bool take_token(struct api_desk *desk, struct api_endpoint *e,
	struct http_reply *reply, const struct api_hint *hint,
	struct err *err)
{
	struct err why = { 0 };

	if (reply->err.kind == ERR_NONE && reply->status == 200 &&
		api_token_read(reply->body, reply->len, clock_now_ms(),
			&e->token, &why)) {
		e->phase = API_READY;
		e->wake_ms = 0;
		return true;
	}
	if (why.kind == ERR_NONE)
		describe(e, reply, hint, &why);
	if (reply->status == 400)
		(void)refused(e, reply, &why);
	return wants_again(e, reply, hint) ?
		try_again(desk, e, hint, &why, err) :
		give_up(desk, e, false, &why, err);
}

static bool is_well(const struct http_reply *reply)
{
	return reply->err.kind == ERR_NONE && reply->status < 500 &&
		reply->status != 408 && reply->status != 429;
}

static void log_circuit(const struct api_host *host)
{
	LOG(LOG_WARN, "circuit_open", LOG_S("host", host->name),
		LOG_I("secs", (host->open_ms - clock_now_ms()) / 1000),
		LOG_S("why", "too many failures in a row: nothing is asked "
			"of it until then"));
}

/* A wish to be left alone, which outlives this process. */
static void note_quiet(struct api_desk *desk, const struct api_host *host,
	const struct api_hint *hint)
{
	struct err err = { 0 };

	if (hint->wait && hint->wait_ms >= QUIET_MS &&
		!api_state_put_quiet(desk->state, host->name, clock_wall_us() +
			hint->wait_ms * 1000, &err) &&
		log_repeat_due_for(&desk->no_state, err.text))
		log_err(LOG_ERROR, "poll_stalled", &err);
}

bool api_reply(struct api_desk *desk, struct http_reply *reply,
	struct err *err)
{
	struct api_endpoint *e = reply->context;
	const struct api_hint hint = api_hint_read(&reply->headers,
		clock_wall_us(), e->api->limits.wait_max_ms);
	const enum api_phase phase = e->phase;
	bool ok;

	api_measure_reply(e, reply);
	api_host_hint(e->host, &hint, clock_now_ms());
	note_quiet(desk, e->host, &hint);
	if (api_host_done(e->host, is_well(reply), clock_now_ms()))
		log_circuit(e->host);
	if (phase == API_FLYING && reply->err.kind == ERR_NONE &&
		((reply->status >= 200 && reply->status < 300) ||
			reply->status == 304))
		return take_success(desk, e, reply, err);
	ok = phase == API_TOKEN ? take_token(desk, e, reply, &hint, err) :
		phase != API_FLYING ||
			take_failure(desk, e, reply, &hint, err);
	http_reply_free(reply);
	return ok;
}
