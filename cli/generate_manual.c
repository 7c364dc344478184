/* generate_manual.c - manual pages in mdoc, made of the tables. */
#include "cli/generate.h"
#include "cli/verbs.h"
#include "common/config.h"

#include <string.h>

#define DATE "November 22, 2026"

/* What would be set as another character, so that it can be copied. */
static bool add_character(struct buf *out, char c, struct err *err)
{
	static const struct {
		char c;
		const char *escape;
	} all[] = {
		{ '\\', "\\e" }, { '\'', "\\(aq" }, { '`', "\\(ga" },
		{ '^', "\\(ha" }, { '~', "\\(ti" }, { '-', "\\-" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i].c == c)
			return buf_add_str(out, all[i].escape, err);
	return buf_add_char(out, c, err);
}

/* One line of text: a dot in front would be a request. */
static bool add_line(struct buf *out, const char *line, size_t len,
	struct err *err)
{
	bool ok = true;

	while (len > 0 && line[len - 1] == ' ')
		len--;
	if (len > 0 && line[0] == '.')
		ok = buf_add_str(out, "\\&", err);
	for (size_t i = 0; ok && i < len; i++)
		ok = add_character(out, line[i], err);
	return ok && buf_add_char(out, '\n', err);
}

/* As it stands, line for line. */
static bool add_literal(struct buf *out, const char *text, struct err *err)
{
	bool ok = buf_add_str(out, ".Bd -literal\n", err);

	while (ok && *text != '\0') {
		const size_t len = strcspn(text, "\n");

		ok = add_line(out, text, len, err);
		text += len + (text[len] == '\n');
	}
	return ok && buf_add_str(out, ".Ed\n", err);
}

/* -- sluice(1) ------------------------------------------------------------- */

static const char sluice_head[] =
	".Dd " DATE "\n"
	".Dt SLUICE 1\n"
	".Os\n"
	".Sh NAME\n"
	".Nm sluice\n"
	".Nd look after files on their way into PostgreSQL\n"
	".Sh SYNOPSIS\n"
	".Nm\n"
	".Op Fl -config Ar FILE\n"
	".Op Fl -set Ar NAME=VALUE\n"
	".Op Fl -json\n"
	".Ar VERB ...\n"
	".Nm\n"
	".Cm help\n"
	".Op Ar VERB\n"
	".Nm\n"
	".Fl -version\n"
	".Sh DESCRIPTION\n"
	".Nm\n"
	"is for people: it makes tables and queues, drops and loads files, shows what\n"
	"became of them, and acts on what runs.\n"
	"The work itself is done by\n"
	".Xr sluice-producer 8\n"
	"and\n"
	".Xr sluice-consumer 8 .\n"
	".Pp\n"
	"Flags of every verb:\n"
	".Bl -tag -width Ds\n"
	".It Fl -config Ar FILE\n"
	"The settings,\n"
	".Xr sluice.yaml 5 ;\n"
	"else the file that\n"
	".Ev SLUICE_CONFIG\n"
	"names, else\n"
	".Pa sluice.yaml\n"
	"in the working directory.\n"
	".It Fl -set Ar NAME=VALUE\n"
	"One setting, stronger than the file and the environment.\n"
	".It Fl -json\n"
	"The answer as one JSON document, where there is one.\n"
	".It Fl -help\n"
	"The same as\n"
	".Ql sluice help VERB .\n"
	".El\n"
	".Sh VERBS\n";

static const char sluice_tail[] =
	".Sh ENVIRONMENT\n"
	".Bl -tag -width Ds\n"
	".It Ev SLUICE_CONFIG\n"
	"See\n"
	".Fl -config .\n"
	".It Ev SLUICE_<NAME>\n"
	"A setting, stronger than the file.\n"
	".It Ev NO_COLOR\n"
	"No colours, whatever it is set to.\n"
	".El\n"
	".Sh EXIT STATUS\n"
	".Bl -tag -width Ds\n"
	".It 0\n"
	"Fine.\n"
	".It 1\n"
	"The data has a problem.\n"
	".It 64\n"
	"Wrong words on the command line.\n"
	".It 69\n"
	"A server is not there.\n"
	".It 70\n"
	"A bug, or out of memory.\n"
	".It 74\n"
	"Input or output failed.\n"
	".It 78\n"
	"Bad configuration.\n"
	".El\n"
	".Sh SEE ALSO\n"
	".Xr sluice-message 5 ,\n"
	".Xr sluice-pipeline 5 ,\n"
	".Xr sluice-receipt 5 ,\n"
	".Xr sluice.yaml 5 ,\n"
	".Xr sluice-consumer 8 ,\n"
	".Xr sluice-producer 8\n";

