// Output for people: colour where it can be shown, bars, heat maps.
//
// Colour is used when stdout is a terminal and the environment variable NO_COLOR is unset
// or empty (https://no-color.org).  All else is plain ASCII and UTF-8 text.
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

typedef enum { PLAIN, BOLD, DIM, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN } Ink;

bool terminal_color(void);
void terminal_set_color(bool on);  // decides it anyhow
int terminal_width(void);          // columns; 80 if stdout is no terminal
const char *ink(Ink ink);  // an escape sequence, or "" without colour; PLAIN ends all
const char *paper(int number);  // the background colours of neighbouring tokens, in turn
// Text in `n` columns as prose shows it: control characters, quotes and ends of lines
// escaped (\n, \x07), invalid UTF-8 as \xNN.  Writes to `to` [room], always ended by 0.
void terminal_escape(char *to, size_t room, const char *text, size_t n);

// A bar of `width` columns, filled up to `part` (0 to 1); returns a static text.
const char *terminal_bar(double part, int width);
// One line on stderr that is overwritten as work goes on; shown only if stderr is a
// terminal.
void terminal_progress(const char *what, double part);
void terminal_progress_end(void);
// values[rows, columns] as shades, low to high; labels[rows] may be NULL.  A NaN is drawn
// as '?'; values that are masked (-INFINITY) as '.'.
void terminal_heatmap(const float *values, int rows, int columns,
                      const char *const *labels, float low, float high);

#endif
