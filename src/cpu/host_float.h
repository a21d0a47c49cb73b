/* SPDX-License-Identifier: MIT */
/*
 * Floating-point operations by the host's own SSE unit, under the guest's MXCSR with every
 * exception masked, so that a result is the hardware's to the bit and the host's own state never
 * matters. This is the one file that needs an x86-64 host: everything else calls these functions on
 * lanes of bits.
 */
#ifndef X64I_CPU_HOST_FLOAT_H
#define X64I_CPU_HOST_FLOAT_H

#include "cpu/vector.h"

#include <immintrin.h>

#define X64I_MXCSR_FLAGS 0x3fu   /* IE DE ZE OE UE PE */
#define X64I_MXCSR_MASKS 0x1f80u /* the same six, seven bits up */
#define X64I_MXCSR_UE    0x0010u /* underflow */
#define X64I_MXCSR_UM    0x0800u /* its mask */
#define X64I_MXCSR_FZ    0x8000u /* flush to zero */

X64I_INLINE __m128i x64i_to_host(const union x64i_xmm *value)
{
    return _mm_loadu_si128((const __m128i *)value);
}

X64I_INLINE void x64i_from_host(union x64i_xmm *value, __m128i host)
{
    _mm_storeu_si128((__m128i *)value, host);
}

/* The control bits for the host. Flushing to zero needs a masked underflow (SDM vol. 1, 10.2.3.3).
 */
static inline uint32_t x64i_host_mxcsr(uint32_t guest)
{
    uint32_t control = (guest & ~X64I_MXCSR_FLAGS) | X64I_MXCSR_MASKS;
    return guest & X64I_MXCSR_UM ? control : control & ~X64I_MXCSR_FZ;
}

/* Puts the host's unit under `control` (x64i_host_mxcsr) and says what it was under; between enter
 * and leave there are only the operations below, all `volatile`, which keep their order. Leaving
 * returns the MXCSR with the flags that they raised. */
X64I_INLINE uint32_t x64i_host_enter(uint32_t control)
{
    uint32_t host;
    __asm__ volatile("stmxcsr %0\n\tldmxcsr %1" : "=m"(host) : "m"(control));
    return host;
}

X64I_INLINE uint32_t x64i_host_leave(uint32_t host)
{
    uint32_t raised;
    __asm__ volatile("stmxcsr %0\n\tldmxcsr %1" : "=m"(raised) : "m"(host));
    return raised;
}

