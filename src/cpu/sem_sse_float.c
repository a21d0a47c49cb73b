/* SPDX-License-Identifier: MIT */
/* SSE and SSE2 floating point (SDM vol. 1, 11.5 and vol. 2, each instruction's page). */
#include "cpu/host_float.h"

/* A scalar or half-register source from memory, which need not be aligned. */
static enum x64i_result load_low(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned size,
                                 union x64i_xmm *value)
{
    *value = (union x64i_xmm){.q = {0, 0}};
    return x64i_load(cpu, op->segment, x64i_effective(cpu, op), size, &value->q[0]);
}

static enum x64i_result load_4(struct x64i_cpu *cpu, const struct x64i_op *op,
                               union x64i_xmm *value)
{
    return load_low(cpu, op, 4, value);
}

static enum x64i_result load_8(struct x64i_cpu *cpu, const struct x64i_op *op,
                               union x64i_xmm *value)
{
    return load_low(cpu, op, 8, value);
}

/* Handlers of `name`, made of a function name_apply(cpu, op, source). */
#define SOURCES(name, load)                                                          \
    X64I_HANDLER(name##_xx)                                                          \
    {                                                                                \
        if (x64i_check_sse(cpu) != X64I_DONE)                                        \
            return X64I_FAULT;                                                       \
        union x64i_xmm source = x64i_xmm(cpu, op->source);                           \
        return name##_apply(cpu, op, &source);                                       \
    }                                                                                \
    X64I_HANDLER(name##_xm)                                                          \
    {                                                                                \
        union x64i_xmm source;                                                       \
        if (x64i_check_sse(cpu) != X64I_DONE || load(cpu, op, &source) != X64I_DONE) \
            return X64I_FAULT;                                                       \
        return name##_apply(cpu, op, &source);                                       \
    }

/* destination := f(destination, source) by the host's instruction of the same name. An unmasked
 * underflow is raised by every tiny result, a masked one by inexact ones only (SDM vol.
 * 1, 4.9.1.5): flushing to zero, which notices all of them, tells the difference. */
#define HOST_2(name, load)                                                                         \
    static enum x64i_result name##_apply(struct x64i_cpu *cpu, const struct x64i_op *op,           \
                                         const union x64i_xmm *source)                             \
    {                                                                                              \
        union x64i_xmm result = x64i_xmm(cpu, op->destination);                                    \
        __m128i d = x64i_to_host(&result);                                                         \
        uint32_t raised;                                                                           \
        X64I_HOST_FLOAT(#name " %[s], %[d]", x64i_host_mxcsr(cpu->s.mxcsr), raised,                \
                        X64I_OUTPUTS([d] "+x"(d)), [s] "x"(x64i_to_host(source)));                 \
        if (!(cpu->s.mxcsr & X64I_MXCSR_UM)) {                                                     \
            __m128i flushed = x64i_to_host(&result);                                               \
            uint32_t tiny;                                                                         \
            X64I_HOST_FLOAT(#name " %[s], %[d]", x64i_host_mxcsr(cpu->s.mxcsr) | X64I_MXCSR_FZ,    \
                            tiny, X64I_OUTPUTS([d] "+x"(flushed)), [s] "x"(x64i_to_host(source))); \
            raised |= tiny & X64I_MXCSR_UE;                                                        \
        }                                                                                          \
        if (x64i_note_float(cpu, raised) != X64I_DONE)                                             \
            return X64I_FAULT;                                                                     \
        x64i_from_host(&result, d);                                                                \
        x64i_set_xmm(cpu, op->destination, &result);                                               \
        return X64I_DONE;                                                                          \
    }                                                                                              \
    SOURCES(name, load)

#define HOST_2_ALL(stem)                    \
    HOST_2(stem##ps, x64i_load_xmm_aligned) \
    HOST_2(stem##pd, x64i_load_xmm_aligned) \
    HOST_2(stem##ss, load_4)                \
    HOST_2(stem##sd, load_8)

HOST_2_ALL(add)
HOST_2_ALL(sub)
HOST_2_ALL(mul)
HOST_2_ALL(div)
HOST_2_ALL(min)
HOST_2_ALL(max)
HOST_2_ALL(sqrt)
HOST_2(rcpps, x64i_load_xmm_aligned)
HOST_2(rcpss, load_4)
HOST_2(rsqrtps, x64i_load_xmm_aligned)
HOST_2(rsqrtss, load_4)
HOST_2(cvtps2pd, load_8)
HOST_2(cvtpd2ps, x64i_load_xmm_aligned)
HOST_2(cvtss2sd, load_4)
HOST_2(cvtsd2ss, load_8)
HOST_2(cvtdq2pd, load_8)
HOST_2(cvtdq2ps, x64i_load_xmm_aligned)
HOST_2(cvtps2dq, x64i_load_xmm_aligned)
HOST_2(cvttps2dq, x64i_load_xmm_aligned)
HOST_2(cvtpd2dq, x64i_load_xmm_aligned)
HOST_2(cvttpd2dq, x64i_load_xmm_aligned)

#define COMPARE_CASE(name, predicate)                                                       \
    case predicate:                                                                         \
        X64I_HOST_FLOAT(name " $" #predicate ", %[s], %[d]", x64i_host_mxcsr(cpu->s.mxcsr), \
                        raised, X64I_OUTPUTS([d] "+x"(d)), [s] "x"(x64i_to_host(source)));  \
        break;

/* CMPxx: the low three bits of the immediate choose the predicate. */
#define COMPARE(name, text, load)                                                        \
    static enum x64i_result name##_apply(struct x64i_cpu *cpu, const struct x64i_op *op, \
                                         const union x64i_xmm *source)                   \
    {                                                                                    \
        union x64i_xmm result = x64i_xmm(cpu, op->destination);                          \
        __m128i d = x64i_to_host(&result);                                               \
        uint32_t raised = 0;                                                             \
        switch (op->immediate & 7) {                                                     \
            COMPARE_CASE(text, 0)                                                        \
            COMPARE_CASE(text, 1)                                                        \
            COMPARE_CASE(text, 2)                                                        \
            COMPARE_CASE(text, 3)                                                        \
            COMPARE_CASE(text, 4)                                                        \
            COMPARE_CASE(text, 5)                                                        \
            COMPARE_CASE(text, 6)                                                        \
            COMPARE_CASE(text, 7)                                                        \
        }                                                                                \
        if (x64i_note_float(cpu, raised) != X64I_DONE)                                   \
            return X64I_FAULT;                                                           \
        x64i_from_host(&result, d);                                                      \
        x64i_set_xmm(cpu, op->destination, &result);                                     \
        return X64I_DONE;                                                                \
    }                                                                                    \
    SOURCES(name, load)

COMPARE(cmpps, "cmpps", x64i_load_xmm_aligned)
COMPARE(cmppd, "cmppd", x64i_load_xmm_aligned)
COMPARE(cmpss, "cmpss", load_4)
COMPARE(cmpsd_xmm, "cmpsd", load_8)

/* COMISS and its kin: ZF, PF and CF tell the order, OF, SF and AF are cleared. */
#define ORDER(name, load)                                                                      \
    static enum x64i_result name##_apply(struct x64i_cpu *cpu, const struct x64i_op *op,       \
                                         const union x64i_xmm *source)                         \
    {                                                                                          \
        union x64i_xmm first = x64i_xmm(cpu, op->destination);                                 \
        uint32_t raised;                                                                       \
        bool zero, parity, carry;                                                              \
        X64I_HOST_FLOAT(#name " %[s], %[d]", x64i_host_mxcsr(cpu->s.mxcsr), raised,            \
                        X64I_OUTPUTS("=@ccz"(zero), "=@ccp"(parity), "=@ccc"(carry)),          \
                        [s] "x"(x64i_to_host(source)), [d] "x"(x64i_to_host(&first)));         \
        if (x64i_note_float(cpu, raised) != X64I_DONE)                                         \
            return X64I_FAULT;                                                                 \
        x64i_set_flags(cpu, X64I_OSZAPC,                                                       \
                       (zero ? X64I_ZF : 0) | (parity ? X64I_PF : 0) | (carry ? X64I_CF : 0)); \
        return X64I_DONE;                                                                      \
    }                                                                                          \
    SOURCES(name, load)

ORDER(comiss, load_4)
ORDER(comisd, load_8)
ORDER(ucomiss, load_4)
ORDER(ucomisd, load_8)

/* CVTSS2SI and its kin, to 32 and 64 bits. */
#define TO_GENERAL_AT(name, W, type, load)                                                     \
    static enum x64i_result name##_##W##_apply(struct x64i_cpu *cpu, const struct x64i_op *op, \
                                               const union x64i_xmm *source)                   \
    {                                                                                          \
        type result;                                                                           \
        uint32_t raised;                                                                       \
        X64I_HOST_FLOAT(#name " %[s], %[d]", x64i_host_mxcsr(cpu->s.mxcsr), raised,            \
                        X64I_OUTPUTS([d] "=&r"(result)), [s] "x"(x64i_to_host(source)));       \
        if (x64i_note_float(cpu, raised) != X64I_DONE)                                         \
            return X64I_FAULT;                                                                 \
        x64i_set_gpr(cpu, op->destination, result, W);                                         \
        return X64I_DONE;                                                                      \
    }                                                                                          \
    X64I_HANDLER(name##_rx_##W)                                                                \
    {                                                                                          \
        if (x64i_check_sse(cpu) != X64I_DONE)                                                  \
            return X64I_FAULT;                                                                 \
        union x64i_xmm source = x64i_xmm(cpu, op->source);                                     \
        return name##_##W##_apply(cpu, op, &source);                                           \
    }                                                                                          \
    X64I_HANDLER(name##_rm_##W)                                                                \
    {                                                                                          \
        union x64i_xmm source;                                                                 \
        if (x64i_check_sse(cpu) != X64I_DONE || load(cpu, op, &source) != X64I_DONE)           \
            return X64I_FAULT;                                                                 \
        return name##_##W##_apply(cpu, op, &source);                                           \
    }

#define TO_GENERAL(name, load)              \
    TO_GENERAL_AT(name, 32, uint32_t, load) \
    TO_GENERAL_AT(name, 64, uint64_t, load)

TO_GENERAL(cvtss2si, load_4)
TO_GENERAL(cvttss2si, load_4)
TO_GENERAL(cvtsd2si, load_8)
TO_GENERAL(cvttsd2si, load_8)

/* CVTSI2SS and CVTSI2SD, from 32 and 64 bits. */
#define FROM_GENERAL_AT(name, W, type, suffix)                                                 \
    static enum x64i_result name##_##W##_apply(struct x64i_cpu *cpu, const struct x64i_op *op, \
                                               uint64_t source)                                \
    {                                                                                          \
        union x64i_xmm result = x64i_xmm(cpu, op->destination);                                \
        __m128i d = x64i_to_host(&result);                                                     \
        uint32_t raised;                                                                       \
        X64I_HOST_FLOAT(#name suffix " %[s], %[d]", x64i_host_mxcsr(cpu->s.mxcsr), raised,     \
                        X64I_OUTPUTS([d] "+x"(d)), [s] "r"((type)source));                     \
        if (x64i_note_float(cpu, raised) != X64I_DONE)                                         \
            return X64I_FAULT;                                                                 \
        x64i_from_host(&result, d);                                                            \
        x64i_set_xmm(cpu, op->destination, &result);                                           \
        return X64I_DONE;                                                                      \
    }                                                                                          \
    X64I_HANDLER(name##_xr_##W)                                                                \
    {                                                                                          \
        if (x64i_check_sse(cpu) != X64I_DONE)                                                  \
            return X64I_FAULT;                                                                 \
        return name##_##W##_apply(cpu, op, x64i_gpr(cpu, op->source, W));                      \
    }                                                                                          \
    X64I_HANDLER(name##_xm_##W)                                                                \
    {                                                                                          \
        uint64_t source;                                                                       \
        if (x64i_check_sse(cpu) != X64I_DONE ||                                                \
            x64i_load(cpu, op->segment, x64i_effective(cpu, op), W / 8, &source) != X64I_DONE) \
            return X64I_FAULT;                                                                 \
        return name##_##W##_apply(cpu, op, source);                                            \
    }

#define FROM_GENERAL(name)                   \
    FROM_GENERAL_AT(name, 32, uint32_t, "l") \
    FROM_GENERAL_AT(name, 64, uint64_t, "q")

FROM_GENERAL(cvtsi2ss)
FROM_GENERAL(cvtsi2sd)
