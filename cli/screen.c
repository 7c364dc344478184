/* screen.c - the door to ncurses. */
#include "cli/screen.h"

#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#undef columns /* term.h has short names for all that a terminal can do */
#undef lines

struct screen {
	struct canvas canvas;
	bool colours;
	FILE *out;
	SCREEN *term;
};

/* -- a crash gives the terminal back ------------------------------------------ */

static const int deadly[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

static struct termios before;
static volatile sig_atomic_t is_open;
static char leave_text[256]; /* what the terminal wants to hear */
static size_t leave_len;

/* Only what a signal handler may call; the signal then does what it does. */
static void on_crash(int number)
{
	if (is_open) {
		is_open = 0;
		if (write(STDOUT_FILENO, leave_text, leave_len) < 0)
			is_open = 0; /* nobody there to see it */
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
	}
	(void)raise(number);
}

static void catch_crashes(void)
{
	const struct sigaction action = { .sa_handler = on_crash,
		.sa_flags = (int)SA_RESETHAND };

	for (size_t i = 0; i < sizeof(deadly) / sizeof(*deadly); i++)
		(void)sigaction(deadly[i], &action, NULL);
}

static void forget_crashes(void)
{
	for (size_t i = 0; i < sizeof(deadly) / sizeof(*deadly); i++)
		(void)signal(deadly[i], SIG_DFL);
}

static void add_leave(const char *text)
{
	const size_t len = text != NULL && text != (const char *)-1 ?
		strlen(text) : 0;

	if (leave_len + len > sizeof(leave_text))
		return;
	memcpy(leave_text + leave_len, text, len);
	leave_len += len;
}

static void learn_leave(void)
{
	char name[8];
	static const char *const wanted[] = { "sgr0", "cnorm", "rmkx",
		"rmcup" };

	leave_len = 0;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		(void)snprintf(name, sizeof(name), "%s", wanted[i]);
		add_leave(tigetstr(name));
	}
	add_leave("\r\n");
}

/* -- opening ------------------------------------------------------------- */

bool screen_possible(void)
{
	const char *name = getenv("TERM");

	return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 &&
		name != NULL && name[0] != '\0' && strcmp(name, "dumb") != 0;
}

static bool start_colours(void)
{
	static const struct {
		short pair, colour;
	} pairs[] = {
		{ STYLE_RED, COLOR_RED }, { STYLE_GREEN, COLOR_GREEN },
		{ STYLE_YELLOW, COLOR_YELLOW }, { STYLE_CYAN, COLOR_CYAN },
	};
	const char *no = getenv("NO_COLOR");

	if ((no != NULL && no[0] != '\0') || !has_colors() ||
		start_color() == ERR || use_default_colors() == ERR)
		return false;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		(void)init_pair(pairs[i].pair, pairs[i].colour, -1);
	return true;
}

static void set_modes(void)
{
	(void)cbreak();
	(void)noecho();
	(void)nonl();
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
	(void)meta(stdscr, TRUE);
	(void)set_escdelay(50);
	(void)curs_set(0);
}

