/* SPDX-License-Identifier: MIT */
/* What one element of a result is made of, where AVX-512 brought the operation (SDM vol. 2C, each
 * instruction's page). */
#include "cpu/support/evex_float.h"

#define FROM_KIND ((enum float_kind)unit->row->from)
#define TO_KIND   ((enum float_kind)unit->row->to)
#define FROM      float_format(FROM_KIND)
#define TO        float_format(TO_KIND)
#define QUIET_BIT (UINT64_C(1) << 62)

#define MXCSR_FTZ       0x8000u
#define IMMEDIATE_MXCSR 4u /* MXCSR's rounding, not that of bits 1-0 */
#define IMMEDIATE_EXACT 8u /* no precision exception */

#define ELEMENT(name) uint64_t evex_##name(struct float_unit *unit, const struct float_elements *e)

static struct x64i_float unpack(const struct float_unit *unit, uint64_t bits)
{
    return x64i_float_unpack(&unit->control, FROM, bits);
}

static struct x64i_float quiet(struct x64i_float nan)
{
    nan.kind = X64I_FLOAT_QUIET;
    nan.significand |= QUIET_BIT;
    return nan;
}

static bool is_signaling(struct x64i_float value)
{
    return value.kind == X64I_FLOAT_SIGNALING;
}

static struct x64i_float absolute(struct x64i_float value)
{
    value.negative = false;
    return value;
}

static struct x64i_float power_of_two(bool negative, int32_t exponent)
{
    return (struct x64i_float){.significand = UINT64_C(1) << 63,
                               .exponent = exponent,
                               .kind = X64I_FLOAT_FINITE,
                               .negative = negative};
}

/* VCVTUDQ2PD and its kin. */
ELEMENT(from_unsigned)
{
    struct x64i_float value = {.significand = e->s, .exponent = 63, .kind = X64I_FLOAT_FINITE};
    if (e->s >> 63 == 0)
        value = x64i_float_from_integer((int64_t)e->s);
    return x64i_float_pack(TO, x64i_float_convert(&unit->control, TO, value));
}

/* VCVTPS2UDQ and its kin: 2^w - 1 for what does not fit. Denormals are no exception. */
ELEMENT(to_unsigned)
{
    const unsigned bits = float_bits(TO_KIND);
    struct x64i_float value = unpack(unit, e->s);
    struct x64i_float_control rounding = unit->control;
    struct x64i_float whole = x64i_float_round_whole(&rounding, value);
    if (whole.kind == X64I_FLOAT_ZERO ||
        (whole.kind == X64I_FLOAT_FINITE && !whole.negative && whole.exponent < (int)bits)) {
        unit->control.raised |= rounding.raised & X64I_FLOAT_INEXACT;
        return whole.kind == X64I_FLOAT_ZERO ? 0 : whole.significand >> (63 - whole.exponent);
    }
    unit->control.raised |= X64I_FLOAT_INVALID;
    return UINT64_MAX;
}

ELEMENT(truncate_unsigned)
{
    unit->control.rounding = X64I_ROUND_ZERO;
    return evex_to_unsigned(unit, e);
}

/* Rounds to a multiple of 2^-M, M in bits 7-4 of the immediate. */
static struct x64i_float multiple(struct x64i_float_control *control, struct x64i_float value,
                                  uint8_t immediate)
{
    const int32_t scale = immediate >> 4;
    if (value.kind == X64I_FLOAT_FINITE)
        value.exponent += scale;
    value = x64i_float_round_whole(control, value);
    if (value.kind == X64I_FLOAT_FINITE)
        value.exponent -= scale;
    return value;
}

static void round_as_immediate_says(struct float_unit *unit)
{
    if (!(unit->immediate & IMMEDIATE_MXCSR))
        unit->control.rounding = unit->immediate & 3;
}

/* VRNDSCALE: invalid and precision are its only exceptions. */
ELEMENT(round_scaled)
{
    round_as_immediate_says(unit);
    struct x64i_float value = multiple(&unit->control, unpack(unit, e->s), unit->immediate);
    unit->control.raised &= X64I_FLOAT_INVALID | X64I_FLOAT_INEXACT;
    if (unit->immediate & IMMEDIATE_EXACT)
        unit->control.raised &= (uint8_t)~X64I_FLOAT_INEXACT;
    return x64i_float_pack(TO, value);
}

