/* SPDX-License-Identifier: MIT */
/* What EVEX makes of every instruction, whatever it computes: its bytes (SDM vol. 2A, 2.7), masks,
 * broadcasts, embedded rounding and {sae} (vol. 1, 15.6). */
#include "cpu/support/evex_float.h"

#include "cpu/cpu_state.h"

#define DESTINATION  1u
#define FIRST_SOURCE 2u
#define LAST_SOURCE  3u
#define MASK         2u
#define RDI          7u
#define MXCSR_MASKS  0x1f80u
#define MXCSR_RC     0x6000u

bool evex_is_packed(const struct float_row *row)
{
    return row->arrange == float_packed;
}

/* L'L, or the rounding mode in its place. */
static unsigned length_bits(const struct evex_form *form)
{
    if (form->rounding != EVEX_MXCSR && form->rounding != EVEX_SAE)
        return form->rounding - EVEX_NEAREST;
    return form->length;
}

unsigned evex_encode(const struct evex_form *form, uint8_t bytes[FLOAT_LENGTH_MAX])
{
    const struct float_row *row = &form->row->row;
    const bool store = row->destination == IN_STORE, high = form->bank != 0;
    const bool vector_reg = row->destination == IN_VECTOR || row->destination == IN_FLAGS || store;
    const bool high_rm = high && !form->memory && row->source != IN_GENERAL;
    unsigned prefix = row->prefix == 0x66 ? 1u : row->prefix == 0xf3 ? 2u : row->prefix ? 3u : 0u;
    unsigned vvvv = row->one ? 0u : FIRST_SOURCE;
    unsigned reg = store ? LAST_SOURCE : DESTINATION;
    unsigned rm = form->memory ? RDI : store ? DESTINATION : LAST_SOURCE;
    bool b = form->broadcast || form->rounding != EVEX_MXCSR;
    unsigned n = 0;
    /* R, X, B, R', V' and vvvv are inverted; X is bit 4 of a register in ModRM.rm. */
    bytes[n++] = 0x62;
    bytes[n++] = (uint8_t)(0xa0u | (unsigned)!high_rm << 6 | (unsigned)!(high && vector_reg) << 4 |
                           row->map);
    bytes[n++] = (uint8_t)((unsigned)row->wide << 7 | (~vvvv & 15) << 3 | 4u | prefix);
    bytes[n++] =
        (uint8_t)((unsigned)form->zeroing << 7 | length_bits(form) << 5 | (unsigned)b << 4 |
                  (unsigned)!(high && !row->one) << 3 | (form->masked ? MASK : 0));
    bytes[n++] = row->opcode;
    bytes[n++] = (uint8_t)((form->memory ? 0 : 0xc0u) | reg << 3 | rm);
    if (row->immediate)
        bytes[n++] = form->immediate;
    return n;
}

static unsigned element_count(const struct evex_form *form)
{
    const struct float_row *row = &form->row->row;
    unsigned from = float_bits(row->from), to = float_bits(row->to);
    return evex_is_packed(row) ? (128u << form->length) / (from > to ? from : to) : 1;
}

static struct float_operands operands_of(const struct evex_form *form,
                                         const struct float_state *state)
{
    const struct float_row *row = &form->row->row;
    struct float_operands o = {.d = state->vector[1], .b = state->vector[2]};
    if (row->source == IN_GENERAL)
        o.s.q[0] = state->general[3];
    else
        o.s = state->vector[3];
    if (form->memory && row->destination != IN_STORE)
        o.s = state->memory;
    if (form->broadcast)
        for (unsigned i = 1; i < element_count(form); i++)
            float_put(&o.s, row->from, i, float_get(&state->memory, row->from, 0));
    return o;
}

/* Elements that are not active are those of `old`, or zeros. */
static void merge(const struct evex_form *form, uint64_t active, const union float_vector *old,
                  union float_vector *result)
{
    const enum float_kind to = form->row->row.to;
    for (unsigned i = 0; i < element_count(form); i++)
        if (!(active >> i & 1))
            float_put(result, to, i, form->zeroing ? 0 : float_get(old, to, i));
}

/* Scalars end at 128 bits; packed results have zeros above already. */
static void set_vector(const struct evex_form *form, uint64_t active, union float_vector result,
                       union float_vector *vector)
{
    merge(form, active, vector, &result);
    for (unsigned i = 2; i < 8 && !evex_is_packed(&form->row->row); i++)
        result.q[i] = 0;
    *vector = result;
}

static void set_memory(const struct evex_form *form, uint64_t active,
                       const union float_vector *result, struct float_state *state)
{
    const enum float_kind to = form->row->row.to;
    for (unsigned i = 0; i < element_count(form); i++)
        if (active >> i & 1)
            float_put(&state->memory, to, i, float_get(result, to, i));
}

/* Comparisons: bits that are not active, or beyond the elements, are cleared. */
static uint64_t mask_of(const struct evex_form *form, uint64_t active,
                        const union float_vector *result)
{
    uint64_t mask = 0;
    for (unsigned i = 0; i < element_count(form); i++)
        if ((active >> i & 1) && float_get(result, form->row->row.to, i) != 0)
            mask |= UINT64_C(1) << i;
    return mask;
}

static void set_result(const struct evex_form *form, uint64_t active,
                       const union float_vector *result, struct float_state *state)
{
    const struct float_row *row = &form->row->row;
    switch (row->destination) {
    case IN_GENERAL:
        state->general[1] = float_get(result, row->to, 0);
        break;
    case IN_FLAGS:
        state->flags = (uint32_t)result->q[0] & X64I_OSZAPC;
        break;
    case IN_MASK:
        state->opmask[1] = mask_of(form, active, result);
        break;
    default:
        if (row->destination == IN_STORE && form->memory)
            set_memory(form, active, result, state);
        else
            set_vector(form, active, *result, &state->vector[1]);
    }
}

/* MXCSR as embedded rounding and {sae} have the instruction see it (vol. 1, 15.6.4): a rounding
 * mode of its own, all exceptions masked. */
static uint32_t effective_mxcsr(const struct evex_form *form, uint32_t mxcsr)
{
    if (form->rounding == EVEX_MXCSR)
        return mxcsr;
    if (form->rounding != EVEX_SAE)
        mxcsr = (mxcsr & ~MXCSR_RC) | (uint32_t)(form->rounding - EVEX_NEAREST) << 13;
    return mxcsr | MXCSR_MASKS;
}

void evex_reference(const struct evex_form *form, const union float_vector *given,
                    struct float_state *state)
{
    struct float_unit unit = {.row = &form->row->row,
                              .mxcsr = effective_mxcsr(form, state->mxcsr),
                              .size = 16u << form->length,
                              .active = form->masked ? state->opmask[MASK] : UINT64_MAX,
                              .immediate = form->immediate,
                              .given = given};
    struct float_operands operands = operands_of(form, state);
    union float_vector result;
    state->fault = !unit.row->arrange(&unit, &operands, &result);
    if (form->rounding == EVEX_MXCSR)
        state->mxcsr = unit.mxcsr;
    if (!state->fault)
        set_result(form, unit.active, &result, state);
}
