/* SPDX-License-Identifier: MIT */
/* The instructions of AVX-512's mask registers (SDM vol. 2A, KADDW and what follows it). VEX
 * encodes them; they want AVX-512's state all the same. */
#include "cpu/evex.h"

/* mask := expression of the masks `a` and `b`, of `bits` bits. */
#define BINARY_AT(name, bits, expression)                                    \
    X64I_HANDLER(name)                                                       \
    {                                                                        \
        if (x64i_check_avx512(cpu) != X64I_DONE)                             \
            return X64I_FAULT;                                               \
        uint64_t a = x64i_opmask(cpu, op->source) & x64i_mask(bits);         \
        uint64_t b = x64i_opmask(cpu, op->third) & x64i_mask(bits);          \
        x64i_set_opmask(cpu, op->destination, (expression)&x64i_mask(bits)); \
        return X64I_DONE;                                                    \
    }
#define BINARY(stem, expression)       \
    BINARY_AT(stem##b, 8, expression)  \
    BINARY_AT(stem##w, 16, expression) \
    BINARY_AT(stem##d, 32, expression) \
    BINARY_AT(stem##q, 64, expression)

BINARY(kadd, a + b)
BINARY(kand, a &b)
BINARY(kandn, ~a &b)
BINARY(kor, a | b)
BINARY(kxor, a ^ b)
BINARY(kxnor, ~(a ^ b))

/* The low halves, `a`'s above `b`'s. */
BINARY_AT(kunpckbw, 16, a << 8 | (b & 0xff))
BINARY_AT(kunpckwd, 32, a << 16 | (b & 0xffff))
BINARY_AT(kunpckdq, 64, a << 32 | (b & 0xffffffff))

/* mask := expression of the mask `a` and the immediate. */
#define UNARY_AT(name, bits, expression)                                     \
    X64I_HANDLER(name)                                                       \
    {                                                                        \
        if (x64i_check_avx512(cpu) != X64I_DONE)                             \
            return X64I_FAULT;                                               \
        uint64_t a = x64i_opmask(cpu, op->source) & x64i_mask(bits);         \
        x64i_set_opmask(cpu, op->destination, (expression)&x64i_mask(bits)); \
        return X64I_DONE;                                                    \
    }
#define UNARY(stem, expression)       \
    UNARY_AT(stem##b, 8, expression)  \
    UNARY_AT(stem##w, 16, expression) \
    UNARY_AT(stem##d, 32, expression) \
    UNARY_AT(stem##q, 64, expression)

UNARY(knot, ~a)
UNARY(kshiftl, X64I_IMMEDIATE < 64 ? a << X64I_IMMEDIATE : 0)
UNARY(kshiftr, X64I_IMMEDIATE < 64 ? a >> X64I_IMMEDIATE : 0)

/* KORTEST: ZF when no bit is set, CF when all are. KTEST: as PTEST. */
#define TEST_AT(name, bits, zero, carry)                                            \
    X64I_HANDLER(name)                                                              \
    {                                                                               \
        if (x64i_check_avx512(cpu) != X64I_DONE)                                    \
            return X64I_FAULT;                                                      \
        uint64_t a = x64i_opmask(cpu, op->destination) & x64i_mask(bits);           \
        uint64_t b = x64i_opmask(cpu, op->source) & x64i_mask(bits);                \
        x64i_set_flags(cpu, X64I_OSZAPC,                                            \
                       ((zero) == 0 ? X64I_ZF : 0) | ((carry) == 0 ? X64I_CF : 0)); \
        return X64I_DONE;                                                           \
    }
#define TESTS_AT(letter, bits)                                        \
    TEST_AT(kortest##letter, bits, a | b, ~(a | b) & x64i_mask(bits)) \
    TEST_AT(ktest##letter, bits, a &b, ~a &b)

TESTS_AT(b, 8)
TESTS_AT(w, 16)
TESTS_AT(d, 32)
TESTS_AT(q, 64)

/* KMOV between masks, memory and general registers. */
#define MOVE_AT(name, bits)                                                                        \
    X64I_HANDLER(name##_kk)                                                                        \
    {                                                                                              \
        if (x64i_check_avx512(cpu) != X64I_DONE)                                                   \
            return X64I_FAULT;                                                                     \
        x64i_set_opmask(cpu, op->destination, x64i_opmask(cpu, op->source) & x64i_mask(bits));     \
        return X64I_DONE;                                                                          \
    }                                                                                              \
    X64I_HANDLER(name##_km)                                                                        \
    {                                                                                              \
        uint64_t value;                                                                            \
        if (x64i_check_avx512(cpu) != X64I_DONE ||                                                 \
            x64i_load(cpu, op->segment, x64i_effective(cpu, op), (bits) / 8, &value) != X64I_DONE) \
            return X64I_FAULT;                                                                     \
        x64i_set_opmask(cpu, op->destination, value);                                              \
        return X64I_DONE;                                                                          \
    }                                                                                              \
    X64I_HANDLER(name##_mk)                                                                        \
    {                                                                                              \
        if (x64i_check_avx512(cpu) != X64I_DONE)                                                   \
            return X64I_FAULT;                                                                     \
        return x64i_store(cpu, op->segment, x64i_effective(cpu, op), (bits) / 8,                   \
                          x64i_opmask(cpu, op->source) & x64i_mask(bits));                         \
    }                                                                                              \
    X64I_HANDLER(name##_kr)                                                                        \
    {                                                                                              \
        if (x64i_check_avx512(cpu) != X64I_DONE)                                                   \
            return X64I_FAULT;                                                                     \
        x64i_set_opmask(cpu, op->destination, x64i_gpr(cpu, op->source, 64) & x64i_mask(bits));    \
        return X64I_DONE;                                                                          \
    }                                                                                              \
    X64I_HANDLER(name##_rk)                                                                        \
    {                                                                                              \
        if (x64i_check_avx512(cpu) != X64I_DONE)                                                   \
            return X64I_FAULT;                                                                     \
        x64i_set_gpr64(cpu, op->destination, x64i_opmask(cpu, op->source) & x64i_mask(bits));      \
        return X64I_DONE;                                                                          \
    }

MOVE_AT(kmovb, 8)
MOVE_AT(kmovw, 16)
MOVE_AT(kmovd, 32)
MOVE_AT(kmovq, 64)
