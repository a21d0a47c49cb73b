/* SPDX-License-Identifier: MIT */
/*
 * The block engine's flags: instead of flags.h in handlers compiled for the engine. The six status
 * flags are kept as two numbers and made when somebody asks (SDM vol. 1, 3.4.3.1 says what they
 * are):
 *
 *     result   the last result, sign-extended: ZF when it is 0; SF is its sign, PF its low byte's
 *     aux      bit 63      carry out of the result's top bit: CF
 *              bit 62      carry into the top bit: OF is its difference from bit 63
 *              bit 3       carry out of bit 3: AF
 *              bits 8-15   a byte to be added (XOR) to the result's lowest for PF
 *              bit 0       a bit to be added (XOR) to the sign for SF
 *
 * The last two are 0 unless flags were loaded that no result has. RFLAGS' other bits stay where
 * they are, in s.rflags.
 */
#ifndef X64I_CPU_FAST_FLAGS_H
#define X64I_CPU_FAST_FLAGS_H

#include "cpu/bits.h"
#include "cpu/cpu.h"

#define X64I_AUX_TOP (UINT64_C(3) << 62)

X64I_INLINE uint64_t x64i_carry(const struct x64i_cpu *cpu)
{
    return cpu->fast.flag_aux >> 63;
}

X64I_INLINE bool x64i_fast_overflow(const struct x64i_cpu *cpu)
{
    return (cpu->fast.flag_aux ^ cpu->fast.flag_aux << 1) >> 63;
}

X64I_INLINE bool x64i_fast_sign(const struct x64i_cpu *cpu)
{
    return (cpu->fast.flag_result ^ cpu->fast.flag_aux << 63) >> 63;
}

X64I_INLINE bool x64i_fast_parity(const struct x64i_cpu *cpu)
{
    return !__builtin_parity((unsigned)(cpu->fast.flag_result ^ cpu->fast.flag_aux >> 8) & 0xff);
}

/* The six status flags as RFLAGS has them. */
X64I_INLINE uint32_t x64i_fast_status(const struct x64i_cpu *cpu)
{
    uint32_t flags = (uint32_t)x64i_carry(cpu);
    flags |= x64i_fast_parity(cpu) ? X64I_PF : 0;
    flags |= (uint32_t)(cpu->fast.flag_aux & 8) << 1;
    flags |= cpu->fast.flag_result == 0 ? X64I_ZF : 0;
    flags |= x64i_fast_sign(cpu) ? X64I_SF : 0;
    flags |= x64i_fast_overflow(cpu) ? X64I_OF : 0;
    return flags;
}

X64I_INLINE uint64_t x64i_rflags(const struct x64i_cpu *cpu)
{
    return (cpu->s.rflags & ~(uint64_t)X64I_OSZAPC) | x64i_fast_status(cpu);
}

/* CF in bit 63, and bit 62 so that OF follows. */
X64I_INLINE uint64_t x64i_fast_top(bool carry, bool overflow)
{
    return (carry ? UINT64_C(1) << 63 : 0) | (carry != overflow ? UINT64_C(1) << 62 : 0);
}

/* Takes status flags as RFLAGS has them. */
X64I_INLINE void x64i_fast_load_status(struct x64i_cpu *cpu, uint32_t flags)
{
    cpu->fast.flag_result = flags & X64I_ZF ? 0 : 0x100;
    cpu->fast.flag_aux = x64i_fast_top(flags & X64I_CF, flags & X64I_OF) |
                         (flags & X64I_AF ? 8 : 0) | (flags & X64I_PF ? 0 : 0x100) |
                         (flags & X64I_SF ? 1 : 0);
}

X64I_INLINE void x64i_set_flags(struct x64i_cpu *cpu, uint32_t mask, uint32_t values)
{
    const uint32_t status = mask & X64I_OSZAPC;
    if (mask & ~X64I_OSZAPC)
        cpu->s.rflags =
            (cpu->s.rflags & ~(uint64_t)(mask & ~X64I_OSZAPC)) | (values & mask & ~X64I_OSZAPC);
    if (status == X64I_OSZAPC) {
        x64i_fast_load_status(cpu, values);
    } else if (status == X64I_CF || status == (X64I_CF | X64I_OF)) {
        bool overflow = status & X64I_OF ? values & X64I_OF : x64i_fast_overflow(cpu);
        cpu->fast.flag_aux =
            (cpu->fast.flag_aux & ~X64I_AUX_TOP) | x64i_fast_top(values & X64I_CF, overflow);
    } else if (status) {
        x64i_fast_load_status(cpu, (x64i_fast_status(cpu) & ~status) | (values & status));
    }
}

/* `carries` has the carry out of every bit. */
X64I_INLINE void x64i_fast_set_carries(struct x64i_cpu *cpu, uint32_t mask, uint64_t carries,
                                       uint64_t result, unsigned width)
{
    uint64_t aux = (carries << (64 - width) & X64I_AUX_TOP) | (carries & 8);
    if (!(mask & X64I_CF)) { /* CF stays: both top bits turn where it would not */
        uint64_t turn = (aux ^ cpu->fast.flag_aux) >> 63;
        aux ^= turn << 63 | turn << 62;
    }
    cpu->fast.flag_aux = aux;
    cpu->fast.flag_result = x64i_sign_extend(result, width);
}

X64I_INLINE void x64i_set_flags_add(struct x64i_cpu *cpu, uint32_t mask, uint64_t a, uint64_t b,
                                    uint64_t result, unsigned width)
{
    x64i_fast_set_carries(cpu, mask, (a & b) | ((a | b) & ~result), result, width);
}

X64I_INLINE void x64i_set_flags_sub(struct x64i_cpu *cpu, uint32_t mask, uint64_t a, uint64_t b,
                                    uint64_t result, unsigned width)
{
    x64i_fast_set_carries(cpu, mask, (~a & b) | (~(a ^ b) & result), result, width);
}

X64I_INLINE void x64i_set_flags_logic(struct x64i_cpu *cpu, uint64_t result, unsigned width)
{
    cpu->fast.flag_aux = 0;
    cpu->fast.flag_result = x64i_sign_extend(result, width);
}

X64I_INLINE void x64i_set_flags_shift(struct x64i_cpu *cpu, uint64_t result, bool carry,
                                      bool overflow, unsigned width)
{
    cpu->fast.flag_aux = x64i_fast_top(carry, overflow);
    cpu->fast.flag_result = x64i_sign_extend(result, width);
}

/* The condition in the low four bits of Jcc, SETcc and CMOVcc opcodes (SDM vol. 1, appendix B). */
X64I_INLINE bool x64i_condition(const struct x64i_cpu *cpu, unsigned condition)
{
    bool holds = false;
    switch (condition >> 1) {
    case 0:
        holds = x64i_fast_overflow(cpu);
        break;
    case 1:
        holds = x64i_carry(cpu);
        break;
    case 2:
        holds = cpu->fast.flag_result == 0;
        break;
    case 3:
        holds = (cpu->fast.flag_aux >> 63) | (cpu->fast.flag_result == 0);
        break;
    case 4:
        holds = x64i_fast_sign(cpu);
        break;
    case 5:
        holds = x64i_fast_parity(cpu);
        break;
    case 6:
        holds = x64i_fast_sign(cpu) != x64i_fast_overflow(cpu);
        break;
    default:
        holds = (x64i_fast_sign(cpu) != x64i_fast_overflow(cpu)) | (cpu->fast.flag_result == 0);
        break;
    }
    return holds != (condition & 1);
}

#endif
