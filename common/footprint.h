/* footprint.h - what a process keeps in memory. */
#ifndef SLUICE_FOOTPRINT_H
#define SLUICE_FOOTPRINT_H

#include <stddef.h>

/* Lets go of the pages of program and libraries that are as they are in their
 * files: those that are needed come back from the page cache at their next use,
 * and most were needed for starting only. Gives the bytes that were mapped.
 * Any thread, any time; where /proc does not tell, nothing is done. */
size_t footprint_drop_code(void);

/* What is large, such as the body of a full message, is mapped by itself from
 * now on and goes back to the system when it is freed, whatever small things
 * were made beside it meanwhile; small ones come of two arenas at most. To be
 * called before any thread is made. */
void footprint_limit(void);

#endif
