/* SPDX-License-Identifier: MIT */
/* From the facts of a trip's steps to their phases. */
#include "trace/phases.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *title;
    const char *name;
} names[X64I_PHASE_COUNT] = {
    [X64I_PHASE_ENTER] = {"enter", "enter"},
    [X64I_PHASE_SWITCH_CR3] = {"switch CR3", "switch_cr3"},
    [X64I_PHASE_SWITCH_STACK] = {"switch stack", "switch_stack"},
    [X64I_PHASE_SAVE] = {"save frame", "save_frame"},
    [X64I_PHASE_DISPATCH] = {"dispatch", "dispatch"},
    [X64I_PHASE_CALL] = {"system call", "system_call"},
    [X64I_PHASE_LEAVE] = {"exit work", "exit_work"},
    [X64I_PHASE_CHECK] = {"check SYSRET", "check_sysret"},
    [X64I_PHASE_RESTORE] = {"restore", "restore"},
    [X64I_PHASE_STACK_BACK] = {"stack back", "stack_back"},
    [X64I_PHASE_CR3_BACK] = {"CR3 back", "cr3_back"},
    [X64I_PHASE_RETURN] = {"return", "return"},
    [X64I_PHASE_MITIGATE] = {"mitigations", "mitigations"},
    [X64I_PHASE_NESTED] = {"interrupted", "interrupted"},
};

const struct x64i_phase_column x64i_phase_columns[X64I_PHASE_COLUMNS] = {
    {"instructions", offsetof(struct x64i_phase_cost, instructions), 6, true},
    {"reads", offsetof(struct x64i_phase_cost, reads), 5, false},
    {"writes", offsetof(struct x64i_phase_cost, writes), 5, false},
    {"CR3 writes", offsetof(struct x64i_phase_cost, cr3_writes), 5, false},
    {"MSR writes", offsetof(struct x64i_phase_cost, msr_writes), 5, false},
    {"cycles", offsetof(struct x64i_phase_cost, cycles), 7, true},
};

uint64_t x64i_phase_field(const struct x64i_phase_cost *cost,
                          const struct x64i_phase_column *column)
{
    uint64_t value;
    memcpy(&value, (const char *)cost + column->offset, sizeof value);
    return value;
}

const char *x64i_phase_title(enum x64i_phase phase)
{
    return (unsigned)phase < X64I_PHASE_COUNT ? names[phase].title : NULL;
}

const char *x64i_phase_name(enum x64i_phase phase)
{
    return (unsigned)phase < X64I_PHASE_COUNT ? names[phase].name : NULL;
}

void x64i_phase_cost_add(struct x64i_phase_cost *sum, const struct x64i_phase_cost *cost)
{
    sum->instructions += cost->instructions;
    sum->reads += cost->reads;
    sum->writes += cost->writes;
    sum->cr3_writes += cost->cr3_writes;
    sum->msr_writes += cost->msr_writes;
    sum->cycles += cost->cycles;
    sum->estimated += cost->estimated;
}

void x64i_phases_sum(const struct x64i_phase_step *steps, size_t count,
                     struct x64i_phase_cost *costs)
{
    for (size_t i = 0; i < count; i++)
        x64i_phase_cost_add(&costs[steps[i].phase], &steps[i].cost);
}

/* A trip being labelled. What one part knows of another is where that ends. */
struct trip {
    struct x64i_phase_step *steps;
    size_t count;
};

static bool has(const struct trip *trip, size_t at, uint32_t facts)
{
    return at < trip->count && (trip->steps[at].facts & facts) != 0;
}

static bool is_free(const struct trip *trip, size_t at)
{
    return trip->steps[at].phase == X64I_PHASE_COUNT;
}

/* From the delivery of an exception in the kernel to the IRET that ends it. */
static void mark_nested(const struct trip *trip)
{
    unsigned depth = 0;
    for (size_t i = 0; i < trip->count; i++) {
        depth += has(trip, i, X64I_FACT_NESTS);
        trip->steps[i].phase = depth ? X64I_PHASE_NESTED : X64I_PHASE_COUNT;
        if (depth && has(trip, i, X64I_FACT_UNNESTS))
            depth--;
    }
}

