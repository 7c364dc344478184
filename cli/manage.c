/* manage.c - RabbitMQ's management API, as the administrator. */
#include "cli/manage.h"
#include "cli/urls.h"
#include "common/http.h"

#include <string.h>

bool manage_init(struct manage *manage, const struct config *config,
	struct err *err)
{
	*manage = (struct manage){ .config = config };
	return config_password(&config->admin, &manage->password, err);
}

void manage_clear(struct manage *manage)
{
	buf_clear(&manage->answer);
	if (manage->password.data != NULL)
		explicit_bzero(manage->password.data, manage->password.len);
	buf_clear(&manage->password);
}

static bool make_url(const struct config *config, const char *const *words,
	struct buf *url, struct err *err)
{
	size_t len = strlen(config->broker_api);
	bool ok;

	while (len > 0 && config->broker_api[len - 1] == '/')
		len--;
	ok = buf_add(url, config->broker_api, len, err) &&
		buf_add_str(url, "/api", err);
	for (; ok && *words != NULL; words++)
		ok = buf_add_char(url, '/', err) &&
			urls_add_encoded(url, *words, err);
	return ok;
}

static bool fetch(struct manage *manage, const char *method, const char *url,
	const char *body, long *status, struct err *err)
{
	const struct config *config = manage->config;
	const struct http_request request = {
		.method = method,
		.url = url,
		.plain = config->broker_api_plain,
		.user = config->admin.user,
		.password = manage->password.data,
		.content_type = "application/json",
		.body = body,
		.body_len = body != NULL ? strlen(body) : 0,
		.timeout_secs = manage->timeout_secs,
	};

	if (!http_fetch(&request, status, &manage->answer, err))
		return err_wrap(err, "RabbitMQ's management API");
	if (*status == 401 || *status == 403)
		return err_stop(err, EXIT_CONFIG,
			"RabbitMQ's management API at %s refuses user '%s': "
			"check admin_user, its password, and that it has the "
			"tag administrator",
			config->broker_api, config->admin.user);
	return true;
}

bool manage_ask(struct manage *manage, const char *method,
	const char *const *words, const char *body, bool *found,
	struct err *err)
{
	struct buf url = { 0 };
	long status = 0;
	bool ok;

	buf_reset(&manage->answer);
	ok = make_url(manage->config, words, &url, err) &&
		fetch(manage, method, url.data, body, &status, err);
	*found = status != 404;
	if (ok && *found && status / 100 != 2)
		ok = err_set(err, ERR_STOP, "%s %s: RabbitMQ says %ld %.200s",
			method, url.data, status, manage->answer.len > 0 ?
				manage->answer.data : "");
	buf_clear(&url);
	return ok;
}

bool manage_get(struct manage *manage, const char *const *words,
	struct json **root, struct err *err)
{
	bool found;

	*root = NULL;
	if (!manage_ask(manage, "GET", words, NULL, &found, err))
		return false;
	if (!found)
		return true;
	*root = json_read(manage->answer.data, manage->answer.len, err);
	return *root != NULL || err_wrap(err, "RabbitMQ's management API");
}
