/* SPDX-License-Identifier: MIT */
/* A comparison for people: a line for each call, a table of phases, one call's instructions. */
#include "trace/compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH_PHASE 14
#define WIDTH_TITLE 44
#define WIDTH_STEP  58

/* Lines of calls; the rest are told by number. */
#define CALLS_MAX 40u

#define BOLD   "\033[1m"
#define DIM    "\033[2m"
#define GREEN  "\033[32m"
#define CYAN   "\033[36m"
#define NORMAL "\033[0m"

typedef unsigned long long ull;

static void paint(struct x64i_buffer *out, const struct x64i_compare *compare, const char *code)
{
    if (compare->colour)
        x64i_buffer_text(out, code);
}

/* What comes from a guest or a command line must not steer the terminal. */
static void add_printable(struct x64i_buffer *out, const char *text, size_t limit)
{
    for (; *text && limit > 0; text++, limit--)
        x64i_buffer_char(out,
                         (unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f ? '?' : *text);
}

static void add_cell(struct x64i_buffer *out, const char *text, size_t width)
{
    size_t from = out->size;
    add_printable(out, text, width - 1);
    x64i_buffer_pad(out, from, width);
}

static void add_spaces(struct x64i_buffer *out, int count)
{
    while (count-- > 0)
        x64i_buffer_char(out, ' ');
}

static int width_of(const struct x64i_phase_column *column)
{
    return 2 * column->width + (column->difference ? column->width + 1 : 0) + 2;
}

static void add_number(struct x64i_buffer *out, const struct x64i_compare *compare, uint64_t value,
                       int width)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%*llu", width, (ull)value);
    if (value) {
        x64i_buffer_text(out, text);
        return;
    }
    paint(out, compare, DIM);
    add_spaces(out, width - 1);
    x64i_buffer_char(out, '.');
    paint(out, compare, NORMAL);
}

static void add_difference(struct x64i_buffer *out, const struct x64i_compare *compare, uint64_t a,
                           uint64_t b, int width)
{
    char text[24];
    if (a == b) {
        add_number(out, compare, 0, width);
        return;
    }
    (void)snprintf(text, sizeof text, "%*s%llu", 0, b > a ? "+" : "-",
                   (ull)(b > a ? b - a : a - b));
    add_spaces(out, width - (int)strlen(text));
    paint(out, compare, b < a ? GREEN : CYAN);
    x64i_buffer_text(out, text);
    paint(out, compare, NORMAL);
}

static void add_costs(struct x64i_buffer *out, const struct x64i_compare *compare,
                      const struct x64i_phase_cost *a, const struct x64i_phase_cost *b)
{
    for (size_t i = 0; i < X64I_PHASE_COLUMNS; i++) {
        uint64_t left = x64i_phase_field(a, &x64i_phase_columns[i]);
        uint64_t right = x64i_phase_field(b, &x64i_phase_columns[i]);
        x64i_buffer_text(out, "  ");
        add_number(out, compare, left, x64i_phase_columns[i].width);
        add_number(out, compare, right, x64i_phase_columns[i].width);
        if (x64i_phase_columns[i].difference)
            add_difference(out, compare, left, right, x64i_phase_columns[i].width + 1);
    }
    x64i_buffer_char(out, '\n');
}

/* Two lines: what is counted, and for whom. */
static void add_heading(struct x64i_buffer *out, const struct x64i_compare *compare)
{
    paint(out, compare, BOLD);
    add_spaces(out, WIDTH_PHASE + 2);
    for (size_t i = 0; i < X64I_PHASE_COLUMNS; i++) {
        int room = width_of(&x64i_phase_columns[i]);
        add_spaces(out, room - (int)strlen(x64i_phase_columns[i].title));
        x64i_buffer_text(out, x64i_phase_columns[i].title);
    }
    x64i_buffer_char(out, '\n');
    add_spaces(out, WIDTH_PHASE + 2);
    for (size_t i = 0; i < X64I_PHASE_COLUMNS; i++) {
        add_spaces(out, x64i_phase_columns[i].width + 1);
        x64i_buffer_char(out, 'A');
        add_spaces(out, x64i_phase_columns[i].width - 1);
        x64i_buffer_char(out, 'B');
        if (x64i_phase_columns[i].difference) {
            add_spaces(out, x64i_phase_columns[i].width - 2);
            x64i_buffer_text(out, "B-A");
        }
    }
    x64i_buffer_char(out, '\n');
    paint(out, compare, NORMAL);
}

static void add_table(struct x64i_buffer *out, const struct x64i_compare *compare,
                      const struct x64i_compare_sum *sum)
{
    static const struct x64i_phase_cost nothing = {0};
    add_heading(out, compare);
    for (unsigned i = 0; i < X64I_PHASE_COUNT; i++) {
        const struct x64i_phase_cost *a = &sum->cost[0][i];
        const struct x64i_phase_cost *b = &sum->cost[1][i];
        if (memcmp(a, &nothing, sizeof nothing) == 0 && memcmp(b, &nothing, sizeof nothing) == 0)
            continue;
        x64i_buffer_text(out, "  ");
        add_cell(out, x64i_phase_title((enum x64i_phase)i), WIDTH_PHASE);
        add_costs(out, compare, a, b);
    }
    x64i_buffer_text(out, "  ");
    paint(out, compare, BOLD);
    add_cell(out, "total", WIDTH_PHASE);
    paint(out, compare, NORMAL);
    add_costs(out, compare, &sum->total[0], &sum->total[1]);
}

