// ncurses in its wide form, as functions, plus what Swift's importer refuses: its global variables.
#pragma once
#define NCURSES_WIDECHAR 1
#define NCURSES_NOMACROS 1
#include <locale.h>
#include <ncurses.h>
#include <langinfo.h>
#include <term.h>
#include <wchar.h>

static inline WINDOW *_Nonnull nc_stdscr(void) { return stdscr; }
static inline int nc_lines(void) { return LINES; }
static inline int nc_columns(void) { return COLS; }
static inline int nc_colors(void) { return COLORS; }
static inline int nc_color_pairs(void) { return COLOR_PAIRS; }
static const attr_t nc_bold = A_BOLD;
static const attr_t nc_dim = A_DIM;
static const attr_t nc_reverse = A_REVERSE;
static const attr_t nc_normal = A_NORMAL;
static inline bool nc_locale_is_utf8(void) {
  const char *set = nl_langinfo(CODESET);
  return set && (set[0] == 'U' || set[0] == 'u') && (set[1] == 'T' || set[1] == 't');
}
// Terminfo by name, after setupterm or newterm; the names are copied since old headers take `char *`.
static inline const char *_Nullable nc_terminfo_string(const char *_Nonnull name) {
  const char *value = tigetstr((char *)name);
  return value == (const char *)-1 ? NULL : value;
}
static inline int nc_terminfo_number(const char *_Nonnull name) { return tigetnum((char *)name); }
static inline bool nc_terminfo_flag(const char *_Nonnull name) { return tigetflag((char *)name) == 1; }
static inline const char *_Nullable nc_terminfo_expand(const char *_Nonnull capability, int first, int second) {
  return tiparm(capability, first, second);
}
typedef struct {
  SCREEN *_Nullable screen;
  FILE *_Nullable in, *_Nullable out;
} nc_terminal;
static inline void nc_close(nc_terminal terminal) {
  if (terminal.screen) delscreen(terminal.screen);
  if (terminal.out) fclose(terminal.out);
  if (terminal.in) fclose(terminal.in);
}
// Opens the terminal of two descriptors, which are its own from then on; without a screen when $TERM is not known or memory
// is short. Only what enters the screen is ever sent: curses never paints.
static inline nc_terminal nc_open(int input, int output) {
  nc_terminal terminal = {.in = fdopen(input, "r"), .out = fdopen(output, "w")};
  if (terminal.in && terminal.out) terminal.screen = newterm(NULL, terminal.out, terminal.in);
  if (!terminal.screen) {
    nc_close(terminal);
    terminal = (nc_terminal){0};
  }
  return terminal;
}
