/* SPDX-License-Identifier: MIT */
/* Addition, multiplication, division and square root: exact in integers, rounded once. */
#include "cpu/softfloat.h"

#define TOP(significand) ((x64i_uint128)(significand) << 64)

/* |a| + |b|, |a| the larger one. */
static struct x64i_float add_magnitudes(struct x64i_float_control *control,
                                        const struct x64i_float_format *format, struct x64i_float a,
                                        struct x64i_float b)
{
    unsigned shift = (unsigned)(a.exponent - b.exponent);
    x64i_uint128 large = TOP(a.significand) >> 1;
    x64i_uint128 small = TOP(b.significand) >> 1;
    if (shift > 62)
        small = shift > 125 ? 1 : small >> shift | (small << (128 - shift) != 0);
    else
        small >>= shift;
    x64i_uint128 sum = large + small;
    bool carry = sum >> 127;
    return x64i_float_round(control, format, a.negative, a.exponent + carry,
                            carry ? sum : sum << 1);
}

static unsigned leading_zeros(x64i_uint128 value)
{
    uint64_t top = (uint64_t)(value >> 64);
    return top ? (unsigned)__builtin_clzll(top) : 64u + (unsigned)__builtin_clzll((uint64_t)value);
}

/* |a| - |b|, |a| the larger one. */
static struct x64i_float subtract_magnitudes(struct x64i_float_control *control,
                                             const struct x64i_float_format *format,
                                             struct x64i_float a, struct x64i_float b)
{
    unsigned shift = (unsigned)(a.exponent - b.exponent);
    x64i_uint128 large = TOP(a.significand);
    x64i_uint128 small = TOP(b.significand);
    if (shift > 126)
        small = 1;
    else if (shift != 0)
        small = small >> shift | (small << (128 - shift) != 0);
    x64i_uint128 difference = large - small;
    if (difference == 0)
        return x64i_float_zero(control->rounding == X64I_ROUND_DOWN);
    unsigned zeros = leading_zeros(difference);
    return x64i_float_round(control, format, a.negative, a.exponent - (int32_t)zeros,
                            difference << zeros);
}

static bool is_smaller(struct x64i_float a, struct x64i_float b)
{
    return a.exponent != b.exponent ? a.exponent < b.exponent : a.significand < b.significand;
}

static struct x64i_float rounded(struct x64i_float_control *control,
                                 const struct x64i_float_format *format, struct x64i_float a)
{
    return x64i_float_round(control, format, a.negative, a.exponent, TOP(a.significand));
}

/* The sum when an operand is a zero or an infinity. */
static struct x64i_float add_special(struct x64i_float_control *control,
                                     const struct x64i_float_format *format, struct x64i_float a,
                                     struct x64i_float b)
{
    if (a.kind == X64I_FLOAT_INFINITE || b.kind == X64I_FLOAT_INFINITE) {
        if (a.kind == b.kind && a.negative != b.negative)
            return x64i_float_invalid(control);
        return x64i_float_infinity(a.kind == X64I_FLOAT_INFINITE ? a.negative : b.negative);
    }
    if (a.kind == X64I_FLOAT_FINITE)
        return rounded(control, format, a);
    if (b.kind == X64I_FLOAT_FINITE)
        return rounded(control, format, b);
    if (a.negative == b.negative)
        return a;
    return x64i_float_zero(control->rounding == X64I_ROUND_DOWN);
}

static struct x64i_float add_signed(struct x64i_float_control *control,
                                    const struct x64i_float_format *format, struct x64i_float a,
                                    struct x64i_float b)
{
    if (a.kind != X64I_FLOAT_FINITE || b.kind != X64I_FLOAT_FINITE)
        return add_special(control, format, a, b);
    if (is_smaller(a, b)) {
        struct x64i_float swapped = a;
        a = b;
        b = swapped;
    }
    if (a.negative == b.negative)
        return add_magnitudes(control, format, a, b);
    return subtract_magnitudes(control, format, a, b);
}

struct x64i_float x64i_float_add(struct x64i_float_control *control,
                                 const struct x64i_float_format *format, struct x64i_float a,
                                 struct x64i_float b)
{
    struct x64i_float result;
    if (x64i_float_settle(control, a, b, &result))
        return result;
    return add_signed(control, format, a, b);
}

struct x64i_float x64i_float_subtract(struct x64i_float_control *control,
                                      const struct x64i_float_format *format, struct x64i_float a,
                                      struct x64i_float b)
{
    struct x64i_float result;
    if (x64i_float_settle(control, a, b, &result))
        return result;
    b.negative = !b.negative;
    return add_signed(control, format, a, b);
}

