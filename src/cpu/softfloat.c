/* SPDX-License-Identifier: MIT */
/* Formats, rounding, NaNs: what every floating-point operation ends or begins with. */
#include "cpu/softfloat.h"

#define LEADING       (UINT64_C(1) << 63)
#define QUIET_BIT     (UINT64_C(1) << 62)
#define EXTENDED_BIAS 16383

const struct x64i_float_format x64i_binary16 = {16, 11, -14, 15};
const struct x64i_float_format x64i_binary32 = {32, 24, -126, 127};
const struct x64i_float_format x64i_binary64 = {64, 53, -1022, 1023};
const struct x64i_float_format x64i_extended80 = {80, 64, -16382, 16383};

struct x64i_float x64i_float_zero(bool negative)
{
    return (struct x64i_float){.kind = X64I_FLOAT_ZERO, .negative = negative};
}

struct x64i_float x64i_float_infinity(bool negative)
{
    return (struct x64i_float){
        .significand = LEADING, .kind = X64I_FLOAT_INFINITE, .negative = negative};
}

struct x64i_float x64i_float_indefinite(void)
{
    return (struct x64i_float){
        .significand = LEADING | QUIET_BIT, .kind = X64I_FLOAT_QUIET, .negative = true};
}

struct x64i_float x64i_float_invalid(struct x64i_float_control *control)
{
    control->raised |= X64I_FLOAT_INVALID;
    return x64i_float_indefinite();
}

static struct x64i_float denormal(bool negative, uint64_t significand, int32_t exponent)
{
    unsigned shift = (unsigned)__builtin_clzll(significand);
    return (struct x64i_float){.significand = significand << shift,
                               .exponent = exponent - (int32_t)shift,
                               .kind = X64I_FLOAT_FINITE,
                               .negative = negative,
                               .denormal = true};
}

static struct x64i_float nan_or_infinity(bool negative, uint64_t significand)
{
    uint8_t kind = significand << 1 == 0       ? X64I_FLOAT_INFINITE
                   : (significand & QUIET_BIT) ? X64I_FLOAT_QUIET
                                               : X64I_FLOAT_SIGNALING;
    return (struct x64i_float){.significand = significand, .kind = kind, .negative = negative};
}

struct x64i_float x64i_float_unpack(const struct x64i_float_control *control,
                                    const struct x64i_float_format *format, uint64_t bits)
{
    unsigned fraction_bits = format->precision - 1u;
    unsigned exponent_bits = format->bits - format->precision;
    bool negative = bits >> (format->bits - 1) & 1;
    uint64_t fraction = bits << (64 - fraction_bits) >> 1; /* at the top, below the leading one */
    unsigned biased = (unsigned)(bits >> fraction_bits) & ((1u << exponent_bits) - 1);
    if (biased == (1u << exponent_bits) - 1)
        return nan_or_infinity(negative, fraction | LEADING);
    if (biased != 0)
        return (struct x64i_float){.significand = fraction | LEADING,
                                   .exponent = (int32_t)biased - format->maximum,
                                   .kind = X64I_FLOAT_FINITE,
                                   .negative = negative};
    if (fraction == 0 || control->denormals_are_zero)
        return x64i_float_zero(negative);
    return denormal(negative, fraction, format->minimum);
}

/* The significand's low bits that are cut off here are zeros. */
uint64_t x64i_float_pack(const struct x64i_float_format *format, struct x64i_float value)
{
    unsigned fraction_bits = format->precision - 1u;
    unsigned exponent_bits = format->bits - format->precision;
    uint64_t sign = (uint64_t)value.negative << (format->bits - 1);
    uint64_t fraction = value.significand >> (63 - fraction_bits);
    uint64_t fraction_mask = (UINT64_C(1) << fraction_bits) - 1;
    switch (value.kind) {
    case X64I_FLOAT_ZERO:
        return sign;
    case X64I_FLOAT_FINITE:
        if (value.exponent < format->minimum)
            return sign | fraction >> (format->minimum - value.exponent);
        return sign | (uint64_t)(value.exponent + format->maximum) << fraction_bits |
               (fraction & fraction_mask);
    default:
        return sign | (uint64_t)((1u << exponent_bits) - 1) << fraction_bits |
               (fraction & fraction_mask);
    }
}

