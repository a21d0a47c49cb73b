/* SPDX-License-Identifier: MIT */
/*
 * What every file of semantics needs: the handler's signature and the instances of a body, one for
 * each operand pattern and width of its shape. A body is a `static inline` function whose width is
 * a constant in every instance.
 *
 *     X64I_BODY2(add)                      uint64_t add(cpu, a, b, width): the result, flags set
 *     {
 *         uint64_t result = a + b;
 *         x64i_set_flags(cpu, X64I_OSZAPC, x64i_flags_add(a, b, result, width));
 *         return result;
 *     }
 *     X64I_INSTANCES_ALU2(add)
 */
#ifndef X64I_CPU_SEM_H
#define X64I_CPU_SEM_H

#include "cpu/flags.h"
#include "cpu/isa_handlers.h"

/* Defines handler x64i_<name>. */
#define X64I_HANDLER(name) \
    enum x64i_result x64i_##name(struct x64i_cpu *cpu, const struct x64i_op *op)

/* uint64_t body(cpu, a, width) and uint64_t body(cpu, a, b, width). Values come zero-extended. */
#define X64I_BODY1(name) \
    X64I_INLINE uint64_t name##_body(struct x64i_cpu *cpu, uint64_t a, unsigned width)
#define X64I_BODY2(name) \
    X64I_INLINE uint64_t name##_body(struct x64i_cpu *cpu, uint64_t a, uint64_t b, unsigned width)

#define X64I_FOR_8_16_32_64(instance, name) \
    instance(name, 8) instance(name, 16) instance(name, 32) instance(name, 64)
#define X64I_FOR_16_32_64(instance, name) instance(name, 16) instance(name, 32) instance(name, 64)

#define X64I_ALU2_AT(name, W)                                                                    \
    X64I_HANDLER(name##_rr_##W)                                                                  \
    {                                                                                            \
        uint64_t a = x64i_gpr(cpu, op->destination, W);                                          \
        x64i_set_gpr(cpu, op->destination, name##_body(cpu, a, x64i_gpr(cpu, op->source, W), W), \
                     W);                                                                         \
        return X64I_DONE;                                                                        \
    }                                                                                            \
    X64I_HANDLER(name##_ri_##W)                                                                  \
    {                                                                                            \
        uint64_t a = x64i_gpr(cpu, op->destination, W);                                          \
        x64i_set_gpr(cpu, op->destination, name##_body(cpu, a, op->immediate &x64i_mask(W), W),  \
                     W);                                                                         \
        return X64I_DONE;                                                                        \
    }                                                                                            \
    X64I_HANDLER(name##_rm_##W)                                                                  \
    {                                                                                            \
        uint64_t b;                                                                              \
        if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), W / 8, &b) != X64I_DONE)        \
            return X64I_FAULT;                                                                   \
        uint64_t a = x64i_gpr(cpu, op->destination, W);                                          \
        x64i_set_gpr(cpu, op->destination, name##_body(cpu, a, b, W), W);                        \
        return X64I_DONE;                                                                        \
    }                                                                                            \
    X64I_HANDLER(name##_mr_##W)                                                                  \
    {                                                                                            \
        struct x64i_target target;                                                               \
        uint64_t a;                                                                              \
        if (x64i_modify(cpu, op->segment, x64i_effective(cpu, op), W / 8, &target, &a) !=        \
            X64I_DONE)                                                                           \
            return X64I_FAULT;                                                                   \
        x64i_commit(cpu, &target, name##_body(cpu, a, x64i_gpr(cpu, op->source, W), W));         \
        return X64I_DONE;                                                                        \
    }                                                                                            \
    X64I_HANDLER(name##_mi_##W)                                                                  \
    {                                                                                            \
        struct x64i_target target;                                                               \
        uint64_t a;                                                                              \
        if (x64i_modify(cpu, op->segment, x64i_effective(cpu, op), W / 8, &target, &a) !=        \
            X64I_DONE)                                                                           \
            return X64I_FAULT;                                                                   \
        x64i_commit(cpu, &target, name##_body(cpu, a, op->immediate &x64i_mask(W), W));          \
        return X64I_DONE;                                                                        \
    }

/* CMP, TEST: the body's result is thrown away. */
#define X64I_CMP2_AT(name, W)                                                                 \
    X64I_HANDLER(name##_rr_##W)                                                               \
    {                                                                                         \
        name##_body(cpu, x64i_gpr(cpu, op->destination, W), x64i_gpr(cpu, op->source, W), W); \
        return X64I_DONE;                                                                     \
    }                                                                                         \
    X64I_HANDLER(name##_ri_##W)                                                               \
    {                                                                                         \
        name##_body(cpu, x64i_gpr(cpu, op->destination, W), op->immediate &x64i_mask(W), W);  \
        return X64I_DONE;                                                                     \
    }                                                                                         \
    X64I_HANDLER(name##_rm_##W)                                                               \
    {                                                                                         \
        uint64_t b;                                                                           \
        if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), W / 8, &b) != X64I_DONE)     \
            return X64I_FAULT;                                                                \
        name##_body(cpu, x64i_gpr(cpu, op->destination, W), b, W);                            \
        return X64I_DONE;                                                                     \
    }                                                                                         \
    X64I_HANDLER(name##_mr_##W)                                                               \
    {                                                                                         \
        uint64_t a;                                                                           \
        if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), W / 8, &a) != X64I_DONE)     \
            return X64I_FAULT;                                                                \
        name##_body(cpu, a, x64i_gpr(cpu, op->source, W), W);                                 \
        return X64I_DONE;                                                                     \
    }                                                                                         \
    X64I_HANDLER(name##_mi_##W)                                                               \
    {                                                                                         \
        uint64_t a;                                                                           \
        if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), W / 8, &a) != X64I_DONE)     \
            return X64I_FAULT;                                                                \
        name##_body(cpu, a, op->immediate &x64i_mask(W), W);                                  \
        return X64I_DONE;                                                                     \
    }

#define X64I_UNARY_AT(name, W)                                                                     \
    X64I_HANDLER(name##_r_##W)                                                                     \
    {                                                                                              \
        x64i_set_gpr(cpu, op->destination, name##_body(cpu, x64i_gpr(cpu, op->destination, W), W), \
                     W);                                                                           \
        return X64I_DONE;                                                                          \
    }                                                                                              \
    X64I_HANDLER(name##_m_##W)                                                                     \
    {                                                                                              \
        struct x64i_target target;                                                                 \
        uint64_t a;                                                                                \
        if (x64i_modify(cpu, op->segment, x64i_effective(cpu, op), W / 8, &target, &a) !=          \
            X64I_DONE)                                                                             \
            return X64I_FAULT;                                                                     \
        x64i_commit(cpu, &target, name##_body(cpu, a, W));                                         \
        return X64I_DONE;                                                                          \
    }

#define X64I_INSTANCES_ALU2(name)  X64I_FOR_8_16_32_64(X64I_ALU2_AT, name)
#define X64I_INSTANCES_CMP2(name)  X64I_FOR_8_16_32_64(X64I_CMP2_AT, name)
#define X64I_INSTANCES_UNARY(name) X64I_FOR_8_16_32_64(X64I_UNARY_AT, name)

#endif
