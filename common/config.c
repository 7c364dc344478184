/* config.c - the settings: default < sluice.yaml < environment < flags. */
#include "common/config.h"

#include "common/doc.h"
#include "common/units.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PASSWORD_MAX_BYTES 4096

/* In the order of precedence. */
enum level { LEVEL_NONE, LEVEL_DEFAULT, LEVEL_FILE, LEVEL_ENV, LEVEL_FLAG };

struct loading {
	struct config *config;
	enum level *levels; /* by setting */
	char *base;         /* what relative paths of the file count from */
	char *cwd;
	struct err *err;
};

/* Where a value comes from: how errors name it, and what is shown later. */
struct origin {
	enum level level;
	const char *where;  /* "sluice.yaml:3:12", "SLUICE_PREFETCH" */
	const char *source; /* "sluice.yaml:3", "environment PGHOST" */
};

static void *field(struct config *config, const struct setting *setting)
{
	return (char *)config + setting->offset;
}

static const void *field_const(const struct config *config,
	const struct setting *setting)
{
	return (const char *)config + setting->offset;
}

static bool is_text(const struct setting *setting)
{
	return setting->type == SETTING_TEXT ||
		setting->type == SETTING_FILE || setting->type == SETTING_WORD;
}

static bool refuse(struct loading *in, const struct origin *origin,
	const char *fmt, ...) PRINTF_LIKE(3, 4);

static bool refuse(struct loading *in, const struct origin *origin,
	const char *fmt, ...)
{
	char what[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	return err_stop(in->err,
		origin->level == LEVEL_FLAG ? EXIT_USAGE : EXIT_CONFIG,
		"%s: %s", origin->where, what);
}

/* -- one value ---------------------------------------------------------- */

static bool replace(struct loading *in, char **to, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return err_memory(in->err);
	free(*to);
	*to = copy;
	return true;
}

static bool replace_path(struct loading *in, char **to, const char *text,
	enum level level)
{
	const char *base = level <= LEVEL_FILE ? in->base : in->cwd;
	struct buf path = { 0 };
	bool ok;

	while (strncmp(text, "./", 2) == 0)
		text += 2;
	if (*text == '/' || *text == '\0')
		return replace(in, to, text);
	ok = buf_printf(&path, in->err, "%s%s%s", base,
		     strcmp(base, "/") == 0 ? "" : "/", text) &&
		replace(in, to, path.data);
	buf_clear(&path);
	return ok;
}

static bool set_number(struct loading *in, const struct setting *setting,
	enum unit unit, const char *text, const struct origin *origin)
{
	int64_t value;

	if (!units_parse(text, unit, &value))
		return refuse(in, origin, "%s must be %s", setting->name,
			units_example(unit));
	if (value < setting->min || value > setting->max)
		return refuse(in, origin, "%s must be from %" PRId64 " to %"
			PRId64, setting->name, setting->min, setting->max);
	*(int64_t *)field(in->config, setting) = value;
	return true;
}

static bool set_flag(struct loading *in, const struct setting *setting,
	const char *text, const struct origin *origin)
{
	const bool on = strcmp(text, "true") == 0;

	if (!on && strcmp(text, "false") != 0)
		return refuse(in, origin, "%s must be true or false",
			setting->name);
	*(bool *)field(in->config, setting) = on;
	return true;
}

static bool refuse_word(struct loading *in, const struct setting *setting,
	const struct origin *origin)
{
	struct buf all = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && setting->words[i] != NULL; i++)
		ok = buf_printf(&all, in->err, "%s%s", i > 0 ? ", " : "",
			setting->words[i]);
	if (ok)
		(void)refuse(in, origin, "%s must be one of %s", setting->name,
			all.data);
	buf_clear(&all);
	return false;
}

static bool set_word(struct loading *in, const struct setting *setting,
	const char *text, const struct origin *origin)
{
	size_t at = 0;

	while (setting->words[at] != NULL &&
		strcmp(setting->words[at], text) != 0)
		at++;
	if (setting->words[at] == NULL)
		return refuse_word(in, setting, origin);
	if (is_text(setting))
		return replace(in, field(in->config, setting), text);
	*(unsigned *)field(in->config, setting) = (unsigned)at;
	return true;
}

