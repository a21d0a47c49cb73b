/* SPDX-License-Identifier: MIT */
/* Moves between general registers, memory and immediates, and widening (SDM vol. 1, 7.3.1). */
#include "cpu/sem.h"

/* DEST := SRC. Memory is written without being read. */
X64I_BODY2(mov)
{
    (void)cpu;
    (void)a;
    (void)width;
    return b;
}

#define MOV_TO_MEMORY_AT(W)                                                 \
    X64I_HANDLER(mov_mr_##W)                                                \
    {                                                                       \
        return x64i_store(cpu, op->segment, x64i_effective(cpu, op), W / 8, \
                          x64i_gpr(cpu, op->source, W));                    \
    }                                                                       \
    X64I_HANDLER(mov_mi_##W)                                                \
    {                                                                       \
        return x64i_store(cpu, op->segment, x64i_effective(cpu, op), W / 8, \
                          op->immediate & x64i_mask(W));                    \
    }
X64I_FOR_8_16_32_64(X64I_RR_AT, mov)
X64I_FOR_8_16_32_64(X64I_RI_AT, mov)
X64I_FOR_8_16_32_64(X64I_RM_AT, mov)
MOV_TO_MEMORY_AT(8)
MOV_TO_MEMORY_AT(16)
MOV_TO_MEMORY_AT(32)
MOV_TO_MEMORY_AT(64)

/* AL := (rBX + ZeroExtend(AL)) */
X64I_HANDLER(xlat)
{
    uint64_t offset = cpu->s.gpr[X64_RBX] + x64i_gpr(cpu, X64_RAX, 8);
    uint64_t value;
    if (x64i_load(cpu, op->segment, offset & x64i_mask(x64i_address_width(op)), 1, &value) !=
        X64I_DONE)
        return X64I_FAULT;
    x64i_set_gpr(cpu, X64_RAX, value, 8);
    return X64I_DONE;
}

/* DEST := ZeroExtend(SRC); values come zero-extended. */
X64I_INLINE uint64_t movzx_body(uint64_t value, unsigned from)
{
    (void)from;
    return value;
}

/* DEST := SignExtend(SRC) */
X64I_INLINE uint64_t movsx_body(uint64_t value, unsigned from)
{
    return x64i_sign_extend(value, from);
}

/* `r` and `m` are the suffixes of the handlers' names. */
#define WIDEN_AT(name, body, r, m, FROM, W)                                                      \
    X64I_HANDLER(name##_##r##_##W)                                                               \
    {                                                                                            \
        uint64_t value = x64i_gpr(cpu, op->source, FROM);                                        \
        x64i_set_gpr(cpu, op->destination, body(value, FROM), W);                                \
        return X64I_DONE;                                                                        \
    }                                                                                            \
    X64I_HANDLER(name##_##m##_##W)                                                               \
    {                                                                                            \
        uint64_t value;                                                                          \
        if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), FROM / 8, &value) != X64I_DONE) \
            return X64I_FAULT;                                                                   \
        x64i_set_gpr(cpu, op->destination, body(value, FROM), W);                                \
        return X64I_DONE;                                                                        \
    }
#define WIDEN_FROM_8_AT(name, W)  WIDEN_AT(name, name##_body, r8, m8, 8, W)
#define WIDEN_FROM_16_AT(name, W) WIDEN_AT(name, name##_body, r16, m16, 16, W)
X64I_FOR_16_32_64(WIDEN_FROM_8_AT, movzx)
X64I_FOR_16_32_64(WIDEN_FROM_16_AT, movzx)
X64I_FOR_16_32_64(WIDEN_FROM_8_AT, movsx)
X64I_FOR_16_32_64(WIDEN_FROM_16_AT, movsx)

/* Without REX.W MOVSXD moves 16 or 32 bits as they are (SDM vol. 2B, MOVSX/MOVSXD). */
/* Of the four bytes that AMD's processors read they use two. */
X64I_HANDLER(movsxd_rr_16)
{
    x64i_set_gpr(cpu, op->destination, x64i_gpr(cpu, op->source, 16), 16);
    return X64I_DONE;
}

X64I_HANDLER(movsxd_rm_16)
{
    uint64_t value;
    unsigned size = cpu->model->behaviour.movsxd_16_reads_32 ? 4 : 2;
    if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), size, &value) != X64I_DONE)
        return X64I_FAULT;
    x64i_set_gpr(cpu, op->destination, value, 16);
    return X64I_DONE;
}
WIDEN_AT(movsxd, movsx_body, rr, rm, 32, 32)
WIDEN_AT(movsxd, movsx_body, rr, rm, 32, 64)

