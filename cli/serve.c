/* serve.c - the page: who asks, whether he may, and who answers. */
#include "cli/serve.h"
#include "cli/serve_asset.h"
#include "common/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CONNECTIONS 64
#define BODY_BYTES ((size_t)16 << 10)
#define STEP_SECS 10
#define ANSWER_SECS 60

/* Nothing from elsewhere, no frame around it, no name told to others. */
static const struct httpd_field fields[] = {
	{ "Content-Security-Policy", "default-src 'self'; base-uri 'none'; "
		"form-action 'none'; frame-ancestors 'none'; object-src "
		"'none'" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ NULL, NULL },
};

/* -- answers --------------------------------------------------------------- */

static void add_field(struct httpd_reply *reply, const char *name,
	const char *value)
{
	for (size_t i = 0; i < HTTPD_FIELDS; i++)
		if (reply->fields[i].name == NULL) {
			reply->fields[i].name = name;
			reply->fields[i].value = value;
			return;
		}
}

void serve_json(struct serve_call *call, struct json *root)
{
	struct err err = { 0 };

	buf_reset(&call->reply->body);
	call->reply->type = "application/json";
	if (!json_print(root, false, &call->reply->body, &err))
		call->reply->status = 500;
	json_free(root);
}

void serve_error(struct serve_call *call, unsigned status, const char *code,
	const char *fmt, ...)
{
	struct json *root = json_object();
	struct json *object = json_put_object(root, "error");
	char text[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_put_text(object, "code", code);
	json_put_text(object, "message", text);
	call->reply->status = status;
	serve_json(call, root);
}

void serve_fail(struct serve_call *call, const struct err *err)
{
	const int code = err_exit_code(err);

	if (err->kind == ERR_RETRY || code == EXIT_SERVER)
		serve_error(call, 503, "unavailable", "%s", err->text);
	else if (err->kind == ERR_REJECT || code == EXIT_USAGE)
		serve_error(call, 400, "refused", "%s", err->text);
	else
		serve_error(call, 500, code == EXIT_CONFIG ? "configuration" :
			"failed", "%s", err->text);
}

/* -- files ----------------------------------------------------------------- */

const struct serve_asset *serve_asset_find(const char *path)
{
	for (size_t i = 0; i < serve_asset_count; i++)
		if (strcmp(serve_assets[i].path, path) == 0)
			return &serve_assets[i];
	return NULL;
}

static void send_file(struct serve_call *call, const struct serve_asset *file)
{
	const char *known = httpd_header(call->request, "If-None-Match");

	call->reply->type = file->type;
	add_field(call->reply, "ETag", file->etag);
	add_field(call->reply, "Cache-Control", "no-cache");
	if (known != NULL && strstr(known, file->etag) != NULL) {
		call->reply->status = 304;
		return;
	}
	call->reply->bytes = file->bytes;
	call->reply->len = file->len;
}

/* -- who may --------------------------------------------------------------- */

static bool is_method(const struct serve_call *call, const char *method)
{
	return strcmp(httpd_method(call->request), method) == 0;
}

static bool check_source(struct serve_call *call, bool page)
{
	const struct httpd_request *request = call->request;
	const char *host = httpd_header(request, "Host");

	if (httpd_header_count(request, "Host") != 1 ||
		!guard_host(host, call->serve->config->serve_hosts)) {
		serve_error(call, 421, "foreign_host", "this name is not "
			"served here (serve_hosts)");
		return false;
	}
	if (!guard_origin(httpd_header(request, "Origin"), host) ||
		!guard_site(httpd_header(request, "Sec-Fetch-Site"), page)) {
		serve_error(call, 403, "foreign_origin", "a page from "
			"elsewhere asks");
		return false;
	}
	return true;
}

/* One lock for the count and the comparison: tokens are tried one by one. */
static int try_token(struct serve *serve, const char *given)
{
	const int64_t now = clock_now_ms();
	int status = 429;

	(void)pthread_mutex_lock(&serve->lock);
	if (guard_rate_allows(&serve->wrong, now)) {
		status = guard_token_same(serve->token.data, given) ? 200 :
								      401;
		if (status == 401)
			guard_rate_wrong(&serve->wrong, now);
	}
	(void)pthread_mutex_unlock(&serve->lock);
	return status;
}

/* Who brings a token must bring the right one. */
static bool check_token(struct serve_call *call, enum serve_rule rule)
{
	const char *given = httpd_header(call->request, "Authorization");
	const char *token = guard_bearer(given);
	int status = rule == SERVE_OPEN && given == NULL ? 200 : 401;

	if (token != NULL) {
		status = try_token(call->serve, token);
		call->trusted = status == 200;
	}
	if (status == 200)
		return true;
	if (status == 401)
		add_field(call->reply, "WWW-Authenticate",
			"Bearer realm=\"sluice\"");
	else
		add_field(call->reply, "Retry-After", "60");
	if (token != NULL)
		LOG(LOG_WARN, "wrong_token", LOG_I("status", status));
	serve_error(call, (unsigned)status,
		status == 401 ? "no_token" : "too_many_tries",
		status == 401 ? "this needs the token of serve_token_file" :
		"too many wrong tokens: no token is looked at for a minute");
	return false;
}

static bool is_json(const char *type)
{
	static const char json[] = "application/json";

	return type != NULL && strncmp(type, json, sizeof(json) - 1) == 0 &&
		(type[sizeof(json) - 1] == '\0' ||
			type[sizeof(json) - 1] == ';');
}

static bool check_method(struct serve_call *call, bool action)
{
	if (action ? is_method(call, "POST") :
		     is_method(call, "GET") || is_method(call, "HEAD"))
		return true;
	add_field(call->reply, "Allow", action ? "POST" : "GET, HEAD");
	serve_error(call, 405, "bad_method", "the method is not for this");
	return false;
}

static void act(struct serve_call *call, const struct serve_route *route)
{
	struct serve *serve = call->serve;
	bool free_now;

	if (!is_json(httpd_header(call->request, "Content-Type"))) {
		serve_error(call, 415, "bad_type", "the body is "
			"application/json");
		return;
	}
	(void)pthread_mutex_lock(&serve->lock);
	free_now = !serve->acting;
	serve->acting = true;
	(void)pthread_mutex_unlock(&serve->lock);
	if (!free_now) {
		serve_error(call, 409, "busy", "another action is under way");
		return;
	}
	route->handler(call);
	LOG(LOG_INFO, "action", LOG_S("path", route->path),
		LOG_U("status", call->reply->status));
	(void)pthread_mutex_lock(&serve->lock);
	serve->acting = false;
	(void)pthread_mutex_unlock(&serve->lock);
}

static void route_to(struct serve_call *call, const struct serve_route *route)
{
	const bool action = route->rule == SERVE_ACTION;

	if (!check_method(call, action) || !check_token(call, route->rule))
		return;
	if (action)
		act(call, route);
	else
		route->handler(call);
}

static void respond(void *context, const struct httpd_request *request,
	struct httpd_reply *reply)
{
	const char *path = httpd_path(request);
	struct serve_call call = { .serve = context, .request = request,
		.reply = reply };
	const struct serve_route *route = serve_route_find(serve_routes, path,
		&call.id);
	const struct serve_asset *file = serve_asset_find(
		serve_is_page(path) ? "/index.html" : path);

	if (check_source(&call, route == NULL)) {
		if (route != NULL)
			route_to(&call, route);
		else if (file == NULL)
			serve_error(&call, 404, "not_found", "there is "
				"nothing here");
		else if (check_method(&call, false))
			send_file(&call, file);
	}
	if (file == NULL || route != NULL)
		add_field(reply, "Cache-Control", "no-store");
}

/* -- the server ------------------------------------------------------------ */

static bool check_address(const struct config *config, struct err *err)
{
	if (config->serve_plain || guard_is_loopback(config->serve_http))
		return true;
	return err_stop(err, EXIT_CONFIG, "%s can be reached from beyond this "
		"machine, and the token would travel in clear text: put a "
		"proxy with TLS in front, or say serve_plain: true where the "
		"network between is trusted", config->serve_http);
}

static void wait_for_end(int stop_fd)
{
	struct pollfd at = { .fd = stop_fd, .events = POLLIN };

	while (poll(&at, 1, -1) < 0 && errno == EINTR)
		;
}

static bool listen_on(struct serve *serve, void (*ready)(unsigned port),
	struct err *err)
{
	const struct httpd_options options = {
		.address = serve->config->serve_http,
		.respond = respond,
		.context = serve,
		.fields = fields,
		.connections = CONNECTIONS,
		.body_bytes = BODY_BYTES,
		.step_secs = STEP_SECS,
		.answer_secs = ANSWER_SECS,
	};
	struct httpd_server *server = httpd_serve(&options, err);

	if (server == NULL)
		return false;
	if (ready != NULL)
		ready(httpd_server_port(server));
	wait_for_end(serve->stop_fd);
	serve_live_stop(serve);
	httpd_server_stop(server);
	return true;
}

bool serve_run(const struct config *config, int stop_fd,
	void (*ready)(unsigned port), struct err *err)
{
	struct serve serve = { .config = config, .stop_fd = stop_fd,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.freed = PTHREAD_COND_INITIALIZER };
	const bool ok = check_address(config, err) &&
		guard_token_read(config->serve_token_file, &serve.token,
			err) &&
		serve_live_start(&serve, err) &&
		listen_on(&serve, ready, err);

	serve_live_stop(&serve);
	serve_live_free(serve.live);
	serve_pool_clear(&serve);
	if (serve.token.data != NULL)
		explicit_bzero(serve.token.data, serve.token.len);
	buf_clear(&serve.token);
	return ok;
}
