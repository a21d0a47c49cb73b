/* SPDX-License-Identifier: MIT */
/* Floating-point conversions that change the width, or go to and from general registers (SDM vol.
 * 1, 4.8.4.2 and vol. 2, each instruction's page). */
#include "cpu/evex.h"
#include "cpu/host_float.h"

/* A handler that runs `statements` on s and d; d starts out zero. */
#define CONVERT_HANDLER(handler, check, fetch, statements, set) \
    X64I_HANDLER(handler)                                       \
    {                                                           \
        struct x64i_wide s, d = {.lane = {{.q = {0, 0}}}};      \
        if (check(cpu) != X64I_DONE || (fetch) != X64I_DONE)    \
            return X64I_FAULT;                                  \
        if (X64I_RUN_FLOAT(cpu, d, statements) != X64I_DONE)    \
            return X64I_FAULT;                                  \
        set;                                                    \
        return X64I_DONE;                                       \
    }

#define SET_XMM     x64i_set_xmm(cpu, op->destination, &d.lane[0])
#define SET_WIDE(L) x64i_set_wide(cpu, op->destination, &d, L)
#define LOW(load)   load(cpu, op, &s.lane[0])
#define ONE(name)   x64i_host_##name(&d.lane[0], &s.lane[0])

/* The low two elements become a whole lane; those of a YMM destination's second lane follow. */
#define WIDEN_TWO(name)                                   \
    {                                                     \
        union x64i_xmm high = {.q = {s.lane[0].q[1], 0}}; \
        x64i_host_##name(&d.lane[0], &s.lane[0]);         \
        x64i_host_##name(&d.lane[1], &high);              \
    }

