/* SPDX-License-Identifier: MIT */
/*
 * What every file of semantics needs: the handler's signature and the instances of a body, one for
 * each operand pattern and width of its shape. Files that fast_forms.def names are compiled twice:
 * for the reference path, and with X64I_ENGINE for the block engine. A body is a `static inline`
 * function whose width is a constant in every instance.
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

#ifdef X64I_ENGINE
#include "cpu/fast_sem.h"
#else
#include "cpu/flags.h"
#include "cpu/isa_handlers.h"

/* The type of ops that semantics read. */
typedef struct x64i_op x64i_sem_op;

/* Defines handler x64i_<name>. */
#define X64I_HANDLER(name) enum x64i_result x64i_##name(struct x64i_cpu *cpu, const x64i_sem_op *op)
#endif

/* uint64_t body(cpu, a, width) and uint64_t body(cpu, a, b, width). Values come zero-extended. */
#define X64I_BODY1(name) \
    X64I_INLINE uint64_t name##_body(struct x64i_cpu *cpu, uint64_t a, unsigned width)
#define X64I_BODY2(name) \
    X64I_INLINE uint64_t name##_body(struct x64i_cpu *cpu, uint64_t a, uint64_t b, unsigned width)

/* An action reads one operand, and does with it what its instruction is about. */
#define X64I_ACTION(name) \
    X64I_INLINE enum x64i_result name##_action(struct x64i_cpu *cpu, uint64_t a, unsigned width)

#define X64I_FOR_8_16_32_64(instance, name) \
    instance(name, 8) instance(name, 16) instance(name, 32) instance(name, 64)
#define X64I_FOR_16_32_64(instance, name) instance(name, 16) instance(name, 32) instance(name, 64)
#define X64I_FOR_32_64(instance, name)    instance(name, 32) instance(name, 64)

