/* SPDX-License-Identifier: MIT */
/* Exchanges, compare-and-exchange of one operand (SDM vol. 1, 7.3.1.2). One step of this machine is
 * atomic, so that LOCK needs nothing of its own. */
#include "cpu/sem.h"

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
    x64i_set_flags_add(cpu, X64I_OSZAPC, a, b, result, width);
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
    x64i_set_flags_sub(cpu, X64I_OSZAPC, accumulator, a, difference, width);
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
