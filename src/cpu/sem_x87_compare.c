/* SPDX-License-Identifier: MIT */
/* x87 comparisons, classification and conditional moves (SDM vol. 1, 8.3.6 and 8.3.3). */
#include "cpu/x87.h"

/* C3, C2 and C0 of an order; FCOMI's ZF, PF and CF are the same bits elsewhere. */
static const uint16_t codes_of[] = {
    [X64I_LESS] = X64I_X87_C0,
    [X64I_EQUAL] = X64I_X87_C3,
    [X64I_GREATER] = 0,
    [X64I_UNORDERED] = X64I_X87_C3 | X64I_X87_C2 | X64I_X87_C0,
};

static const uint8_t flags_of[] = {
    [X64I_LESS] = X64I_CF,
    [X64I_EQUAL] = X64I_ZF,
    [X64I_GREATER] = 0,
    [X64I_UNORDERED] = X64I_ZF | X64I_PF | X64I_CF,
};

/* Compares ST(0). `empty`: the other operand is an empty register. `stopped`: an exception is not
 * masked. */
static enum x64i_order order(struct x64i_cpu *cpu, const struct x64i_op *op, struct x64i_float b,
                             bool empty, bool quiet_is_invalid, bool *stopped)
{
    if (empty || x64i_x87_is_empty(cpu, 0)) {
        *stopped = !x64i_x87_underflow(cpu, op);
        return X64I_UNORDERED;
    }
    struct x64i_float_control control = x64i_x87_control(cpu);
    enum x64i_order result =
        x64i_float_compare(&control, x64i_x87_get(cpu, 0), b, quiet_is_invalid);
    *stopped = !x64i_x87_finish(cpu, op, &control);
    return result;
}

/* The condition codes are set even when an exception is not masked; then nothing is popped. */
static void compare(struct x64i_cpu *cpu, const struct x64i_op *op, struct x64i_float b, bool empty,
                    bool quiet_is_invalid, unsigned pops)
{
    bool stopped = false;
    enum x64i_order result = order(cpu, op, b, empty, quiet_is_invalid, &stopped);
    x64i_x87_set_codes(cpu, codes_of[result]);
    for (; pops && !stopped; pops--)
        x64i_x87_pop(cpu);
}

static enum x64i_result compare_register(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned i,
                                         bool quiet_is_invalid, unsigned pops)
{
    if (x64i_x87_begin(cpu) != X64I_DONE)
        return X64I_FAULT;
    compare(cpu, op, x64i_x87_get(cpu, i), x64i_x87_is_empty(cpu, i), quiet_is_invalid, pops);
    return X64I_DONE;
}

#define WITH_REGISTER(name, i, quiet_is_invalid, pops)               \
    X64I_HANDLER(name)                                               \
    {                                                                \
        return compare_register(cpu, op, i, quiet_is_invalid, pops); \
    }

#define WITH_MEMORY(name, size, operand, pops)                                              \
    X64I_HANDLER(name)                                                                      \
    {                                                                                       \
        const struct x64i_float_control as_is = {0};                                        \
        uint64_t bits;                                                                      \
        (void)as_is;                                                                        \
        if (x64i_x87_begin(cpu) != X64I_DONE ||                                             \
            x64i_load(cpu, op->segment, x64i_effective(cpu, op), size, &bits) != X64I_DONE) \
            return X64I_FAULT;                                                              \
        compare(cpu, op, operand, false, true, pops);                                       \
        return X64I_DONE;                                                                   \
    }