/* VREDUCE: what VRNDSCALE takes away, +0 for infinities; the immediate's rounding also makes the
 * sign of a difference of zero. Of the subtraction it tells no underflow, masked or not. */
ELEMENT(reduce)
{
    struct x64i_float value = unpack(unit, e->s), result;
    if (x64i_float_is_nan(value)) {
        (void)x64i_float_settle(&unit->control, value, value, &result);
        return x64i_float_pack(TO, result);
    }
    if (value.kind == X64I_FLOAT_INFINITE)
        return 0;
    round_as_immediate_says(unit);
    struct x64i_float_control rounding = unit->control;
    unit->control.masked = X64I_FLOAT_ALL;
    result =
        x64i_float_subtract(&unit->control, TO, value, multiple(&rounding, value, unit->immediate));
    unit->control.raised &= unit->immediate & IMMEDIATE_EXACT ? 0 : X64I_FLOAT_INEXACT;
    return x64i_float_pack(TO, result);
}

/* VGETEXP: floor(log2(|x|)). */
ELEMENT(exponent)
{
    struct x64i_float value = unpack(unit, e->s), result;
    if (x64i_float_settle(&unit->control, value, x64i_float_zero(false), &result))
        return x64i_float_pack(TO, result);
    switch (value.kind) {
    case X64I_FLOAT_ZERO:
        return x64i_float_pack(TO, x64i_float_infinity(true));
    case X64I_FLOAT_INFINITE:
        return x64i_float_pack(TO, x64i_float_infinity(false));
    default:
        return x64i_float_pack(TO, x64i_float_from_integer(value.exponent));
    }
}

/* GetNormalizeMantissa (VGETMANTPD): the interval in bits 1-0, the sign's control in bits 3-2. */
ELEMENT(mantissa)
{
    struct x64i_float value = unpack(unit, e->s), result;
    const bool negative = !(unit->immediate & 4) && value.negative;
    if (x64i_float_is_nan(value)) {
        (void)x64i_float_settle(&unit->control, value, value, &result);
        return x64i_float_pack(TO, result);
    }
    if (value.kind == X64I_FLOAT_ZERO ||
        (value.kind == X64I_FLOAT_INFINITE && !(value.negative && (unit->immediate & 8))))
        return x64i_float_pack(TO, power_of_two(negative, 0));
    if (value.negative && (unit->immediate & 8))
        return x64i_float_pack(TO, x64i_float_invalid(&unit->control));
    if (value.denormal)
        unit->control.raised |= X64I_FLOAT_DENORMAL;
    const bool odd = value.exponent % 2 != 0;
    const bool upper_half = value.significand & QUIET_BIT; /* 1.5 and above */
    const bool halved[4] = {false, odd, true, upper_half};
    value.exponent = halved[unit->immediate & 3] ? -1 : 0;
    value.negative = negative;
    return x64i_float_pack(TO, value);
}

/* The whole number below `value`, kept where it can still make no difference. */
static int32_t floor_of(struct x64i_float value)
{
    struct x64i_float_control down = {.rounding = X64I_ROUND_DOWN, .masked = X64I_FLOAT_ALL};
    struct x64i_float whole = x64i_float_round_whole(&down, value);
    if (whole.kind == X64I_FLOAT_ZERO)
        return 0;
    int32_t magnitude =
        whole.exponent > 14 ? 0x8000 : (int32_t)(whole.significand >> (63 - whole.exponent));
    return whole.negative ? -magnitude : magnitude;
}

/* VSCALEF, tables of special cases: a NaN among the operands, then an infinite second one. */
static struct x64i_float scale_nan(struct float_unit *unit, struct x64i_float a,
                                   struct x64i_float b)
{
    if (is_signaling(a) || is_signaling(b))
        unit->control.raised |= X64I_FLOAT_INVALID;
    if (a.kind == X64I_FLOAT_QUIET && b.kind == X64I_FLOAT_INFINITE)
        return b.negative ? x64i_float_zero(false) : x64i_float_infinity(false);
    return quiet(x64i_float_is_nan(a) ? a : b);
}