/* A WRMSR with what loads its registers, VERW, a called loop with its call. */
static void mark_mitigations(const struct trip *trip)
{
    for (size_t i = 0; i < trip->count; i++) {
        if (!has(trip, i, X64I_FACT_MITIGATES) || !is_free(trip, i))
            continue;
        trip->steps[i].phase = X64I_PHASE_MITIGATE;
        bool msr = trip->steps[i].cost.msr_writes != 0;
        for (size_t j = i;
             msr && j > 0 && has(trip, j - 1, X64I_FACT_PREPARES_MSR) &&
             !has(trip, j - 1, X64I_FACT_CLEARS | X64I_FACT_RESTORES) && is_free(trip, j - 1);
             j--)
            trip->steps[j - 1].phase = X64I_PHASE_MITIGATE;
        bool called = i > 0 && !has(trip, i - 1, X64I_FACT_MITIGATES) && is_free(trip, i - 1) &&
                      trip->steps[i - 1].rsp_after == trip->steps[i - 1].rsp_before - 8;
        if (called && !msr)
            trip->steps[i - 1].phase = X64I_PHASE_MITIGATE;
    }
}

/* The table's function, from its first step to the one that pops its return address. Answers where
 * the way back begins: behind it, or without one where the C part begins. */
static size_t mark_call(const struct trip *trip)
{
    size_t in_c = trip->count;
    for (size_t i = 0; i < trip->count; i++) {
        if (!is_free(trip, i))
            continue;
        if (has(trip, i, X64I_FACT_IN_C) && in_c == trip->count)
            in_c = i;
        if (!has(trip, i, X64I_FACT_CALLED))
            continue;
        uint64_t rsp = trip->steps[i].rsp_before;
        for (; i < trip->count; i++) {
            if (!is_free(trip, i))
                continue;
            trip->steps[i].phase = X64I_PHASE_CALL;
            if (trip->steps[i].rsp_after > rsp)
                return i + 1;
        }
        return trip->count;
    }
    return in_c;
}

/* Where the C part begins, or the way in ends: nothing after that belongs to the frame's saving. */
static size_t end_of_assembly(const struct trip *trip)
{
    size_t i = 0;
    while (i < trip->count && !(has(trip, i, X64I_FACT_IN_C) && !has(trip, i, X64I_FACT_NESTS)))
        i++;
    return i;
}

/* From the read of CR3 that begins a switch to the write that ends it. Answers the step after. */
static size_t mark_cr3(const struct trip *trip, size_t at, size_t end, enum x64i_phase phase)
{
    for (; at < end; at++) {
        if (!is_free(trip, at))
            continue;
        trip->steps[at].phase = (uint8_t)phase;
        if (has(trip, at, X64I_FACT_WRITES_CR3))
            return at + 1;
    }
    return at;
}

/* What a step on the way in is for by itself, or what it goes on with. */
static enum x64i_phase phase_in(const struct trip *trip, size_t at, enum x64i_phase before)
{
    uint32_t moves = X64I_FACT_KEEPS_RSP | X64I_FACT_SWITCHES_STACK;
    bool saving = before == X64I_PHASE_SAVE || before == X64I_PHASE_DISPATCH;
    if (has(trip, at, X64I_FACT_ENTERS))
        return X64I_PHASE_ENTER;
    if (has(trip, at, moves) && !saving)
        return X64I_PHASE_SWITCH_STACK;
    if (has(trip, at, X64I_FACT_WRITES_FRAME | X64I_FACT_CLEARS) ||
        (has(trip, at, X64I_FACT_MOVES_RSP) && before == X64I_PHASE_SAVE))
        return X64I_PHASE_SAVE;
    if (before == X64I_PHASE_SAVE || (before == X64I_PHASE_SWITCH_STACK && at > 0 &&
                                      has(trip, at - 1, X64I_FACT_ON_KERNEL_STACK)))
        return X64I_PHASE_DISPATCH;
    return before;
}

static void mark_way_in(const struct trip *trip, size_t end)
{
    enum x64i_phase phase = X64I_PHASE_ENTER;
    for (size_t i = 0; i < end; i++) {
        if (!is_free(trip, i))
            continue;
        if (has(trip, i, X64I_FACT_READS_CR3)) {
            i = mark_cr3(trip, i, end, X64I_PHASE_SWITCH_CR3) - 1;
            phase = X64I_PHASE_SWITCH_STACK;
            continue;
        }
        phase = phase_in(trip, i, phase);
        trip->steps[i].phase = (uint8_t)phase;
    }
}

