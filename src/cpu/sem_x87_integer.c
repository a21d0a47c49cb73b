/* SPDX-License-Identifier: MIT */
/* x87 loads and stores of integers, binary and decimal (SDM vol. 1, 8.3.3 and 4.7). */
#include "cpu/x87.h"

#include <string.h>

#define DECIMAL_BYTES  10u
#define DECIMAL_DIGITS 18u
#define DECIMAL_LIMIT  INT64_C(1000000000000000000)

/* Exact in every precision: FILD does not round. */
static void load_integer(struct x64i_cpu *cpu, const struct x64i_op *op, int64_t value,
                         bool negative_zero)
{
    if (!x64i_x87_is_empty(cpu, 7)) {
        if (x64i_x87_overflow(cpu, op))
            x64i_x87_push(cpu, x64i_float_indefinite());
        return;
    }
    x64i_x87_finish_exact(cpu, op);
    struct x64i_float number = x64i_float_from_integer(value);
    number.negative = number.negative || negative_zero;
    x64i_x87_push(cpu, number);
}

#define LOAD(bits)                                                                                 \
    X64I_HANDLER(fild_m##bits)                                                                     \
    {                                                                                              \
        uint64_t value;                                                                            \
        if (x64i_x87_begin(cpu) != X64I_DONE ||                                                    \
            x64i_load(cpu, op->segment, x64i_effective(cpu, op), (bits) / 8, &value) != X64I_DONE) \
            return X64I_FAULT;                                                                     \
        load_integer(cpu, op, (int##bits##_t)value, false);                                        \
        return X64I_DONE;                                                                          \
    }

LOAD(16)
LOAD(32)
LOAD(64)

struct store {
    unsigned bits;
    bool truncate;
    bool pop;
};

static enum x64i_result store_integer(struct x64i_cpu *cpu, const struct x64i_op *op,
                                      struct store how)
{
    struct x64i_target target;
    if (x64i_x87_begin(cpu) != X64I_DONE ||
        x64i_probe(cpu, op->segment, x64i_effective(cpu, op), how.bits / 8, &target) != X64I_DONE)
        return X64I_FAULT;
    uint64_t value = UINT64_C(1) << (how.bits - 1);
    bool stored;
    if (x64i_x87_is_empty(cpu, 0)) {
        stored = x64i_x87_underflow(cpu, op);
    } else {
        struct x64i_float_control control = x64i_x87_control(cpu);
        if (how.truncate)
            control.rounding = X64I_ROUND_ZERO;
        value = (uint64_t)x64i_float_to_integer(&control, x64i_x87_get(cpu, 0), how.bits);
        stored = x64i_x87_finish(cpu, op, &control);
    }
    if (!stored)
        return X64I_DONE;
    x64i_commit(cpu, &target, value & x64i_mask(how.bits));
    if (how.pop)
        x64i_x87_pop(cpu);
    return X64I_DONE;
}

#define STORE(name, ...)                                            \
    X64I_HANDLER(name)                                              \
    {                                                               \
        return store_integer(cpu, op, (struct store){__VA_ARGS__}); \
    }

STORE(fist_m16, .bits = 16)
STORE(fist_m32, .bits = 32)
STORE(fistp_m16, .bits = 16, .pop = true)
STORE(fistp_m32, .bits = 32, .pop = true)
STORE(fistp_m64, .bits = 64, .pop = true)
STORE(fisttp_m16, .bits = 16, .truncate = true, .pop = true)
STORE(fisttp_m32, .bits = 32, .truncate = true, .pop = true)
STORE(fisttp_m64, .bits = 64, .truncate = true, .pop = true)

/* Digits beyond 9 are undefined (SDM vol. 2A, FBLD): they count as they stand. */
X64I_HANDLER(fbld)
{
    uint8_t bytes[DECIMAL_BYTES];
    if (x64i_x87_begin(cpu) != X64I_DONE ||
        x64i_load_bytes(cpu, op->segment, x64i_effective(cpu, op), DECIMAL_BYTES, bytes) !=
            X64I_DONE)
        return X64I_FAULT;
    int64_t value = 0;
    for (unsigned i = DECIMAL_BYTES - 1; i-- > 0;)
        value = value * 100 + (bytes[i] >> 4) * 10 + (bytes[i] & 15);
    bool negative = bytes[DECIMAL_BYTES - 1] >> 7;
    load_integer(cpu, op, negative ? -value : value, negative);
    return X64I_DONE;
}

/* What cannot be said with 18 digits is the decimal indefinite. */
static void to_decimal(struct x64i_float_control *control, struct x64i_float a,
                       uint8_t bytes[DECIMAL_BYTES])
{
    static const uint8_t indefinite[DECIMAL_BYTES] = {0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff};
    uint8_t before = control->raised;
    int64_t value = x64i_float_to_integer(control, a, 64);
    if (value >= DECIMAL_LIMIT || value <= -DECIMAL_LIMIT ||
        (control->raised & X64I_FLOAT_INVALID)) {
        control->raised = before | X64I_FLOAT_INVALID;
        memcpy(bytes, indefinite, sizeof indefinite);
        return;
    }
    uint64_t magnitude = (uint64_t)(value < 0 ? -value : value);
    for (unsigned i = 0; i < DECIMAL_DIGITS / 2; i++) {
        bytes[i] = (uint8_t)(magnitude % 10 | magnitude / 10 % 10 << 4);
        magnitude /= 100;
    }
    bytes[DECIMAL_BYTES - 1] = (uint8_t)(a.negative << 7);
}

X64I_HANDLER(fbstp)
{
    struct x64i_target target;
    uint8_t bytes[DECIMAL_BYTES];
    if (x64i_x87_begin(cpu) != X64I_DONE ||
        x64i_probe(cpu, op->segment, x64i_effective(cpu, op), DECIMAL_BYTES, &target) != X64I_DONE)
        return X64I_FAULT;
    struct x64i_float_control control = x64i_x87_control(cpu);
    bool empty = x64i_x87_is_empty(cpu, 0);
    to_decimal(&control, empty ? x64i_float_indefinite() : x64i_x87_get(cpu, 0), bytes);
    if (empty ? !x64i_x87_underflow(cpu, op) : !x64i_x87_finish(cpu, op, &control))
        return X64I_DONE;
    x64i_commit_bytes(cpu, &target, bytes);
    x64i_x87_pop(cpu);
    return X64I_DONE;
}
