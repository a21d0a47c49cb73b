/* SPDX-License-Identifier: MIT */
/*
 * Floating-point operations by the host's own SSE unit, under the guest's MXCSR with every
 * exception masked, so that a result is the hardware's to the bit and the host's own state never
 * matters. This is the one file that needs an x86-64 host.
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

/* Runs `text` under the MXCSR `control` (x64i_host_mxcsr); `raised` receives the
 * MXCSR it left. The text may use %0 and on as given by the operand lists. */
#define X64I_HOST_FLOAT(text, control, raised, outputs, ...)                      \
    do {                                                                          \
        uint32_t host_mxcsr_;                                                     \
        uint32_t control_ = (control);                                            \
        __asm__ volatile("stmxcsr %[host]\n\tldmxcsr %[guest]\n\t" text           \
                         "\n\tstmxcsr %[left]\n\tldmxcsr %[host]"                 \
                         : outputs, [host] "=m"(host_mxcsr_), [left] "=m"(raised) \
                         : [guest] "m"(control_), __VA_ARGS__);                   \
    } while (0)

#define X64I_OUTPUTS(...) __VA_ARGS__

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

#endif
