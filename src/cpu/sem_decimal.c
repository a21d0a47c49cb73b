/* SPDX-License-Identifier: MIT */
/* Decimal arithmetic and other instructions that 64-bit mode does not have (SDM vol. 1, 7.3.2.5 and
 * 7.3.17). */
#include "cpu/sem.h"

/* Sets AF and CF; the undefined flags follow AL. */
static void set_adjust_flags(struct x64i_cpu *cpu, bool adjusted)
{
    uint32_t flags = x64i_flags_szp(x64i_gpr(cpu, X64_RAX, 8), 8);
    x64i_set_flags(cpu, X64I_OSZAPC, flags | (adjusted ? X64I_AF | X64I_CF : 0));
}

static bool low_digit_adjusts(const struct x64i_cpu *cpu)
{
    return (cpu->s.gpr[X64_RAX] & 15) > 9 || cpu->s.rflags & X64I_AF;
}

/* IF AL[3:0] > 9 or AF THEN AX := AX + 106H; AL := AL AND 0FH */
X64I_HANDLER(aaa)
{
    (void)op;
    bool adjust = low_digit_adjusts(cpu);
    x64i_set_gpr(cpu, X64_RAX, (cpu->s.gpr[X64_RAX] + (adjust ? 0x106 : 0)) & 0xff0f, 16);
    set_adjust_flags(cpu, adjust);
    return X64I_DONE;
}

/* IF AL[3:0] > 9 or AF THEN AX := AX - 6; AH := AH - 1; AL := AL AND 0FH */
X64I_HANDLER(aas)
{
    (void)op;
    bool adjust = low_digit_adjusts(cpu);
    x64i_set_gpr(cpu, X64_RAX, (cpu->s.gpr[X64_RAX] - (adjust ? 0x106 : 0)) & 0xff0f, 16);
    set_adjust_flags(cpu, adjust);
    return X64I_DONE;
}

/* DAA and DAS: 6 for the low digit, 60H for the high one, added or subtracted. */
static void adjust_packed(struct x64i_cpu *cpu, bool subtract)
{
    uint64_t al = x64i_gpr(cpu, X64_RAX, 8);
    bool low = low_digit_adjusts(cpu);
    bool high = al > 0x99 || cpu->s.rflags & X64I_CF;
    bool borrow = subtract && low && al < 6;
    uint64_t change = (low ? 6 : 0) + (high ? 0x60 : 0);
    uint64_t result = (subtract ? al - change : al + change) & 0xff;
    x64i_set_gpr(cpu, X64_RAX, result, 8);
    uint32_t flags = x64i_flags_szp(result, 8) | (low ? X64I_AF : 0);
    x64i_set_flags(cpu, X64I_OSZAPC, flags | (high || borrow ? X64I_CF : 0));
}

X64I_HANDLER(daa)
{
    (void)op;
    adjust_packed(cpu, false);
    return X64I_DONE;
}

X64I_HANDLER(das)
{
    (void)op;
    adjust_packed(cpu, true);
    return X64I_DONE;
}

static void set_unpacked(struct x64i_cpu *cpu, uint64_t ax)
{
    x64i_set_gpr(cpu, X64_RAX, ax, 16);
    x64i_set_flags(cpu, X64I_OSZAPC, x64i_flags_szp(ax, 8));
}

/* AH := AL / imm8; AL := AL MOD imm8 */
X64I_HANDLER(aam)
{
    uint64_t base = op->immediate & 0xff;
    uint64_t al = x64i_gpr(cpu, X64_RAX, 8);
    if (base == 0)
        return x64i_raise(cpu, X64_FAULT_DE);
    set_unpacked(cpu, al / base << 8 | al % base);
    return X64I_DONE;
}

/* AL := AL + AH * imm8; AH := 0 */
X64I_HANDLER(aad)
{
    uint64_t ax = x64i_gpr(cpu, X64_RAX, 16);
    set_unpacked(cpu, (ax + (ax >> 8) * (op->immediate & 0xff)) & 0xff);
    return X64I_DONE;
}

/* AL := CF ? FFH : 0; not in the manuals, in every processor. */
X64I_HANDLER(salc)
{
    (void)op;
    x64i_set_gpr(cpu, X64_RAX, cpu->s.rflags & X64I_CF ? 0xff : 0, 8);
    return X64I_DONE;
}

/* #BR when the index is not within the signed bounds at the memory operand. */
#define BOUND_AT(name, W)                                                                \
    X64I_HANDLER(name##_##W)                                                             \
    {                                                                                    \
        uint64_t offset = x64i_effective(cpu, op);                                       \
        uint64_t next = (offset + W / 8) & x64i_mask(x64i_address_width(op));            \
        uint64_t lower, upper;                                                           \
        if (x64i_load(cpu, op->segment, offset, W / 8, &lower) != X64I_DONE ||           \
            x64i_load(cpu, op->segment, next, W / 8, &upper) != X64I_DONE)               \
            return X64I_FAULT;                                                           \
        int64_t index = (int64_t)x64i_sign_extend(x64i_gpr(cpu, op->destination, W), W); \
        if (index < (int64_t)x64i_sign_extend(lower, W) ||                               \
            index > (int64_t)x64i_sign_extend(upper, W))                                 \
            return x64i_raise(cpu, X64_FAULT_BR);                                        \
        return X64I_DONE;                                                                \
    }
X64I_FOR_16_32_64(BOUND_AT, bound)
