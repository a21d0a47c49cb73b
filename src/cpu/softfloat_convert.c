/* SPDX-License-Identifier: MIT */
/* Conversions between formats, to and from integers, and the order of numbers. */
#include "cpu/softfloat.h"

struct x64i_float x64i_float_convert(struct x64i_float_control *control,
                                     const struct x64i_float_format *format, struct x64i_float a)
{
    struct x64i_float result;
    if (x64i_float_settle(control, a, x64i_float_zero(false), &result))
        return result;
    if (a.kind != X64I_FLOAT_FINITE)
        return a;
    return x64i_float_round(control, format, a.negative, a.exponent,
                            (x64i_uint128)a.significand << 64);
}

struct x64i_float x64i_float_from_integer(int64_t value)
{
    if (value == 0)
        return x64i_float_zero(false);
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    unsigned zeros = (unsigned)__builtin_clzll(magnitude);
    return (struct x64i_float){.significand = magnitude << zeros,
                               .exponent = 63 - (int32_t)zeros,
                               .kind = X64I_FLOAT_FINITE,
                               .negative = value < 0};
}

/* The whole number beside |a| that the rounding mode chooses. False when it is beyond 64 bits. */
static bool round_to_whole(const struct x64i_float_control *control, struct x64i_float a,
                           uint64_t *whole, bool *inexact, bool *up)
{
    uint64_t rest; /* what is behind the point, its first bit on top, the last one sticky */
    if (a.exponent > 63)
        return false;
    unsigned shift = (unsigned)(63 - a.exponent);
    if (shift == 0) {
        *whole = a.significand;
        rest = 0;
    } else if (shift < 64) {
        *whole = a.significand >> shift;
        rest = a.significand << (64 - shift);
    } else {
        *whole = 0;
        rest = shift == 64 ? a.significand : 1;
    }
    const uint64_t half = UINT64_C(1) << 63;
    *inexact = rest != 0;
    if (control->rounding == X64I_ROUND_NEAREST)
        *up = rest > half || (rest == half && (*whole & 1));
    else
        *up = *inexact && control->rounding == (a.negative ? X64I_ROUND_DOWN : X64I_ROUND_UP);
    *whole += *up;
    return *whole != 0 || !*up;
}

int64_t x64i_float_to_integer(struct x64i_float_control *control, struct x64i_float a,
                              unsigned bits)
{
    const uint64_t limit = UINT64_C(1) << (bits - 1);
    const int64_t indefinite = (int64_t)(UINT64_C(0) - limit);
    uint64_t whole;
    bool inexact, up;
    if (a.kind == X64I_FLOAT_ZERO)
        return 0;
    if (a.kind != X64I_FLOAT_FINITE || !round_to_whole(control, a, &whole, &inexact, &up) ||
        whole > limit - !a.negative) {
        control->raised |= X64I_FLOAT_INVALID;
        return indefinite;
    }
    if (inexact)
        control->raised |= X64I_FLOAT_INEXACT;
    control->rounded_up = up;
    return (int64_t)(a.negative ? 0 - whole : whole);
}

struct x64i_float x64i_float_round_whole(struct x64i_float_control *control, struct x64i_float a)
{
    struct x64i_float result;
    uint64_t whole;
    bool inexact;
    if (x64i_float_settle(control, a, x64i_float_zero(false), &result))
        return result;
    if (a.kind != X64I_FLOAT_FINITE || a.exponent >= 63)
        return a;
    (void)round_to_whole(control, a, &whole, &inexact, &control->rounded_up);
    if (inexact)
        control->raised |= X64I_FLOAT_INEXACT;
    if (whole == 0)
        return x64i_float_zero(a.negative);
    unsigned zeros = (unsigned)__builtin_clzll(whole);
    return (struct x64i_float){.significand = whole << zeros,
                               .exponent = 63 - (int32_t)zeros,
                               .kind = X64I_FLOAT_FINITE,
                               .negative = a.negative};
}

static enum x64i_order compare_magnitudes(struct x64i_float a, struct x64i_float b)
{
    static const uint8_t size[] = {
        [X64I_FLOAT_ZERO] = 0, [X64I_FLOAT_FINITE] = 1, [X64I_FLOAT_INFINITE] = 2};
    if (size[a.kind] != size[b.kind])
        return size[a.kind] < size[b.kind] ? X64I_LESS : X64I_GREATER;
    if (a.kind != X64I_FLOAT_FINITE)
        return X64I_EQUAL;
    if (a.exponent != b.exponent)
        return a.exponent < b.exponent ? X64I_LESS : X64I_GREATER;
    if (a.significand != b.significand)
        return a.significand < b.significand ? X64I_LESS : X64I_GREATER;
    return X64I_EQUAL;
}

enum x64i_order x64i_float_compare(struct x64i_float_control *control, struct x64i_float a,
                                   struct x64i_float b, bool quiet_is_invalid)
{
    if (a.kind > X64I_FLOAT_INFINITE || b.kind > X64I_FLOAT_INFINITE) {
        if (quiet_is_invalid || a.kind > X64I_FLOAT_QUIET || b.kind > X64I_FLOAT_QUIET)
            control->raised |= X64I_FLOAT_INVALID;
        return X64I_UNORDERED;
    }
    if (a.denormal || b.denormal)
        control->raised |= X64I_FLOAT_DENORMAL;
    if (a.kind == X64I_FLOAT_ZERO && b.kind == X64I_FLOAT_ZERO)
        return X64I_EQUAL;
    if (a.negative != b.negative)
        return a.negative ? X64I_LESS : X64I_GREATER;
    return a.negative ? compare_magnitudes(b, a) : compare_magnitudes(a, b);
}
