/* SPDX-License-Identifier: MIT */
/* x87 basic arithmetic (SDM vol. 1, 8.3.3 and 8.3.5; vol. 2A, each instruction's page). */
#include "cpu/x87.h"

#define EXTENDED &x64i_extended80

typedef struct x64i_float operation(struct x64i_float_control *control,
                                    const struct x64i_float_format *format, struct x64i_float a,
                                    struct x64i_float b);

static struct x64i_float subtract_reversed(struct x64i_float_control *control,
                                           const struct x64i_float_format *format,
                                           struct x64i_float a, struct x64i_float b)
{
    return x64i_float_subtract(control, format, b, a);
}

static struct x64i_float divide_reversed(struct x64i_float_control *control,
                                         const struct x64i_float_format *format,
                                         struct x64i_float a, struct x64i_float b)
{
    return x64i_float_divide(control, format, b, a);
}

/* ST(i) := f(ST(i), ST(j)); tells whether there was a result. */
X64I_INLINE bool between_registers(struct x64i_cpu *cpu, const struct x64i_op *op,
                                   operation *function)
{
    unsigned i = op->destination;
    unsigned j = op->source;
    if (x64i_x87_is_empty(cpu, i) || x64i_x87_is_empty(cpu, j)) {
        if (!x64i_x87_underflow(cpu, op))
            return false;
        x64i_x87_set(cpu, i, x64i_float_indefinite());
        return true;
    }
    struct x64i_float_control control = x64i_x87_control(cpu);
    struct x64i_float result =
        function(&control, EXTENDED, x64i_x87_get(cpu, i), x64i_x87_get(cpu, j));
    if (!x64i_x87_finish(cpu, op, &control))
        return false;
    x64i_x87_set(cpu, i, result);
    return true;
}

/* ST(0) := f(ST(0), operand) */
X64I_INLINE void with_operand(struct x64i_cpu *cpu, const struct x64i_op *op, operation *function,
                              struct x64i_float b)
{
    if (x64i_x87_is_empty(cpu, 0)) {
        if (x64i_x87_underflow(cpu, op))
            x64i_x87_set(cpu, 0, x64i_float_indefinite());
        return;
    }
    struct x64i_float_control control = x64i_x87_control(cpu);
    struct x64i_float result = function(&control, EXTENDED, x64i_x87_get(cpu, 0), b);
    if (x64i_x87_finish(cpu, op, &control))
        x64i_x87_set(cpu, 0, result);
}

#define WITH_MEMORY(name, size, function, operand)                                          \
    X64I_HANDLER(name)                                                                      \
    {                                                                                       \
        uint64_t bits;                                                                      \
        if (x64i_x87_begin(cpu) != X64I_DONE ||                                             \
            x64i_load(cpu, op->segment, x64i_effective(cpu, op), size, &bits) != X64I_DONE) \
            return X64I_FAULT;                                                              \
        const struct x64i_float_control as_is = {0};                                        \
        (void)as_is;                                                                        \
        with_operand(cpu, op, function, operand);                                           \
        return X64I_DONE;                                                                   \
    }

