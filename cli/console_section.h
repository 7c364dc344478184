/* console_section.h - the console's lists: sources, loads, rejects, models,
 * tests, endpoints. Pure. */
#ifndef SLUICE_CONSOLE_SECTION_H
#define SLUICE_CONSOLE_SECTION_H

#include "cli/console_view.h"

struct area {
	size_t row, column, rows, columns;
};

/* Lines it would take, its title among them; 0: there is nothing to say. */
size_t section_wants(const struct overview *overview, enum console_page page);
/* Its title, and rows from the first on; one may be selected. */
void section_draw(const struct overview *overview, enum console_page page,
	struct canvas *canvas, const struct area *area, size_t first,
	size_t selected);

#endif
