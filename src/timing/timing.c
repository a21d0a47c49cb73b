/* SPDX-License-Identifier: MIT */
#include "timing/timing.h"

#include "timing/accesses.h"
#include "timing/core.h"
#include "timing/predict.h"
#include "timing/tlb.h"

#include <stdlib.h>
#include <string.h>

#define CACHE_SIZE 8192u
#define PAGE_BITS  12
#define LINE_BITS  6

/* CPU models that have no core of their own, and whose figures stand in. */
static const struct {
    const char *name, *model, *shown;
} stand_ins[] = {
    {"zen3", "golden_cove", "golden_cove (no figures for zen3)"},
    {"zen4", "golden_cove", "golden_cove (no figures for zen4)"},
};

/* A plan, remembered by the instruction's bytes. */
struct planned {
    uint64_t rip;
    uint8_t code_bits; /* 0: empty */
    uint8_t length;
    uint8_t bytes[15];
    struct x64i_plan plan;
};

/* What a step leaves for the next one. */
struct pending {
    bool left; /* the last step was a branch: the next says where it went */
    struct x64i_branch branch;
    uint64_t repeated; /* bytes that a repeated string instruction has moved so far */
};

struct x64i_timing {
    const char *shown;
    ZydisDecoder decoder64;
    ZydisDecoder decoder32;
    struct x64i_planner planner;
    struct planned *plans; /* CACHE_SIZE of them; nothing that has to be saved */
    struct x64i_caches caches;
    struct x64i_timing_state {
        struct x64i_core core;
        struct x64i_tlbs tlbs;
        struct x64i_predictor predictor;
        struct pending pending;
        uint64_t code_page, code_line; /* that the last instruction came from */
    } state;
    struct x64i_instruction_times times; /* of the last step */
    uint8_t source;
};

static enum x64_status set_up(struct x64i_timing *timing, const struct x64i_core_model *model)
{
    timing->planner.core = model;
    timing->plans = calloc(CACHE_SIZE, sizeof *timing->plans);
    enum x64_status status = timing->plans ? X64_OK : X64_ERROR_MEMORY;
    if (status == X64_OK)
        status = x64i_form_table_create(model->rows, model->row_counts, 2, &timing->planner.table);
    if (status == X64_OK)
        status = x64i_caches_create(&timing->caches, model);
    if (status != X64_OK)
        return status;
    if (!ZYAN_SUCCESS(ZydisDecoderInit(&timing->decoder64, ZYDIS_MACHINE_MODE_LONG_64,
                                       ZYDIS_STACK_WIDTH_64)) ||
        !ZYAN_SUCCESS(ZydisDecoderInit(&timing->decoder32, ZYDIS_MACHINE_MODE_LONG_COMPAT_32,
                                       ZYDIS_STACK_WIDTH_32)))
        return X64_ERROR_UNSUPPORTED;
    x64i_core_init(&timing->state.core, model);
    return X64_OK;
}

enum x64_status x64i_timing_create(const char *core, struct x64i_timing **out)
{
    const char *model_name = core;
    const char *shown = NULL;
    for (size_t i = 0; i < sizeof stand_ins / sizeof stand_ins[0]; i++)
        if (strcmp(stand_ins[i].name, core) == 0) {
            model_name = stand_ins[i].model;
            shown = stand_ins[i].shown;
        }
    const struct x64i_core_model *model = x64i_core_model_find(model_name);
    if (!model)
        return X64_ERROR_NOT_FOUND;
    struct x64i_timing *timing = calloc(1, sizeof *timing);
    if (!timing)
        return X64_ERROR_MEMORY;
    timing->shown = shown ? shown : model->shown;
    enum x64_status status = set_up(timing, model);
    if (status != X64_OK) {
        x64i_timing_destroy(timing);
        return status;
    }
    *out = timing;
    return X64_OK;
}

void x64i_timing_destroy(struct x64i_timing *timing)
{
    if (!timing)
        return;
    x64i_form_table_destroy(timing->planner.table);
    x64i_caches_destroy(&timing->caches);
    free(timing->plans);
    free(timing);
}

const char *x64i_timing_core_at(size_t index)
{
    size_t own = 0;
    while (x64i_core_model_at(own))
        own++;
    if (index < own)
        return x64i_core_model_at(index)->name;
    index -= own;
    return index < sizeof stand_ins / sizeof stand_ins[0] ? stand_ins[index].name : NULL;
}