static bool set_field(struct loading *in, const struct setting *setting,
	const char *text, const struct origin *origin)
{
	if (*text == '\0' && setting->preset != NULL && !setting->or_empty)
		return refuse(in, origin, "%s may not be empty", setting->name);
	switch (setting->type) {
	case SETTING_TEXT:
		return replace(in, field(in->config, setting), text);
	case SETTING_FILE:
		return replace_path(in, field(in->config, setting), text,
			origin->level);
	case SETTING_COUNT:
		return set_number(in, setting, UNIT_COUNT, text, origin);
	case SETTING_BYTES:
		return set_number(in, setting, UNIT_BYTES, text, origin);
	case SETTING_SECS:
		return set_number(in, setting, UNIT_SECS, text, origin);
	case SETTING_MS:
		return set_number(in, setting, UNIT_MS, text, origin);
	case SETTING_FLAG:
		return set_flag(in, setting, text, origin);
	case SETTING_WORD:
	case SETTING_CHOICE:
		break;
	}
	return set_word(in, setting, text, origin);
}

/* A password and its _file stand side by side in the table. The later word
 * counts; on one level there may be only one of them. */
static bool settle_twins(struct loading *in, size_t at,
	const struct origin *origin)
{
	size_t count;
	const struct setting *all = config_settings(&count);
	const bool is_password = all[at].secret;
	const bool is_file = at > 0 && all[at - 1].secret;
	const size_t twin = is_password ? at + 1 : at - 1;
	char **other;

	if ((!is_password && !is_file) || in->levels[twin] == LEVEL_NONE)
		return true;
	if (in->levels[twin] == origin->level)
		return refuse(in, origin, "%s and %s are both set; remove one",
			all[at].name, all[twin].name);
	other = field(in->config, &all[twin]);
	free(*other);
	*other = NULL;
	in->levels[twin] = LEVEL_NONE;
	return replace(in, &in->config->sources[twin], "default");
}

static bool set_value(struct loading *in, size_t at, const char *text,
	const struct origin *origin)
{
	size_t count;
	const struct setting *setting = &config_settings(&count)[at];

	if (!settle_twins(in, at, origin) ||
		!set_field(in, setting, text, origin))
		return false;
	in->levels[at] = origin->level;
	return replace(in, &in->config->sources[at], origin->source);
}

static size_t find_setting(const char *name)
{
	size_t count;
	const struct setting *all = config_settings(&count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(all[i].name, name) == 0)
			return i;
	return SIZE_MAX;
}

/* -- the four levels ---------------------------------------------------- */

static bool load_defaults(struct loading *in)
{
	const struct origin origin = { .level = LEVEL_DEFAULT,
		.where = "default", .source = "default" };
	size_t count;
	const struct setting *all = config_settings(&count);

	for (size_t i = 0; i < count; i++) {
		if (!replace(in, &in->config->sources[i], "default"))
			return false;
		if (all[i].preset != NULL &&
			!set_value(in, i, all[i].preset, &origin))
			return false;
	}
	return true;
}

static bool load_pair(struct loading *in, const struct doc *key,
	const struct doc *value)
{
	const char *file = in->config->config_file;
	const size_t at = find_setting(key->text);
	struct buf where = { 0 }, source = { 0 };
	bool ok;

	if (strcmp(key->text, "notify") == 0)
		return listeners_read(value, file, in->base,
			&in->config->notify, in->err);
	if (at == SIZE_MAX)
		return doc_fail(key, file, in->err, "unknown setting \"%s\"; "
			"`sluice config show` lists those there are",
			key->text);
	if (value->type != DOC_TEXT)
		return doc_fail(value, file, in->err,
			"%s must be a single value", key->text);
	ok = buf_printf(&where, in->err, "%s:%d:%d", file, value->line,
		     value->column) &&
		buf_printf(&source, in->err, "%s:%d", file, value->line) &&
		set_value(in, at, value->text, &(struct origin){
			.level = LEVEL_FILE, .where = where.data,
			.source = source.data });
	buf_clear(&where);
	buf_clear(&source);
	return ok;
}

/* Passwords in a file that others may read are no secret. */
static bool check_secrecy(struct loading *in)
{
	const char *file = in->config->config_file;
	size_t count;
	const struct setting *all = config_settings(&count);
	struct stat st;

	for (size_t i = 0; i < count; i++)
		if (all[i].secret && in->levels[i] == LEVEL_FILE &&
			stat(file, &st) == 0 && (st.st_mode & 077) != 0)
			return err_stop(in->err, EXIT_CONFIG, "%s holds %s and "
				"others may read it: chmod 600 it, or use "
				"%s_file", file, all[i].name, all[i].name);
	return true;
}

