/* SPDX-License-Identifier: MIT */
/*
 * AVX-512: how every EVEX-encoded instruction runs (SDM vol. 1, chapter 15; vol. 2A, 2.7 and 2.8).
 * An instruction is a body that makes `d` of `a` and `b` without a thought of masks, memory,
 * broadcasts, vector lengths or rounding modes; x64i_evex_run does all of that around it, in one
 * place. Bodies of VEX instructions, which work on one lane, serve again:
 *
 *     X64I_EVEX_LANES(paddd)      the handler epaddd, of VPADDD's EVEX forms
 *
 *     X64I_EVEX_BODY(permd)
 *     {
 *         for (unsigned i = 0; i < v->bytes / 4; i++)
 *             v->d.d[i] = v->b.d[v->a.d[i] & (v->bytes / 4 - 1)];
 *     }
 *     X64I_EVEX(permd, 0)         the handler epermd
 */
#ifndef X64I_CPU_EVEX_H
#define X64I_CPU_EVEX_H

#include "cpu/evex_op.h"
#include "cpu/opmask.h"
#include "cpu/vector.h"

#include <string.h>

#define X64I_XCR0_AVX512 0xe6ull /* SSE, AVX, opmasks, both parts of ZMM */

/* A ZMM register by elements of each size. */
union x64i_zmm {
    uint8_t b[64];
    uint16_t w[32];
    uint32_t d[16];
    uint64_t q[8];
    union x64i_xmm lane[4];
};

/* An instruction while it runs. */
struct x64i_evex {
    union x64i_zmm d;   /* in: the destination register; out: the result */
    union x64i_zmm a;   /* the first source, if there are two */
    union x64i_zmm b;   /* the last source: register, memory or one element for all */
    uint64_t active;    /* elements that the mask lets through */
    uint64_t k;         /* out, of comparisons: the mask register */
    uint32_t mxcsr;     /* as the instruction sees it: rounding and {sae} considered */
    uint32_t raised;    /* out, of bodies that work on bits: exceptions */
    unsigned immediate; /* a byte */
    unsigned bytes;     /* the vector length; of scalars 16 */
    unsigned element;   /* bytes of the elements that the mask counts in the destination */
    unsigned source;    /* ... in the last source */
    unsigned count;     /* how many there are */
};

typedef void x64i_evex_body(struct x64i_evex *v);

/* What else there is to know of an instruction. */
enum x64i_evex_flag {
    X64I_EVEX_SCALAR = 1 << 0,   /* one element; the rest of the first lane is `a`'s */
    X64I_EVEX_NARROW = 1 << 1,   /* the sources' elements are counted, the result is shorter */
    X64I_EVEX_TO_K = 1 << 2,     /* `k` is the result */
    X64I_EVEX_HOST = 1 << 3,     /* runs on the host's floating-point unit (host_float.h) */
    X64I_EVEX_BITS = 1 << 4,     /* floating point by bits: `mxcsr` and `raised` count */
    X64I_EVEX_ALIGNED = 1 << 5,  /* #GP(0) unless memory is aligned to the vector length */
    X64I_EVEX_BLEND = 1 << 6,    /* what is not active comes from `a`, not the destination */
    X64I_EVEX_LANE = 1 << 7,     /* the result has 128 bits, whatever the vector length */
    X64I_EVEX_TWO_LANES = 1 << 8 /* ... 256 bits */
};

/* #UD unless the system enables AVX-512's state in XCR0, #NM while CR0.TS is set. */
X64I_INLINE enum x64i_result x64i_check_avx512(struct x64i_cpu *cpu)
{
    if (!(cpu->s.cr4 & X64I_CR4_OSXSAVE) || (cpu->s.xcr0 & X64I_XCR0_AVX512) != X64I_XCR0_AVX512)
        return x64i_raise(cpu, X64_FAULT_UD);
    if (cpu->s.cr0 & X64I_CR0_TS)
        return x64i_raise(cpu, X64_FAULT_NM);
    return X64I_DONE;
}

