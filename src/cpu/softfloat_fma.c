/* SPDX-License-Identifier: MIT */
/* Multiplication and addition with one rounding, in 256 bits. */
#include "cpu/softfloat.h"

/* high * 2^128 + low */
struct wide {
    x64i_uint128 high;
    x64i_uint128 low;
};

static struct wide shift_right_sticky(struct wide value, unsigned shift)
{
    bool lost = false;
    if (shift > 255)
        return (struct wide){0, value.high != 0 || value.low != 0};
    if (shift >= 128) {
        lost = value.low != 0;
        value = (struct wide){0, value.high};
        shift -= 128;
    }
    if (shift != 0) {
        lost = lost || value.low << (128 - shift) != 0;
        value.low = value.low >> shift | value.high << (128 - shift);
        value.high >>= shift;
    }
    value.low |= lost;
    return value;
}

static unsigned leading_zeros(x64i_uint128 value)
{
    uint64_t top = (uint64_t)(value >> 64);
    return top ? (unsigned)__builtin_clzll(top) : 64u + (unsigned)__builtin_clzll((uint64_t)value);
}

/* Rounds value / 2^255 * 2^exponent. */
static struct x64i_float round_wide(struct x64i_float_control *control,
                                    const struct x64i_float_format *format, bool negative,
                                    int32_t exponent, struct wide value)
{
    if (value.high == 0) {
        value = (struct wide){value.low, 0};
        exponent -= 128;
    }
    unsigned shift = leading_zeros(value.high);
    if (shift != 0) {
        value.high = value.high << shift | value.low >> (128 - shift);
        value.low <<= shift;
    }
    return x64i_float_round(control, format, negative, exponent - (int32_t)shift,
                            value.high | (value.low != 0));
}

/* The product, exact, plus c. */
static struct x64i_float add_product(struct x64i_float_control *control,
                                     const struct x64i_float_format *format, bool negative,
                                     int32_t exponent, x64i_uint128 product, struct x64i_float c)
{
    /* One bit stays free at the top for the carry. */
    struct wide a = {product >> 1, product << 127};
    struct wide b = {(x64i_uint128)c.significand << 63, 0};
    int32_t distance = exponent - c.exponent;
    if (distance >= 0) {
        b = shift_right_sticky(b, (unsigned)distance);
    } else {
        a = shift_right_sticky(a, (unsigned)-distance);
        exponent = c.exponent;
    }
    struct wide sum;
    if (negative == c.negative) {
        sum.low = a.low + b.low;
        sum.high = a.high + b.high + (sum.low < a.low);
        return round_wide(control, format, negative, exponent + 1, sum);
    }
    bool less = a.high != b.high ? a.high < b.high : a.low < b.low;
    struct wide large = less ? b : a;
    struct wide small = less ? a : b;
    sum.low = large.low - small.low;
    sum.high = large.high - small.high - (large.low < small.low);
    if (sum.high == 0 && sum.low == 0)
        return x64i_float_zero(control->rounding == X64I_ROUND_DOWN);
    return round_wide(control, format, less ? c.negative : negative, exponent + 1, sum);
}

/* a * b without a finite product: zero or infinite. */
static struct x64i_float special(struct x64i_float_control *control,
                                 const struct x64i_float_format *format, struct x64i_float a,
                                 struct x64i_float b, struct x64i_float c)
{
    bool negative = a.negative != b.negative;
    bool infinite = a.kind == X64I_FLOAT_INFINITE || b.kind == X64I_FLOAT_INFINITE;
    if (infinite && (a.kind == X64I_FLOAT_ZERO || b.kind == X64I_FLOAT_ZERO))
        return x64i_float_invalid(control);
    struct x64i_float product =
        infinite ? x64i_float_infinity(negative) : x64i_float_zero(negative);
    return x64i_float_add(control, format, product, c);
}

struct x64i_float x64i_float_fma(struct x64i_float_control *control,
                                 const struct x64i_float_format *format, struct x64i_float a,
                                 struct x64i_float b, struct x64i_float c)
{
    struct x64i_float result;
    if (x64i_float_is_nan(a) || x64i_float_is_nan(b) || x64i_float_is_nan(c)) {
        result = x64i_float_choose_nan(control, x64i_float_is_nan(a) ? a : b,
                                       x64i_float_is_nan(a) && x64i_float_is_nan(b) ? b : c);
        if (c.kind == X64I_FLOAT_SIGNALING)
            control->raised |= X64I_FLOAT_INVALID;
        return result;
    }
    if (a.kind != X64I_FLOAT_FINITE || b.kind != X64I_FLOAT_FINITE) {
        uint8_t before = control->raised;
        result = special(control, format, a, b, c);
        if ((a.denormal || b.denormal) && !(control->raised & ~before & X64I_FLOAT_INVALID))
            control->raised |= X64I_FLOAT_DENORMAL;
        return result;
    }
    if (a.denormal || b.denormal || c.denormal)
        control->raised |= X64I_FLOAT_DENORMAL;
    bool negative = a.negative != b.negative;
    x64i_uint128 product = (x64i_uint128)a.significand * b.significand;
    bool carry = product >> 127;
    int32_t exponent = a.exponent + b.exponent + carry;
    if (!carry)
        product <<= 1;
    if (c.kind == X64I_FLOAT_INFINITE)
        return c;
    if (c.kind == X64I_FLOAT_ZERO)
        return x64i_float_round(control, format, negative, exponent, product);
    return add_product(control, format, negative, exponent, product, c);
}