static bool load_file(struct loading *in)
{
	struct doc *root = doc_read(in->config->config_file, in->err);
	bool ok = root != NULL;

	if (ok && root->type != DOC_MAP)
		ok = doc_fail(root, in->config->config_file, in->err,
			"this must be lines of `setting: value`");
	for (size_t i = 0; ok && i < root->count; i += 2)
		ok = load_pair(in, &root->items[i], &root->items[i + 1]);
	doc_free(root);
	return ok && check_secrecy(in);
}

static bool load_variable(struct loading *in, size_t at, const char *name)
{
	const char *value = getenv(name);
	char source[128];

	if (value == NULL || *value == '\0')
		return true;
	(void)snprintf(source, sizeof(source), "environment %s", name);
	return set_value(in, at, value, &(struct origin){
		.level = LEVEL_ENV, .where = name, .source = source });
}

static void variable_name(const char *setting, char *out, size_t size)
{
	(void)snprintf(out, size, "SLUICE_%s", setting);
	for (; *out != '\0'; out++)
		if (*out >= 'a' && *out <= 'z')
			*out = (char)(*out - 'a' + 'A');
}

static bool load_environment(struct loading *in)
{
	size_t count;
	const struct setting *all = config_settings(&count);

	for (size_t i = 0; i < count; i++) {
		char name[64];

		variable_name(all[i].name, name, sizeof(name));
		if (all[i].env != NULL && !load_variable(in, i, all[i].env))
			return false;
		if (!load_variable(in, i, name))
			return false;
	}
	return true;
}

static bool load_flags(struct loading *in, const struct config_flag *flags)
{
	for (; flags != NULL && flags->name != NULL; flags++) {
		struct origin origin = { .level = LEVEL_FLAG,
			.where = flags->name, .source = "flag" };
		char name[64];
		size_t at;

		(void)snprintf(name, sizeof(name), "%s", flags->name);
		for (char *c = name; *c != '\0'; c++)
			if (*c == '-')
				*c = '_';
		at = find_setting(name);
		if (at == SIZE_MAX)
			return refuse(in, &origin, "there is no such setting; "
				"`sluice config show` lists those there are");
		if (!set_value(in, at, flags->value, &origin))
			return false;
	}
	return true;
}

/* -- the whole ---------------------------------------------------------- */

/* The file to read into config->config_file, absolute; NULL: none. */
static bool find_file(struct loading *in, const char *file)
{
	if (file == NULL || *file == '\0')
		file = getenv("SLUICE_CONFIG");
	if (file == NULL || *file == '\0') {
		if (access("sluice.yaml", F_OK) != 0)
			return true;
		file = "sluice.yaml";
	}
	return replace_path(in, &in->config->config_file, file, LEVEL_FLAG);
}

static bool find_base(struct loading *in)
{
	const char *file = in->config->config_file;
	char *slash;

	if (!replace(in, &in->base, file != NULL ? file : in->cwd))
		return false;
	slash = file != NULL ? strrchr(in->base, '/') : NULL;
	if (slash != NULL)
		slash[slash == in->base ? 1 : 0] = '\0';
	return true;
}

static bool below_raw(struct loading *in, char **dir, const char *name)
{
	struct buf path = { 0 };
	bool ok;

	if (*dir != NULL && **dir != '\0')
		return true;
	ok = buf_printf(&path, in->err, "%s/%s", in->config->raw_dir, name) &&
		replace(in, dir, path.data);
	buf_clear(&path);
	return ok;
}

/* Beside raw_dir: what is below would be watched. */
static bool beside_raw(struct loading *in, char **dir, const char *name)
{
	const char *raw = in->config->raw_dir;
	size_t len = strlen(raw);
	struct buf path = { 0 };
	bool ok;

	if (*dir != NULL && **dir != '\0')
		return true;
	while (len > 1 && raw[len - 1] == '/')
		len--;
	while (len > 0 && raw[len - 1] != '/')
		len--;
	ok = buf_printf(&path, in->err, "%.*s%s", (int)len, raw, name) &&
		replace(in, dir, path.data);
	buf_clear(&path);
	return ok;
}

