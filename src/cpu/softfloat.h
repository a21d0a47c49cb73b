/* SPDX-License-Identifier: MIT */
/*
 * Floating point in integers: IEEE 754 with the rules of the SDM (vol. 1, chapters 4, 8 and 11),
 * the same on every host. A number is unpacked from its format, computed with, rounded once to the
 * format of the result, and packed.
 *
 *     struct x64i_float_control control = {.rounding = X64I_ROUND_NEAREST, .masked = 0x3f};
 *     struct x64i_float a = x64i_float_unpack(&control, &x64i_binary64, bits_of_a);
 *     struct x64i_float b = x64i_float_unpack(&control, &x64i_binary64, bits_of_b);
 *     struct x64i_float sum = x64i_float_add(&control, &x64i_binary64, a, b);
 *     if (!x64i_float_stops(&control))
 *         result = x64i_float_pack(&x64i_binary64, sum);
 *     mxcsr |= control.raised;
 */
#ifndef X64I_CPU_SOFTFLOAT_H
#define X64I_CPU_SOFTFLOAT_H

#include <stdbool.h>
#include <stdint.h>

/* Exceptions, as in MXCSR and in the x87 status word. */
#define X64I_FLOAT_INVALID   0x01u
#define X64I_FLOAT_DENORMAL  0x02u
#define X64I_FLOAT_DIVIDE    0x04u
#define X64I_FLOAT_OVERFLOW  0x08u
#define X64I_FLOAT_UNDERFLOW 0x10u
#define X64I_FLOAT_INEXACT   0x20u
#define X64I_FLOAT_BEFORE    0x07u /* those found before computing: unmasked, there is no result */
#define X64I_FLOAT_ALL       0x3fu

/* What an unmasked overflow or underflow takes off or adds to an x87 result's exponent (SDM vol. 1,
 * 8.5.4 and 8.5.5). */
#define X64I_EXPONENT_ADJUSTMENT 24576

/* As MXCSR.RC and the x87 control word encode it. */
enum x64i_rounding { X64I_ROUND_NEAREST, X64I_ROUND_DOWN, X64I_ROUND_UP, X64I_ROUND_ZERO };

struct x64i_float_control {
    uint8_t rounding;        /* enum x64i_rounding */
    uint8_t precision;       /* bits of x87 results' significands; 0: those of the format */
    uint8_t masked;          /* exceptions */
    bool denormals_are_zero; /* MXCSR.DAZ */
    bool flush_to_zero;      /* MXCSR.FTZ */
    bool x87;                /* NaNs by x87's rules; unmasked results are scaled */
    bool rounded_up;         /* out: the last result's magnitude was rounded up (C1) */
    uint8_t raised;          /* out: exceptions, added up */
};

enum x64i_float_kind {
    X64I_FLOAT_ZERO,
    X64I_FLOAT_FINITE,
    X64I_FLOAT_INFINITE,
    X64I_FLOAT_QUIET,
    X64I_FLOAT_SIGNALING,
    X64I_FLOAT_UNSUPPORTED /* encodings that x87 has given up (SDM vol. 1, 8.2.2) */
};

/* Finite numbers: significand / 2^63 * 2^exponent, bit 63 set. NaNs: bit 63 set, then the quiet
 * bit, then the payload, all at the top as in an x87 register. */
struct x64i_float {
    uint64_t significand;
    int32_t exponent;
    uint8_t kind; /* enum x64i_float_kind */
    bool negative;
    bool denormal; /* it was one in its format */
};

struct x64i_float_format {
    uint8_t bits;
    uint8_t precision; /* bits of the significand, the leading one included */
    int16_t minimum;   /* exponents of normal numbers */
    int16_t maximum;
};

extern const struct x64i_float_format x64i_binary16, x64i_binary32, x64i_binary64, x64i_extended80;

__extension__ typedef unsigned __int128 x64i_uint128;

/* Whether an exception that is not masked leaves the operation without a result. */
static inline bool x64i_float_stops(const struct x64i_float_control *control)
{
    return control->raised & ~control->masked & X64I_FLOAT_BEFORE;
}

