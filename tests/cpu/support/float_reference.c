/* SPDX-License-Identifier: MIT */
/* How instructions take their operands apart and put their results together, and what becomes of
 * the exceptions (SDM vol. 1, 11.5; vol. 2, each instruction's page). */
#include "cpu/support/vector_float.h"

#include "cpu/cpu_state.h"

#define MXCSR_MASKS_AT 7
#define HALVES(unit)   ((unit)->size / 16)

static const struct {
    const struct x64i_float_format *format;
    uint8_t bits;
} kinds[] = {
    [FLOAT_16] = {&x64i_binary16, 16}, [FLOAT_32] = {&x64i_binary32, 32},
    [FLOAT_64] = {&x64i_binary64, 64}, [INTEGER_32] = {NULL, 32},
    [INTEGER_64] = {NULL, 64},         [UNSIGNED_32] = {NULL, 32},
    [UNSIGNED_64] = {NULL, 64},
};

unsigned float_bits(enum float_kind kind)
{
    return kinds[kind].bits;
}

const struct x64i_float_format *float_format(enum float_kind kind)
{
    return kinds[kind].format;
}

uint64_t float_get(const union float_vector *vector, enum float_kind kind, unsigned index)
{
    unsigned bits = float_bits(kind);
    return bits == 16 ? vector->w[index] : bits == 32 ? vector->d[index] : vector->q[index];
}

void float_put(union float_vector *vector, enum float_kind kind, unsigned index, uint64_t value)
{
    unsigned bits = float_bits(kind);
    if (bits == 16)
        vector->w[index] = (uint16_t)value;
    else if (bits == 32)
        vector->d[index] = (uint32_t)value;
    else
        vector->q[index] = value;
}

/* Under MXCSR; only a masked underflow flushes to zero (vol. 1, 10.2.3.3). */
static struct x64i_float_control control_of(uint32_t mxcsr)
{
    return (struct x64i_float_control){.rounding = mxcsr >> 13 & 3,
                                       .masked = mxcsr >> MXCSR_MASKS_AT & X64I_FLOAT_ALL,
                                       .denormals_are_zero = mxcsr >> 6 & 1,
                                       .flush_to_zero = (mxcsr >> 15 & 1) && (mxcsr >> 11 & 1)};
}

/* Ends one operation on all elements. An invalid, denormal or divide exception that is not masked
 * is found before anything is computed: the others are not (vol. 1, 11.5.2). */
static bool complete(struct float_unit *unit)
{
    unsigned raised = unit->control.raised;
    unsigned unmasked = raised & ~(unsigned)unit->control.masked;
    if (unmasked & X64I_FLOAT_BEFORE)
        raised &= X64I_FLOAT_BEFORE;
    unit->mxcsr |= raised;
    unit->control.raised = 0;
    return unmasked == 0;
}

/* The active ones of the first `count` elements; each is computed in the instruction's own control.
 */
static bool each(struct float_unit *unit, const struct float_operands *o, unsigned count,
                 union float_vector *result)
{
    const struct float_row *row = unit->row;
    const struct x64i_float_control control = control_of(unit->mxcsr);
    uint8_t raised = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!(unit->active >> i & 1))
            continue;
        unit->control = control;
        struct float_elements e = {.d = float_get(&o->d, row->from, i),
                                   .b = float_get(&o->b, row->from, i),
                                   .s = float_get(&o->s, row->from, i),
                                   .index = i};
        uint64_t value = row->element(unit, &e);
        float_put(result, row->to, i, value);
        raised |= unit->control.raised;
    }
    unit->control = control;
    unit->control.raised = raised;
    return complete(unit);
}

bool float_packed(struct float_unit *unit, const struct float_operands *o,
                  union float_vector *result)
{
    unsigned from = float_bits(unit->row->from), to = float_bits(unit->row->to);
    *result = (union float_vector){.q = {0}};
    return each(unit, o, unit->size * 8 / (from > to ? from : to), result);
}

bool float_scalar(struct float_unit *unit, const struct float_operands *o,
                  union float_vector *result)
{
    *result = o->b;
    return each(unit, o, 1, result);
}

bool float_scalar_fused(struct float_unit *unit, const struct float_operands *o,
                        union float_vector *result)
{
    *result = o->d;
    return each(unit, o, 1, result);
}

bool float_two(struct float_unit *unit, const struct float_operands *o, union float_vector *result)
{
    *result = o->b;
    return each(unit, o, 2, result);
}

/* Elements in 128 bits, for the instructions that work on these by themselves. */
static unsigned in_half(enum float_kind kind)
{
    return kind == FLOAT_32 ? 4 : 2;
}

/* HADDPS: in each 128 bits the pairs of the first source, then those of the last one. */
bool float_horizontal(struct float_unit *unit, const struct float_operands *o,
                      union float_vector *result)
{
    enum float_kind kind = unit->row->from;
    unsigned count = in_half(kind);
    struct float_operands pairs = {.d = o->d};
    for (unsigned i = 0; i < HALVES(unit) * count; i++) {
        const union float_vector *from = i % count < count / 2 ? &o->b : &o->s;
        unsigned first = i / count * count + i % (count / 2) * 2;
        float_put(&pairs.b, kind, i, float_get(from, kind, first));
        float_put(&pairs.s, kind, i, float_get(from, kind, first + 1));
    }
    return float_packed(unit, &pairs, result);
}

