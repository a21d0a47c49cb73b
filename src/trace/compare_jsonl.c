/* SPDX-License-Identifier: MIT */
/* A comparison for programs: a header, a line for each call, the sum, rows of one call's steps. */
#include "trace/compare.h"

#include <stdlib.h>
#include <string.h>

static void add_name(struct x64i_buffer *out, const char *before, const char *name)
{
    x64i_buffer_text(out, before);
    x64i_buffer_json(out, name);
    x64i_buffer_char(out, ':');
}

static void add_text(struct x64i_buffer *out, const char *before, const char *name,
                     const char *text)
{
    add_name(out, before, name);
    x64i_buffer_json(out, text);
}

static void add_number(struct x64i_buffer *out, const char *before, const char *name,
                       uint64_t value)
{
    add_name(out, before, name);
    x64i_buffer_decimal(out, value);
}

static void add_cost(struct x64i_buffer *out, const struct x64i_phase_cost *cost)
{
    add_number(out, "{", "instructions", cost->instructions);
    add_number(out, ",", "reads", cost->reads);
    add_number(out, ",", "writes", cost->writes);
    add_number(out, ",", "cr3_writes", cost->cr3_writes);
    add_number(out, ",", "msr_writes", cost->msr_writes);
    add_number(out, ",", "cycles", cost->cycles);
    x64i_buffer_char(out, '}');
}

/* "phases":{"enter":{...}},"total":{...}: phases that spend nothing are left out. */
static void add_costs(struct x64i_buffer *out, const struct x64i_phase_cost *cost,
                      const struct x64i_phase_cost *total)
{
    static const struct x64i_phase_cost nothing = {0};
    const char *before = "{";
    add_name(out, ",", "phases");
    for (unsigned i = 0; i < X64I_PHASE_COUNT; i++) {
        if (memcmp(&cost[i], &nothing, sizeof nothing) == 0)
            continue;
        add_name(out, before, x64i_phase_name((enum x64i_phase)i));
        add_cost(out, &cost[i]);
        before = ",";
    }
    x64i_buffer_text(out, *before == '{' ? "{}" : "}");
    add_name(out, ",", "total");
    add_cost(out, total);
}

static const char *const sides[2] = {"a", "b"};

static void add_header(struct x64i_buffer *out, const struct x64i_compare *compare)
{
    add_text(out, "{", "format", "x64emu-compare");
    add_number(out, ",", "version", X64I_COMPARE_VERSION);
    add_text(out, ",", "cpu", compare->cpu);
    add_text(out, ",", "cycles", compare->side[0].trips->core);
    for (unsigned side = 0; side < 2; side++) {
        add_name(out, ",", sides[side]);
        add_text(out, "{", "kernel", compare->side[side].kernel);
        add_text(out, ",", "mitigations", compare->side[side].mitigations);
        add_number(out, ",", "calls", compare->side[side].trips->count);
        x64i_buffer_char(out, '}');
    }
    x64i_buffer_text(out, "}\n");
}

static void add_trip(struct x64i_buffer *out, const struct x64i_trip *trip)
{
    add_text(out, "{", "text", trip->title);
    if (trip->name[0])
        add_text(out, ",", "name", trip->name);
    add_number(out, ",", "number", trip->number);
    add_number(out, ",", "n", trip->first_n);
    add_name(out, ",", "returned");
    x64i_buffer_text(out, trip->returned ? "true" : "false");
    add_costs(out, trip->cost, &trip->total);
    x64i_buffer_char(out, '}');
}

static void add_calls(struct x64i_buffer *out, const struct x64i_compare *compare)
{
    struct x64i_trip_pair pair;
    size_t at[2] = {0, 0};
    for (uint64_t i = 0; x64i_compare_next(compare, at, &pair); i++) {
        add_number(out, "{", "call", i);
        for (unsigned side = 0; side < 2; side++)
            if (pair.trip[side]) {
                add_name(out, ",", sides[side]);
                add_trip(out, pair.trip[side]);
            }
        x64i_buffer_text(out, "}\n");
    }
}

static void add_sum(struct x64i_buffer *out, const struct x64i_compare *compare)
{
    struct x64i_compare_sum sum;
    x64i_compare_sum(compare, &sum);
    add_number(out, "{", "sum_of_calls", sum.pairs);
    for (unsigned side = 0; side < 2; side++) {
        add_name(out, ",", sides[side]);
        add_number(out, "{", "other_entries", compare->side[side].trips->other_entries);
        add_costs(out, sum.cost[side], &sum.total[side]);
        x64i_buffer_char(out, '}');
    }
    x64i_buffer_text(out, "}\n");
}

static void add_rows(struct x64i_buffer *out, const struct x64i_compare *compare,
                     enum x64i_phase phase)
{
    struct x64i_step_pair *rows;
    size_t count = x64i_compare_steps(compare, phase, out, &rows);
    for (size_t i = 0; i < count; i++) {
        add_text(out, "{", "phase", x64i_phase_name(phase));
        add_name(out, ",", "same");
        x64i_buffer_text(out, rows[i].same ? "true" : "false");
        for (unsigned side = 0; side < 2; side++) {
            const struct x64i_trip_step *step = rows[i].step[side];
            if (!step)
                continue;
            add_name(out, ",", sides[side]);
            add_number(out, "{", "n", step->n);
            add_text(out, ",", "asm", step->text);
            if (step->what[0])
                add_text(out, ",", step->writes ? "writes" : "reads", step->what);
            x64i_buffer_char(out, '}');
        }
        x64i_buffer_text(out, "}\n");
    }
    free(rows);
}

void x64i_compare_jsonl(struct x64i_buffer *out, const struct x64i_compare *compare)
{
    add_header(out, compare);
    add_calls(out, compare);
    add_sum(out, compare);
    for (unsigned phase = 0; compare->syscall && phase < X64I_PHASE_COUNT; phase++)
        add_rows(out, compare, (enum x64i_phase)phase);
}