/* Steps between two that save belong to them unless something is decided there: a jump to the
 * second stage, a register moved out of the way. */
static void bridge_saving(const struct trip *trip, size_t end)
{
    for (size_t i = 1; i < end; i++) {
        if (trip->steps[i].phase != X64I_PHASE_DISPATCH ||
            trip->steps[i - 1].phase == X64I_PHASE_DISPATCH)
            continue;
        bool after_saving = trip->steps[i - 1].phase == X64I_PHASE_SAVE ||
                            trip->steps[i - 1].phase == X64I_PHASE_SWITCH_STACK;
        size_t to = i;
        while (after_saving && to < end && trip->steps[to].phase == X64I_PHASE_DISPATCH &&
               !has(trip, to, X64I_FACT_BRANCHES))
            to++;
        if (to >= end || trip->steps[to].phase != X64I_PHASE_SAVE)
            continue;
        for (; i < to; i++)
            trip->steps[i].phase = X64I_PHASE_SAVE;
    }
}

/* Whether the word of pt_regs that a step reads is looked at for a decision: a branch comes before
 * anything is restored for good. */
static bool decides(const struct trip *trip, size_t at)
{
    const uint32_t over =
        X64I_FACT_READS_CR3 | X64I_FACT_SWITCHES_STACK | X64I_FACT_SWAPS_GS | X64I_FACT_LEAVES;
    for (size_t i = at; i < trip->count; i++) {
        if (has(trip, i, X64I_FACT_BRANCHES))
            return true;
        if (has(trip, i, over) ||
            (has(trip, i, X64I_FACT_RESTORES) && !has(trip, i, X64I_FACT_READS_CHECKED)))
            return false;
    }
    return false;
}

static enum x64i_phase phase_back(const struct trip *trip, size_t at, enum x64i_phase before)
{
    bool inside = before == X64I_PHASE_LEAVE || before == X64I_PHASE_CHECK ||
                  before == X64I_PHASE_RESTORE || before == X64I_PHASE_DISPATCH;
    if (has(trip, at, X64I_FACT_LEAVES | X64I_FACT_SWAPS_GS))
        return X64I_PHASE_RETURN;
    if (has(trip, at, X64I_FACT_SWITCHES_STACK))
        return X64I_PHASE_STACK_BACK;
    if (inside && has(trip, at, X64I_FACT_READS_CHECKED))
        return decides(trip, at) ? X64I_PHASE_CHECK : X64I_PHASE_RESTORE;
    if (has(trip, at, X64I_FACT_RESTORES))
        return X64I_PHASE_RESTORE;
    return before;
}

static void mark_way_back(const struct trip *trip, size_t from, enum x64i_phase phase)
{
    for (size_t i = from; i < trip->count; i++) {
        if (!is_free(trip, i))
            continue;
        if (has(trip, i, X64I_FACT_READS_CR3) && phase != X64I_PHASE_LEAVE) {
            i = mark_cr3(trip, i, trip->count, X64I_PHASE_CR3_BACK) - 1;
            phase = X64I_PHASE_STACK_BACK;
            continue;
        }
        phase = phase_back(trip, i, phase);
        trip->steps[i].phase = (uint8_t)phase;
    }
}

void x64i_phases_assign(struct x64i_phase_step *steps, size_t count)
{
    struct trip trip = {.steps = steps, .count = count};
    mark_nested(&trip);
    mark_mitigations(&trip);
    size_t back = mark_call(&trip);
    size_t in_c = end_of_assembly(&trip);
    bool called = false;
    for (size_t i = 0; i < back && !called; i++)
        called = steps[i].phase == X64I_PHASE_CALL;
    mark_way_in(&trip, in_c);
    bridge_saving(&trip, in_c);
    for (size_t i = in_c; i < back; i++)
        if (is_free(&trip, i))
            steps[i].phase = X64I_PHASE_DISPATCH;
    mark_way_back(&trip, back, called ? X64I_PHASE_LEAVE : X64I_PHASE_DISPATCH);
}