/* One lane, d := f(d, s), by the instruction of that name; scalar ones leave the rest of d. */
#define X64I_HOST_OP(name)                                                        \
    X64I_INLINE void x64i_host_##name(union x64i_xmm *d, const union x64i_xmm *s) \
    {                                                                             \
        __m128i value = x64i_to_host(d);                                          \
        __asm__ volatile(#name " %1, %0" : "+x"(value) : "x"(x64i_to_host(s)));   \
        x64i_from_host(d, value);                                                 \
    }

#define X64I_HOST_OP_ALL(stem) \
    X64I_HOST_OP(stem##ps) X64I_HOST_OP(stem##pd) X64I_HOST_OP(stem##ss) X64I_HOST_OP(stem##sd)

X64I_HOST_OP_ALL(add)
X64I_HOST_OP_ALL(sub)
X64I_HOST_OP_ALL(mul)
X64I_HOST_OP_ALL(div)
X64I_HOST_OP_ALL(min)
X64I_HOST_OP_ALL(max)
X64I_HOST_OP_ALL(sqrt)
X64I_HOST_OP(rcpps)
X64I_HOST_OP(rcpss)
X64I_HOST_OP(rsqrtps)
X64I_HOST_OP(rsqrtss)
X64I_HOST_OP(cvtps2pd)
X64I_HOST_OP(cvtpd2ps)
X64I_HOST_OP(cvtss2sd)
X64I_HOST_OP(cvtsd2ss)
X64I_HOST_OP(cvtdq2pd)
X64I_HOST_OP(cvtdq2ps)
X64I_HOST_OP(cvtps2dq)
X64I_HOST_OP(cvttps2dq)
X64I_HOST_OP(cvtpd2dq)
X64I_HOST_OP(cvttpd2dq)

/* To and from general registers. */
#define X64I_HOST_TO_GENERAL(name, W)                                           \
    X64I_INLINE uint64_t x64i_host_##name##_##W(const union x64i_xmm *s)        \
    {                                                                           \
        uint##W##_t value;                                                      \
        __asm__ volatile(#name " %1, %0" : "=r"(value) : "x"(x64i_to_host(s))); \
        return value;                                                           \
    }

#define X64I_HOST_FROM_GENERAL(name, W, suffix)                                       \
    X64I_INLINE void x64i_host_##name##_##W(union x64i_xmm *d, uint64_t s)            \
    {                                                                                 \
        __m128i value = x64i_to_host(d);                                              \
        __asm__ volatile(#name suffix " %1, %0" : "+x"(value) : "r"((uint##W##_t)s)); \
        x64i_from_host(d, value);                                                     \
    }

X64I_HOST_TO_GENERAL(cvtss2si, 32)
X64I_HOST_TO_GENERAL(cvtss2si, 64)
X64I_HOST_TO_GENERAL(cvttss2si, 32)
X64I_HOST_TO_GENERAL(cvttss2si, 64)
X64I_HOST_TO_GENERAL(cvtsd2si, 32)
X64I_HOST_TO_GENERAL(cvtsd2si, 64)
X64I_HOST_TO_GENERAL(cvttsd2si, 32)
X64I_HOST_TO_GENERAL(cvttsd2si, 64)
X64I_HOST_FROM_GENERAL(cvtsi2ss, 32, "l")
X64I_HOST_FROM_GENERAL(cvtsi2ss, 64, "q")
X64I_HOST_FROM_GENERAL(cvtsi2sd, 32, "l")
X64I_HOST_FROM_GENERAL(cvtsi2sd, 64, "q")

/* Fused multiply-add, d := f(d, b, c) in the operand order of the instruction's name, which decides
 * whose NaN wins. The host must have FMA. */
#define X64I_HOST_FMA(name)                                                       \
    X64I_INLINE void x64i_host_##name(union x64i_xmm *d, const union x64i_xmm *b, \
                                      const union x64i_xmm *c)                    \
    {                                                                             \
        __m128i value = x64i_to_host(d);                                          \
        __asm__ volatile(#name " %2, %1, %0"                                      \
                         : "+x"(value)                                            \
                         : "x"(x64i_to_host(b)), "x"(x64i_to_host(c)));           \
        x64i_from_host(d, value);                                                 \
    }

/* Puts the flags that an operation raised into MXCSR, and raises #XM (or #UD without
 * CR4.OSXMMEXCPT) when one of them is not masked. An unmasked invalid, denormal or divide-by-zero
 * exception comes before the operation, which then raises nothing else (SDM vol. 1, 11.5.2). */
static inline enum x64i_result x64i_note_float(struct x64i_cpu *cpu, uint32_t raised)
{
    uint32_t flags = raised & X64I_MXCSR_FLAGS;
    uint32_t unmasked = flags & ~(cpu->s.mxcsr >> 7);
    if (unmasked & 7)
        flags &= 7;
    uint32_t mxcsr = cpu->s.mxcsr | flags;
    if (cpu->effects && mxcsr != cpu->s.mxcsr)
        x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_REGISTER,
                                                           .size = 4,
                                                           .index = X64_MXCSR,
                                                           .old = cpu->s.mxcsr,
                                                           .value = mxcsr});
    cpu->s.mxcsr = mxcsr;
    if (!unmasked)
        return X64I_DONE;
    return x64i_raise(cpu, cpu->s.cr4 & X64I_CR4_OSXMMEXCPT ? X64_FAULT_XM : X64_FAULT_UD);
}

/* Runs the statements, which make `d` of what they find in it, on the host's unit. An unmasked
 * underflow is raised by every tiny result, a masked one by inexact ones only (SDM vol.
 * 1, 4.9.1.5): flushing to zero, which notices all of them, tells the difference. */
#define X64I_RUN_FLOAT(cpu, d, ...)                            \
    __extension__({                                            \
        __typeof__(d) before_ = (d);                           \
        uint32_t control_ = x64i_host_mxcsr((cpu)->s.mxcsr);   \
        uint32_t host_ = x64i_host_enter(control_);            \
        __VA_ARGS__;                                           \
        uint32_t raised_ = x64i_host_leave(host_);             \
        if (!((cpu)->s.mxcsr & X64I_MXCSR_UM)) {               \
            __typeof__(d) result_ = (d);                       \
            (d) = before_;                                     \
            host_ = x64i_host_enter(control_ | X64I_MXCSR_FZ); \
            __VA_ARGS__;                                       \
            raised_ |= x64i_host_leave(host_) & X64I_MXCSR_UE; \
            (d) = result_;                                     \
        }                                                      \
        x64i_note_float(cpu, raised_);                         \
    })

#endif