static struct x64i_float scale_infinitely(struct float_unit *unit, struct x64i_float a,
                                          struct x64i_float b)
{
    if (a.kind == (b.negative ? X64I_FLOAT_INFINITE : X64I_FLOAT_ZERO))
        return x64i_float_invalid(&unit->control);
    return b.negative ? x64i_float_zero(a.negative) : x64i_float_infinity(a.negative);
}

/* VSCALEF: a * 2^floor(b). Only a denormal `a` is told of. */
ELEMENT(scale)
{
    struct x64i_float a = unpack(unit, e->b), b = unpack(unit, e->s);
    if (x64i_float_is_nan(a) || x64i_float_is_nan(b))
        return x64i_float_pack(TO, scale_nan(unit, a, b));
    if (a.denormal)
        unit->control.raised |= X64I_FLOAT_DENORMAL;
    if (b.kind == X64I_FLOAT_INFINITE)
        return x64i_float_pack(TO, scale_infinitely(unit, a, b));
    if (a.kind == X64I_FLOAT_FINITE)
        a = x64i_float_round(&unit->control, TO, a.negative, a.exponent + floor_of(b),
                             (x64i_uint128)a.significand << 64);
    return x64i_float_pack(TO, a);
}

/* RangeDP's CmpOpCtl: bit 0 asks for the greater one, bit 1 for magnitudes. Of numbers that differ
 * in their signs only the negative one is the lesser. */
static struct x64i_float chosen(struct x64i_float a, struct x64i_float b, uint8_t immediate)
{
    struct x64i_float_control quietly = {.masked = X64I_FLOAT_ALL};
    const bool magnitudes = immediate & 2;
    enum x64i_order order = x64i_float_compare(&quietly, magnitudes ? absolute(a) : a,
                                               magnitudes ? absolute(b) : b, false);
    const bool first_is_less = order == X64I_LESS || (order == X64I_EQUAL && a.negative);
    return first_is_less != (immediate & 1) ? a : b;
}

/* RangeDP (VRANGEPD). */
ELEMENT(range)
{
    struct x64i_float a = unpack(unit, e->b), b = unpack(unit, e->s), result;
    if (is_signaling(a) || is_signaling(b)) {
        unit->control.raised |= X64I_FLOAT_INVALID;
        return x64i_float_pack(TO, quiet(is_signaling(a) ? a : b));
    }
    if (x64i_float_is_nan(b))
        result = a;
    else if (x64i_float_is_nan(a))
        result = b;
    else {
        if (a.denormal || b.denormal)
            unit->control.raised |= X64I_FLOAT_DENORMAL;
        result = chosen(a, b, unit->immediate);
    }
    const bool signs[4] = {a.negative, result.negative, false, true};
    result.negative = signs[unit->immediate >> 2 & 3];
    return x64i_float_pack(TO, result);
}

/* VFIXUPIMM's tokens. */
enum token { QNAN, SNAN, ZERO, PLUS_ONE, MINUS_INFINITY, PLUS_INFINITY, NEGATIVE, POSITIVE };

static enum token token_of(struct x64i_float value)
{
    switch (value.kind) {
    case X64I_FLOAT_QUIET:
        return QNAN;
    case X64I_FLOAT_SIGNALING:
        return SNAN;
    case X64I_FLOAT_ZERO:
        return ZERO;
    case X64I_FLOAT_INFINITE:
        return value.negative ? MINUS_INFINITY : PLUS_INFINITY;
    default:
        if (value.significand == UINT64_C(1) << 63 && value.exponent == 0 && !value.negative)
            return PLUS_ONE;
        return value.negative ? NEGATIVE : POSITIVE;
    }
}

/* The immediate's bits: #ZE or #IE for a token. */
static uint8_t fix_up_exceptions(enum token token, uint8_t immediate)
{
    static const uint8_t divide_bit[8] = {[ZERO] = 0x01, [PLUS_ONE] = 0x04};
    static const uint8_t invalid_bit[8] = {
        [ZERO] = 0x02,           [PLUS_ONE] = 0x08, [SNAN] = 0x10,
        [MINUS_INFINITY] = 0x20, [NEGATIVE] = 0x40, [PLUS_INFINITY] = 0x80};
    return (uint8_t)((immediate & divide_bit[token] ? X64I_FLOAT_DIVIDE : 0) |
                     (immediate & invalid_bit[token] ? X64I_FLOAT_INVALID : 0));
}