/* What follows from several settings at once. */
static bool finish(struct loading *in)
{
	struct config *config = in->config;

	if (config->broker_tls && (config->broker_cacert == NULL ||
		    *config->broker_cacert == '\0'))
		return err_stop(in->err, EXIT_CONFIG, "broker_tls needs "
			"broker_cacert: the certificates to trust");
	return below_raw(in, &config->processed_dir, "processed") &&
		below_raw(in, &config->failed_dir, "failed") &&
		beside_raw(in, &config->object_store_dir, "object_store");
}

static bool load_all(struct loading *in, const char *file,
	const struct config_flag *flags)
{
	return find_file(in, file) && find_base(in) && load_defaults(in) &&
		(in->config->config_file == NULL || load_file(in)) &&
		load_environment(in) && load_flags(in, flags) && finish(in);
}

bool config_need_broker(const struct config *config, struct err *err)
{
	return config->broker || err_stop(err, EXIT_CONFIG, "there is no "
		"RabbitMQ here, the settings say (`broker: false`): `sluice "
		"load` takes files in without one");
}

bool config_load(struct config *config, const char *file,
	const struct config_flag *flags, struct err *err)
{
	struct loading in = { .config = config, .err = err };
	size_t count;
	bool ok;

	(void)config_settings(&count);
	*config = (struct config){ .config_file = NULL };
	config->sources = calloc(count, sizeof(*config->sources));
	in.levels = calloc(count, sizeof(*in.levels));
	in.cwd = getcwd(NULL, 0);
	ok = config->sources != NULL && in.levels != NULL;
	if (!ok)
		(void)err_memory(err);
	else if (in.cwd == NULL)
		ok = err_errno(err, ERR_STOP, "the working directory");
	ok = ok && load_all(&in, file, flags);
	free(in.levels);
	free(in.cwd);
	free(in.base);
	if (!ok)
		config_clear(config);
	return ok;
}

void config_clear(struct config *config)
{
	size_t count;
	const struct setting *all = config_settings(&count);

	for (size_t i = 0; i < count; i++) {
		if (is_text(&all[i]))
			free(*(char **)field(config, &all[i]));
		if (config->sources != NULL)
			free(config->sources[i]);
	}
	free(config->sources);
	free(config->config_file);
	listeners_clear(&config->notify);
	*config = (struct config){ .config_file = NULL };
}

/* -- passwords ---------------------------------------------------------- */

static bool check_password_file(int fd, const char *file, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_errno(err, ERR_STOP, "look at %s", file);
	if (!S_ISREG(st.st_mode))
		return err_stop(err, EXIT_CONFIG, "the password file %s is not "
			"a regular file", file);
	if ((st.st_mode & 077) != 0)
		return err_stop(err, EXIT_CONFIG, "others may read the "
			"password file %s (mode %04o): chmod 600 it", file,
			(unsigned)st.st_mode & 07777);
	return true;
}

/* The whole file but its last line end. */
static bool read_password(int fd, const char *file, struct buf *out,
	struct err *err)
{
	char text[PASSWORD_MAX_BYTES + 1];
	ssize_t got;
	size_t len;

	do
		got = read(fd, text, sizeof(text));
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_errno(err, ERR_STOP, "read %s", file);
	len = (size_t)got;
	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	if (len == 0 || len >= PASSWORD_MAX_BYTES ||
		memchr(text, '\n', len) != NULL ||
		memchr(text, '\0', len) != NULL)
		return err_stop(err, EXIT_CONFIG, "the password file %s must "
			"hold one line: the password", file);
	return buf_add(out, text, len, err);
}

bool config_password(const struct account *account, struct buf *out,
	struct err *err)
{
	const char *file = account->password_file;
	bool ok;
	int fd;

	buf_reset(out);
	if (!buf_grow(out, 0, err)) /* data is text from here on */
		return false;
	if (account->password != NULL)
		return buf_add_str(out, account->password, err);
	if (file == NULL || *file == '\0')
		return true;
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		(void)err_errno(err, ERR_STOP, "open the password file %s",
			file);
		err->exit_code = EXIT_CONFIG;
		return false;
	}
	ok = check_password_file(fd, file, err) &&
		read_password(fd, file, out, err);
	close(fd);
	return ok;
}

/* -- showing ------------------------------------------------------------ */

static bool show_number(const struct config *config,
	const struct setting *setting, enum unit unit, struct buf *out,
	struct err *err)
{
	const int64_t *value = field_const(config, setting);