#define ARITHMETIC(stem, function)                                                           \
    WITH_MEMORY(f##stem##_m32, 4, function, x64i_float_unpack(&as_is, &x64i_binary32, bits)) \
    WITH_MEMORY(f##stem##_m64, 8, function, x64i_float_unpack(&as_is, &x64i_binary64, bits)) \
    WITH_MEMORY(fi##stem##_m16, 2, function, x64i_float_from_integer((int16_t)bits))         \
    WITH_MEMORY(fi##stem##_m32, 4, function, x64i_float_from_integer((int32_t)bits))         \
    X64I_HANDLER(f##stem##_ff)                                                               \
    {                                                                                        \
        if (x64i_x87_begin(cpu) != X64I_DONE)                                                \
            return X64I_FAULT;                                                               \
        (void)between_registers(cpu, op, function);                                          \
        return X64I_DONE;                                                                    \
    }                                                                                        \
    X64I_HANDLER(f##stem##p_ff)                                                              \
    {                                                                                        \
        if (x64i_x87_begin(cpu) != X64I_DONE)                                                \
            return X64I_FAULT;                                                               \
        if (between_registers(cpu, op, function))                                            \
            x64i_x87_pop(cpu);                                                               \
        return X64I_DONE;                                                                    \
    }

ARITHMETIC(add, x64i_float_add)
ARITHMETIC(sub, x64i_float_subtract)
ARITHMETIC(subr, subtract_reversed)
ARITHMETIC(mul, x64i_float_multiply)
ARITHMETIC(div, x64i_float_divide)
ARITHMETIC(divr, divide_reversed)

/* Begins an instruction that works on ST(0) alone. False: nothing more is to be done. */
static bool begin_unary(struct x64i_cpu *cpu, const struct x64i_op *op, enum x64i_result *result)
{
    *result = x64i_x87_begin(cpu);
    if (*result != X64I_DONE)
        return false;
    if (!x64i_x87_is_empty(cpu, 0))
        return true;
    if (x64i_x87_underflow(cpu, op))
        x64i_x87_set(cpu, 0, x64i_float_indefinite());
    return false;
}

X64I_HANDLER(fsqrt)
{
    enum x64i_result outcome;
    if (!begin_unary(cpu, op, &outcome))
        return outcome;
    struct x64i_float_control control = x64i_x87_control(cpu);
    struct x64i_float root = x64i_float_sqrt(&control, EXTENDED, x64i_x87_get(cpu, 0));
    if (x64i_x87_finish(cpu, op, &control))
        x64i_x87_set(cpu, 0, root);
    return X64I_DONE;
}

X64I_HANDLER(frndint)
{
    enum x64i_result outcome;
    if (!begin_unary(cpu, op, &outcome))
        return outcome;
    struct x64i_float_control control = x64i_x87_control(cpu);
    struct x64i_float whole = x64i_float_round_whole(&control, x64i_x87_get(cpu, 0));
    if (x64i_x87_finish(cpu, op, &control))
        x64i_x87_set(cpu, 0, whole);
    return X64I_DONE;
}

/* FABS and FCHS look at nothing but the sign. */
X64I_HANDLER(fabs)
{
    enum x64i_result outcome;
    if (!begin_unary(cpu, op, &outcome))
        return outcome;
    struct x64i_extended bits = x64i_x87_bits(cpu, 0);
    bits.sign_exponent &= 0x7fff;
    x64i_x87_finish_exact(cpu, op);
    x64i_x87_set_bits(cpu, 0, bits);
    return X64I_DONE;
}

X64I_HANDLER(fchs)
{
    enum x64i_result outcome;
    if (!begin_unary(cpu, op, &outcome))
        return outcome;
    struct x64i_extended bits = x64i_x87_bits(cpu, 0);
    bits.sign_exponent ^= 0x8000;
    x64i_x87_finish_exact(cpu, op);
    x64i_x87_set_bits(cpu, 0, bits);
    return X64I_DONE;
}

/* The exponent as a number, and the significand, between 1 and 2. */
static void extract(struct x64i_float_control *control, struct x64i_float a,
                    struct x64i_float *exponent, struct x64i_float *significand)
{
    if (x64i_float_settle(control, a, x64i_float_zero(false), significand)) {
        *exponent = *significand;
        return;
    }
    *significand = a;
    if (a.kind == X64I_FLOAT_INFINITE) {
        *exponent = x64i_float_infinity(false);
    } else if (a.kind == X64I_FLOAT_ZERO) {
        control->raised |= X64I_FLOAT_DIVIDE;
        *exponent = x64i_float_infinity(true);
    } else {
        *exponent = x64i_float_from_integer(a.exponent);
        significand->exponent = 0;
    }
}

X64I_HANDLER(fxtract)
{
    if (x64i_x87_begin(cpu) != X64I_DONE)
        return X64I_FAULT;
    struct x64i_float exponent = x64i_float_indefinite();
    struct x64i_float significand = exponent;
    bool go;
    if (x64i_x87_is_empty(cpu, 0)) {
        go = x64i_x87_underflow(cpu, op);
    } else if (!x64i_x87_is_empty(cpu, 7)) {
        go = x64i_x87_overflow(cpu, op);
    } else {
        struct x64i_float_control control = x64i_x87_control(cpu);
        extract(&control, x64i_x87_get(cpu, 0), &exponent, &significand);
        go = x64i_x87_finish(cpu, op, &control);
    }
    if (go) {
        x64i_x87_set(cpu, 0, exponent);
        x64i_x87_push(cpu, significand);
    }
    return X64I_DONE;
}

#define SCALE_LIMIT 0x10000 /* beyond every exponent, and beyond its adjustment */

/* FSCALE's table of special operands. */
static struct x64i_float scale_special(struct x64i_float_control *control, struct x64i_float a,
                                       struct x64i_float b)
{
    if (b.kind != X64I_FLOAT_INFINITE)
        return a;
    if (b.negative)
        return a.kind == X64I_FLOAT_INFINITE ? x64i_float_invalid(control)
                                             : x64i_float_zero(a.negative);
    return a.kind == X64I_FLOAT_ZERO ? x64i_float_invalid(control)
                                     : x64i_float_infinity(a.negative);
}

/* An unmasked overflow or underflow so massive that not even the scaled result has an exponent: it
 * is infinity or zero. */
static bool is_beyond_adjustment(const struct x64i_float_control *control, int32_t exponent)
{
    if (exponent > 0)
        return !(control->masked & X64I_FLOAT_OVERFLOW) &&
               exponent > x64i_extended80.maximum + X64I_EXPONENT_ADJUSTMENT;
    return !(control->masked & X64I_FLOAT_UNDERFLOW) &&
           exponent < x64i_extended80.minimum - X64I_EXPONENT_ADJUSTMENT;
}

/* a * 2^b, b cut off behind the point. */
static struct x64i_float scale(struct x64i_float_control *control, struct x64i_float a,
                               struct x64i_float b)
{
    struct x64i_float result;
    if (x64i_float_settle(control, a, b, &result))
        return result;
    if (a.kind != X64I_FLOAT_FINITE || b.kind == X64I_FLOAT_INFINITE)
        return scale_special(control, a, b);
    int32_t by = 0;
    if (b.kind == X64I_FLOAT_FINITE && b.exponent >= 0)
        by = b.exponent > 15 ? SCALE_LIMIT : (int32_t)(b.significand >> (63 - b.exponent));
    int32_t exponent = a.exponent + (b.negative ? -by : by);
    if (is_beyond_adjustment(control, exponent)) {
        bool huge = exponent > 0;
        control->raised |= X64I_FLOAT_INEXACT | (huge ? X64I_FLOAT_OVERFLOW : X64I_FLOAT_UNDERFLOW);
        control->rounded_up = huge;
        return huge ? x64i_float_infinity(a.negative) : x64i_float_zero(a.negative);
    }
    return x64i_float_round(control, EXTENDED, a.negative, exponent,
                            (x64i_uint128)a.significand << 64);
}

X64I_HANDLER(fscale)
{
    if (x64i_x87_begin(cpu) != X64I_DONE)
        return X64I_FAULT;
    if (x64i_x87_is_empty(cpu, 0) || x64i_x87_is_empty(cpu, 1)) {
        if (x64i_x87_underflow(cpu, op))
            x64i_x87_set(cpu, 0, x64i_float_indefinite());
        return X64I_DONE;
    }
    struct x64i_float_control control = x64i_x87_control(cpu);
    control.precision = 64;
    struct x64i_float scaled = scale(&control, x64i_x87_get(cpu, 0), x64i_x87_get(cpu, 1));
    if (x64i_x87_finish(cpu, op, &control))
        x64i_x87_set(cpu, 0, scaled);
    return X64I_DONE;
}