const char *x64i_timing_core(const struct x64i_timing *timing)
{
    return timing->shown;
}

static void make_plan(const struct x64i_timing *timing, const struct x64_step *step,
                      struct x64i_plan *plan)
{
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    const ZydisDecoder *decoder = step->code_bits == 64 ? &timing->decoder64 : &timing->decoder32;
    if (ZYAN_SUCCESS(
            ZydisDecoderDecodeFull(decoder, step->bytes, step->length, &instruction, operands))) {
        x64i_plan_make(&timing->planner, &instruction, operands, plan);
        return;
    }
    *plan = (struct x64i_plan){.length = step->length, .slots = 1};
}

static const struct x64i_plan *look_up(struct x64i_timing *timing, const struct x64_step *step)
{
    struct planned *planned = &timing->plans[(step->rip ^ step->rip >> 13) % CACHE_SIZE];
    if (planned->rip != step->rip || planned->code_bits != step->code_bits ||
        planned->length != step->length ||
        memcmp(planned->bytes, step->bytes, sizeof planned->bytes) != 0) {
        planned->rip = step->rip;
        planned->code_bits = step->code_bits;
        planned->length = step->length;
        memcpy(planned->bytes, step->bytes, sizeof planned->bytes);
        make_plan(timing, step, &planned->plan);
    }
    return &planned->plan;
}

/* Where the branch before this step went, and whether that had been predicted. */
static void settle_branch(struct x64i_timing *timing, uint64_t rip)
{
    struct x64i_timing_state *state = &timing->state;
    if (!state->pending.left)
        return;
    state->pending.left = false;
    if (!x64i_predict(&state->predictor, &state->pending.branch, rip))
        x64i_core_mispredicted(&state->core, state->pending.branch.ret);
}

/* Adds what translating and finding the data costs; answers the most of it. */
static uint32_t add_extra(struct x64i_timing *timing, const struct x64_step *step,
                          struct x64i_touch *touch, size_t count)
{
    uint32_t most = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t tlb = x64i_tlbs_access(&timing->state.tlbs, &timing->caches, timing->planner.core,
                                        step, touch[i].linear, false);
        enum x64i_level level = x64i_caches_access(&timing->caches, touch[i].physical);
        uint32_t cache = x64i_caches_extra(&timing->caches, level);
        touch[i].extra = tlb + cache;
        touch[i].wait = tlb > cache ? X64I_WAIT_TLB : X64I_WAIT_CACHE;
        most = touch[i].extra > most ? touch[i].extra : most;
    }
    return most;
}

/* Code is translated when execution comes to another page, and fetched with the lines behind it
 * when it comes to another line. */
static uint32_t fetch_extra(struct x64i_timing *timing, const struct x64_step *step)
{
    struct x64i_timing_state *state = &timing->state;
    const struct x64i_core_model *core = timing->planner.core;
    uint64_t last = step->rip + (step->length ? step->length - 1u : 0);
    uint32_t cycles = 0;
    if (last >> LINE_BITS == state->code_line)
        return 0;
    state->code_line = last >> LINE_BITS;
    if (last >> PAGE_BITS != state->code_page) {
        state->code_page = last >> PAGE_BITS;
        cycles += x64i_tlbs_access(&state->tlbs, &timing->caches, core, step, last, true);
    }
    uint64_t physical = x64i_tlbs_physical(&state->tlbs, last);
    enum x64i_level level = x64i_caches_fetch(&timing->caches, physical);
    if (level == X64I_LEVEL_L1)
        return cycles;
    for (unsigned ahead = 1; ahead <= core->code_ahead; ahead++)
        (void)x64i_caches_fetch(&timing->caches, physical + ((uint64_t)ahead << LINE_BITS));
    return cycles + x64i_caches_extra(&timing->caches, level);
}