struct x64i_float x64i_extended_unpack(uint64_t significand, uint16_t sign_exponent)
{
    bool negative = sign_exponent >> 15;
    unsigned biased = sign_exponent & 0x7fffu;
    if (biased == 0)
        return significand == 0 ? x64i_float_zero(negative)
                                : denormal(negative, significand, 1 - EXTENDED_BIAS);
    if (!(significand & LEADING))
        return (struct x64i_float){
            .significand = significand, .kind = X64I_FLOAT_UNSUPPORTED, .negative = negative};
    if (biased == 0x7fff)
        return nan_or_infinity(negative, significand);
    return (struct x64i_float){.significand = significand,
                               .exponent = (int32_t)biased - EXTENDED_BIAS,
                               .kind = X64I_FLOAT_FINITE,
                               .negative = negative};
}

void x64i_extended_pack(struct x64i_float value, uint64_t *significand, uint16_t *sign_exponent)
{
    unsigned biased = 0x7fff;
    *significand = value.significand;
    if (value.kind == X64I_FLOAT_ZERO) {
        *significand = 0;
        biased = 0;
    } else if (value.kind == X64I_FLOAT_FINITE) {
        biased = (unsigned)(value.exponent + EXTENDED_BIAS);
        if (value.exponent < x64i_extended80.minimum) {
            *significand >>= x64i_extended80.minimum - value.exponent;
            biased = 0;
        }
    }
    *sign_exponent = (uint16_t)(biased | (unsigned)value.negative << 15);
}

struct rounded {
    x64i_uint128 significand; /* zero below the last place */
    bool carry;               /* it was rounded up to 2^128 */
    bool inexact;
    bool up;
};

/* Keeps the upper `precision` bits. */
static struct rounded round_at(x64i_uint128 significand, unsigned precision,
                               enum x64i_rounding rounding, bool negative)
{
    const x64i_uint128 last = (x64i_uint128)1 << (128 - precision);
    const x64i_uint128 rest = significand & (last - 1);
    struct rounded r = {.significand = significand - rest, .inexact = rest != 0};
    if (rounding == X64I_ROUND_NEAREST)
        r.up = rest > last >> 1 || (rest == last >> 1 && (significand & last));
    else
        r.up = r.inexact && rounding == (negative ? X64I_ROUND_DOWN : X64I_ROUND_UP);
    if (r.up) {
        r.significand += last;
        r.carry = r.significand == 0;
        if (r.carry)
            r.significand = (x64i_uint128)1 << 127;
    }
    return r;
}

static x64i_uint128 shift_right_sticky(x64i_uint128 value, unsigned shift)
{
    if (shift == 0)
        return value;
    if (shift > 127)
        return value != 0;
    return value >> shift | (value << (128 - shift) != 0);
}

static struct x64i_float finite_number(bool negative, int32_t exponent, uint64_t significand)
{
    return (struct x64i_float){.significand = significand,
                               .exponent = exponent,
                               .kind = X64I_FLOAT_FINITE,
                               .negative = negative};
}

/* A masked underflow: rounded again, where the format's smallest numbers end. */
static struct x64i_float round_tiny(struct x64i_float_control *control,
                                    const struct x64i_float_format *format, unsigned precision,
                                    bool negative, int32_t exponent, x64i_uint128 significand)
{
    if (control->flush_to_zero) {
        control->raised |= X64I_FLOAT_UNDERFLOW | X64I_FLOAT_INEXACT;
        return x64i_float_zero(negative);
    }
    unsigned shift = (unsigned)(format->minimum - exponent);
    struct rounded r = round_at(shift_right_sticky(significand, shift), precision,
                                (enum x64i_rounding)control->rounding, negative);
    control->rounded_up = r.up;
    if (r.inexact)
        control->raised |= X64I_FLOAT_UNDERFLOW | X64I_FLOAT_INEXACT;
    uint64_t top = (uint64_t)(r.significand >> 64);
    if (top == 0)
        return x64i_float_zero(negative);
    unsigned leading = (unsigned)__builtin_clzll(top);
    return finite_number(negative, format->minimum - (int32_t)leading, top << leading);
}

