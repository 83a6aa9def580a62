// Output for people; see terminal.h.
#include "terminal.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

static int color = -1;  // not decided yet

bool terminal_color(void)
{
    if (color < 0) {
        const char *no = getenv("NO_COLOR");
        color = isatty(STDOUT_FILENO) && !(no && *no);
    }
    return color == 1;
}

void terminal_set_color(bool on)
{
    color = on;
}

int terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

const char *ink(Ink ink)
{
    static const char *const codes[] = { "\033[0m",  "\033[1m",  "\033[2m",
                                         "\033[31m", "\033[32m", "\033[33m",
                                         "\033[34m", "\033[35m", "\033[36m" };
    return terminal_color() ? codes[ink] : "";
}

const char *paper(int number)
{
    // Light backgrounds with black text: readable in light and in dark terminals.
    static const char *const codes[] = { "\033[30;48;5;153m", "\033[30;48;5;222m",
                                         "\033[30;48;5;157m", "\033[30;48;5;217m",
                                         "\033[30;48;5;189m" };
    return terminal_color() ? codes[number % 5] : "";
}

void terminal_escape(char *to, size_t room, const char *text, size_t n)
{
    const utf8proc_uint8_t *t = (const utf8proc_uint8_t *)text;
    char *end = to + room;
    for (size_t i = 0; i < n && end - to > 5;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t bytes = utf8proc_iterate(t + i, (utf8proc_ssize_t)(n - i), &c);
        if (t[i] == '\n' || t[i] == '\t' || t[i] == '\r') {
            to += snprintf(to, (size_t)(end - to), "\\%c",
                           t[i] == '\n'   ? 'n'
                           : t[i] == '\t' ? 't'
                                          : 'r');
            bytes = 1;
        } else if (bytes < 0 || t[i] < 0x20 || t[i] == 0x7f) {
            to += snprintf(to, (size_t)(end - to), "\\x%02x", t[i]);
            bytes = 1;
        } else {
            memcpy(to, t + i, (size_t)bytes);
            to += bytes;
        }
        i += (size_t)bytes;
    }
    *to = '\0';
}

const char *terminal_bar(double part, int width)
{
    static char text[512];
    size_t n = 0;
    int full = part <= 0 || isnan(part) ? 0
               : part >= 1              ? width
                                        : (int)(part * width + 0.5);
    for (int i = 0; i < width && n + 4 < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s", i < full ? "█" : "·");
    text[n] = '\0';
    return text;
}

void terminal_progress(const char *what, double part)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%s %s %3.0f %%", what, terminal_bar(part, 40), 100 * part);
}

void terminal_progress_end(void)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
}

// One cell, two columns wide: a shade of blue to yellow, or a letter of a ramp without
// colour.
static void cell(float value, float low, float high)
{
    static const int ramp[] = { 17, 18,  19,  25,  31,  37,  42,
                                77, 113, 149, 185, 221, 227, 229 };
    static const char shades[] = ".:-=+*#%@";  // a blank is what is masked
    if (isnan(value) || value == -INFINITY) {
        printf("%s", isnan(value) ? "? " : terminal_color() ? "\033[0m  " : "  ");
        return;
    }
    float part = high > low ? (value - low) / (high - low) : 0;
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    if (terminal_color())
        printf("\033[48;5;%dm  ", ramp[(int)(part * 13.0f + 0.5f)]);
    else
        printf("%c%c", shades[(int)(part * 8.0f + 0.5f)],
               shades[(int)(part * 8.0f + 0.5f)]);
}

void terminal_heatmap(const float *values, int rows, int columns,
                      const char *const *labels, float low, float high)
{
    for (int r = 0; r < rows; r++) {
        if (labels)
            printf("%14s ", labels[r]);
        for (int c = 0; c < columns; c++)
            cell(values[(size_t)r * columns + c], low, high);
        printf("%s\n", ink(PLAIN));
    }
}
