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

static const struct {
	const char *name;
	char **text;
	int64_t *number;
} wanted[] = {
	{ "broker_host", &config.broker_host, NULL },
	{ "broker_port", NULL, &config.broker_port },
	{ "broker_vhost", &config.broker_vhost, NULL },
	{ "broker_api", &config.broker_api, NULL },
	{ "admin_user", &config.admin.user, NULL },
	{ "admin_password", &config.admin.password, NULL },
	{ "admin_password_file", &config.admin.password_file, NULL },
};

#define WANTED_COUNT (sizeof(wanted) / sizeof(*wanted))

static bool keep(const char *name, const char *value)
{
	for (size_t i = 0; i < WANTED_COUNT; i++) {
		if (strcmp(wanted[i].name, name) != 0)
			continue;
		if (wanted[i].number != NULL)
			*wanted[i].number = strtoll(value, NULL, 10);
		else
			*wanted[i].text = strdup(value);
	}
	return true;
}

static bool read_settings(FILE *file)
{
	char line[4096], name[64], value[4000];

	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "%63[a-z_]: \"%3999[^\"]\"", name, value) ==
				2 ||
			sscanf(line, "%63[a-z_]: %3999s", name, value) == 2)
			(void)keep(name, value);
	return config.broker_host != NULL && config.admin.user != NULL;
}

bool test_servers_find(struct err *err)
{
	const char *path = getenv("SLUICE_TEST_CONFIG");
	FILE *file;
	bool ok;

	if (path == NULL || path[0] == '\0')
		return err_set(err, ERR_STOP,
			"SLUICE_TEST_CONFIG names no sluice.yaml");
	file = fopen(path, "r");
	if (file == NULL)
		return err_errno(err, ERR_STOP, "%s", path);
	ok = read_settings(file) ||
		err_set(err, ERR_STOP, "%s: no broker in it", path);
	(void)fclose(file);
	return ok;
}

const struct config *test_config(void)
{
	return &config;
}

const char *test_password(const struct account *account)
{
	FILE *file;
	char line[256] = "";

	if (account->password != NULL)
		return account->password;
	buf_reset(&password);
	file = account->password_file != NULL ?
		fopen(account->password_file, "r") : NULL;
	if (file != NULL) {
		if (fgets(line, sizeof(line), file) == NULL)
			line[0] = '\0';
		(void)fclose(file);
	}
	line[strcspn(line, "\n")] = '\0';
	if (!buf_add_str(&password, line, &(struct err){ 0 }))
		abort();
	return password.data;
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
	for (size_t i = 0; i < user_count; i++) {
		(void)snprintf(path, sizeof(path), "/users/%.63s", users[i]);
		(void)test_api("DELETE", path, NULL, NULL);
	}
}

void test_servers_forget(void)
{
	if (vhost[0] != '\0')
		remove_all();
	for (size_t i = 0; i < WANTED_COUNT; i++)
		if (wanted[i].text != NULL)
			free(*wanted[i].text);
	buf_clear(&password);
}
