/* console.h - the two forms of `sluice console`. */
#ifndef SLUICE_CONSOLE_H
#define SLUICE_CONSOLE_H

#include "cli/cmd.h"
#include "common/pipeline.h"

/* Numbered choices, until the one that leaves or the end of the input. */
void console_menu(const struct cmd_context *context,
	const struct dataset *dataset);

/* WELCOME in large letters, lines; NULL behind the last. */
extern const char *const welcome_lines[];

/* The text of a numbered choice, from 0; NULL behind the last that both forms
 * have. The note below them; NULL: none. */
const char *console_choice(const struct config *config, size_t index);
const char *console_note(const struct config *config);

/* The full screen, until q, a signal, or the terminal is gone (EXIT_IO). Only
 * where screen_possible. *code is what to exit with. */
bool console_full(const struct cmd_context *context,
	const struct dataset *dataset, int *code, struct err *err) MUST_CHECK;

#endif