/* Neighbours of `terms` added up; half as many are left. */
static bool add_neighbours(struct float_unit *unit, const union float_vector *terms, unsigned count,
                           union float_vector *sums)
{
    enum float_kind kind = unit->row->from;
    const struct float_row add = {.element = float_add, .from = kind, .to = kind};
    struct float_unit adder = *unit;
    struct float_operands pairs = {0};
    for (unsigned i = 0; i < count / 2; i++) {
        float_put(&pairs.b, kind, i, float_get(terms, kind, 2 * i));
        float_put(&pairs.s, kind, i, float_get(terms, kind, 2 * i + 1));
    }
    adder.row = &add;
    bool done = each(&adder, &pairs, count / 2, sums);
    unit->mxcsr = adder.mxcsr;
    return done;
}

/* DP_primitive (vol. 2A, DPPS, DPPD): products where bits 4 and up of the immediate say so, else
 * +0; their sums, two by two; the last sum where bits 0 and up say so, else +0. "Exceptions are
 * determined separately for each add and multiply operation, in the order of their execution." */
bool float_dot(struct float_unit *unit, const struct float_operands *o, union float_vector *result)
{
    enum float_kind kind = unit->row->from;
    const unsigned each_half = in_half(kind);
    unsigned count = HALVES(unit) * each_half;
    struct float_operands chosen = {.d = o->d};
    union float_vector terms;
    for (unsigned i = 0; i < count; i++) {
        bool taken = unit->immediate >> (4 + i % each_half) & 1;
        float_put(&chosen.b, kind, i, taken ? float_get(&o->b, kind, i) : 0);
        float_put(&chosen.s, kind, i, taken ? float_get(&o->s, kind, i) : 0);
    }
    if (!float_packed(unit, &chosen, &terms))
        return false;
    for (unsigned left = each_half; left > 1; left /= 2, count /= 2) {
        union float_vector sums;
        if (!add_neighbours(unit, &terms, count, &sums))
            return false;
        terms = sums;
    }
    *result = (union float_vector){.q = {0}};
    for (unsigned i = 0; i < HALVES(unit) * each_half; i++)
        if (unit->immediate >> i % each_half & 1)
            float_put(result, kind, i, float_get(&terms, kind, i / each_half));
    return true;
}

static struct float_operands operands_of(const struct float_form *form,
                                         const struct float_state *state)
{
    bool memory = form->memory && form->row->destination != IN_STORE;
    struct float_operands o = {.d = state->vector[1], .b = state->vector[2]};
    if (form->encoding == FLOAT_LEGACY)
        o.b = o.d;
    if (memory)
        o.s = state->memory;
    else if (form->row->source == IN_GENERAL)
        o.s.q[0] = state->general[3];
    else if (form->row->source == IN_MMX)
        o.s.q[0] = state->mmx[3];
    else
        o.s = state->vector[3];
    return o;
}

/* VEX clears what lies above the vector, legacy SSE leaves it (vol. 1, 14.1.1). */
static void set_vector(const struct float_form *form, union float_vector result,
                       union float_vector *vector)
{
    for (unsigned i = form->encoding == FLOAT_VEX_256 ? 4 : 2; i < 8; i++)
        result.q[i] = form->encoding == FLOAT_LEGACY ? vector->q[i] : 0;
    *vector = result;
}

static void set_result(const struct float_form *form, const union float_vector *result,
                       struct float_state *state)
{
    const unsigned half = form->encoding == FLOAT_VEX_256 ? 2 : 1;
    switch (form->row->destination) {
    case IN_GENERAL:
        state->general[1] = float_get(result, form->row->to, 0);
        break;
    case IN_MMX:
        state->mmx[1] = result->q[0];
        break;
    case IN_FLAGS:
        state->flags = (state->flags & ~X64I_OSZAPC) | (uint32_t)result->q[0];
        break;
    case IN_STORE:
        if (!form->memory)
            set_vector(form, *result, &state->vector[1]);
        for (unsigned i = 0; form->memory && i < half; i++)
            state->memory.q[i] = result->q[i];
        break;
    default:
        set_vector(form, *result, &state->vector[1]);
    }
}

void float_reference(const struct float_form *form, struct float_state *state)
{
    struct float_unit unit = {.row = form->row,
                              .mxcsr = state->mxcsr,
                              .size = form->encoding == FLOAT_VEX_256 ? 32 : 16,
                              .active = UINT64_MAX,
                              .immediate = form->immediate};
    struct float_operands operands = operands_of(form, state);
    union float_vector result;
    state->fault = !form->row->arrange(&unit, &operands, &result);
    state->mxcsr = unit.mxcsr;
    if (!state->fault)
        set_result(form, &result, state);
}