struct x64i_float x64i_float_multiply(struct x64i_float_control *control,
                                      const struct x64i_float_format *format, struct x64i_float a,
                                      struct x64i_float b)
{
    struct x64i_float result;
    bool negative = a.negative != b.negative;
    if (x64i_float_settle(control, a, b, &result))
        return result;
    if (a.kind == X64I_FLOAT_FINITE && b.kind == X64I_FLOAT_FINITE) {
        x64i_uint128 product = (x64i_uint128)a.significand * b.significand;
        bool carry = product >> 127;
        return x64i_float_round(control, format, negative, a.exponent + b.exponent + carry,
                                carry ? product : product << 1);
    }
    if (a.kind != X64I_FLOAT_INFINITE && b.kind != X64I_FLOAT_INFINITE)
        return x64i_float_zero(negative);
    if (a.kind == X64I_FLOAT_ZERO || b.kind == X64I_FLOAT_ZERO)
        return x64i_float_invalid(control);
    return x64i_float_infinity(negative);
}

/* The quotient when an operand is a zero or an infinity. A division of a denormal by zero is only
 * that (SDM vol. 1, 4.9.2: zero divide comes first). */
static struct x64i_float divide_special(struct x64i_float_control *control, struct x64i_float a,
                                        struct x64i_float b)
{
    bool negative = a.negative != b.negative;
    if (a.kind == b.kind)
        return x64i_float_invalid(control);
    if (a.kind == X64I_FLOAT_INFINITE)
        return x64i_float_infinity(negative);
    if (a.kind == X64I_FLOAT_ZERO || b.kind == X64I_FLOAT_INFINITE)
        return x64i_float_zero(negative);
    control->raised &= (uint8_t)~X64I_FLOAT_DENORMAL;
    control->raised |= X64I_FLOAT_DIVIDE;
    return x64i_float_infinity(negative);
}

struct x64i_float x64i_float_divide(struct x64i_float_control *control,
                                    const struct x64i_float_format *format, struct x64i_float a,
                                    struct x64i_float b)
{
    struct x64i_float result;
    if (x64i_float_settle(control, a, b, &result))
        return result;
    if (a.kind != X64I_FLOAT_FINITE || b.kind != X64I_FLOAT_FINITE)
        return divide_special(control, a, b);
    /* A quotient of 64 bits with its leading one, then half and rest. */
    bool below = a.significand < b.significand;
    x64i_uint128 dividend = (x64i_uint128)a.significand << (below ? 64 : 63);
    uint64_t quotient = (uint64_t)(dividend / b.significand);
    uint64_t rest = (uint64_t)(dividend - (x64i_uint128)quotient * b.significand);
    uint64_t half = b.significand / 2 + (b.significand & 1);
    x64i_uint128 significand = TOP(quotient) | (rest >= half ? (x64i_uint128)1 << 63 : 0);
    if (rest != 0 && !(rest == half && !(b.significand & 1)))
        significand |= 1;
    return x64i_float_round(control, format, a.negative != b.negative,
                            a.exponent - b.exponent - below, significand);
}

/* The root of a number of 128 bits, rounded down; `rest` is what is left. */
static uint64_t integer_root(x64i_uint128 value, x64i_uint128 *rest)
{
    uint64_t root = 0;
    x64i_uint128 left = 0;
    for (unsigned i = 0; i < 64; i++) {
        left = left << 2 | (value >> 126);
        value <<= 2;
        x64i_uint128 trial = (x64i_uint128)root << 2 | 1;
        root <<= 1;
        if (left >= trial) {
            left -= trial;
            root |= 1;
        }
    }
    *rest = left;
    return root;
}

struct x64i_float x64i_float_sqrt(struct x64i_float_control *control,
                                  const struct x64i_float_format *format, struct x64i_float a)
{
    struct x64i_float result;
    if (x64i_float_settle(control, a, x64i_float_zero(false), &result))
        return result;
    if (a.kind == X64I_FLOAT_ZERO)
        return a;
    if (a.negative) {
        control->raised &= (uint8_t)~X64I_FLOAT_DENORMAL;
        return x64i_float_invalid(control);
    }
    if (a.kind == X64I_FLOAT_INFINITE)
        return a;
    /* An even exponent; the radicand has its leading one in bit 127 or 126, so the root has it in
     * bit 63. (root + 1/2)^2 is no integer: the rest tells on which side of it the number lies. */
    bool odd = a.exponent & 1;
    x64i_uint128 rest;
    uint64_t root = integer_root(TOP(a.significand) >> !odd, &rest);
    x64i_uint128 significand = TOP(root) | (rest > root ? (x64i_uint128)1 << 63 : 0) | (rest != 0);
    return x64i_float_round(control, format, false, (a.exponent - odd) / 2, significand);
}
