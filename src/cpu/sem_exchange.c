/* SPDX-License-Identifier: MIT */
/* Exchanges, compare-and-exchange (SDM vol. 1, 7.3.1.2). One step of this machine is atomic, so
 * that LOCK needs nothing of its own. */
#include "cpu/sem.h"

#include <string.h>

/* TEMP := DEST; DEST := SRC; SRC := TEMP */
#define XCHG_AT(name, W)                                                                  \
    X64I_HANDLER(name##_rr_##W)                                                           \
    {                                                                                     \
        uint64_t a = x64i_gpr(cpu, op->destination, W);                                   \
        uint64_t b = x64i_gpr(cpu, op->source, W);                                        \
        x64i_set_gpr(cpu, op->destination, b, W);                                         \
        x64i_set_gpr(cpu, op->source, a, W);                                              \
        return X64I_DONE;                                                                 \
    }                                                                                     \
    X64I_HANDLER(name##_mr_##W)                                                           \
    {                                                                                     \
        struct x64i_target target;                                                        \
        uint64_t a;                                                                       \
        if (x64i_modify(cpu, op->segment, x64i_effective(cpu, op), W / 8, &target, &a) != \
            X64I_DONE)                                                                    \
            return X64I_FAULT;                                                            \
        x64i_commit(cpu, &target, x64i_gpr(cpu, op->source, W));                          \
        x64i_set_gpr(cpu, op->source, a, W);                                              \
        return X64I_DONE;                                                                 \
    }
X64I_FOR_8_16_32_64(XCHG_AT, xchg)

/* TEMP := SRC + DEST; SRC := DEST; DEST := TEMP */
X64I_BODY2(xadd)
{
    uint64_t result = a + b;
    x64i_set_flags(cpu, X64I_OSZAPC, x64i_flags_add(a, b, result, width));
    return result;
}

#define XADD_AT(name, W)                                                                  \
    X64I_HANDLER(name##_rr_##W)                                                           \
    {                                                                                     \
        uint64_t a = x64i_gpr(cpu, op->destination, W);                                   \
        uint64_t result = name##_body(cpu, a, x64i_gpr(cpu, op->source, W), W);           \
        x64i_set_gpr(cpu, op->source, a, W);                                              \
        x64i_set_gpr(cpu, op->destination, result, W);                                    \
        return X64I_DONE;                                                                 \
    }                                                                                     \
    X64I_HANDLER(name##_mr_##W)                                                           \
    {                                                                                     \
        struct x64i_target target;                                                        \
        uint64_t a;                                                                       \
        if (x64i_modify(cpu, op->segment, x64i_effective(cpu, op), W / 8, &target, &a) != \
            X64I_DONE)                                                                    \
            return X64I_FAULT;                                                            \
        x64i_commit(cpu, &target, name##_body(cpu, a, x64i_gpr(cpu, op->source, W), W));  \
        x64i_set_gpr(cpu, op->source, a, W);                                              \
        return X64I_DONE;                                                                 \
    }
X64I_FOR_8_16_32_64(XADD_AT, xadd)

/* Compares the accumulator with `a`; true when they are equal. */
X64I_INLINE bool compare_accumulator(struct x64i_cpu *cpu, uint64_t a, unsigned width)
{
    uint64_t accumulator = x64i_gpr(cpu, X64_RAX, width);
    uint64_t difference = accumulator - a;
    x64i_set_flags(cpu, X64I_OSZAPC, x64i_flags_sub(accumulator, a, difference, width));
    return accumulator == a;
}

/* IF accumulator = DEST THEN DEST := SRC ELSE accumulator := DEST. Memory is written in both cases;
 * of the registers only the one that changes. */
#define CMPXCHG_AT(name, W)                                                               \
    X64I_HANDLER(name##_rr_##W)                                                           \
    {                                                                                     \
        uint64_t a = x64i_gpr(cpu, op->destination, W);                                   \
        if (compare_accumulator(cpu, a, W))                                               \
            x64i_set_gpr(cpu, op->destination, x64i_gpr(cpu, op->source, W), W);          \
        else                                                                              \
            x64i_set_gpr(cpu, X64_RAX, a, W);                                             \
        return X64I_DONE;                                                                 \
    }                                                                                     \
    X64I_HANDLER(name##_mr_##W)                                                           \
    {                                                                                     \
        struct x64i_target target;                                                        \
        uint64_t a;                                                                       \
        if (x64i_modify(cpu, op->segment, x64i_effective(cpu, op), W / 8, &target, &a) != \
            X64I_DONE)                                                                    \
            return X64I_FAULT;                                                            \
        bool equal = compare_accumulator(cpu, a, W);                                      \
        x64i_commit(cpu, &target, equal ? x64i_gpr(cpu, op->source, W) : a);              \
        if (!equal)                                                                       \
            x64i_set_gpr(cpu, X64_RAX, a, W);                                             \
        return X64I_DONE;                                                                 \
    }
X64I_FOR_8_16_32_64(CMPXCHG_AT, cmpxchg)

/* The two halves of `width` bits are compared with rDX:rAX; rCX:rBX is stored when they are equal,
 * else they are stored back and loaded. Only ZF changes. */
X64I_INLINE enum x64i_result compare_pair(struct x64i_cpu *cpu, const struct x64i_op *op,
                                          unsigned width)
{
    unsigned size = width / 8;
    uint64_t offset = x64i_effective(cpu, op);
    struct x64i_target target;
    uint8_t bytes[16];
    if (x64i_probe(cpu, op->segment, offset, 2 * size, &target) != X64I_DONE ||
        x64i_load_bytes(cpu, op->segment, offset, 2 * size, bytes) != X64I_DONE)
        return X64I_FAULT;
    uint64_t low = 0, high = 0;
    memcpy(&low, bytes, size);
    memcpy(&high, bytes + size, size);
    bool equal = low == x64i_gpr(cpu, X64_RAX, width) && high == x64i_gpr(cpu, X64_RDX, width);
    if (equal) {
        memcpy(bytes, &cpu->s.gpr[X64_RBX], size);
        memcpy(bytes + size, &cpu->s.gpr[X64_RCX], size);
    }
    x64i_commit_bytes(cpu, &target, bytes);
    if (!equal) {
        x64i_set_gpr(cpu, X64_RAX, low, width);
        x64i_set_gpr(cpu, X64_RDX, high, width);
    }
    x64i_set_flags(cpu, X64I_ZF, equal ? X64I_ZF : 0);
    return X64I_DONE;
}

X64I_HANDLER(cmpxchg8b)
{
    return compare_pair(cpu, op, 32);
}

/* The operand must be aligned on 16 bytes: else #GP(0), whatever the segment. Only 64-bit mode has
 * this instruction. */
X64I_HANDLER(cmpxchg16b)
{
    bool has_base = op->segment == X64_FS || op->segment == X64_GS;
    uint64_t base = has_base ? cpu->s.segment[op->segment].base : 0;
    if ((x64i_effective(cpu, op) + base) & 15)
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    return compare_pair(cpu, op, 64);
}