/* A locale that is not there at all would garble what people named. */
static bool choose_locale(void)
{
	if (setlocale(LC_CTYPE, "") == NULL)
		(void)setlocale(LC_CTYPE, "C");
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

struct screen *screen_open(struct err *err)
{
	struct screen *screen = calloc(1, sizeof(*screen));

	if (screen == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	screen->canvas.ascii = !choose_locale();
	(void)tcgetattr(STDIN_FILENO, &before);
	screen->term = newterm(NULL, stdout, stdin);
	if (screen->term == NULL) {
		(void)err_stop(err, EXIT_USAGE, "this terminal (TERM=%s) is "
			"not known: --plain does without", getenv("TERM"));
		free(screen);
		return NULL;
	}
	learn_leave();
	is_open = 1;
	catch_crashes();
	screen->colours = start_colours();
	set_modes();
	return screen;
}

void screen_close(struct screen *screen)
{
	if (screen == NULL)
		return;
	(void)endwin();
	is_open = 0;
	forget_crashes();
	delscreen(screen->term);
	canvas_clear(&screen->canvas);
	free(screen);
}

void screen_leave(struct screen *screen)
{
	(void)screen;
	(void)endwin();
	is_open = 0;
}

void screen_return(struct screen *screen)
{
	(void)screen;
	is_open = 1;
	(void)clearok(stdscr, TRUE);
	(void)refresh();
}

/* -- showing --------------------------------------------------------------- */

struct canvas *screen_canvas(struct screen *screen, struct err *err)
{
	const int rows = getmaxy(stdscr), columns = getmaxx(stdscr);

	return canvas_make(&screen->canvas, rows > 0 ? (size_t)rows : 0,
		columns > 0 ? (size_t)columns : 0, err) ?
		&screen->canvas : NULL;
}

static attr_t attributes_of(const struct screen *screen, enum style style)
{
	switch (style) {
	case STYLE_BOLD:
		return A_BOLD;
	case STYLE_DIM:
		return A_DIM;
	case STYLE_REVERSE:
		return A_REVERSE;
	case STYLE_RED:
		return (screen->colours ? (attr_t)COLOR_PAIR(STYLE_RED) : 0) |
			A_BOLD;
	case STYLE_GREEN:
	case STYLE_YELLOW:
	case STYLE_CYAN:
		return screen->colours ? (attr_t)COLOR_PAIR(style) : 0;
	default:
		return A_NORMAL;
	}
}

/* Each letter is put where it belongs, so that a letter whose width terminal
 * and library see differently shifts nothing but itself. */
static void show_row(const struct screen *screen, size_t row)
{
	const struct canvas *canvas = &screen->canvas;

	for (size_t i = 0; i < canvas->columns; i++) {
		const struct tile *tile = canvas_at(canvas, row, i);

		if (tile->text[0] == '\0')
			continue;
		(void)attrset((int)attributes_of(screen,
			(enum style)tile->style));
		(void)mvaddstr((int)row, (int)i, tile->text);
	}
}

void screen_show(struct screen *screen, size_t row, int column)
{
	(void)erase();
	for (size_t i = 0; i < screen->canvas.rows; i++)
		show_row(screen, i);
	(void)attrset(A_NORMAL);
	(void)curs_set(column >= 0);
	(void)move((int)row, column >= 0 ? column : 0);
	(void)refresh();
}

/* -- keys -------------------------------------------------------------------- */

static int key_of(int key)
{
	static const struct {
		int theirs, ours;
	} keys[] = {
		{ KEY_RESIZE, KEY_OF_RESIZE }, { KEY_UP, KEY_OF_UP },
		{ KEY_DOWN, KEY_OF_DOWN }, { KEY_PPAGE, KEY_OF_PAGE_UP },
		{ KEY_NPAGE, KEY_OF_PAGE_DOWN }, { KEY_ENTER, KEY_OF_ENTER },
		{ '\r', KEY_OF_ENTER }, { '\n', KEY_OF_ENTER },
		{ 27, KEY_OF_ESCAPE }, { KEY_BACKSPACE, KEY_OF_ERASE },
		{ 127, KEY_OF_ERASE }, { '\b', KEY_OF_ERASE },
		{ 'L' - '@', KEY_OF_REDRAW },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (keys[i].theirs == key)
			return keys[i].ours;
	return key < 256 ? key : KEY_OF_OTHER;
}

static int read_key(void)
{
	const int key = getch();

	if (key == ERR)
		return KEY_OF_NONE;
	if (key == 'L' - '@')
		(void)clearok(stdscr, TRUE);
	return key_of(key);
}

int screen_key(struct screen *screen, const int fds[2], int timeout_ms)
{
	struct pollfd polled[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = fds[0], .events = POLLIN },
		{ .fd = fds[1], .events = POLLIN },
	};
	int key = read_key(); /* a resize, or what was read ahead */

	(void)screen;
	if (key != KEY_OF_NONE)
		return key;
	(void)poll(polled, 3, timeout_ms);
	key = read_key();
	if (key != KEY_OF_NONE)
		return key;
	/* readable, and nothing to read: its end */
	return polled[0].revents != 0 ? KEY_OF_END : KEY_OF_NONE;
}
