/* SPDX-License-Identifier: MIT */
/* Comparisons of floating-point elements: CMPPS and its kin, COMISS and its kin (SDM vol. 2, CMPPS,
 * COMISS). They look at bits alone; no host unit is needed. */
#include "cpu/evex.h"
#include "cpu/float_bits.h"
#include "cpu/host_float.h"

enum relation { LESS = 1, EQUAL = 2, GREATER = 4, UNORDERED = 8 };

/* How two values stand, and the exceptions: a signaling NaN is invalid, any NaN is with a signaling
 * predicate; a denormal tells only where no NaN is. */
X64I_INLINE unsigned relate(uint64_t a, uint64_t b, unsigned bits, bool signaling, uint32_t mxcsr,
                            uint32_t *raised)
{
    if (x64i_is_nan(a, bits) || x64i_is_nan(b, bits)) {
        if (signaling || x64i_is_signaling(a, bits) || x64i_is_signaling(b, bits))
            *raised |= X64I_MXCSR_IE;
        return UNORDERED;
    }
    if (!(mxcsr & X64I_MXCSR_DAZ) && (x64i_is_denormal(a, bits) || x64i_is_denormal(b, bits)))
        *raised |= X64I_MXCSR_DE;
    a = x64i_daz(a, bits, mxcsr);
    b = x64i_daz(b, bits, mxcsr);
    if (a == b || (x64i_magnitude(a, bits) | x64i_magnitude(b, bits)) == 0)
        return EQUAL;
    bool a_negative = a & x64i_sign_bit(bits);
    bool b_negative = b & x64i_sign_bit(bits);
    if (a_negative != b_negative)
        return a_negative ? LESS : GREATER;
    return (a < b) != a_negative ? LESS : GREATER;
}

/* The 32 predicates (SDM vol. 2A, table 3-1): when they hold, and whether they signal. */
static const struct {
    uint8_t holds;
    bool signaling;
} predicates[32] = {
    {EQUAL, false},
    {LESS, true},
    {LESS | EQUAL, true},
    {UNORDERED, false},
    {LESS | GREATER | UNORDERED, false},
    {EQUAL | GREATER | UNORDERED, true},
    {GREATER | UNORDERED, true},
    {LESS | EQUAL | GREATER, false},
    {EQUAL | UNORDERED, false},
    {LESS | UNORDERED, true},
    {LESS | EQUAL | UNORDERED, true},
    {0, false},
    {LESS | GREATER, false},
    {EQUAL | GREATER, true},
    {GREATER, true},
    {LESS | EQUAL | GREATER | UNORDERED, false},
    {EQUAL, true},
    {LESS, false},
    {LESS | EQUAL, false},
    {UNORDERED, true},
    {LESS | GREATER | UNORDERED, true},
    {EQUAL | GREATER | UNORDERED, false},
    {GREATER | UNORDERED, false},
    {LESS | EQUAL | GREATER, true},
    {EQUAL | UNORDERED, true},
    {LESS | UNORDERED, false},
    {LESS | EQUAL | UNORDERED, false},
    {0, true},
    {LESS | GREATER, true},
    {EQUAL | GREATER, false},
    {GREATER, false},
    {LESS | EQUAL | GREATER | UNORDERED, true},
};

/* `count` elements of each lane; those above stay as they are in d. */
#define COMPARE_HANDLER(handler, check, L, first, fetch, element, bits, count, known, set)         \
    X64I_HANDLER(handler)                                                                          \
    {                                                                                              \
        struct x64i_wide d, s;                                                                     \
        uint32_t raised = 0;                                                                       \
        unsigned predicate = op->immediate & (known);                                              \
        if (check(cpu) != X64I_DONE || (fetch) != X64I_DONE)                                       \
            return X64I_FAULT;                                                                     \
        x64i_get_wide(cpu, op->first, &d, L);                                                      \
        for (unsigned i = 0; i < (L); i++)                                                         \
            for (unsigned e = 0; e < (count); e++) {                                               \
                unsigned relation =                                                                \
                    relate(d.lane[i].element[e], s.lane[i].element[e], bits,                       \
                           predicates[predicate].signaling, cpu->s.mxcsr, &raised);                \
                bool holds = predicates[predicate].holds & relation;                               \
                d.lane[i].element[e] = (__typeof__(d.lane[0].element[0]))(holds ? UINT64_MAX : 0); \
            }                                                                                      \
        if (x64i_note_float(cpu, raised) != X64I_DONE)                                             \
            return X64I_FAULT;                                                                     \
        set;                                                                                       \
        return X64I_DONE;                                                                          \
    }

#define SET_XMM     x64i_set_xmm(cpu, op->destination, &d.lane[0])
#define SET_WIDE(L) x64i_set_wide(cpu, op->destination, &d, L)
#define LOW(load)   load(cpu, op, &s.lane[0])

#define COMPARE(name, element, bits, count, load, load_vex)                                        \
    COMPARE_HANDLER(name##_xx, x64i_check_sse, 1, destination, X64I_SOURCE_WIDE(1), element, bits, \
                    count, 7, SET_XMM)                                                             \
    COMPARE_HANDLER(name##_xm, x64i_check_sse, 1, destination, LOW(load), element, bits, count, 7, \
                    SET_XMM)                                                                       \
    COMPARE_HANDLER(v##name##_xxx, x64i_check_avx, 1, source, X64I_THIRD_WIDE(1), element, bits,   \
                    count, 31, SET_WIDE(1))                                                        \
    COMPARE_HANDLER(v##name##_xxm, x64i_check_avx, 1, source, LOW(load_vex), element, bits, count, \
                    31, SET_WIDE(1))

