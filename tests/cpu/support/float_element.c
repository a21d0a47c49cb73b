/* SPDX-License-Identifier: MIT */
/* What one element of a result is made of (SDM vol. 1, 4.8, 10.2.3, 11.5, 14.4, 14.5 and vol. 2,
 * each instruction's page). */
#include "cpu/support/vector_float.h"

#include "cpu/cpu_state.h"

#include <string.h>

#define FROM float_format((enum float_kind)unit->row->from)
#define TO   float_format((enum float_kind)unit->row->to)

#define IMMEDIATE_MXCSR 4u /* of ROUNDPS and VCVTPS2PH: MXCSR's rounding, not bits 1-0 */
#define IMMEDIATE_EXACT 8u /* of ROUNDPS: no precision exception */

static struct x64i_float unpack(const struct float_unit *unit, uint64_t bits)
{
    return x64i_float_unpack(&unit->control, FROM, bits);
}

#define ELEMENT(name) uint64_t float_##name(struct float_unit *unit, const struct float_elements *e)

#define ARITHMETIC(name)                                                                        \
    ELEMENT(name)                                                                               \
    {                                                                                           \
        return x64i_float_pack(                                                                 \
            TO, x64i_float_##name(&unit->control, TO, unpack(unit, e->b), unpack(unit, e->s))); \
    }

ARITHMETIC(add)
ARITHMETIC(subtract)
ARITHMETIC(multiply)
ARITHMETIC(divide)

ELEMENT(sqrt)
{
    return x64i_float_pack(TO, x64i_float_sqrt(&unit->control, TO, unpack(unit, e->s)));
}

/* ADDSUBPS: even elements are subtracted, odd ones added. */
ELEMENT(add_subtract)
{
    return e->index & 1 ? float_add(unit, e) : float_subtract(unit, e);
}

/* The second operand when either is a NaN or both are zeros (MINPS, MAXPS). A NaN passes through as
 * it is, a denormal under DAZ does not. */
static uint64_t choose(struct float_unit *unit, uint64_t first, uint64_t second,
                       enum x64i_order wanted)
{
    struct x64i_float a = unpack(unit, first), b = unpack(unit, second);
    if (x64i_float_compare(&unit->control, a, b, true) == wanted)
        return x64i_float_pack(TO, a);
    return x64i_float_is_nan(b) ? second : x64i_float_pack(TO, b);
}

ELEMENT(minimum)
{
    return choose(unit, e->b, e->s, X64I_LESS);
}

ELEMENT(maximum)
{
    return choose(unit, e->b, e->s, X64I_GREATER);
}

/* The predicates' names (vol. 2A, CMPPD, table 3-1). Behind the underscore: whether it is false
 * (ordered) or true (unordered) of NaNs, and whether it signals for quiet ones. */
static const char *const predicates[32] = {
    "EQ_OQ", "LT_OS",  "LE_OS",  "UNORD_Q",  "NEQ_UQ", "NLT_US", "NLE_US", "ORD_Q",
    "EQ_UQ", "NGE_US", "NGT_US", "FALSE_OQ", "NEQ_OQ", "GE_OS",  "GT_OS",  "TRUE_UQ",
    "EQ_OS", "LT_OQ",  "LE_OQ",  "UNORD_S",  "NEQ_US", "NLT_UQ", "NLE_UQ", "ORD_S",
    "EQ_US", "NGE_UQ", "NGT_UQ", "FALSE_OS", "NEQ_OS", "GE_OQ",  "GT_OQ",  "TRUE_US",
};

/* Whether the relation before the underscore is that of two numbers. */
static bool relation_holds(const char *name, enum x64i_order order)
{
    bool negated = name[0] == 'N';
    const char *relation = name + negated;
    bool or_equal = relation[1] == 'E' && order == X64I_EQUAL;
    switch (relation[0]) {
    case 'E':
        return (order == X64I_EQUAL) != negated;
    case 'L':
        return (order == X64I_LESS || or_equal) != negated;
    case 'G':
        return (order == X64I_GREATER || or_equal) != negated;
    default: /* FALSE, UNORD; TRUE, ORD */
        return relation[0] == 'T' || relation[0] == 'O';
    }
}

ELEMENT(compare)
{
    const char *name = predicates[unit->immediate & unit->row->immediate];
    const char *of_nans = strchr(name, '_') + 1;
    bool signals = of_nans[strlen(of_nans) - 1] == 'S';
    enum x64i_order order =
        x64i_float_compare(&unit->control, unpack(unit, e->b), unpack(unit, e->s), signals);
    bool holds = order != X64I_UNORDERED ? relation_holds(name, order)
                 : strlen(of_nans) == 1  ? name[0] == 'U'
                                         : of_nans[0] == 'U';
    return holds ? UINT64_MAX : 0;
}

/* COMISS: the destination is the first operand; OF, SF and AF are cleared. */
static uint64_t flags_of_order(struct float_unit *unit, uint64_t first, uint64_t second,
                               bool signals)
{
    switch (
        x64i_float_compare(&unit->control, unpack(unit, first), unpack(unit, second), signals)) {
    case X64I_UNORDERED:
        return X64I_ZF | X64I_PF | X64I_CF;
    case X64I_LESS:
        return X64I_CF;
    case X64I_EQUAL:
        return X64I_ZF;
    default:
        return 0;
    }
}

ELEMENT(order)
{
    return flags_of_order(unit, e->d, e->s, true);
}

ELEMENT(order_quiet)
{
    return flags_of_order(unit, e->d, e->s, false);
}

static void round_as_immediate_says(struct float_unit *unit)
{
    if (!(unit->immediate & IMMEDIATE_MXCSR))
        unit->control.rounding = unit->immediate & 3;
}

/* ROUNDPS raises no denormal exception, but knows DAZ (vol. 2B). */
ELEMENT(round)
{
    round_as_immediate_says(unit);
    struct x64i_float whole = x64i_float_round_whole(&unit->control, unpack(unit, e->s));
    unit->control.raised &= (uint8_t)~X64I_FLOAT_DENORMAL;
    if (unit->immediate & IMMEDIATE_EXACT)
        unit->control.raised &= (uint8_t)~X64I_FLOAT_INEXACT;
    return x64i_float_pack(TO, whole);
}

ELEMENT(convert)
{
    return x64i_float_pack(TO, x64i_float_convert(&unit->control, TO, unpack(unit, e->s)));
}

ELEMENT(to_integer)
{
    unsigned bits = float_bits((enum float_kind)unit->row->to);
    return (uint64_t)x64i_float_to_integer(&unit->control, unpack(unit, e->s), bits);
}

ELEMENT(truncate)
{
    unit->control.rounding = X64I_ROUND_ZERO;
    return float_to_integer(unit, e);
}

ELEMENT(from_integer)
{
    int64_t integer = unit->row->from == INTEGER_32 ? (int32_t)e->s : (int64_t)e->s;
    return x64i_float_pack(
        TO, x64i_float_convert(&unit->control, TO, x64i_float_from_integer(integer)));
}

/* Binary16 denormals are numbers whatever DAZ says, and raise nothing; what becomes one is not
 * flushed (vol. 1, 14.4.1). */
ELEMENT(from_half)
{
    unit->control.denormals_are_zero = false;
    uint64_t value = float_convert(unit, e);
    unit->control.raised &= (uint8_t)~X64I_FLOAT_DENORMAL;
    return value;
}

ELEMENT(to_half)
{
    round_as_immediate_says(unit);
    unit->control.flush_to_zero = false;
    return float_convert(unit, e);
}

static struct x64i_float negative(struct x64i_float value, bool negated)
{
    value.negative = value.negative != (negated && !x64i_float_is_nan(value));
    return value;
}

/* x * y + z. The digits of the mnemonic say which operand is x, y and z; of NaNs it is the first of
 * these that becomes the result, its sign untouched (vol. 1, 14.5.1 and table 14-17). */
static uint64_t fused(struct float_unit *unit, const uint64_t operand[3], bool negative_product,
                      bool negative_addend)
{
    const unsigned order = unit->row->order;
    struct x64i_float x = unpack(unit, operand[order / 100 - 1]);
    struct x64i_float y = unpack(unit, operand[order / 10 % 10 - 1]);
    struct x64i_float z = unpack(unit, operand[order % 10 - 1]);
    return x64i_float_pack(TO, x64i_float_fma(&unit->control, TO, negative(x, negative_product), y,
                                              negative(z, negative_addend)));
}

#define FUSED(name, negative_product, negative_addend)                                         \
    ELEMENT(name)                                                                              \
    {                                                                                          \
        return fused(unit, (uint64_t[]){e->d, e->b, e->s}, negative_product, negative_addend); \
    }

FUSED(fused_add, false, false)
FUSED(fused_subtract, false, true)
FUSED(fused_negative_add, true, false)
FUSED(fused_negative_subtract, true, true)

/* VFMADDSUBPS: odd elements are added. */
ELEMENT(fused_add_subtract)
{
    return e->index & 1 ? float_fused_add(unit, e) : float_fused_subtract(unit, e);
}

ELEMENT(fused_subtract_add)
{
    return e->index & 1 ? float_fused_subtract(unit, e) : float_fused_add(unit, e);
}