/* destination := body(destination, source); a destination in memory is checked before all. */
#define X64I_RR_AT(name, W)                                               \
    X64I_HANDLER(name##_rr_##W)                                           \
    {                                                                     \
        uint64_t a = x64i_gpr(cpu, op->destination, W);                   \
        uint64_t b = x64i_gpr(cpu, op->source, W);                        \
        x64i_set_gpr(cpu, op->destination, name##_body(cpu, a, b, W), W); \
        return X64I_DONE;                                                 \
    }

#define X64I_RI_AT(name, W)                                                                     \
    X64I_HANDLER(name##_ri_##W)                                                                 \
    {                                                                                           \
        uint64_t a = x64i_gpr(cpu, op->destination, W);                                         \
        x64i_set_gpr(cpu, op->destination, name##_body(cpu, a, op->immediate &x64i_mask(W), W), \
                     W);                                                                        \
        return X64I_DONE;                                                                       \
    }

#define X64I_RM_AT(name, W)                                                               \
    X64I_HANDLER(name##_rm_##W)                                                           \
    {                                                                                     \
        uint64_t b;                                                                       \
        if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), W / 8, &b) != X64I_DONE) \
            return X64I_FAULT;                                                            \
        uint64_t a = x64i_gpr(cpu, op->destination, W);                                   \
        x64i_set_gpr(cpu, op->destination, name##_body(cpu, a, b, W), W);                 \
        return X64I_DONE;                                                                 \
    }

#define X64I_MR_AT(name, W)                                                               \
    X64I_HANDLER(name##_mr_##W)                                                           \
    {                                                                                     \
        struct x64i_target target;                                                        \
        uint64_t a;                                                                       \
        if (x64i_modify(cpu, op->segment, x64i_effective(cpu, op), W / 8, &target, &a) != \
            X64I_DONE)                                                                    \
            return X64I_FAULT;                                                            \
        uint64_t b = x64i_gpr(cpu, op->source, W);                                        \
        x64i_commit(cpu, &target, name##_body(cpu, a, b, W));                             \
        return X64I_DONE;                                                                 \
    }

#define X64I_MI_AT(name, W)                                                               \
    X64I_HANDLER(name##_mi_##W)                                                           \
    {                                                                                     \
        struct x64i_target target;                                                        \
        uint64_t a;                                                                       \
        if (x64i_modify(cpu, op->segment, x64i_effective(cpu, op), W / 8, &target, &a) != \
            X64I_DONE)                                                                    \
            return X64I_FAULT;                                                            \
        x64i_commit(cpu, &target, name##_body(cpu, a, op->immediate &x64i_mask(W), W));   \
        return X64I_DONE;                                                                 \
    }

/* CMP, TEST, BT: the body's result is thrown away. */
#define X64I_CMP_RR_AT(name, W)                                                               \
    X64I_HANDLER(name##_rr_##W)                                                               \
    {                                                                                         \
        name##_body(cpu, x64i_gpr(cpu, op->destination, W), x64i_gpr(cpu, op->source, W), W); \
        return X64I_DONE;                                                                     \
    }

#define X64I_CMP_RI_AT(name, W)                                                              \
    X64I_HANDLER(name##_ri_##W)                                                              \
    {                                                                                        \
        name##_body(cpu, x64i_gpr(cpu, op->destination, W), op->immediate &x64i_mask(W), W); \
        return X64I_DONE;                                                                    \
    }

#define X64I_CMP_RM_AT(name, W)                                                           \
    X64I_HANDLER(name##_rm_##W)                                                           \
    {                                                                                     \
        uint64_t b;                                                                       \
        if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), W / 8, &b) != X64I_DONE) \
            return X64I_FAULT;                                                            \
        name##_body(cpu, x64i_gpr(cpu, op->destination, W), b, W);                        \
        return X64I_DONE;                                                                 \
    }

#define X64I_CMP_MR_AT(name, W)                                                           \
    X64I_HANDLER(name##_mr_##W)                                                           \
    {                                                                                     \
        uint64_t a;                                                                       \
        if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), W / 8, &a) != X64I_DONE) \
            return X64I_FAULT;                                                            \
        name##_body(cpu, a, x64i_gpr(cpu, op->source, W), W);                             \
        return X64I_DONE;                                                                 \
    }

#define X64I_CMP_MI_AT(name, W)                                                           \
    X64I_HANDLER(name##_mi_##W)                                                           \
    {                                                                                     \
        uint64_t a;                                                                       \
        if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), W / 8, &a) != X64I_DONE) \
            return X64I_FAULT;                                                            \
        name##_body(cpu, a, op->immediate &x64i_mask(W), W);                              \
        return X64I_DONE;                                                                 \
    }

/* destination := body(destination) */
#define X64I_R_AT(name, W)                                                                         \
    X64I_HANDLER(name##_r_##W)                                                                     \
    {                                                                                              \
        x64i_set_gpr(cpu, op->destination, name##_body(cpu, x64i_gpr(cpu, op->destination, W), W), \
                     W);                                                                           \
        return X64I_DONE;                                                                          \
    }

#define X64I_M_AT(name, W)                                                                \
    X64I_HANDLER(name##_m_##W)                                                            \
    {                                                                                     \
        struct x64i_target target;                                                        \
        uint64_t a;                                                                       \
        if (x64i_modify(cpu, op->segment, x64i_effective(cpu, op), W / 8, &target, &a) != \
            X64I_DONE)                                                                    \
            return X64I_FAULT;                                                            \
        x64i_commit(cpu, &target, name##_body(cpu, a, W));                                \
        return X64I_DONE;                                                                 \
    }

/* destination := body(second operand, third operand) */
#define X64I_RRR_AT(name, W)                                                                     \
    X64I_HANDLER(name##_rrr_##W)                                                                 \
    {                                                                                            \
        uint64_t b = x64i_gpr(cpu, op->third, W);                                                \
        x64i_set_gpr(cpu, op->destination, name##_body(cpu, x64i_gpr(cpu, op->source, W), b, W), \
                     W);                                                                         \
        return X64I_DONE;                                                                        \
    }

#define X64I_RRM_AT(name, W)                                                                     \
    X64I_HANDLER(name##_rrm_##W)                                                                 \
    {                                                                                            \
        uint64_t b;                                                                              \
        if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), W / 8, &b) != X64I_DONE)        \
            return X64I_FAULT;                                                                   \
        x64i_set_gpr(cpu, op->destination, name##_body(cpu, x64i_gpr(cpu, op->source, W), b, W), \
                     W);                                                                         \
        return X64I_DONE;                                                                        \
    }

#define X64I_RMR_AT(name, W)                                                                    \
    X64I_HANDLER(name##_rmr_##W)                                                                \
    {                                                                                           \
        uint64_t a;                                                                             \
        if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), W / 8, &a) != X64I_DONE)       \
            return X64I_FAULT;                                                                  \
        x64i_set_gpr(cpu, op->destination, name##_body(cpu, a, x64i_gpr(cpu, op->third, W), W), \
                     W);                                                                        \
        return X64I_DONE;                                                                       \
    }

#define X64I_RRI_AT(name, W)                                                                    \
    X64I_HANDLER(name##_rri_##W)                                                                \
    {                                                                                           \
        x64i_set_gpr(                                                                           \
            cpu, op->destination,                                                               \
            name##_body(cpu, x64i_gpr(cpu, op->source, W), op->immediate &x64i_mask(W), W), W); \
        return X64I_DONE;                                                                       \
    }

#define X64I_RMI_AT(name, W)                                                                    \
    X64I_HANDLER(name##_rmi_##W)                                                                \
    {                                                                                           \
        uint64_t a;                                                                             \
        if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), W / 8, &a) != X64I_DONE)       \
            return X64I_FAULT;                                                                  \
        x64i_set_gpr(cpu, op->destination, name##_body(cpu, a, op->immediate &x64i_mask(W), W), \
                     W);                                                                        \
        return X64I_DONE;                                                                       \
    }

/* enum x64i_result action(cpu, a, width): the operand is read, the action does the rest. */
#define X64I_ACT_R_AT(name, W)                                           \
    X64I_HANDLER(name##_r_##W)                                           \
    {                                                                    \
        return name##_action(cpu, x64i_gpr(cpu, op->destination, W), W); \
    }

#define X64I_ACT_M_AT(name, W)                                                            \
    X64I_HANDLER(name##_m_##W)                                                            \
    {                                                                                     \
        uint64_t a;                                                                       \
        if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), W / 8, &a) != X64I_DONE) \
            return X64I_FAULT;                                                            \
        return name##_action(cpu, a, W);                                                  \
    }

#define X64I_ACT_I_AT(name, W)                                      \
    X64I_HANDLER(name##_i_##W)                                      \
    {                                                               \
        return name##_action(cpu, op->immediate & x64i_mask(W), W); \
    }

#define X64I_ALU2_AT(name, W) \
    X64I_RR_AT(name, W)       \
    X64I_RI_AT(name, W) X64I_RM_AT(name, W) X64I_MR_AT(name, W) X64I_MI_AT(name, W)
#define X64I_CMP2_AT(name, W) \
    X64I_CMP_RR_AT(name, W)   \
    X64I_CMP_RI_AT(name, W) X64I_CMP_RM_AT(name, W) X64I_CMP_MR_AT(name, W) X64I_CMP_MI_AT(name, W)
#define X64I_UNARY_AT(name, W) X64I_R_AT(name, W) X64I_M_AT(name, W)
#define X64I_R_RM_AT(name, W)  X64I_RR_AT(name, W) X64I_RM_AT(name, W)
#define X64I_READ1_AT(name, W) X64I_ACT_R_AT(name, W) X64I_ACT_M_AT(name, W)
#define X64I_SHIFT_AT(name, W) \
    X64I_RR_AT(name, W) X64I_RI_AT(name, W) X64I_MR_AT(name, W) X64I_MI_AT(name, W)

#define X64I_INSTANCES_ALU2(name)  X64I_FOR_8_16_32_64(X64I_ALU2_AT, name)
#define X64I_INSTANCES_CMP2(name)  X64I_FOR_8_16_32_64(X64I_CMP2_AT, name)
#define X64I_INSTANCES_UNARY(name) X64I_FOR_8_16_32_64(X64I_UNARY_AT, name)
#define X64I_INSTANCES_READ1(name) X64I_FOR_8_16_32_64(X64I_READ1_AT, name)
#define X64I_INSTANCES_SHIFT(name) X64I_FOR_8_16_32_64(X64I_SHIFT_AT, name)
#define X64I_INSTANCES_R_RM(name)  X64I_FOR_16_32_64(X64I_R_RM_AT, name)

#endif
