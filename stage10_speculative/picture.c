// A schedule as a picture; see picture.h.  Chapter 9.
#include "picture.h"
#include "memory.h"
#include "terminal.h"
#include <stdio.h>
#include <stdlib.h>

enum { MARGIN = 9 };  // columns before the first pass

// Texts are called A to Z, then A again; capital: part of the prompt, small: one token.
static Cell cell_of(const Scheduler *sc, int lane)
{
    const Sequence *q = sc->lanes[lane];
    int real = sc->rows[lane] - sc->pads[lane];
    if (!q || sc->rows[lane] == 0)
        return (Cell){ -1, ' ' };
    int text = (int)(q - sc->sequences);
    if (real == 0)
        return (Cell){ -1, '.' };
    return (Cell){ text,
                   (char)((real > 1 || q->n == q->n_prompt ? 'A' : 'a') + text % 26) };
}

void picture_add(void *picture, const Scheduler *sc)
{
    Picture *p = picture;
    int lanes = sc->options.batch;
    p->lanes = lanes;
    p->cells = memory_grow(p->cells, (size_t)(p->steps + 1) * (size_t)lanes,
                           sizeof *p->cells, "the picture");
    for (int lane = 0; lane < lanes; lane++)
        p->cells[p->steps * lanes + lane] = cell_of(sc, lane);
    p->steps++;
}

// Of the passes from .. to - 1, what says most: a prompt, else a token, else padding.
static Cell summary(const Picture *p, int lane, int from, int to)
{
    Cell best = p->cells[from * p->lanes + lane];
    for (int step = from + 1; step < to; step++) {
        Cell cell = p->cells[step * p->lanes + lane];
        bool prompt = cell.letter >= 'A' && cell.letter <= 'Z';
        if (prompt || best.letter == ' ' || (best.letter == '.' && cell.text >= 0))
            best = cell;
    }
    return best;
}

void picture_print(const Picture *p)
{
    int width = terminal_width() - MARGIN;
    int merged = width > 0 ? (p->steps + width - 1) / width : 1;
    printf("\n%sWho computed when%s: a row for each lane, a column for %d pass%s; a "
           "capital is a part of a prompt, a small letter a token, a dot padding\n\n",
           ink(BOLD), ink(PLAIN), merged, merged == 1 ? "" : "es");
    for (int lane = 0; lane < p->lanes; lane++) {
        printf("lane %2d  ", lane);
        for (int from = 0; from < p->steps; from += merged) {
            int to = from + merged < p->steps ? from + merged : p->steps;
            Cell cell = summary(p, lane, from, to);
            printf("%s%c%s", cell.text >= 0 ? paper(cell.text) : "", cell.letter,
                   cell.text >= 0 ? ink(PLAIN) : "");
        }
        printf("\n");
    }
}

void picture_free(Picture *p)
{
    free(p->cells);
}