static inline bool x64i_float_is_nan(struct x64i_float a)
{
    return a.kind == X64I_FLOAT_QUIET || a.kind == X64I_FLOAT_SIGNALING;
}

/* softfloat.c: formats. Unpacking raises nothing; operations tell of denormal operands. */
struct x64i_float x64i_float_unpack(const struct x64i_float_control *control,
                                    const struct x64i_float_format *format, uint64_t bits);
uint64_t x64i_float_pack(const struct x64i_float_format *format, struct x64i_float value);
struct x64i_float x64i_extended_unpack(uint64_t significand, uint16_t sign_exponent);
void x64i_extended_pack(struct x64i_float value, uint64_t *significand, uint16_t *sign_exponent);

/* The one rounding of a result: `significand` has its leading one in bit 127 and stands for
 * significand / 2^127 * 2^exponent; what lies below bit 0 has been put into it. */
struct x64i_float x64i_float_round(struct x64i_float_control *control,
                                   const struct x64i_float_format *format, bool negative,
                                   int32_t exponent, x64i_uint128 significand);

struct x64i_float x64i_float_zero(bool negative);
struct x64i_float x64i_float_infinity(bool negative);

/* The default NaN; `raise` notes an invalid operation and returns it. */
struct x64i_float x64i_float_indefinite(void);
struct x64i_float x64i_float_invalid(struct x64i_float_control *control);

/* The NaN that is the result when `a` or `b` is one (SDM vol. 1, 4.8.3.5); quiet. */
struct x64i_float x64i_float_choose_nan(struct x64i_float_control *control, struct x64i_float a,
                                        struct x64i_float b);

/* Looks at two operands before computing. True when that settles the result: a NaN among them, or
 * an encoding without meaning. Else denormal operands are noted. */
bool x64i_float_settle(struct x64i_float_control *control, struct x64i_float a, struct x64i_float b,
                       struct x64i_float *result);

/* softfloat_arithmetic.c: results rounded to `format`. */
struct x64i_float x64i_float_add(struct x64i_float_control *control,
                                 const struct x64i_float_format *format, struct x64i_float a,
                                 struct x64i_float b);
struct x64i_float x64i_float_subtract(struct x64i_float_control *control,
                                      const struct x64i_float_format *format, struct x64i_float a,
                                      struct x64i_float b);
struct x64i_float x64i_float_multiply(struct x64i_float_control *control,
                                      const struct x64i_float_format *format, struct x64i_float a,
                                      struct x64i_float b);
struct x64i_float x64i_float_divide(struct x64i_float_control *control,
                                    const struct x64i_float_format *format, struct x64i_float a,
                                    struct x64i_float b);
struct x64i_float x64i_float_sqrt(struct x64i_float_control *control,
                                  const struct x64i_float_format *format, struct x64i_float a);

/* softfloat_fma.c: a * b + c with one rounding. Of several NaNs the first of `a`, `b`, `c` is the
 * result. */
struct x64i_float x64i_float_fma(struct x64i_float_control *control,
                                 const struct x64i_float_format *format, struct x64i_float a,
                                 struct x64i_float b, struct x64i_float c);

/* softfloat_convert.c: another format, integers, whole numbers, order. */
struct x64i_float x64i_float_convert(struct x64i_float_control *control,
                                     const struct x64i_float_format *format, struct x64i_float a);
struct x64i_float x64i_float_from_integer(int64_t value);

/* To a signed integer of `bits` bits in the present rounding mode; what does not fit is invalid and
 * gives the indefinite integer, sign bit only. */
int64_t x64i_float_to_integer(struct x64i_float_control *control, struct x64i_float a,
                              unsigned bits);
struct x64i_float x64i_float_round_whole(struct x64i_float_control *control, struct x64i_float a);

enum x64i_order { X64I_LESS, X64I_EQUAL, X64I_GREATER, X64I_UNORDERED };

/* Compares. Signaling NaNs are invalid operands, quiet ones if `quiet_is_invalid`. */
enum x64i_order x64i_float_compare(struct x64i_float_control *control, struct x64i_float a,
                                   struct x64i_float b, bool quiet_is_invalid);

#endif
