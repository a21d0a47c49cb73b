/* SPDX-License-Identifier: MIT */
/* Conversions between MMX and XMM registers (SDM vol. 2A). The host converts with the instructions
 * for XMM registers alone, whose other lanes are zeros, which raise nothing. The x87 registers have
 * become MMX ones by the time that an exception is raised. */
#include "cpu/host_float.h"
#include "cpu/mmx.h"

/* The checks and the source of an instruction that reads an MMX register or memory. */
#define SOURCE_MMX(name)                                                          \
    X64I_HANDLER(name##_xq)                                                       \
    {                                                                             \
        if (x64i_check_sse(cpu) != X64I_DONE || x64i_check_mmx(cpu) != X64I_DONE) \
            return X64I_FAULT;                                                    \
        return name##_apply(cpu, op, x64i_mmx(cpu, op->source).q, true);          \
    }

#define SOURCE_MEMORY(name, enters)                                                            \
    X64I_HANDLER(name##_xm)                                                                    \
    {                                                                                          \
        uint64_t value;                                                                        \
        const bool enter = (enters);                                                           \
        if (x64i_check_sse(cpu) != X64I_DONE || (enter && x64i_check_mmx(cpu) != X64I_DONE) || \
            x64i_load(cpu, op->segment, x64i_effective(cpu, op), 8, &value) != X64I_DONE)      \
            return X64I_FAULT;                                                                 \
        return name##_apply(cpu, op, value, enter);                                            \
    }

/* xmm := f(two integers). From memory, CVTPI2PD has nothing to do with MMX, and CVTPI2PS has not in
 * AMD's processors. */
#define FROM_MMX(name, operation, whole, enters)                                             \
    static enum x64i_result name##_apply(struct x64i_cpu *cpu, const struct x64i_op *op,     \
                                         uint64_t source, bool enter)                        \
    {                                                                                        \
        union x64i_xmm result = x64i_xmm(cpu, op->destination);                              \
        union x64i_xmm converted = {.q = {source, 0}};                                       \
        if (enter)                                                                           \
            x64i_enter_mmx(cpu);                                                             \
        if (X64I_RUN_FLOAT(cpu, converted, x64i_host_##operation(&converted, &converted)) != \
            X64I_DONE)                                                                       \
            return X64I_FAULT;                                                               \
        result.q[0] = converted.q[0];                                                        \
        if (whole)                                                                           \
            result.q[1] = converted.q[1];                                                    \
        x64i_set_xmm(cpu, op->destination, &result);                                         \
        return X64I_DONE;                                                                    \
    }                                                                                        \
    SOURCE_MMX(name)                                                                         \
    SOURCE_MEMORY(name, enters)

FROM_MMX(cvtpi2ps, cvtdq2ps, false, !cpu->model->behaviour.cvtpi2ps_memory_is_sse)
FROM_MMX(cvtpi2pd, cvtdq2pd, true, false)

/* mmx := f(two floating-point numbers) */
#define TO_MMX(name, operation, load)                                                        \
    static enum x64i_result name##_apply(struct x64i_cpu *cpu, const struct x64i_op *op,     \
                                         const union x64i_xmm *source)                       \
    {                                                                                        \
        union x64i_xmm converted = *source;                                                  \
        x64i_enter_mmx(cpu);                                                                 \
        if (X64I_RUN_FLOAT(cpu, converted, x64i_host_##operation(&converted, &converted)) != \
            X64I_DONE)                                                                       \
            return X64I_FAULT;                                                               \
        x64i_set_mmx(cpu, op->destination, converted.q[0]);                                  \
        return X64I_DONE;                                                                    \
    }                                                                                        \
    X64I_HANDLER(name##_qx)                                                                  \
    {                                                                                        \
        if (x64i_check_sse(cpu) != X64I_DONE || x64i_check_mmx(cpu) != X64I_DONE)            \
            return X64I_FAULT;                                                               \
        union x64i_xmm source = x64i_xmm(cpu, op->source);                                   \
        return name##_apply(cpu, op, low_##load(&source));                                   \
    }                                                                                        \
    X64I_HANDLER(name##_qm)                                                                  \
    {                                                                                        \
        union x64i_xmm source = {.q = {0, 0}};                                               \
        if (x64i_check_sse(cpu) != X64I_DONE || x64i_check_mmx(cpu) != X64I_DONE ||          \
            load(cpu, op, &source) != X64I_DONE)                                             \
            return X64I_FAULT;                                                               \
        return name##_apply(cpu, op, &source);                                               \
    }

static enum x64i_result load_two_singles(struct x64i_cpu *cpu, const struct x64i_op *op,
                                         union x64i_xmm *value)
{
    return x64i_load(cpu, op->segment, x64i_effective(cpu, op), 8, &value->q[0]);
}

static const union x64i_xmm *low_load_two_singles(union x64i_xmm *value)
{
    value->q[1] = 0;
    return value;
}

static enum x64i_result load_two_doubles(struct x64i_cpu *cpu, const struct x64i_op *op,
                                         union x64i_xmm *value)
{
    return x64i_load_xmm_aligned(cpu, op, value);
}

static const union x64i_xmm *low_load_two_doubles(union x64i_xmm *value)
{
    return value;
}

TO_MMX(cvtps2pi, cvtps2dq, load_two_singles)
TO_MMX(cvttps2pi, cvttps2dq, load_two_singles)
TO_MMX(cvtpd2pi, cvtpd2dq, load_two_doubles)
TO_MMX(cvttpd2pi, cvttpd2dq, load_two_doubles)
