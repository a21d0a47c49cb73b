/* SPDX-License-Identifier: MIT */
/* x87 loads and stores of floating-point numbers, constants, and the register stack (SDM vol. 1,
 * 8.3.3, 8.3.4 and 8.3.2). */
#include "cpu/x87.h"

#include <string.h>

#define EXTENDED_BYTES 10u

static const struct x64i_extended indefinite = {UINT64_C(3) << 62, 0xffff};

/* Whether there is room to push; else the masked response, which pushes the indefinite NaN. */
static bool has_room(struct x64i_cpu *cpu, const struct x64i_op *op)
{
    if (x64i_x87_is_empty(cpu, 7))
        return true;
    if (x64i_x87_overflow(cpu, op))
        x64i_x87_push_bits(cpu, indefinite);
    return false;
}

/* FLD of a narrower format: a signaling NaN is quieted, a denormal noted. Exact. */
static enum x64i_result load_binary(struct x64i_cpu *cpu, const struct x64i_op *op,
                                    const struct x64i_float_format *format)
{
    uint64_t bits;
    if (x64i_x87_begin(cpu) != X64I_DONE ||
        x64i_load(cpu, op->segment, x64i_effective(cpu, op), format->bits / 8, &bits) != X64I_DONE)
        return X64I_FAULT;
    if (!has_room(cpu, op))
        return X64I_DONE;
    struct x64i_float_control control = x64i_x87_control(cpu);
    control.precision = 64;
    struct x64i_float value =
        x64i_float_convert(&control, &x64i_extended80, x64i_float_unpack(&control, format, bits));
    /* A denormal is loaded even when its exception is not masked. */
    if (x64i_x87_finish(cpu, op, &control) || !(control.raised & X64I_FLOAT_INVALID))
        x64i_x87_push(cpu, value);
    return X64I_DONE;
}

X64I_HANDLER(fld_m32)
{
    return load_binary(cpu, op, &x64i_binary32);
}

X64I_HANDLER(fld_m64)
{
    return load_binary(cpu, op, &x64i_binary64);
}

/* Whatever the bits mean, they are loaded. */
X64I_HANDLER(fld_m80)
{
    uint8_t bytes[EXTENDED_BYTES];
    struct x64i_extended bits;
    if (x64i_x87_begin(cpu) != X64I_DONE ||
        x64i_load_bytes(cpu, op->segment, x64i_effective(cpu, op), EXTENDED_BYTES, bytes) !=
            X64I_DONE)
        return X64I_FAULT;
    if (!has_room(cpu, op))
        return X64I_DONE;
    memcpy(&bits.significand, bytes, sizeof bits.significand);
    memcpy(&bits.sign_exponent, bytes + 8, sizeof bits.sign_exponent);
    x64i_x87_finish_exact(cpu, op);
    x64i_x87_push_bits(cpu, bits);
    return X64I_DONE;
}

X64I_HANDLER(fld_f)
{
    if (x64i_x87_begin(cpu) != X64I_DONE)
        return X64I_FAULT;
    if (x64i_x87_is_empty(cpu, op->destination)) {
        if (x64i_x87_underflow(cpu, op))
            x64i_x87_push_bits(cpu, indefinite);
        return X64I_DONE;
    }
    if (!has_room(cpu, op))
        return X64I_DONE;
    struct x64i_extended bits = x64i_x87_bits(cpu, op->destination);
    x64i_x87_finish_exact(cpu, op);
    x64i_x87_push_bits(cpu, bits);
    return X64I_DONE;
}

/* ST(0) in a narrower format. False when an exception that is not masked forbids the store: those
 * found before, and overflow and underflow, whose scaled result has no place in memory. */
