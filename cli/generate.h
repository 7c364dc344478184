/* generate.h - files that follow from our tables: manual pages, and what shells
 * complete. Pure but for the lists. */
#ifndef SLUICE_GENERATE_H
#define SLUICE_GENERATE_H

#include "common/buf.h"
#include "common/config.h"

/* sluice(1): every verb with its words and its help. */
bool generate_manual(struct buf *out, struct err *err) MUST_CHECK;
/* sluice.yaml(5): every setting. */
bool generate_settings(struct buf *out, struct err *err) MUST_CHECK;
/* For bash and for zsh. */
bool generate_bash(struct buf *out, struct err *err) MUST_CHECK;
bool generate_zsh(struct buf *out, struct err *err) MUST_CHECK;
/* Names to complete, a line each, none with a sign that a shell would expand:
 * datasets, endpoints, models, sources. *known: there is a list of that name.
 * An error where there is nothing to offer: the database is away, too. */
bool generate_list(const struct config *config, const char *name,
	struct buf *out, bool *known, struct err *err) MUST_CHECK;

#endif
