/* SPDX-License-Identifier: MIT */
/* Single bits, bit scans and counts (SDM vol. 1, 7.3.7 and 5.1.16). */
#include "cpu/sem.h"

/* CF := the bit. ZF stays; OF, SF, AF, PF are undefined and stay too. */
X64I_BODY2(bt)
{
    unsigned bit = (unsigned)b & (width - 1);
    x64i_set_flags(cpu, X64I_CF, a >> bit & 1 ? X64I_CF : 0);
    return a;
}

X64I_BODY2(bts)
{
    return bt_body(cpu, a, b, width) | 1ull << (b & (width - 1));
}

X64I_BODY2(btr)
{
    return bt_body(cpu, a, b, width) & ~(1ull << (b & (width - 1)));
}

X64I_BODY2(btc)
{
    return bt_body(cpu, a, b, width) ^ 1ull << (b & (width - 1));
}

/* A register's bit offset is signed and counts from the operand's address on, in steps of the
 * operand size (SDM vol. 2A, BT). */
X64I_INLINE uint64_t bit_address(const struct x64i_cpu *cpu, const x64i_sem_op *op, uint64_t bit,
                                 unsigned width)
{
    unsigned log2_width = width == 64 ? 6 : width == 32 ? 5 : 4;
    int64_t elements = (int64_t)x64i_sign_extend(bit, width) >> log2_width;
    uint64_t offset = x64i_effective(cpu, op) + (uint64_t)elements * (width / 8);
    return offset & x64i_mask(x64i_address_width(op));
}

#define BT_MR_AT(name, W)                                                                      \
    X64I_HANDLER(name##_mr_##W)                                                                \
    {                                                                                          \
        uint64_t bit = x64i_gpr(cpu, op->source, W);                                           \
        uint64_t a;                                                                            \
        if (x64i_load(cpu, op->segment, bit_address(cpu, op, bit, W), W / 8, &a) != X64I_DONE) \
            return X64I_FAULT;                                                                 \
        name##_body(cpu, a, bit, W);                                                           \
        return X64I_DONE;                                                                      \
    }
X64I_FOR_16_32_64(X64I_CMP_RR_AT, bt)
X64I_FOR_16_32_64(X64I_CMP_RI_AT, bt)
X64I_FOR_16_32_64(X64I_CMP_MI_AT, bt)
X64I_FOR_16_32_64(BT_MR_AT, bt)

#define BTS_MR_AT(name, W)                                                                     \
    X64I_HANDLER(name##_mr_##W)                                                                \
    {                                                                                          \
        uint64_t bit = x64i_gpr(cpu, op->source, W);                                           \
        struct x64i_target target;                                                             \
        uint64_t a;                                                                            \
        if (x64i_modify(cpu, op->segment, bit_address(cpu, op, bit, W), W / 8, &target, &a) != \
            X64I_DONE)                                                                         \
            return X64I_FAULT;                                                                 \
        x64i_commit(cpu, &target, name##_body(cpu, a, bit, W));                                \
        return X64I_DONE;                                                                      \
    }
#define BTS_AT(name, W) \
    X64I_RR_AT(name, W) X64I_RI_AT(name, W) X64I_MI_AT(name, W) BTS_MR_AT(name, W)
X64I_FOR_16_32_64(BTS_AT, bts)
X64I_FOR_16_32_64(BTS_AT, btr)
X64I_FOR_16_32_64(BTS_AT, btc)

/* Bit scans of zero set ZF and leave the destination alone, its upper half too, as processors do.
 */
X64I_INLINE void scan(struct x64i_cpu *cpu, const x64i_sem_op *op, uint64_t source, uint64_t result,
                      unsigned width)
{
    x64i_set_flags(cpu, X64I_OSZAPC, source == 0 ? X64I_ZF : 0);
    if (source != 0)
        x64i_set_gpr(cpu, op->destination, result, width);
}

X64I_INLINE uint64_t bsf_of(uint64_t source)
{
    return source == 0 ? 0 : (uint64_t)__builtin_ctzll(source);
}

X64I_INLINE uint64_t bsr_of(uint64_t source)
{
    return source == 0 ? 0 : (uint64_t)(63 - __builtin_clzll(source));
}

#define SCAN_AT(name, W)                                                                  \
    X64I_HANDLER(name##_rr_##W)                                                           \
    {                                                                                     \
        uint64_t b = x64i_gpr(cpu, op->source, W);                                        \
        scan(cpu, op, b, name##_of(b), W);                                                \
        return X64I_DONE;                                                                 \
    }                                                                                     \
    X64I_HANDLER(name##_rm_##W)                                                           \
    {                                                                                     \
        uint64_t b;                                                                       \
        if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), W / 8, &b) != X64I_DONE) \
            return X64I_FAULT;                                                            \
        scan(cpu, op, b, name##_of(b), W);                                                \
        return X64I_DONE;                                                                 \
    }
X64I_FOR_16_32_64(SCAN_AT, bsf)
X64I_FOR_16_32_64(SCAN_AT, bsr)

/* The number of ones; ZF for a source of zero, the other flags are cleared. */
X64I_BODY2(popcnt)
{
    (void)a;
    (void)width;
    x64i_set_flags(cpu, X64I_OSZAPC, b == 0 ? X64I_ZF : 0);
    return (uint64_t)__builtin_popcountll(b);
}
X64I_INSTANCES_R_RM(popcnt)

/* CF: the source was zero, ZF: the result is. */
X64I_INLINE uint64_t finish_count(struct x64i_cpu *cpu, uint64_t source, uint64_t count)
{
    x64i_set_flags(cpu, X64I_CF | X64I_ZF,
                   (source == 0 ? X64I_CF : 0) | (count == 0 ? X64I_ZF : 0));
    return count;
}

X64I_BODY2(lzcnt)
{
    (void)a;
    uint64_t zeros = b == 0 ? width : (uint64_t)__builtin_clzll(b) - (64 - width);
    return finish_count(cpu, b, zeros);
}
X64I_INSTANCES_R_RM(lzcnt)

X64I_BODY2(tzcnt)
{
    (void)a;
    uint64_t zeros = b == 0 ? width : (uint64_t)__builtin_ctzll(b);
    return finish_count(cpu, b, zeros);
}
X64I_INSTANCES_R_RM(tzcnt)