/* The low `count` bits. */
X64I_INLINE uint64_t x64i_low_bits(unsigned count)
{
    return count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

X64I_INLINE bool x64i_evex_is_active(const struct x64i_evex *v, unsigned at)
{
    return v->active >> at & 1;
}

/* Elements by their number; `size` in bytes. */
X64I_INLINE uint64_t x64i_zmm_element(const union x64i_zmm *value, unsigned size, unsigned at)
{
    return size == 8   ? value->q[at]
           : size == 4 ? value->d[at]
           : size == 2 ? value->w[at]
                       : value->b[at];
}

X64I_INLINE void x64i_zmm_set_element(union x64i_zmm *value, unsigned size, unsigned at,
                                      uint64_t to)
{
    if (size == 8)
        value->q[at] = to;
    else if (size == 4)
        value->d[at] = (uint32_t)to;
    else if (size == 2)
        value->w[at] = (uint16_t)to;
    else
        value->b[at] = (uint8_t)to;
}

/* The same, sign-extended. */
X64I_INLINE int64_t x64i_zmm_signed(const union x64i_zmm *value, unsigned size, unsigned at)
{
    unsigned shift = 64 - 8 * size;
    return (int64_t)(x64i_zmm_element(value, size, at) << shift) >> shift;
}

X64I_INLINE void x64i_get_zmm(const struct x64i_cpu *cpu, unsigned reg, union x64i_zmm *value)
{
    memcpy(value, cpu->s.vector[reg].lane, sizeof *value);
}

/* The first `bytes` of `value`, and zeroes above. */
void x64i_set_zmm(struct x64i_cpu *cpu, unsigned reg, const union x64i_zmm *value, unsigned bytes);

/* Checks the state and fills all but the operands and the body's outputs. */
enum x64i_result x64i_evex_measure(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned flags,
                                   struct x64i_evex *v);

/* Checks the state and fills all but the body's outputs. Memory is read only where an active
 * element needs it: others raise nothing (vol. 2A, 2.7.8). */
enum x64i_result x64i_evex_begin(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned flags,
                                 struct x64i_evex *v);

/* Runs a body between the two: floating-point exceptions are seen to. Elements that are not active
 * are given a value that raises none. */
enum x64i_result x64i_evex_compute(struct x64i_cpu *cpu, const struct x64i_op *op,
                                   x64i_evex_body *body, unsigned flags, struct x64i_evex *v);

/* Writes the result to the destination register, merged or zeroed by the mask. */
void x64i_evex_finish(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned flags,
                      struct x64i_evex *v);

/* All three: a register or a mask := body(...). */
enum x64i_result x64i_evex_run(struct x64i_cpu *cpu, const struct x64i_op *op, x64i_evex_body *body,
                               unsigned flags);

/* memory := body(register), active elements only. */
enum x64i_result x64i_evex_store(struct x64i_cpu *cpu, const struct x64i_op *op,
                                 x64i_evex_body *body, unsigned flags);

/* A general register of `width` bits := body(scalar); the result is in the low quadword. */
enum x64i_result x64i_evex_to_gpr(struct x64i_cpu *cpu, const struct x64i_op *op,
                                  x64i_evex_body *body, unsigned flags, unsigned width);

/* scalar := body(first source, general register or memory of `width` bits, in `b`). */
enum x64i_result x64i_evex_from_gpr(struct x64i_cpu *cpu, const struct x64i_op *op,
                                    x64i_evex_body *body, unsigned flags, unsigned width);

#define X64I_EVEX_BODY(name) static void name##_evex(struct x64i_evex *v)

#define X64I_EVEX(name, flags)                             \
    X64I_HANDLER(e##name)                                  \
    {                                                      \
        return x64i_evex_run(cpu, op, name##_evex, flags); \
    }

#define X64I_EVEX_STORE(name, flags)                         \
    X64I_HANDLER(e##name##_m)                                \
    {                                                        \
        return x64i_evex_store(cpu, op, name##_evex, flags); \
    }

/* A handler of the VEX form's body, lane by lane. */
#define X64I_EVEX_BODY_OF_LANES(name, ...)                         \
    X64I_EVEX_BODY(name)                                           \
    {                                                              \
        for (unsigned i = 0; i < v->bytes / 16; i++) {             \
            v->d.lane[i] = v->a.lane[i];                           \
            name##_body(&v->d.lane[i], &v->b.lane[i] __VA_ARGS__); \
        }                                                          \
    }
#define X64I_EVEX_LANES(name)       \
    X64I_EVEX_BODY_OF_LANES(name, ) \
    X64I_EVEX(name, 0)

/* With an immediate, of which lane i sees the bits from i * `shift` on. */
#define X64I_EVEX_LANES_I(name, shift)                           \
    X64I_EVEX_BODY_OF_LANES(name, , v->immediate >> i * (shift)) \
    X64I_EVEX(name, 0)

#endif