/* The responses that are numbers: exponent and significand's top bits. */
static struct x64i_float number_of_response(unsigned response)
{
    static const struct {
        uint64_t significand;
        int32_t exponent;
    } numbers[] = {
        [10] = {UINT64_C(1) << 63, 0},  [11] = {UINT64_C(1) << 63, -1},
        [12] = {UINT64_C(90) << 57, 6}, [13] = {UINT64_C(0xc90fdaa22168c235), 0}, /* pi / 2 */
        [14] = {UINT64_MAX, 2000}, /* beyond the format: the greatest there is */
    };
    return (struct x64i_float){.significand = numbers[response].significand,
                               .exponent = numbers[response].exponent,
                               .kind = X64I_FLOAT_FINITE};
}

/* The number to the nearest of the format, overflow to its greatest. */
static uint64_t response_bits(const struct float_unit *unit, unsigned response, bool negative)
{
    struct x64i_float value = number_of_response(response);
    struct x64i_float_control control = {.rounding =
                                             response == 14 ? X64I_ROUND_ZERO : X64I_ROUND_NEAREST,
                                         .masked = X64I_FLOAT_ALL};
    value.negative = negative;
    return x64i_float_pack(TO, x64i_float_convert(&control, TO, value));
}

/* VFIXUPIMM: the nibble of the table (the last source) that the token of the first source names
 * says what the element becomes. */
ELEMENT(fix_up)
{
    struct x64i_float value = unpack(unit, e->b);
    enum token token = token_of(value);
    unit->control.raised |= fix_up_exceptions(token, unit->immediate);
    unsigned response = e->s >> 4 * token & 15;
    switch (response) {
    case 0:
        return e->d;
    case 1:
        return x64i_float_pack(TO, value);
    case 2: { /* QNaN(first source), of a number: the NaN with its fraction */
        const uint64_t exponent_and_quiet =
            x64i_float_pack(TO, x64i_float_indefinite()) & ~(UINT64_C(1) << (TO->bits - 1));
        return x64i_float_pack(TO, value) | exponent_and_quiet;
    }
    case 3:
        return x64i_float_pack(TO, x64i_float_indefinite());
    case 4:
    case 5:
        return x64i_float_pack(TO, x64i_float_infinity(response == 4));
    case 6:
        return x64i_float_pack(TO, x64i_float_infinity(value.negative));
    case 7:
    case 8:
        return x64i_float_pack(TO, x64i_float_zero(response == 7));
    case 9:
        return response_bits(unit, 10, true);
    case 15:
        return response_bits(unit, 14, true);
    default:
        return response_bits(unit, response, false);
    }
}

/* CheckFPClass (VFPCLASSPD); no exceptions. */
ELEMENT(class)
{
    struct x64i_float value = unpack(unit, e->s);
    const bool finite = value.kind == X64I_FLOAT_FINITE, zero = value.kind == X64I_FLOAT_ZERO;
    const bool infinite = value.kind == X64I_FLOAT_INFINITE;
    const bool classes[8] = {value.kind == X64I_FLOAT_QUIET, zero && !value.negative,
                             zero && value.negative,         infinite && !value.negative,
                             infinite && value.negative,     finite && value.denormal,
                             finite && value.negative,       is_signaling(value)};
    for (unsigned i = 0; i < 8; i++)
        if (classes[i] && (unit->immediate >> i & 1))
            return UINT64_MAX;
    return 0;
}

/* product / 2^127 * 2^exponent, against one: by how much it is more or less, in units of 2^-40. */
static int64_t beyond_one(x64i_uint128 product, int32_t exponent)
{
    const int64_t unity = INT64_C(1) << 40;
    if (exponent > 1 || exponent < -4)
        return exponent > 0 ? unity : -unity;
    return (int64_t)(product >> (87 - exponent)) - unity;
}