	return units_format(*value, unit, out, err);
}

bool config_value(const struct config *config, size_t setting,
	struct buf *out, const char **source, struct err *err)
{
	size_t count;
	const struct setting *s = &config_settings(&count)[setting];
	const char *text;

	*source = config->sources != NULL && config->sources[setting] != NULL ?
		config->sources[setting] : "default";
	if (is_text(s)) {
		text = *(char *const *)field_const(config, s);
		if (text == NULL)
			text = "";
		else if (s->secret && *text != '\0')
			text = "***";
		return buf_add_str(out, text, err);
	}
	switch (s->type) {
	case SETTING_COUNT:
		return show_number(config, s, UNIT_COUNT, out, err);
	case SETTING_BYTES:
		return show_number(config, s, UNIT_BYTES, out, err);
	case SETTING_SECS:
		return show_number(config, s, UNIT_SECS, out, err);
	case SETTING_MS:
		return show_number(config, s, UNIT_MS, out, err);
	case SETTING_FLAG:
		return buf_add_str(out, *(const bool *)field_const(config, s) ?
			"true" : "false", err);
	default:
		return buf_add_str(out, s->words[*(const unsigned *)field_const(
			config, s)], err);
	}
}

/* -- docs/CONFIG.md ----------------------------------------------------- */

static const char document_head[] =
	"# Settings\n"
	"\n"
	"<!-- Made from common/config_table.c: change that, then run\n"
	"     SLUICE_WRITE_DOCS=1 build/dev/bin/unit_tests config -->\n"
	"\n"
	"The later of these counts: the default, `sluice.yaml`, the "
	"environment, a flag.\n"
	"\n"
	"* `sluice.yaml`: lines of `setting: value`. The file is the one named "
	"with\n"
	"  `--config` or in `SLUICE_CONFIG`, else `sluice.yaml` in the working "
	"directory\n"
	"  when there is one. `${VAR}`, `${VAR:-default}` and "
	"`${VAR:?message}` are\n"
	"  replaced; `$${` stands for `${`. An unknown setting is an error. "
	"Who is told\n"
	"  what stands under `notify:`, in that file alone: see\n"
	"  [OPERATIONS.md](OPERATIONS.md#being-told).\n"
	"* Environment: `SLUICE_` and the name in capitals, such as "
	"`SLUICE_RAW_DIR`;\n"
	"  some have a second variable, over which the first wins. An empty "
	"variable\n"
	"  counts as unset.\n"
	"* Flags: `--set name=value`.\n"
	"\n"
	"Times take `ms`, `s`, `min`, `h`, `d`; sizes take `B`, `KiB`, `MiB`, "
	"`GiB`, `TiB`.\n"
	"A bare number is in the unit of the table. A relative path in "
	"`sluice.yaml`, and\n"
	"a default, counts from that file's folder; any other from the "
	"working directory.\n"
	"Settings marked * are taken over at SIGHUP, the others at the next "
	"start.\n"
	"A password and its file may not be set at the same place; the later "
	"one counts.\n";

static bool document_setting(const struct setting *setting, struct buf *out,
	struct err *err)
{
	bool ok = true;

	if (setting->section != NULL)
		ok = buf_printf(out, err, "\n## %s\n\n"
			"| setting | unit | default | meaning |\n"
			"|---|---|---|---|\n", setting->section);
	ok = ok && buf_printf(out, err, "| `%s`%s | %s | ", setting->name,
		setting->reload ? " *" : "", setting->unit);
	if (ok && setting->preset != NULL)
		ok = buf_printf(out, err, "`%s`", setting->preset);
	ok = ok && buf_printf(out, err, " | %s", setting->help);
	for (size_t i = 0; ok && setting->words != NULL &&
		setting->words[i] != NULL; i++)
		ok = buf_printf(out, err, "%s`%s`", i > 0 ? ", " : ": ",
			setting->words[i]);
	if (ok && setting->env != NULL)
		ok = buf_printf(out, err, " (also `%s`)", setting->env);
	return ok && buf_add_str(out, " |\n", err);
}

bool config_document(struct buf *out, struct err *err)
{
	size_t count;
	const struct setting *all = config_settings(&count);

	if (!buf_add_str(out, document_head, err))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!document_setting(&all[i], out, err))
			return false;
	return true;
}
