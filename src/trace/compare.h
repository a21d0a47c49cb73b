/* SPDX-License-Identifier: MIT */
/*
 * Two runs side by side, aligned by meaning: call by call, phase by phase, and within a phase
 * instruction by instruction where both write or read the same word of pt_regs.
 *
 *     struct x64i_compare compare = {.side = {{"4.9", "none", a}, {"6.1", "pti,pcid", b}}};
 *     x64i_compare_text(&buffer, &compare);      or x64i_compare_jsonl
 *
 * With `syscall` only those calls are compared, and the kept steps of the first one (trips.h) are
 * shown next to each other. docs/trace-format.md describes both formats.
 */
#ifndef X64I_TRACE_COMPARE_H
#define X64I_TRACE_COMPARE_H

#include "trace/buffer.h"
#include "trace/trips.h"

#define X64I_COMPARE_VERSION 1u

struct x64i_compare_side {
    const char *kernel;
    const char *mitigations;
    const struct x64i_trips *trips;
};

struct x64i_compare {
    struct x64i_compare_side side[2];
    const char *cpu;
    const char *syscall; /* null: all */
    bool colour;         /* text */
};

/* The same call in both runs; null where one did not make it. */
struct x64i_trip_pair {
    const struct x64i_trip *trip[2];
};

/* The pair at places at[0] and at[1], which move behind it; false behind the last. */
bool x64i_compare_next(const struct x64i_compare *compare, size_t at[2],
                       struct x64i_trip_pair *pair);

/* What the pairs spend together. */
struct x64i_compare_sum {
    size_t pairs; /* calls that both made */
    struct x64i_phase_cost cost[2][X64I_PHASE_COUNT];
    struct x64i_phase_cost total[2];
};

void x64i_compare_sum(const struct x64i_compare *compare, struct x64i_compare_sum *sum);

/* Kept steps next to each other; null where the other side has no counterpart. */
struct x64i_step_pair {
    const struct x64i_trip_step *step[2];
    bool same; /* both do the same to the same */
};

/* The kept steps of a phase. Answers how many rows there are, the caller frees them; `out` is null
 * when there is none, or no memory (buffer->failed is set then). */
size_t x64i_compare_steps(const struct x64i_compare *compare, enum x64i_phase phase,
                          struct x64i_buffer *buffer, struct x64i_step_pair **out);

void x64i_compare_text(struct x64i_buffer *out, const struct x64i_compare *compare);
void x64i_compare_jsonl(struct x64i_buffer *out, const struct x64i_compare *compare);

#endif