/* a * x, or a^2 * x. */
static int64_t error_of(struct x64i_float a, struct x64i_float x, bool root)
{
    uint64_t significand = a.significand;
    int32_t exponent = a.exponent + x.exponent + 1;
    if (root) {
        significand = (uint64_t)((x64i_uint128)significand * significand >> 64);
        exponent += a.exponent + 1;
    }
    return beyond_one((x64i_uint128)significand * x.significand, exponent);
}

/* Whether `a` is as near to 1 / x or 1 / sqrt(x) as the pages say: a relative error of less than
 * 2^-14 (of the square, twice that), and exact for powers of two. A denormal has fewer bits. */
static bool is_near(const struct float_unit *unit, struct x64i_float a, struct x64i_float x,
                    bool root)
{
    const bool power = x.significand == UINT64_C(1) << 63 && !(root && x.exponent % 2 != 0);
    int64_t bound = root ? INT64_C(1) << 27 : INT64_C(1) << 26;
    if (a.kind != X64I_FLOAT_FINITE)
        return false;
    if (power)
        bound = 1;
    else if (a.denormal)
        bound += (INT64_C(1) << 40) >> (a.exponent - TO->minimum + TO->precision - 1);
    int64_t error = error_of(a, x, root);
    return error < bound && error > -bound;
}

/* What settles the result of both: NaNs, zeros, infinities. No exceptions. */
static bool approximation_settled(const struct float_unit *unit, struct x64i_float x,
                                  uint64_t *result)
{
    if (x64i_float_is_nan(x))
        *result = x64i_float_pack(TO, quiet(x));
    else if (x.kind == X64I_FLOAT_ZERO)
        *result = x64i_float_pack(TO, x64i_float_infinity(x.negative));
    else if (x.kind == X64I_FLOAT_INFINITE)
        *result = x64i_float_pack(TO, x64i_float_zero(x.negative));
    else
        return false;
    return true;
}

/* "Underflow results are flushed to zero only in case of FTZ" (VRCP14PD), whatever UM says: those
 * of x beyond 2^-emin. */
static bool is_flushed(const struct float_unit *unit, struct x64i_float x)
{
    return (unit->mxcsr & MXCSR_FTZ) &&
           (x.exponent > -TO->minimum ||
            (x.exponent == -TO->minimum && x.significand > UINT64_C(1) << 63));
}

/* The given result if it will do, else one that will. MXCSR.RC makes no difference. */
static uint64_t near_result(const struct float_unit *unit, const struct float_elements *e,
                            struct x64i_float x, bool root)
{
    const uint64_t given = float_get(unit->given, TO_KIND, e->index);
    const bool flushed = !root && is_flushed(unit, x);
    struct x64i_float_control plain = {.masked = X64I_FLOAT_ALL};
    struct x64i_float a = x64i_float_unpack(&plain, TO, given);
    if (a.negative == x.negative && is_near(unit, a, x, root) && !(flushed && a.denormal))
        return given;
    if (flushed)
        return x64i_float_pack(TO, x64i_float_zero(x.negative));
    struct x64i_float one = power_of_two(x.negative, 0), divisor = absolute(x);
    if (root)
        divisor = x64i_float_sqrt(&plain, TO, divisor);
    return x64i_float_pack(TO, x64i_float_divide(&plain, TO, one, divisor));
}

/* VRCP14. What would be 2^(emax + 1) or more is infinite (VRCP14PD, special cases). */
ELEMENT(reciprocal)
{
    struct x64i_float x = unpack(unit, e->s);
    uint64_t result;
    if (approximation_settled(unit, x, &result))
        return result;
    if (x.exponent < -(TO->maximum + 1) ||
        (x.exponent == -(TO->maximum + 1) && x.significand == UINT64_C(1) << 63))
        return x64i_float_pack(TO, x64i_float_infinity(x.negative));
    return near_result(unit, e, x, false);
}

/* VRSQRT14. */
ELEMENT(reciprocal_root)
{
    struct x64i_float x = unpack(unit, e->s);
    uint64_t result;
    if (!x64i_float_is_nan(x) && x.kind != X64I_FLOAT_ZERO && x.negative)
        return x64i_float_pack(TO, x64i_float_indefinite());
    if (approximation_settled(unit, x, &result))
        return result;
    return near_result(unit, e, x, true);
}