#define COMPARE_Y(name, element, bits, count)                                                    \
    COMPARE_HANDLER(v##name##_yyy, x64i_check_avx, 2, source, X64I_THIRD_WIDE(2), element, bits, \
                    count, 31, SET_WIDE(2))                                                      \
    COMPARE_HANDLER(v##name##_yym, x64i_check_avx, 2, source, x64i_load_wide(cpu, op, &s, 2),    \
                    element, bits, count, 31, SET_WIDE(2))

COMPARE(cmpps, d, 32, 4, x64i_load_xmm_aligned, x64i_load_xmm)
COMPARE_Y(cmpps, d, 32, 4)
COMPARE(cmppd, q, 64, 2, x64i_load_xmm_aligned, x64i_load_xmm)
COMPARE_Y(cmppd, q, 64, 2)
COMPARE(cmpss, d, 32, 1, x64i_load_4, x64i_load_4)
COMPARE(cmpsd_xmm, q, 64, 1, x64i_load_8, x64i_load_8)

/* COMISS and its kin: ZF, PF and CF tell the order, OF, SF and AF are cleared. */
static enum x64i_result set_order(struct x64i_cpu *cpu, unsigned relation, uint32_t raised)
{
    static const uint32_t flags[] = {[LESS] = X64I_CF,
                                     [EQUAL] = X64I_ZF,
                                     [GREATER] = 0,
                                     [UNORDERED] = X64I_ZF | X64I_PF | X64I_CF};
    if (x64i_note_float(cpu, raised) != X64I_DONE)
        return X64I_FAULT;
    x64i_set_flags(cpu, X64I_OSZAPC, flags[relation]);
    return X64I_DONE;
}

#define ORDER_HANDLER(handler, check, fetch, element, bits, signaling)                  \
    X64I_HANDLER(handler)                                                               \
    {                                                                                   \
        union x64i_xmm s;                                                               \
        uint32_t raised = 0;                                                            \
        if (check(cpu) != X64I_DONE || (fetch) != X64I_DONE)                            \
            return X64I_FAULT;                                                          \
        union x64i_xmm d = x64i_xmm(cpu, op->destination);                              \
        unsigned relation =                                                             \
            relate(d.element[0], s.element[0], bits, signaling, cpu->s.mxcsr, &raised); \
        return set_order(cpu, relation, raised);                                        \
    }

#define ORDER(name, element, bits, load, signaling)                                        \
    ORDER_HANDLER(name##_xx, x64i_check_sse, X64I_SOURCE_XMM, element, bits, signaling)    \
    ORDER_HANDLER(name##_xm, x64i_check_sse, load(cpu, op, &s), element, bits, signaling)  \
    ORDER_HANDLER(v##name##_xx, x64i_check_avx, X64I_SOURCE_XMM, element, bits, signaling) \
    ORDER_HANDLER(v##name##_xm, x64i_check_avx, load(cpu, op, &s), element, bits, signaling)

ORDER(comiss, d, 32, x64i_load_4, true)
ORDER(comisd, q, 64, x64i_load_8, true)
ORDER(ucomiss, d, 32, x64i_load_4, false)
ORDER(ucomisd, q, 64, x64i_load_8, false)

/* The EVEX forms: the result is a mask. */
#define COMPARE_EVEX(name, element, bits, flags)                                               \
    X64I_EVEX_BODY(name)                                                                       \
    {                                                                                          \
        unsigned predicate = v->immediate & 31;                                                \
        for (unsigned i = 0; i < v->count; i++) {                                              \
            unsigned relation = relate(v->a.element[i], v->b.element[i], bits,                 \
                                       predicates[predicate].signaling, v->mxcsr, &v->raised); \
            v->k |= (uint64_t)((predicates[predicate].holds & relation) != 0) << i;            \
        }                                                                                      \
    }                                                                                          \
    X64I_EVEX(name, X64I_EVEX_BITS | X64I_EVEX_TO_K | (flags))

COMPARE_EVEX(cmpps, d, 32, 0)
COMPARE_EVEX(cmppd, q, 64, 0)
COMPARE_EVEX(cmpss, d, 32, X64I_EVEX_SCALAR)
COMPARE_EVEX(cmpsd_xmm, q, 64, X64I_EVEX_SCALAR)

#define ORDER_EVEX(name, element, bits, signaling)                                        \
    X64I_HANDLER(e##name)                                                                 \
    {                                                                                     \
        struct x64i_evex v;                                                               \
        if (x64i_evex_begin(cpu, op, X64I_EVEX_SCALAR | X64I_EVEX_TO_K, &v) != X64I_DONE) \
            return X64I_FAULT;                                                            \
        union x64i_xmm d = x64i_xmm(cpu, op->destination);                                \
        unsigned relation =                                                               \
            relate(d.element[0], v.b.element[0], bits, signaling, v.mxcsr, &v.raised);    \
        bool suppressed = x64i_evex_bits(op, X64I_EVEX_ROUNDING) != X64I_EVEX_MXCSR;      \
        return set_order(cpu, relation, suppressed ? 0 : v.raised);                       \
    }

ORDER_EVEX(comiss, d, 32, true)
ORDER_EVEX(comisd, q, 64, true)
ORDER_EVEX(ucomiss, d, 32, false)
ORDER_EVEX(ucomisd, q, 64, false)
