/* SPDX-License-Identifier: MIT */
#include "timing/timing.h"

#include <Zydis/Zydis.h>

#include <stdlib.h>
#include <string.h>

#define CACHE_SIZE  4096u
#define LOCK_PREFIX 0xf0u

enum event {
#define X64I_COST_EVENT(event, hundredths, source) EVENT_##event,
#include "timing/costs.def"
    EVENT_COUNT
};

static const uint32_t event_costs[EVENT_COUNT] = {
#define X64I_COST_EVENT(event, hundredths, source) [EVENT_##event] = (hundredths),
#include "timing/costs.def"
};

static const uint32_t instruction_costs[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
#define X64I_COST(mnemonic, hundredths, source) [ZYDIS_MNEMONIC_##mnemonic] = (hundredths),
#include "timing/costs.def"
};

/* Cores by the names of the CPU models. Only one has figures of its own so far. */
static const struct core {
    const char *name;
    const char *shown;
} cores[] = {
    {"golden_cove", "golden_cove"},
    {"skylake", "golden_cove (no figures for skylake)"},
    {"zen3", "golden_cove (no figures for zen3)"},
};

/* An instruction's own cost, remembered by its bytes. */
struct cached {
    uint64_t rip;
    uint8_t code_bits; /* 0: empty */
    uint8_t length;
    uint8_t bytes[15];
    bool own;  /* the cost is the mnemonic's own: plain accesses are in it */
    bool lock; /* a locked read and write */
    uint32_t cost;
};

struct x64i_timing {
    const struct core *core;
    struct x64i_timing_state state;
    ZydisDecoder decoder64;
    ZydisDecoder decoder32;
    struct cached cache[CACHE_SIZE];
};

enum x64_status x64i_timing_create(const char *core, struct x64i_timing **out)
{
    const struct core *found = NULL;
    for (size_t i = 0; i < sizeof cores / sizeof cores[0]; i++)
        if (strcmp(cores[i].name, core) == 0)
            found = &cores[i];
    if (!found)
        return X64_ERROR_NOT_FOUND;
    struct x64i_timing *timing = calloc(1, sizeof *timing);
    if (!timing)
        return X64_ERROR_MEMORY;
    timing->core = found;
    if (!ZYAN_SUCCESS(ZydisDecoderInit(&timing->decoder64, ZYDIS_MACHINE_MODE_LONG_64,
                                       ZYDIS_STACK_WIDTH_64)) ||
        !ZYAN_SUCCESS(ZydisDecoderInit(&timing->decoder32, ZYDIS_MACHINE_MODE_LONG_COMPAT_32,
                                       ZYDIS_STACK_WIDTH_32)) ||
        !ZYAN_SUCCESS(
            ZydisDecoderEnableMode(&timing->decoder64, ZYDIS_DECODER_MODE_MINIMAL, ZYAN_TRUE)) ||
        !ZYAN_SUCCESS(
            ZydisDecoderEnableMode(&timing->decoder32, ZYDIS_DECODER_MODE_MINIMAL, ZYAN_TRUE))) {
        free(timing);
        return X64_ERROR_UNSUPPORTED;
    }
    *out = timing;
    return X64_OK;
}

void x64i_timing_destroy(struct x64i_timing *timing)
{
    free(timing);
}

const char *x64i_timing_core_at(size_t index)
{
    return index < sizeof cores / sizeof cores[0] ? cores[index].name : NULL;
}

const char *x64i_timing_core(const struct x64i_timing *timing)
{
    return timing->core->shown;
}

static void decode(const struct x64i_timing *timing, const struct x64_step *step,
                   struct cached *cached)
{
    ZydisDecodedInstruction instruction;
    const ZydisDecoder *decoder = step->code_bits == 64 ? &timing->decoder64 : &timing->decoder32;
    cached->own = false;
    cached->lock = false;
    cached->cost = event_costs[EVENT_INSTRUCTION];
    if (!ZYAN_SUCCESS(
            ZydisDecoderDecodeInstruction(decoder, NULL, step->bytes, step->length, &instruction)))
        return;
    for (unsigned i = 0; i < instruction.raw.prefix_count; i++)
        cached->lock |= instruction.raw.prefixes[i].value == LOCK_PREFIX;
    uint32_t cost = instruction_costs[instruction.mnemonic];
    if (cost) {
        cached->own = true;
        cached->cost = cost;
    }
}

static const struct cached *look_up(struct x64i_timing *timing, const struct x64_step *step)
{
    struct cached *cached = &timing->cache[(step->rip ^ step->rip >> 12) % CACHE_SIZE];
    if (cached->code_bits == step->code_bits && cached->rip == step->rip &&
        cached->length == step->length && memcmp(cached->bytes, step->bytes, step->length) == 0)
        return cached;
    cached->rip = step->rip;
    cached->code_bits = step->code_bits;
    cached->length = step->length;
    memcpy(cached->bytes, step->bytes, sizeof cached->bytes);
    decode(timing, step, cached);
    return cached;
}

static uint32_t cost_of_effect(const struct x64_effect *effect, bool own)
{
    switch (effect->kind) {
    case X64_EFFECT_MEMORY_READ:
        return own ? 0 : event_costs[EVENT_LOAD];
    case X64_EFFECT_MEMORY_WRITE:
        return own ? 0 : event_costs[EVENT_STORE];
    case X64_EFFECT_PAGE_WALK:
        return event_costs[EVENT_WALK_ENTRY];
    case X64_EFFECT_PAGE_UPDATE:
        return event_costs[EVENT_PAGE_UPDATE];
    case X64_EFFECT_EXCEPTION:
        return event_costs[EVENT_EXCEPTION];
    case X64_EFFECT_INTERRUPT:
        return event_costs[EVENT_INTERRUPT];
    case X64_EFFECT_CONTROL:
        if (effect->index == 2) /* a page fault's address: part of the exception */
            return 0;
        return event_costs[effect->index == 3 ? EVENT_CR3_WRITE : EVENT_CONTROL_WRITE];
    case X64_EFFECT_SEGMENT:
        return own ? 0 : event_costs[EVENT_SEGMENT_LOAD];
    default:
        return 0;
    }
}

uint64_t x64i_timing_retire(struct x64i_timing *timing, const struct x64_step *step)
{
    bool own = true;
    uint64_t cost = 0;
    switch (step->kind) {
    case X64_STEP_NATIVE:
        cost = event_costs[EVENT_NATIVE];
        break;
    case X64_STEP_REPEAT:
        cost = event_costs[EVENT_REPEAT];
        break;
    case X64_STEP_INSTRUCTION: {
        const struct cached *cached = look_up(timing, step);
        own = cached->own;
        cost = cached->cost + (cached->lock && !own ? event_costs[EVENT_LOCK] : 0);
        break;
    }
    default: /* a delivery: its effects say what it costs */
        break;
    }
    for (size_t i = 0; i < step->effect_count; i++)
        cost += cost_of_effect(&step->effects[i], own);
    timing->state.hundredths += cost;
    return x64i_timing_cycles(timing);
}

uint64_t x64i_timing_cycles(const struct x64i_timing *timing)
{
    return timing->state.hundredths / 100;
}

void x64i_timing_reset(struct x64i_timing *timing)
{
    timing->state = (struct x64i_timing_state){0};
}

struct x64i_timing_state x64i_timing_save(const struct x64i_timing *timing)
{
    return timing->state;
}

void x64i_timing_restore(struct x64i_timing *timing, const struct x64i_timing_state *state)
{
    timing->state = *state;
}