static void add_call(struct x64i_buffer *out, const struct x64i_compare *compare,
                     const struct x64i_trip_pair *pair)
{
    static const struct x64i_trip none = {.returned = true};
    const struct x64i_trip *a = pair->trip[0] ? pair->trip[0] : &none;
    const struct x64i_trip *b = pair->trip[1] ? pair->trip[1] : &none;
    x64i_buffer_text(out, "  ");
    add_cell(out, b != &none ? b->title : a->title, WIDTH_TITLE);
    add_number(out, compare, a->total.instructions, 8);
    add_number(out, compare, b->total.instructions, 8);
    add_difference(out, compare, a->total.instructions, b->total.instructions, 8);
    add_number(out, compare, a->total.cycles, 10);
    add_number(out, compare, b->total.cycles, 8);
    add_difference(out, compare, a->total.cycles, b->total.cycles, 8);
    if (a == &none || b == &none)
        x64i_buffer_text(out, b == &none ? "   only in A" : "   only in B");
    else if (!a->returned || !b->returned)
        x64i_buffer_text(out, "   never returns");
    x64i_buffer_char(out, '\n');
}

static void add_calls(struct x64i_buffer *out, const struct x64i_compare *compare)
{
    struct x64i_trip_pair pair;
    size_t at[2] = {0, 0};
    size_t shown = 0;
    paint(out, compare, BOLD);
    add_cell(out, "system calls", WIDTH_TITLE + 2);
    x64i_buffer_text(out, "            instructions                    cycles\n");
    add_spaces(out, WIDTH_TITLE + 2);
    x64i_buffer_text(out, "       A       B     B-A         A       B     B-A\n");
    paint(out, compare, NORMAL);
    for (; x64i_compare_next(compare, at, &pair); shown++)
        if (shown < CALLS_MAX)
            add_call(out, compare, &pair);
    if (shown > CALLS_MAX) {
        x64i_buffer_text(out, "  ... and ");
        x64i_buffer_decimal(out, shown - CALLS_MAX);
        x64i_buffer_text(out, " more, which the table below counts too\n");
    }
    x64i_buffer_char(out, '\n');
}

static void add_step(struct x64i_buffer *out, const struct x64i_trip_step *step, size_t width)
{
    char text[X64I_STEP_TEXT + 64] = "";
    if (step && step->what[0])
        (void)snprintf(text, sizeof text, "%-34s %s%s", step->text, step->writes ? "" : "<- ",
                       step->what);
    else if (step)
        (void)snprintf(text, sizeof text, "%s", step->text);
    if (width)
        add_cell(out, text, width);
    else
        add_printable(out, text, sizeof text);
}

/* One call's instructions: '=' between two that do the same. */
static void add_steps(struct x64i_buffer *out, const struct x64i_compare *compare)
{
    for (unsigned phase = 0; phase < X64I_PHASE_COUNT; phase++) {
        struct x64i_step_pair *rows;
        size_t count = x64i_compare_steps(compare, (enum x64i_phase)phase, out, &rows);
        if (count) {
            paint(out, compare, BOLD);
            x64i_buffer_text(out, x64i_phase_title((enum x64i_phase)phase));
            x64i_buffer_char(out, '\n');
            paint(out, compare, NORMAL);
        }
        for (size_t i = 0; i < count; i++) {
            x64i_buffer_text(out, "  ");
            add_step(out, rows[i].step[0], WIDTH_STEP);
            x64i_buffer_char(out, rows[i].same ? '=' : '|');
            if (rows[i].step[1])
                x64i_buffer_char(out, ' ');
            add_step(out, rows[i].step[1], 0);
            x64i_buffer_char(out, '\n');
        }
        free(rows);
    }
}

static void add_title(struct x64i_buffer *out, const struct x64i_compare *compare)
{
    x64i_buffer_text(out, "# x64emu compare ");
    x64i_buffer_decimal(out, X64I_COMPARE_VERSION);
    x64i_buffer_text(out, ", cpu ");
    add_printable(out, compare->cpu, SIZE_MAX);
    x64i_buffer_text(out, ", cycles ");
    add_printable(out, compare->side[0].trips->core, SIZE_MAX);
    x64i_buffer_char(out, '\n');
    for (unsigned side = 0; side < 2; side++) {
        x64i_buffer_text(out, side ? "# B: " : "# A: ");
        add_printable(out, compare->side[side].kernel, SIZE_MAX);
        x64i_buffer_text(out, ", mitigations ");
        add_printable(out, compare->side[side].mitigations, SIZE_MAX);
        x64i_buffer_text(out, ", system calls ");
        x64i_buffer_decimal(out, compare->side[side].trips->count);
        x64i_buffer_char(out, '\n');
    }
    x64i_buffer_char(out, '\n');
}

void x64i_compare_text(struct x64i_buffer *out, const struct x64i_compare *compare)
{
    struct x64i_compare_sum sum;
    x64i_compare_sum(compare, &sum);
    add_title(out, compare);
    add_calls(out, compare);
    add_table(out, compare, &sum);
    if (!compare->syscall)
        return;
    x64i_buffer_char(out, '\n');
    add_steps(out, compare);
}