/* A masked overflow: infinity, or the largest number where rounding goes towards zero. */
static struct x64i_float round_huge(struct x64i_float_control *control,
                                    const struct x64i_float_format *format, unsigned precision,
                                    bool negative)
{
    control->raised |= X64I_FLOAT_OVERFLOW | X64I_FLOAT_INEXACT;
    control->rounded_up = control->rounding == X64I_ROUND_NEAREST ||
                          control->rounding == (negative ? X64I_ROUND_DOWN : X64I_ROUND_UP);
    if (control->rounded_up)
        return x64i_float_infinity(negative);
    return finite_number(negative, format->maximum, ~UINT64_C(0) << (64 - precision));
}

struct x64i_float x64i_float_round(struct x64i_float_control *control,
                                   const struct x64i_float_format *format, bool negative,
                                   int32_t exponent, x64i_uint128 significand)
{
    bool limited = control->precision && format->bits == 80;
    unsigned precision = limited ? control->precision : format->precision;
    struct rounded r =
        round_at(significand, precision, (enum x64i_rounding)control->rounding, negative);
    int32_t rounded_exponent = exponent + r.carry;
    uint8_t trouble = rounded_exponent < format->minimum   ? X64I_FLOAT_UNDERFLOW
                      : rounded_exponent > format->maximum ? X64I_FLOAT_OVERFLOW
                                                           : 0;
    if (trouble & control->masked) {
        if (trouble == X64I_FLOAT_OVERFLOW)
            return round_huge(control, format, precision, negative);
        return round_tiny(control, format, precision, negative, exponent, significand);
    }
    control->rounded_up = r.up;
    control->raised |= trouble | (r.inexact ? X64I_FLOAT_INEXACT : 0);
    if (trouble && format->bits != 80) /* no one can see the result */
        return trouble == X64I_FLOAT_OVERFLOW ? x64i_float_infinity(negative)
                                              : x64i_float_zero(negative);
    if (trouble == X64I_FLOAT_UNDERFLOW)
        rounded_exponent += X64I_EXPONENT_ADJUSTMENT;
    else if (trouble == X64I_FLOAT_OVERFLOW)
        rounded_exponent -= X64I_EXPONENT_ADJUSTMENT;
    return finite_number(negative, rounded_exponent, (uint64_t)(r.significand >> 64));
}

static struct x64i_float quieted(struct x64i_float a)
{
    a.significand |= QUIET_BIT;
    a.kind = X64I_FLOAT_QUIET;
    return a;
}

/* x87: a quiet one before a signaling one, else the larger significand, else the positive one. */
static bool x87_prefers_second(struct x64i_float a, struct x64i_float b)
{
    if (a.kind != b.kind)
        return b.kind == X64I_FLOAT_QUIET;
    if (a.significand != b.significand)
        return a.significand < b.significand;
    return a.negative;
}

struct x64i_float x64i_float_choose_nan(struct x64i_float_control *control, struct x64i_float a,
                                        struct x64i_float b)
{
    if (a.kind == X64I_FLOAT_SIGNALING || b.kind == X64I_FLOAT_SIGNALING)
        control->raised |= X64I_FLOAT_INVALID;
    if (!x64i_float_is_nan(a))
        return quieted(b);
    if (!x64i_float_is_nan(b) || !control->x87)
        return quieted(a);
    return quieted(x87_prefers_second(a, b) ? b : a);
}

bool x64i_float_settle(struct x64i_float_control *control, struct x64i_float a, struct x64i_float b,
                       struct x64i_float *result)
{
    if (a.kind <= X64I_FLOAT_INFINITE && b.kind <= X64I_FLOAT_INFINITE) {
        if (a.denormal || b.denormal)
            control->raised |= X64I_FLOAT_DENORMAL;
        return false;
    }
    if (a.kind == X64I_FLOAT_UNSUPPORTED || b.kind == X64I_FLOAT_UNSUPPORTED)
        *result = x64i_float_invalid(control);
    else
        *result = x64i_float_choose_nan(control, a, b);
    return true;
}