#define WIDEN(name)                                                                            \
    CONVERT_HANDLER(name##_xx, x64i_check_sse, X64I_SOURCE_WIDE(1), ONE(name), SET_XMM)        \
    CONVERT_HANDLER(name##_xm, x64i_check_sse, LOW(x64i_load_8), ONE(name), SET_XMM)           \
    CONVERT_HANDLER(v##name##_xx, x64i_check_avx, X64I_SOURCE_WIDE(1), ONE(name), SET_WIDE(1)) \
    CONVERT_HANDLER(v##name##_xm, x64i_check_avx, LOW(x64i_load_8), ONE(name), SET_WIDE(1))    \
    CONVERT_HANDLER(v##name##_yx, x64i_check_avx, X64I_SOURCE_WIDE(1), WIDEN_TWO(name),        \
                    SET_WIDE(2))                                                               \
    CONVERT_HANDLER(v##name##_ym, x64i_check_avx, LOW(x64i_load_xmm), WIDEN_TWO(name), SET_WIDE(2))

WIDEN(cvtps2pd)
WIDEN(cvtdq2pd)

/* Each lane becomes two elements. */
#define NARROW_TWO(name)                          \
    {                                             \
        union x64i_xmm high = {.q = {0, 0}};      \
        x64i_host_##name(&d.lane[0], &s.lane[0]); \
        x64i_host_##name(&high, &s.lane[1]);      \
        d.lane[0].q[1] = high.q[0];               \
    }

#define NARROW(name)                                                                           \
    CONVERT_HANDLER(name##_xx, x64i_check_sse, X64I_SOURCE_WIDE(1), ONE(name), SET_XMM)        \
    CONVERT_HANDLER(name##_xm, x64i_check_sse, LOW(x64i_load_xmm_aligned), ONE(name), SET_XMM) \
    CONVERT_HANDLER(v##name##_xx, x64i_check_avx, X64I_SOURCE_WIDE(1), ONE(name), SET_WIDE(1)) \
    CONVERT_HANDLER(v##name##_xm, x64i_check_avx, LOW(x64i_load_xmm), ONE(name), SET_WIDE(1))  \
    CONVERT_HANDLER(v##name##_xy, x64i_check_avx, X64I_SOURCE_WIDE(2), NARROW_TWO(name),       \
                    SET_WIDE(1))                                                               \
    CONVERT_HANDLER(v##name##_xm256, x64i_check_avx, x64i_load_wide(cpu, op, &s, 2),           \
                    NARROW_TWO(name), SET_WIDE(1))

NARROW(cvtpd2ps)
NARROW(cvtpd2dq)
NARROW(cvttpd2dq)

/* CVTSS2SI and its kin, to 32 and 64 bits. */
#define TO_GENERAL_HANDLER(handler, check, fetch, host, W)             \
    X64I_HANDLER(handler)                                              \
    {                                                                  \
        struct x64i_wide s;                                            \
        uint64_t d = 0;                                                \
        if (check(cpu) != X64I_DONE || (fetch) != X64I_DONE)           \
            return X64I_FAULT;                                         \
        if (X64I_RUN_FLOAT(cpu, d, d = host(&s.lane[0])) != X64I_DONE) \
            return X64I_FAULT;                                         \
        x64i_set_gpr(cpu, op->destination, d, W);                      \
        return X64I_DONE;                                              \
    }

#define TO_GENERAL_AT(name, load, W)                                                               \
    TO_GENERAL_HANDLER(name##_rx_##W, x64i_check_sse, X64I_SOURCE_WIDE(1), x64i_host_##name##_##W, \
                       W)                                                                          \
    TO_GENERAL_HANDLER(name##_rm_##W, x64i_check_sse, LOW(load), x64i_host_##name##_##W, W)        \
    TO_GENERAL_HANDLER(v##name##_rx_##W, x64i_check_avx, X64I_SOURCE_WIDE(1),                      \
                       x64i_host_##name##_##W, W)                                                  \
    TO_GENERAL_HANDLER(v##name##_rm_##W, x64i_check_avx, LOW(load), x64i_host_##name##_##W, W)

#define TO_GENERAL(name, load) TO_GENERAL_AT(name, load, 32) TO_GENERAL_AT(name, load, 64)

TO_GENERAL(cvtss2si, x64i_load_4)
TO_GENERAL(cvttss2si, x64i_load_4)
TO_GENERAL(cvtsd2si, x64i_load_8)
TO_GENERAL(cvttsd2si, x64i_load_8)

/* CVTSI2SS and CVTSI2SD, from 32 and 64 bits. */
#define FROM_GENERAL_HANDLER(handler, check, first, fetch, host, set) \
    X64I_HANDLER(handler)                                             \
    {                                                                 \
        struct x64i_wide d;                                           \
        uint64_t s;                                                   \
        if (check(cpu) != X64I_DONE || (fetch) != X64I_DONE)          \
            return X64I_FAULT;                                        \
        x64i_get_wide(cpu, op->first, &d, 1);                         \
        if (X64I_RUN_FLOAT(cpu, d, host(&d.lane[0], s)) != X64I_DONE) \
            return X64I_FAULT;                                        \
        set;                                                          \
        return X64I_DONE;                                             \
    }

#define GENERAL(which, W) (s = x64i_gpr(cpu, op->which, W), X64I_DONE)
#define MEMORY(W)         x64i_load(cpu, op->segment, x64i_effective(cpu, op), (W) / 8, &s)

#define FROM_GENERAL_AT(name, W)                                                         \
    FROM_GENERAL_HANDLER(name##_xr_##W, x64i_check_sse, destination, GENERAL(source, W), \
                         x64i_host_##name##_##W, SET_XMM)                                \
    FROM_GENERAL_HANDLER(name##_xm_##W, x64i_check_sse, destination, MEMORY(W),          \
                         x64i_host_##name##_##W, SET_XMM)                                \
    FROM_GENERAL_HANDLER(v##name##_xxr_##W, x64i_check_avx, source, GENERAL(third, W),   \
                         x64i_host_##name##_##W, SET_WIDE(1))                            \
    FROM_GENERAL_HANDLER(v##name##_xxm_##W, x64i_check_avx, source, MEMORY(W),           \
                         x64i_host_##name##_##W, SET_WIDE(1))

#define FROM_GENERAL(name) FROM_GENERAL_AT(name, 32) FROM_GENERAL_AT(name, 64)

FROM_GENERAL(cvtsi2ss)
FROM_GENERAL(cvtsi2sd)

/* The EVEX forms. */
#define WIDEN_EVEX(name)                                \
    X64I_EVEX_BODY(name)                                \
    {                                                   \
        for (unsigned i = 0; i < v->bytes / 16; i++) {  \
            union x64i_xmm two = {.q = {v->b.q[i], 0}}; \
            x64i_host_##name(&v->d.lane[i], &two);      \
        }                                               \
    }                                                   \
    X64I_EVEX(name, X64I_EVEX_HOST)

WIDEN_EVEX(cvtps2pd)
WIDEN_EVEX(cvtdq2pd)

#define NARROW_EVEX(name)                              \
    X64I_EVEX_BODY(name)                               \
    {                                                  \
        for (unsigned i = 0; i < v->bytes / 16; i++) { \
            union x64i_xmm two = {.q = {0, 0}};        \
            x64i_host_##name(&two, &v->b.lane[i]);     \
            v->d.q[i] = two.q[0];                      \
        }                                              \
    }                                                  \
    X64I_EVEX(name, X64I_EVEX_HOST | X64I_EVEX_NARROW)

NARROW_EVEX(cvtpd2ps)
NARROW_EVEX(cvtpd2dq)
NARROW_EVEX(cvttpd2dq)

/* To and from general registers, with a rounding mode of their own. */
#define TO_GENERAL_EVEX_AT(name, W)                                             \
    X64I_EVEX_BODY(name##_##W)                                                  \
    {                                                                           \
        v->d.q[0] = x64i_host_##name##_##W(&v->b.lane[0]);                      \
    }                                                                           \
    X64I_HANDLER(e##name##_##W)                                                 \
    {                                                                           \
        return x64i_evex_to_gpr(cpu, op, name##_##W##_evex, X64I_EVEX_HOST, W); \
    }
#define TO_GENERAL_EVEX(name) TO_GENERAL_EVEX_AT(name, 32) TO_GENERAL_EVEX_AT(name, 64)

TO_GENERAL_EVEX(cvtss2si)
TO_GENERAL_EVEX(cvttss2si)
TO_GENERAL_EVEX(cvtsd2si)
TO_GENERAL_EVEX(cvttsd2si)

#define FROM_GENERAL_EVEX_AT(name, W)                                             \
    X64I_EVEX_BODY(name##_##W)                                                    \
    {                                                                             \
        v->d.lane[0] = v->a.lane[0];                                              \
        x64i_host_##name##_##W(&v->d.lane[0], v->b.q[0]);                         \
    }                                                                             \
    X64I_HANDLER(e##name##_r_##W)                                                 \
    {                                                                             \
        return x64i_evex_from_gpr(cpu, op, name##_##W##_evex, X64I_EVEX_HOST, W); \
    }                                                                             \
    X64I_HANDLER(e##name##_m_##W)                                                 \
    {                                                                             \
        return x64i_evex_from_gpr(cpu, op, name##_##W##_evex, X64I_EVEX_HOST, W); \
    }
#define FROM_GENERAL_EVEX(name) FROM_GENERAL_EVEX_AT(name, 32) FROM_GENERAL_EVEX_AT(name, 64)

FROM_GENERAL_EVEX(cvtsi2ss)
FROM_GENERAL_EVEX(cvtsi2sd)