X64I_INLINE uint64_t swap_bytes(uint64_t value, unsigned width)
{
    return __builtin_bswap64(value) >> (64 - width);
}

/* Reverses the bytes. With 16 bits the result is undefined: processors answer zero. */
X64I_BODY1(bswap)
{
    (void)cpu;
    return width == 16 ? 0 : swap_bytes(a, width);
}
X64I_FOR_16_32_64(X64I_R_AT, bswap)

/* Loads or stores with the bytes reversed. */
X64I_BODY2(movbe)
{
    (void)cpu;
    (void)a;
    return swap_bytes(b, width);
}
X64I_FOR_16_32_64(X64I_RM_AT, movbe)

#define MOVBE_TO_MEMORY_AT(name, W)                                         \
    X64I_HANDLER(name##_mr_##W)                                             \
    {                                                                       \
        return x64i_store(cpu, op->segment, x64i_effective(cpu, op), W / 8, \
                          swap_bytes(x64i_gpr(cpu, op->source, W), W));     \
    }
X64I_FOR_16_32_64(MOVBE_TO_MEMORY_AT, movbe)

/* DEST := EffectiveAddress(SRC), cut to the operand size. */
#define LEA_AT(name, W)                                                 \
    X64I_HANDLER(name##_##W)                                            \
    {                                                                   \
        x64i_set_gpr(cpu, op->destination, x64i_effective(cpu, op), W); \
        return X64I_DONE;                                               \
    }
X64I_FOR_16_32_64(LEA_AT, lea)

/* IF condition THEN DEST := SRC. The source is read, and a 32-bit destination's upper half cleared,
 * whatever the condition (SDM vol. 2A, CMOVcc). */
#define CMOV_BODY(suffix, number)                   \
    X64I_BODY2(cmov##suffix)                        \
    {                                               \
        (void)width;                                \
        return x64i_condition(cpu, number) ? b : a; \
    }                                               \
    X64I_INSTANCES_R_RM(cmov##suffix)
X64I_FOR_CONDITIONS(CMOV_BODY)

/* DEST := condition ? 1 : 0 */
#define SET_HANDLERS(suffix, number)                                        \
    X64I_HANDLER(set##suffix##_r)                                           \
    {                                                                       \
        x64i_set_gpr(cpu, op->destination, x64i_condition(cpu, number), 8); \
        return X64I_DONE;                                                   \
    }                                                                       \
    X64I_HANDLER(set##suffix##_m)                                           \
    {                                                                       \
        return x64i_store(cpu, op->segment, x64i_effective(cpu, op), 1,     \
                          x64i_condition(cpu, number));                     \
    }
X64I_FOR_CONDITIONS(SET_HANDLERS)

/* CBW, CWDE, CDQE: the accumulator's lower half, sign-extended over the whole. */
#define EXTEND_ACCUMULATOR_AT(name, W)                                               \
    X64I_HANDLER(name##_##W)                                                         \
    {                                                                                \
        (void)op;                                                                    \
        x64i_set_gpr(cpu, X64_RAX, x64i_sign_extend(cpu->s.gpr[X64_RAX], W / 2), W); \
        return X64I_DONE;                                                            \
    }
X64I_FOR_16_32_64(EXTEND_ACCUMULATOR_AT, cbw)

/* CWD, CDQ, CQO: rDX is filled with the accumulator's sign. */
#define EXTEND_INTO_RDX_AT(name, W)                                 \
    X64I_HANDLER(name##_##W)                                        \
    {                                                               \
        (void)op;                                                   \
        bool negative = cpu->s.gpr[X64_RAX] & x64i_sign_bit(W);     \
        x64i_set_gpr(cpu, X64_RDX, negative ? x64i_mask(W) : 0, W); \
        return X64I_DONE;                                           \
    }
X64I_FOR_16_32_64(EXTEND_INTO_RDX_AT, cwd)
