/* generate_shell.c - what bash and zsh complete, made of the verbs' usage. */
#include "cli/generate.h"
#include "cli/verbs.h"

#include <ctype.h>
#include <string.h>

#define GLOBALS "--config --set --json --help"

static bool is_letter(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

/* A dot within a word: "sluice.1". */
static bool is_inner(const char *at)
{
	return *at == '.' && is_letter(at[1]);
}

/* The next word of a usage: its flags, the words a verb begins with, and, in
 * capitals, what is to be put there. NULL at the end. */
static const char *next_word(const char **at, size_t *len)
{
	const char *word = *at;

	while (*word != '\0' && !is_letter(*word))
		word++;
	*len = 0;
	while (is_letter(word[*len]) || (*len > 0 && is_inner(word + *len)))
		(*len)++;
	*at = word + *len;
	return *len > 0 ? word : NULL;
}

/* "list", "--limit"; not "sqlite:" nor "NAME". */
static bool is_said(const char *word, size_t len)
{
	if (word[len] == ':' || word[len] == '=')
		return false;
	for (size_t i = 0; i < len; i++)
		if (isupper((unsigned char)word[i]))
			return false;
	return true;
}

static bool add_words(struct buf *out, const struct cmd *cmd, struct err *err)
{
	const char *at = cmd->usage, *word;
	bool ok = true;
	size_t len;

	while (ok && (word = next_word(&at, &len)) != NULL)
		if (is_said(word, len))
			ok = buf_add_char(out, ' ', err) &&
				buf_add(out, word, len, err);
	return ok;
}

static bool has_word(const struct cmd *cmd, const char *wanted)
{
	const char *at = cmd->usage, *word;
	size_t len;

	while ((word = next_word(&at, &len)) != NULL)
		if (len == strlen(wanted) && memcmp(word, wanted, len) == 0)
			return true;
	return false;
}

/* What a verb's words are taken from, as `sluice generate` lists it. */
static const char *list_of(const struct cmd *cmd)
{
	if (strcmp(cmd->name, "models") == 0)
		return "models";
	if (strcmp(cmd->name, "api") == 0)
		return "endpoints";
	if (has_word(cmd, "SOURCE"))
		return "sources";
	return has_word(cmd, "DATASET") || has_word(cmd, "TABLE") ||
		has_word(cmd, "D") ? "datasets" : "";
}

static bool add_verbs(struct buf *out, struct err *err)
{
	const struct cmd *cmd;
	bool ok = true;

	for (size_t i = 0; ok && (cmd = verbs_at(i)) != NULL; i++)
		ok = buf_printf(out, err, " %s", cmd->name);
	return ok;
}

/* -- bash ------------------------------------------------------------------ */

static const char bash_head[] =
	"# sluice - completion for bash, made by `sluice generate bash`\n"
	"_sluice()\n"
	"{\n"
	"	local cur=${COMP_WORDS[COMP_CWORD]} verb='' words='' list='' i\n"
	"	for ((i = 1; i < COMP_CWORD; i++)); do\n"
	"		case ${COMP_WORDS[i]} in\n"
	"		--config | --set) i=$((i + 1)) ;;\n"
	"		-*) ;;\n"
	"		*)\n"
	"			verb=${COMP_WORDS[i]}\n"
	"			break\n"
	"			;;\n"
	"		esac\n"
	"	done\n"
	"	case $verb in\n";

static const char bash_tail[] =
	"	esac\n"
	"	[ -z \"$list\" ] ||\n"
	"		words=\"$words $(sluice generate \"$list\" 2>/dev/null)\"\n"
	"	[ -z \"$verb\" ] || words=\"$words " GLOBALS "\"\n"
	"	# shellcheck disable=SC2207 # words have no blanks\n"
	"	COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	"}\n"
	"complete -o default -o bashdefault -F _sluice sluice\n";

bool generate_bash(struct buf *out, struct err *err)
{
	const struct cmd *cmd;
	bool ok;

	ok = buf_add_str(out, bash_head, err) &&
		buf_add_str(out, "	'') words='" GLOBALS " --version help",
			err) &&
		add_verbs(out, err) && buf_add_str(out, "' ;;\n", err) &&
		buf_add_str(out, "	help) words='", err) &&
		add_verbs(out, err) && buf_add_str(out, "' ;;\n", err);
	for (size_t i = 0; ok && (cmd = verbs_at(i)) != NULL; i++) {
		ok = buf_printf(out, err, "	%s) words='", cmd->name) &&
			add_words(out, cmd, err) && buf_add_char(out, '\'', err);
		if (ok && list_of(cmd)[0] != '\0')
			ok = buf_printf(out, err, " list=%s", list_of(cmd));
		ok = ok && buf_add_str(out, " ;;\n", err);
	}
	return ok && buf_add_str(out, bash_tail, err);
}

/* -- zsh ------------------------------------------------------------------- */

static const char zsh_head[] =
	"#compdef sluice\n"
	"# sluice - completion for zsh, made by `sluice generate zsh`\n"
	"_sluice() {\n"
	"	local verb='' list='' i\n"
	"	local -a verbs given\n"
	"	for ((i = 2; i < CURRENT; i++)); do\n"
	"		case ${words[i]} in\n"
	"		(--config|--set) ((i++)) ;;\n"
	"		(-*) ;;\n"
	"		(*) verb=${words[i]}; break ;;\n"
	"		esac\n"
	"	done\n"
	"	verbs=(\n";

static const char zsh_middle[] =
	"	)\n"
	"	case $verb in\n"
	"	('') _describe verb verbs; given=(help " GLOBALS " --version) ;;\n"
	"	(help) _describe verb verbs ;;\n";

static const char zsh_tail[] =
	"	esac\n"
	"	[[ -z $list ]] || given+=(${=\"$(sluice generate $list 2>/dev/null)\"})\n"
	"	[[ -z $verb ]] || given+=(" GLOBALS ")\n"
	"	compadd -- $given\n"
	"	_files\n"
	"}\n"
	"_sluice \"$@\"\n";

/* 'name:what it does', apostrophes doubled the shell's way. */
static bool describe(struct buf *out, const struct cmd *cmd, struct err *err)
{
	bool ok = buf_printf(out, err, "		'%s:", cmd->name);

	for (const char *at = cmd->summary; ok && *at != '\0'; at++)
		ok = *at == '\'' ? buf_add_str(out, "'\\''", err) :
			buf_add_char(out, *at, err);
	return ok && buf_add_str(out, "'\n", err);
}

bool generate_zsh(struct buf *out, struct err *err)
{
	bool ok = buf_add_str(out, zsh_head, err);
	const struct cmd *cmd;

	for (size_t i = 0; ok && (cmd = verbs_at(i)) != NULL; i++)
		ok = describe(out, cmd, err);
	ok = ok && buf_add_str(out, zsh_middle, err);
	for (size_t i = 0; ok && (cmd = verbs_at(i)) != NULL; i++) {
		ok = buf_printf(out, err, "	(%s) given=(", cmd->name) &&
			add_words(out, cmd, err) && buf_add_char(out, ')', err);
		if (ok && list_of(cmd)[0] != '\0')
			ok = buf_printf(out, err, "; list=%s", list_of(cmd));
		ok = ok && buf_add_str(out, " ;;\n", err);
	}
	return ok && buf_add_str(out, zsh_tail, err);
}
