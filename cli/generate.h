/* generate.h - files that follow from our tables: manual pages, and what shells
 * complete. Pure. */
#ifndef SLUICE_GENERATE_H
#define SLUICE_GENERATE_H

#include "common/buf.h"

/* sluice(1): every verb with its words and its help. */
bool generate_manual(struct buf *out, struct err *err) MUST_CHECK;
/* sluice.yaml(5): every setting. */
bool generate_settings(struct buf *out, struct err *err) MUST_CHECK;
/* For bash and for zsh. */
bool generate_bash(struct buf *out, struct err *err) MUST_CHECK;
bool generate_zsh(struct buf *out, struct err *err) MUST_CHECK;

#endif