static uint64_t retire_instruction(struct x64i_timing *timing, const struct x64_step *step,
                                   struct x64i_access_list *list)
{
    struct x64i_timing_state *state = &timing->state;
    const struct x64i_plan *plan = look_up(timing, step);
    settle_branch(timing, step->rip);
    uint32_t fetch = fetch_extra(timing, step);
    uint32_t reads = add_extra(timing, step, list->read, list->reads);
    uint32_t writes = add_extra(timing, step, list->write, list->writes);
    const struct x64i_accesses accesses = {.reads = list->read,
                                           .writes = list->write,
                                           .read_count = list->reads,
                                           .write_count = list->writes,
                                           .fetch_extra = fetch,
                                           .extra = reads > writes ? reads : writes};
    timing->source = plan->source;
    (void)x64i_core_execute(&state->core, plan, step->rip, &accesses, &timing->times);
    if (state->pending.repeated)
        (void)x64i_core_repeat(&state->core, plan, state->pending.repeated);
    state->pending.repeated = 0;
    state->pending.left = plan->branch;
    if (plan->branch)
        state->pending.branch = (struct x64i_branch){.rip = step->rip,
                                                     .next = step->rip + plan->length,
                                                     .conditional = plan->conditional,
                                                     .indirect = plan->indirect,
                                                     .call = plan->call,
                                                     .ret = plan->ret};
    return x64i_timing_cycles(timing);
}

/* One iteration more: its bytes count, the last iteration's step pays for them. */
static void repeat(struct x64i_timing *timing, const struct x64_step *step,
                   struct x64i_access_list *list)
{
    settle_branch(timing, step->rip);
    (void)add_extra(timing, step, list->read, list->reads);
    (void)add_extra(timing, step, list->write, list->writes);
    timing->state.pending.repeated += list->writes ? list->write[0].size : 1;
}

uint64_t x64i_timing_retire(struct x64i_timing *timing, const struct x64_step *step)
{
    const struct x64i_core_model *core = timing->planner.core;
    struct x64i_access_list list;
    list.reads = list.writes = 0;
    timing->times.retired = x64i_timing_cycles(timing);
    timing->times.wait = X64I_WAIT_NONE;
    timing->times.uop_count = 0;
    timing->source = X64I_SOURCE_ESTIMATED;
    if (x64i_accesses_of_step(&list, step) && x64i_tlbs_follow(&timing->state.tlbs, core, step))
        timing->state.code_page = timing->state.code_line = ~0ull;
    switch (step->kind) {
    case X64_STEP_INSTRUCTION:
        return retire_instruction(timing, step, &list);
    case X64_STEP_REPEAT:
        repeat(timing, step, &list);
        break;
    case X64_STEP_FAULT:
    case X64_STEP_INTERRUPT: {
        timing->state.pending.left = false;
        uint32_t walks = x64i_tlbs_walk(&timing->state.tlbs, &timing->caches, core, step);
        timing->times.retired =
            x64i_core_drain(&timing->state.core, core->exception_cycles + walks);
        timing->times.wait = X64I_WAIT_SERIALISE;
        break;
    }
    default: /* a kernel model's function, or sleep: nothing of a core's */
        timing->state.pending.left = false;
        break;
    }
    return x64i_timing_cycles(timing);
}

uint64_t x64i_timing_cycles(const struct x64i_timing *timing)
{
    return timing->state.core.retired;
}

const struct x64i_instruction_times *x64i_timing_last(const struct x64i_timing *timing)
{
    return &timing->times;
}

bool x64i_timing_estimated(const struct x64i_timing *timing)
{
    return timing->source == X64I_SOURCE_ESTIMATED;
}

void x64i_timing_reset(struct x64i_timing *timing)
{
    memset(&timing->state, 0, sizeof timing->state);
    x64i_core_init(&timing->state.core, timing->planner.core);
    x64i_caches_clear(&timing->caches);
}

enum x64_status x64i_timing_copy(struct x64i_timing *to, const struct x64i_timing *from)
{
    if (to->planner.core != from->planner.core)
        return X64_ERROR_ARGUMENT;
    to->state = from->state;
    to->times = from->times;
    x64i_caches_copy(&to->caches, &from->caches);
    return X64_OK;
}

const char *x64i_wait_name(unsigned wait)
{
    static const char *const names[X64I_WAIT_COUNT] = {
        "none",  "front end", "width", "buffers",    "dependency",    "port",
        "cache", "tlb walk",  "store", "mispredict", "serialisation", "microcode",
    };
    return wait < X64I_WAIT_COUNT ? names[wait] : "?";
}