static bool add_verb(struct buf *out, const struct cmd *cmd, struct err *err)
{
	return buf_printf(out, err, ".Ss %s\n", cmd->name) &&
		buf_add_str(out, ".Bd -literal\n", err) &&
		buf_printf(out, err, "sluice %s%s", cmd->name,
			cmd->usage[0] != '\0' ? " " : "") &&
		add_line(out, cmd->usage, strlen(cmd->usage), err) &&
		buf_add_str(out, ".Ed\n", err) &&
		add_literal(out, cmd->help, err);
}

bool generate_manual(struct buf *out, struct err *err)
{
	bool ok = buf_add_str(out, sluice_head, err);
	const struct cmd *cmd;

	for (size_t i = 0; ok && (cmd = verbs_at(i)) != NULL; i++)
		ok = add_verb(out, cmd, err);
	return ok && buf_add_str(out, sluice_tail, err);
}

/* -- sluice.yaml(5) -------------------------------------------------------- */

static const char settings_head[] =
	".Dd " DATE "\n"
	".Dt SLUICE.YAML 5\n"
	".Os\n"
	".Sh NAME\n"
	".Nm sluice.yaml\n"
	".Nd settings of Sluice\n"
	".Sh DESCRIPTION\n"
	"A YAML map of settings, read by\n"
	".Xr sluice 1 ,\n"
	".Xr sluice-producer 8\n"
	"and\n"
	".Xr sluice-consumer 8 .\n"
	"Stronger than the file is the environment,\n"
	".Ev SLUICE_<NAME>\n"
	"in capitals, and then\n"
	".Fl -set Ar NAME=VALUE .\n"
	"A setting that is not known, or has a wrong unit, is refused with its line.\n"
	"Folders and files that are relative count from the file's own folder.\n"
	".Ql sluice config show\n"
	"prints what is in force, and where it comes from.\n"
	".Pp\n"
	"Beside these the file may have a map\n"
	".Cm notify :\n"
	"who is told of what happens; see\n"
	".Ql sluice help notify .\n";

static const char settings_tail[] =
	".Sh FILES\n"
	".Bl -tag -width Ds\n"
	".It Pa sluice.yaml\n"
	"In the working directory, unless\n"
	".Fl -config\n"
	"or\n"
	".Ev SLUICE_CONFIG\n"
	"names another.\n"
	".El\n"
	".Sh SEE ALSO\n"
	".Xr sluice 1 ,\n"
	".Xr sluice-pipeline 5 ,\n"
	".Xr sluice-consumer 8 ,\n"
	".Xr sluice-producer 8\n";

static bool add_setting(struct buf *out, const struct setting *setting,
	bool first, struct err *err)
{
	bool ok = true;

	if (setting->section != NULL)
		ok = (first || buf_add_str(out, ".El\n", err)) &&
			buf_printf(out, err, ".Ss %s\n.Bl -tag -width Ds\n",
				setting->section);
	else if (first)
		ok = buf_add_str(out, ".Bl -tag -width Ds\n", err);
	ok = ok && buf_printf(out, err, ".It Cm %s\n", setting->name) &&
		add_line(out, setting->help, strlen(setting->help), err) &&
		buf_printf(out, err, ".Pq %s", setting->unit);
	if (ok && setting->preset != NULL && setting->preset[0] != '\0')
		ok = buf_add_str(out, "\nPreset:\n.Ql ", err) &&
			add_line(out, setting->preset, strlen(setting->preset),
				err);
	else
		ok = ok && buf_add_char(out, '\n', err);
	return ok;
}

bool generate_settings(struct buf *out, struct err *err)
{
	size_t count;
	const struct setting *all = config_settings(&count);
	bool ok = buf_add_str(out, settings_head, err);

	for (size_t i = 0; ok && i < count; i++)
		ok = add_setting(out, &all[i], i == 0, err);
	return ok && buf_add_str(out, ".El\n", err) &&
		buf_add_str(out, settings_tail, err);
}