#define MEMORY_FORMS(suffix, pops)                                                            \
    WITH_MEMORY(fcom##suffix##_m32, 4, x64i_float_unpack(&as_is, &x64i_binary32, bits), pops) \
    WITH_MEMORY(fcom##suffix##_m64, 8, x64i_float_unpack(&as_is, &x64i_binary64, bits), pops) \
    WITH_MEMORY(ficom##suffix##_m16, 2, x64i_float_from_integer((int16_t)bits), pops)         \
    WITH_MEMORY(ficom##suffix##_m32, 4, x64i_float_from_integer((int32_t)bits), pops)

MEMORY_FORMS(, 0)
MEMORY_FORMS(p, 1)
WITH_REGISTER(fcom_f, op->destination, true, 0)
WITH_REGISTER(fcomp_f, op->destination, true, 1)
WITH_REGISTER(fcompp, 1, true, 2)
WITH_REGISTER(fucom, op->destination, false, 0)
WITH_REGISTER(fucomp, op->source, false, 1)
WITH_REGISTER(fucompp, 1, false, 2)

X64I_HANDLER(ftst)
{
    if (x64i_x87_begin(cpu) != X64I_DONE)
        return X64I_FAULT;
    compare(cpu, op, x64i_float_zero(false), false, true, 0);
    return X64I_DONE;
}

/* FCOMI and its kin: the order in RFLAGS; OF, SF and AF are cleared, and so is C1 by the SDM. */
static enum x64i_result compare_flags(struct x64i_cpu *cpu, const struct x64i_op *op,
                                      bool quiet_is_invalid, bool pop)
{
    unsigned i = op->source;
    if (x64i_x87_begin(cpu) != X64I_DONE)
        return X64I_FAULT;
    bool stopped = false;
    const bool keeps = cpu->model->behaviour.fcomi_keeps_c1 && !x64i_x87_is_empty(cpu, 0) &&
                       !x64i_x87_is_empty(cpu, i); /* a stack fault clears it */
    const unsigned c1 = keeps ? cpu->s.fpu_status & X64I_X87_C1 : 0;
    enum x64i_order result =
        order(cpu, op, x64i_x87_get(cpu, i), x64i_x87_is_empty(cpu, i), quiet_is_invalid, &stopped);
    cpu->s.fpu_status |= (uint16_t)c1;
    x64i_set_flags(cpu, X64I_OSZAPC, flags_of[result]);
    if (pop && !stopped)
        x64i_x87_pop(cpu);
    return X64I_DONE;
}

X64I_HANDLER(fcomi)
{
    return compare_flags(cpu, op, true, false);
}

X64I_HANDLER(fcomip)
{
    return compare_flags(cpu, op, true, true);
}

X64I_HANDLER(fucomi)
{
    return compare_flags(cpu, op, false, false);
}

X64I_HANDLER(fucomip)
{
    return compare_flags(cpu, op, false, true);
}

/* FXAM's classes. */
static unsigned class_of(struct x64i_float value)
{
    switch (value.kind) {
    case X64I_FLOAT_UNSUPPORTED:
        return 0;
    case X64I_FLOAT_QUIET:
    case X64I_FLOAT_SIGNALING:
        return X64I_X87_C0;
    case X64I_FLOAT_INFINITE:
        return X64I_X87_C2 | X64I_X87_C0;
    case X64I_FLOAT_ZERO:
        return X64I_X87_C3;
    default:
        return value.denormal ? X64I_X87_C3 | X64I_X87_C2 : X64I_X87_C2;
    }
}

X64I_HANDLER(fxam)
{
    if (x64i_x87_begin(cpu) != X64I_DONE)
        return X64I_FAULT;
    struct x64i_float value = x64i_x87_get(cpu, 0);
    x64i_x87_finish_exact(cpu, op);
    x64i_x87_set_codes(cpu,
                       x64i_x87_is_empty(cpu, 0) ? X64I_X87_C3 | X64I_X87_C0 : class_of(value));
    if (value.negative)
        cpu->s.fpu_status |= X64I_X87_C1;
    return X64I_DONE;
}

/* ST(0) := ST(i) if the condition holds; both registers are looked at in any case. */
static enum x64i_result move_if(struct x64i_cpu *cpu, const struct x64i_op *op, uint32_t flags,
                                bool set)
{
    unsigned i = op->source;
    if (x64i_x87_begin(cpu) != X64I_DONE)
        return X64I_FAULT;
    if (x64i_x87_is_empty(cpu, 0) || x64i_x87_is_empty(cpu, i)) {
        if (x64i_x87_underflow(cpu, op))
            x64i_x87_set(cpu, 0, x64i_float_indefinite());
        return X64I_DONE;
    }
    x64i_x87_note_pointers(cpu, op); /* C1 stays */
    if (((cpu->s.rflags & flags) != 0) == set)
        x64i_x87_set_bits(cpu, 0, x64i_x87_bits(cpu, i));
    return X64I_DONE;
}

#define MOVE_IF(name, flags, set)            \
    X64I_HANDLER(name)                       \
    {                                        \
        return move_if(cpu, op, flags, set); \
    }

MOVE_IF(fcmovb, X64I_CF, true)
MOVE_IF(fcmove, X64I_ZF, true)
MOVE_IF(fcmovbe, X64I_CF | X64I_ZF, true)
MOVE_IF(fcmovu, X64I_PF, true)
MOVE_IF(fcmovnb, X64I_CF, false)
MOVE_IF(fcmovne, X64I_ZF, false)
MOVE_IF(fcmovnbe, X64I_CF | X64I_ZF, false)
MOVE_IF(fcmovnu, X64I_PF, false)
