/* SPDX-License-Identifier: MIT */
/* FPREM and FPREM1 (SDM vol. 2A): exact remainders, found in steps when the quotient is large. */
#include "cpu/x87.h"

struct remainder {
    struct x64i_float value;
    uint64_t quotient; /* its low bits */
    bool partial;      /* the exponents are still far apart: C2 */
    bool undefined;    /* there is no quotient: C3, C1 and C0 stay */
};

/* a - b * q, both significands over the same exponent, where q is floor(a * 2^steps / b): what
 * `steps` + 1 steps of a long division leave. Less than b. */
static uint64_t divide_steps(uint64_t a, uint64_t b, unsigned steps, uint64_t *quotient)
{
    x64i_uint128 rest = a;
    uint64_t q = 0;
    for (unsigned i = 0;; i++) {
        q <<= 1;
        if (rest >= b) {
            rest -= b;
            q |= 1;
        }
        if (i == steps)
            break;
        rest <<= 1;
    }
    *quotient = q;
    return (uint64_t)rest;
}

static struct x64i_float scaled(bool negative, uint64_t significand, int32_t exponent)
{
    if (significand == 0)
        return x64i_float_zero(negative);
    unsigned zeros = (unsigned)__builtin_clzll(significand);
    return (struct x64i_float){.significand = significand << zeros,
                               .exponent = exponent - (int32_t)zeros,
                               .kind = X64I_FLOAT_FINITE,
                               .negative = negative};
}

/* Both are finite, and |a| is at least half as large as |b|. */
static void reduce(struct remainder *r, struct x64i_float a, struct x64i_float b, bool nearest)
{
    int32_t distance = a.exponent - b.exponent;
    if (distance >= 64) {
        /* As many bits as make the rest a multiple of 32 steps: 32 to 63. */
        unsigned steps = (unsigned)(distance & 31) | 32;
        uint64_t rest = divide_steps(a.significand, b.significand, steps, &r->quotient);
        r->value = scaled(a.negative, rest, a.exponent - (int32_t)steps);
        r->partial = true;
        r->quotient = 0;
        return;
    }
    uint64_t rest;
    bool negative = a.negative;
    bool half = distance < 0; /* only the next bit of the quotient is looked at */
    if (half) {
        r->quotient = 0;
        rest = a.significand;
    } else {
        rest = divide_steps(a.significand, b.significand, (unsigned)distance, &r->quotient);
    }
    int32_t exponent = half ? a.exponent : b.exponent;
    if (nearest) {
        /* Twice the rest against b, over one exponent; b less the rest is no more than half of b.
         */
        x64i_uint128 twice = half ? rest : (x64i_uint128)rest << 1;
        if (twice > b.significand || (twice == b.significand && (r->quotient & 1))) {
            r->quotient++;
            negative = !negative;
            rest = (half ? b.significand << 1 : b.significand) - rest;
        }
    }
    r->value = scaled(rest == 0 ? a.negative : negative, rest, exponent);
}

static struct remainder remainder_of(struct x64i_float_control *control, struct x64i_float a,
                                     struct x64i_float b, bool nearest)
{
    struct remainder r = {.undefined = true};
    if (x64i_float_settle(control, a, b, &r.value))
        return r;
    if (a.kind == X64I_FLOAT_INFINITE || b.kind == X64I_FLOAT_ZERO) {
        control->raised &= (uint8_t)~X64I_FLOAT_DENORMAL;
        r.value = x64i_float_invalid(control);
        return r;
    }
    r.undefined = false;
    r.value = a;
    if (a.kind == X64I_FLOAT_FINITE && b.kind == X64I_FLOAT_FINITE &&
        a.exponent - b.exponent >= (nearest ? -1 : 0))
        reduce(&r, a, b, nearest);
    if (r.value.kind == X64I_FLOAT_FINITE)
        r.value = x64i_float_round(control, &x64i_extended80, r.value.negative, r.value.exponent,
                                   (x64i_uint128)r.value.significand << 64);
    return r;
}

static unsigned codes_of(const struct remainder *r)
{
    return (r->partial ? X64I_X87_C2 : 0) | (r->quotient & 4 ? X64I_X87_C0 : 0) |
           (r->quotient & 2 ? X64I_X87_C3 : 0) | (r->quotient & 1 ? X64I_X87_C1 : 0);
}

static enum x64i_result remainder_instruction(struct x64i_cpu *cpu, const struct x64i_op *op,
                                              bool nearest)
{
    if (x64i_x87_begin(cpu) != X64I_DONE)
        return X64I_FAULT;
    const unsigned all = X64I_X87_C3 | X64I_X87_C1 | X64I_X87_C0;
    cpu->s.fpu_status &= (uint16_t)~X64I_X87_C2;
    if (x64i_x87_is_empty(cpu, 0) || x64i_x87_is_empty(cpu, 1)) {
        if (x64i_x87_underflow(cpu, op))
            x64i_x87_set(cpu, 0, x64i_float_indefinite());
        return X64I_DONE;
    }
    struct x64i_float_control control = x64i_x87_control(cpu);
    control.precision = 64;
    struct remainder r =
        remainder_of(&control, x64i_x87_get(cpu, 0), x64i_x87_get(cpu, 1), nearest);
    if (!x64i_x87_finish(cpu, op, &control))
        return X64I_DONE;
    x64i_x87_set(cpu, 0, r.value);
    if (!r.undefined)
        cpu->s.fpu_status = (uint16_t)((cpu->s.fpu_status & ~all) | codes_of(&r));
    return X64I_DONE;
}

X64I_HANDLER(fprem)
{
    return remainder_instruction(cpu, op, false);
}

X64I_HANDLER(fprem1)
{
    return remainder_instruction(cpu, op, true);
}