static bool narrow(struct x64i_cpu *cpu, const struct x64i_op *op,
                   const struct x64i_float_format *format, uint64_t *bits)
{
    if (x64i_x87_is_empty(cpu, 0)) {
        *bits = x64i_float_pack(format, x64i_float_indefinite());
        return x64i_x87_underflow(cpu, op);
    }
    struct x64i_float_control control = x64i_x87_control(cpu);
    struct x64i_float value = x64i_x87_get(cpu, 0);
    value.denormal = false; /* stores do not tell of it */
    value = x64i_float_convert(&control, format, value);
    const unsigned range = X64I_FLOAT_OVERFLOW | X64I_FLOAT_UNDERFLOW;
    bool kept_back = control.raised & ~control.masked & range;
    if (kept_back)
        control.raised &= (uint8_t)~X64I_FLOAT_INEXACT;
    if (!x64i_x87_finish(cpu, op, &control) || kept_back)
        return false;
    *bits = x64i_float_pack(format, value);
    return true;
}

static enum x64i_result store_binary(struct x64i_cpu *cpu, const struct x64i_op *op,
                                     const struct x64i_float_format *format, bool pop)
{
    struct x64i_target target;
    uint64_t bits;
    if (x64i_x87_begin(cpu) != X64I_DONE || x64i_probe(cpu, op->segment, x64i_effective(cpu, op),
                                                       format->bits / 8, &target) != X64I_DONE)
        return X64I_FAULT;
    if (!narrow(cpu, op, format, &bits))
        return X64I_DONE;
    x64i_commit(cpu, &target, bits);
    if (pop)
        x64i_x87_pop(cpu);
    return X64I_DONE;
}

X64I_HANDLER(fst_m32)
{
    return store_binary(cpu, op, &x64i_binary32, false);
}

X64I_HANDLER(fst_m64)
{
    return store_binary(cpu, op, &x64i_binary64, false);
}

X64I_HANDLER(fstp_m32)
{
    return store_binary(cpu, op, &x64i_binary32, true);
}

X64I_HANDLER(fstp_m64)
{
    return store_binary(cpu, op, &x64i_binary64, true);
}

X64I_HANDLER(fstp_m80)
{
    struct x64i_target target;
    if (x64i_x87_begin(cpu) != X64I_DONE ||
        x64i_probe(cpu, op->segment, x64i_effective(cpu, op), EXTENDED_BYTES, &target) != X64I_DONE)
        return X64I_FAULT;
    struct x64i_extended bits = x64i_x87_bits(cpu, 0);
    if (x64i_x87_is_empty(cpu, 0)) {
        bits = indefinite;
        if (!x64i_x87_underflow(cpu, op))
            return X64I_DONE;
    } else {
        x64i_x87_finish_exact(cpu, op);
    }
    uint8_t bytes[EXTENDED_BYTES];
    memcpy(bytes, &bits.significand, sizeof bits.significand);
    memcpy(bytes + 8, &bits.sign_exponent, sizeof bits.sign_exponent);
    x64i_commit_bytes(cpu, &target, bytes);
    x64i_x87_pop(cpu);
    return X64I_DONE;
}

static enum x64i_result store_register(struct x64i_cpu *cpu, const struct x64i_op *op, bool pop)
{
    if (x64i_x87_begin(cpu) != X64I_DONE)
        return X64I_FAULT;
    struct x64i_extended bits = x64i_x87_bits(cpu, 0);
    if (x64i_x87_is_empty(cpu, 0)) {
        bits = indefinite;
        if (!x64i_x87_underflow(cpu, op))
            return X64I_DONE;
    } else {
        x64i_x87_finish_exact(cpu, op);
    }
    x64i_x87_set_bits(cpu, op->destination, bits);
    if (pop)
        x64i_x87_pop(cpu);
    return X64I_DONE;
}

X64I_HANDLER(fst_f)
{
    return store_register(cpu, op, false);
}

X64I_HANDLER(fstp_f)
{
    return store_register(cpu, op, true);
}

/* An alias of FSTP that does not mind an empty register. */
X64I_HANDLER(fstpnce)
{
    if (x64i_x87_begin(cpu) != X64I_DONE)
        return X64I_FAULT;
    struct x64i_extended bits = x64i_x87_bits(cpu, 0);
    bool empty = x64i_x87_is_empty(cpu, 0);
    x64i_x87_finish_exact(cpu, op);
    if (!empty)
        x64i_x87_set_bits(cpu, op->destination, bits);
    x64i_x87_pop(cpu);
    return X64I_DONE;
}

