/* support.c - the servers the integration tests run against. */
#include "tests/integration/support.h"
#include "common/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define USERS_MAX 8

static struct config config;
static struct buf password;
static char vhost[64];
static char users[USERS_MAX][64];
static size_t user_count;

/* -- the settings ------------------------------------------------------ */

bool test_servers_find(struct err *err)
{
	const char *path = getenv("SLUICE_TEST_CONFIG");

	if (path == NULL || path[0] == '\0')
		return err_set(err, ERR_STOP,
			"SLUICE_TEST_CONFIG names no sluice.yaml");
	return config_load(&config, path, NULL, err);
}

const struct config *test_config(void)
{
	return &config;
}

const char *test_password(const struct account *account)
{
	struct err err = { 0 };

	buf_reset(&password);
	if (config_password(account, &password, &err))
		return password.data != NULL ? password.data : "";
	(void)fprintf(stderr, "%s\n", err.text);
	abort();
}

/* -- the broker -------------------------------------------------------- */

bool test_api(const char *method, const char *path, const char *body,
	struct buf *answer)
{
	struct buf own = { 0 };
	struct buf *into = answer != NULL ? answer : &own;
	struct err err = { 0 };
	char url[512];
	long status = 0;
	struct http_request request = {
		.method = method,
		.url = url,
		.user = config.admin.user,
		.password = test_password(&config.admin),
		.content_type = "application/json",
		.body = body,
		.body_len = body != NULL ? strlen(body) : 0,
	};
	bool ok;

	(void)snprintf(url, sizeof(url), "%s/api%s", config.broker_api, path);
	ok = http_fetch(&request, &status, into, &err) && status / 100 == 2;
	if (!ok)
		(void)fprintf(stderr, "%s %s: %ld %s%.300s\n", method, path,
			status, err.text, into->len > 0 ? into->data : "");
	buf_clear(&own);
	return ok;
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "cannot make %s\n", what);
	abort();
}

static void permit(const char *user, const char *configure, const char *write,
	const char *read)
{
	char path[256], body[512];

	(void)snprintf(path, sizeof(path), "/permissions/%s/%s", vhost, user);
	(void)snprintf(body, sizeof(body),
		"{\"configure\":\"%s\",\"write\":\"%s\",\"read\":\"%s\"}",
		configure, write, read);
	must(test_api("PUT", path, body, NULL), path);
}

const char *test_vhost(void)
{
	char path[128];

	if (vhost[0] != '\0')
		return vhost;
	(void)snprintf(vhost, sizeof(vhost), "test_%d", (int)getpid());
	(void)snprintf(path, sizeof(path), "/vhosts/%s", vhost);
	must(test_api("PUT", path, "{}", NULL), path);
	permit(config.admin.user, ".*", ".*", ".*");
	return vhost;
}

const char *test_user(const char *secret, const char *configure,
	const char *write, const char *read)
{
	char *name = users[user_count];
	char path[128], body[256];

	must(user_count < USERS_MAX, "more users");
	(void)test_vhost();
	(void)snprintf(name, sizeof(users[0]), "test_%d_%zu", (int)getpid(),
		user_count++);
	(void)snprintf(path, sizeof(path), "/users/%s", name);
	(void)snprintf(body, sizeof(body),
		"{\"password\":\"%s\",\"tags\":\"\"}", secret);
	must(test_api("PUT", path, body, NULL), path);
	permit(name, configure, write, read);
	return name;
}

bool test_user_remove(const char *user)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/users/%.63s", user);
	for (size_t i = 0; i < user_count; i++)
		if (users[i] == user)
			users[i][0] = '\0';
	return test_api("DELETE", path, NULL, NULL);
}

struct broker_options test_broker_options(void)
{
	return (struct broker_options){
		.host = config.broker_host,
		.port = (int)config.broker_port,
		.vhost = test_vhost(),
		.user = config.admin.user,
		.password = test_password(&config.admin),
		.name = "sluice test",
		.heartbeat_secs = 5,
	};
}

static void remove_all(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/vhosts/%.63s", vhost);
	(void)test_api("DELETE", path, NULL, NULL);
	for (size_t i = 0; i < user_count; i++)
		if (users[i][0] != '\0')
			(void)test_user_remove(users[i]);
}

void test_servers_forget(void)
{
	if (vhost[0] != '\0')
		remove_all();
	config_clear(&config);
	buf_clear(&password);
}
