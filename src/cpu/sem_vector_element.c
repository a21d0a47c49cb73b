/* SPDX-License-Identifier: MIT */
/* Single elements between vector registers, general registers and memory: PEXTRx, PINSRx,
 * EXTRACTPS, INSERTPS (SDM vol. 2). */
#include "cpu/evex.h"

/* EXTRACTPS and PEXTRD are the same instruction but for their opcode. */
#define EXTRACT_AT(handler, check, element, bits)                                          \
    X64I_HANDLER(handler##_rx)                                                             \
    {                                                                                      \
        if (check(cpu) != X64I_DONE)                                                       \
            return X64I_FAULT;                                                             \
        union x64i_xmm s = x64i_xmm(cpu, op->source);                                      \
        x64i_set_gpr64(cpu, op->destination, s.element[op->immediate & (128 / (bits)-1)]); \
        return X64I_DONE;                                                                  \
    }                                                                                      \
    X64I_HANDLER(handler##_mx)                                                             \
    {                                                                                      \
        if (check(cpu) != X64I_DONE)                                                       \
            return X64I_FAULT;                                                             \
        union x64i_xmm s = x64i_xmm(cpu, op->source);                                      \
        return x64i_store(cpu, op->segment, x64i_effective(cpu, op), (bits) / 8,           \
                          s.element[op->immediate & (128 / (bits)-1)]);                    \
    }

#define EXTRACT(name, element, bits)                \
    EXTRACT_AT(name, x64i_check_sse, element, bits) \
    EXTRACT_AT(v##name, x64i_check_avx, element, bits)

EXTRACT(pextrb, b, 8)
EXTRACT(pextrw, w, 16)
EXTRACT(pextrd, d, 32)
EXTRACT(pextrq, q, 64)

/* PINSRx: the element replaces one of the first operand's. */
#define INSERT_AT(handler, check, element, bits, set, first, fetch)                    \
    X64I_HANDLER(handler)                                                              \
    {                                                                                  \
        uint64_t value;                                                                \
        if (check(cpu) != X64I_DONE || (fetch) != X64I_DONE)                           \
            return X64I_FAULT;                                                         \
        union x64i_xmm d = x64i_xmm(cpu, op->first);                                   \
        d.element[op->immediate & (128 / (bits)-1)] = (__typeof__(d.element[0]))value; \
        set;                                                                           \
        return X64I_DONE;                                                              \
    }

#define SET_LEGACY      x64i_set_xmm(cpu, op->destination, &d)
#define SET_VEX         x64i_set_wide_xmm(cpu, op->destination, d)
#define FROM_MEMORY(n)  x64i_load(cpu, op->segment, x64i_effective(cpu, op), (n) / 8, &value)
#define FROM_GPR(which) (value = cpu->s.gpr[op->which], X64I_DONE)

#define INSERT(name, element, bits)                                                                \
    INSERT_AT(name##_xr, x64i_check_sse, element, bits, SET_LEGACY, destination, FROM_GPR(source)) \
    INSERT_AT(name##_xm, x64i_check_sse, element, bits, SET_LEGACY, destination,                   \
              FROM_MEMORY(bits))                                                                   \
    INSERT_AT(v##name##_xxr, x64i_check_avx, element, bits, SET_VEX, source, FROM_GPR(third))      \
    INSERT_AT(v##name##_xxm, x64i_check_avx, element, bits, SET_VEX, source, FROM_MEMORY(bits))

INSERT(pinsrb, b, 8)
INSERT(pinsrw, w, 16)
INSERT(pinsrd, d, 32)
INSERT(pinsrq, q, 64)

/* INSERTPS: bits 7-6 choose the source's element (in memory there is one), 5-4 the destination's,
 * 3-0 those that are cleared. */
static void insert_single(union x64i_xmm *d, uint32_t value, unsigned immediate)
{
    d->d[immediate >> 4 & 3] = value;
    for (unsigned i = 0; i < 4; i++)
        if (immediate >> i & 1)
            d->d[i] = 0;
}

#define INSERT_SINGLE(handler, check, set, first, fetch, which) \
    X64I_HANDLER(handler)                                       \
    {                                                           \
        union x64i_xmm s;                                       \
        if (check(cpu) != X64I_DONE || (fetch) != X64I_DONE)    \
            return X64I_FAULT;                                  \
        union x64i_xmm d = x64i_xmm(cpu, op->first);            \
        insert_single(&d, s.d[which], X64I_IMMEDIATE);          \
        set;                                                    \
        return X64I_DONE;                                       \
    }

INSERT_SINGLE(insertps_xx, x64i_check_sse, SET_LEGACY, destination, X64I_SOURCE_XMM,
              op->immediate >> 6 & 3)
INSERT_SINGLE(insertps_xm, x64i_check_sse, SET_LEGACY, destination, x64i_load_4(cpu, op, &s), 0)
INSERT_SINGLE(vinsertps_xxx, x64i_check_avx, SET_VEX, source,
              (s = x64i_xmm(cpu, op->third), X64I_DONE), op->immediate >> 6 & 3)
INSERT_SINGLE(vinsertps_xxm, x64i_check_avx, SET_VEX, source, x64i_load_4(cpu, op, &s), 0)

/* The EVEX forms, which have no mask. */
#define ELEMENT_EVEX(name, element, bits)                                            \
    EXTRACT_AT(epextr##name, x64i_check_avx512, element, bits)                       \
    INSERT_AT(epinsr##name##_xxr, x64i_check_avx512, element, bits, SET_VEX, source, \
              FROM_GPR(third))                                                       \
    INSERT_AT(epinsr##name##_xxm, x64i_check_avx512, element, bits, SET_VEX, source, \
              FROM_MEMORY(bits))

ELEMENT_EVEX(b, b, 8)
ELEMENT_EVEX(w, w, 16)
ELEMENT_EVEX(d, d, 32)
ELEMENT_EVEX(q, q, 64)
INSERT_SINGLE(einsertps_xxx, x64i_check_avx512, SET_VEX, source,
              (s = x64i_xmm(cpu, op->third), X64I_DONE), op->immediate >> 6 & 3)
INSERT_SINGLE(einsertps_xxm, x64i_check_avx512, SET_VEX, source, x64i_load_4(cpu, op, &s), 0)