X64I_HANDLER(fxch)
{
    unsigned i = op->destination;
    if (x64i_x87_begin(cpu) != X64I_DONE)
        return X64I_FAULT;
    struct x64i_extended first = x64i_x87_bits(cpu, 0);
    struct x64i_extended second = x64i_x87_bits(cpu, i);
    bool first_empty = x64i_x87_is_empty(cpu, 0);
    bool second_empty = x64i_x87_is_empty(cpu, i);
    if (first_empty || second_empty) {
        if (!x64i_x87_underflow(cpu, op))
            return X64I_DONE;
        first = first_empty ? indefinite : first;
        second = second_empty ? indefinite : second;
    } else {
        x64i_x87_finish_exact(cpu, op);
    }
    x64i_x87_set_bits(cpu, 0, second);
    x64i_x87_set_bits(cpu, i, first);
    return X64I_DONE;
}

/* Constants, rounded as the control word says but always to 64 bits (SDM vol. 2A, FLD1). The
 * significand's next 64 bits stand for all that follow. */
static enum x64i_result constant(struct x64i_cpu *cpu, const struct x64i_op *op, int32_t exponent,
                                 uint64_t significand, uint64_t below)
{
    if (x64i_x87_begin(cpu) != X64I_DONE)
        return X64I_FAULT;
    if (!has_room(cpu, op))
        return X64I_DONE;
    struct x64i_float_control control = x64i_x87_control(cpu);
    control.precision = 64;
    struct x64i_float value = x64i_float_zero(false);
    if (significand)
        value = x64i_float_round(&control, &x64i_extended80, false, exponent,
                                 (x64i_uint128)significand << 64 | below);
    x64i_x87_finish_exact(cpu, op);
    x64i_x87_push(cpu, value);
    return X64I_DONE;
}

#define CONSTANT(name, exponent, significand, below)                                \
    X64I_HANDLER(name)                                                              \
    {                                                                               \
        return constant(cpu, op, exponent, UINT64_C(significand), UINT64_C(below)); \
    }

CONSTANT(fldz, 0, 0, 0)
CONSTANT(fld1, 0, 0x8000000000000000, 0)
CONSTANT(fldpi, 1, 0xc90fdaa22168c234, 0xc4c6628b80dc1cd1)
CONSTANT(fldl2t, 1, 0xd49a784bcd1b8afe, 0x492bf6ff4dafdb4c)
CONSTANT(fldl2e, 0, 0xb8aa3b295c17f0bb, 0xbe87fed0691d3e88)
CONSTANT(fldlg2, -2, 0x9a209a84fbcff798, 0x8f8959ac0b7c9178)
CONSTANT(fldln2, -1, 0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af)

X64I_HANDLER(ffree)
{
    if (x64i_x87_begin(cpu) != X64I_DONE)
        return X64I_FAULT;
    cpu->s.fpu_status &= (uint16_t)~X64I_X87_C1;
    x64i_x87_set_empty(cpu, op->destination);
    return X64I_DONE;
}

/* Not in the SDM, but in all processors. */
X64I_HANDLER(ffreep)
{
    if (x64i_x87_begin(cpu) != X64I_DONE)
        return X64I_FAULT;
    cpu->s.fpu_status &= (uint16_t)~X64I_X87_C1;
    x64i_x87_set_empty(cpu, op->destination);
    x64i_x87_pop(cpu);
    return X64I_DONE;
}

X64I_HANDLER(fincstp)
{
    if (x64i_x87_begin(cpu) != X64I_DONE)
        return X64I_FAULT;
    x64i_x87_finish_exact(cpu, op);
    x64i_x87_turn(cpu, 1);
    return X64I_DONE;
}

X64I_HANDLER(fdecstp)
{
    if (x64i_x87_begin(cpu) != X64I_DONE)
        return X64I_FAULT;
    x64i_x87_finish_exact(cpu, op);
    x64i_x87_turn(cpu, 7);
    return X64I_DONE;
}

X64I_HANDLER(fnop)
{
    (void)op;
    return x64i_x87_begin(cpu);
}
