/* prove_places.h - where the files of a proof are now. */
#ifndef SLUICE_PROVE_PLACES_H
#define SLUICE_PROVE_PLACES_H

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

/* Looks through a folder and those below it, hidden ones too. Counts all files
 * in *found; each file of the proof up to `count` in seen[number] (not beyond
 * 255; NULL: not wanted), all others in *strange. A folder that is not there
 * is empty. */
bool prove_places(const char *folder, uint8_t *seen, size_t count,
	int64_t *found, int64_t *strange, struct err *err) MUST_CHECK;

#endif
