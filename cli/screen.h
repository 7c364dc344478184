/* screen.h - the door to ncurses: a terminal taken over as a whole.
 *
 * One screen at a time, one thread. While it is open nothing may be written to
 * standard output or error. Whatever ends the process but SIGKILL gives the
 * terminal back as it was: screen_close, a crash (the signal goes on then), a
 * stop by ctrl-z (and ctrl-l or SIGCONT draw it again). */
#ifndef SLUICE_SCREEN_H
#define SLUICE_SCREEN_H

#include "cli/cells.h"

struct screen;

/* Keys beyond a character's code. */
enum screen_key {
	KEY_OF_NONE = -1,   /* nothing was typed: time is up, or wake_fd */
	KEY_OF_END = -2,    /* the terminal is gone */
	KEY_OF_RESIZE = 0x110000,
	KEY_OF_UP,
	KEY_OF_DOWN,
	KEY_OF_PAGE_UP,
	KEY_OF_PAGE_DOWN,
	KEY_OF_ENTER,
	KEY_OF_ESCAPE,
	KEY_OF_ERASE,
	KEY_OF_REDRAW,
	KEY_OF_OTHER,
};

/* Whether standard input and output are a terminal that can do it: TERM is
 * known and not dumb. */
bool screen_possible(void);

/* Colours unless NO_COLOR is set or there are none. Sets LC_CTYPE. */
struct screen *screen_open(struct err *err);
void screen_close(struct screen *screen); /* NULL is fine */

/* The canvas of the terminal's size now, blank: drawn upon, then shown. */
struct canvas *screen_canvas(struct screen *screen, struct err *err);
/* The cursor goes to that column of the row; column -1: hidden. */
void screen_show(struct screen *screen, size_t row, int column);

/* Waits at most timeout_ms for a key; returns KEY_OF_NONE at once when one of
 * the two fds is readable (-1: none). */
int screen_key(struct screen *screen, const int fds[2], int timeout_ms);

/* The terminal is lent to what writes lines, and taken back. */
void screen_leave(struct screen *screen);
void screen_return(struct screen *screen);

#endif
