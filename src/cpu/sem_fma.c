/* SPDX-License-Identifier: MIT */
/* FMA (SDM vol. 2, VFMADD132PD and its kin): one rounding for product and sum. The destination is
 * the first factor or the addend, as the number in the name says. */
#include "cpu/evex.h"
#include "cpu/host_float.h"

#define FMA_HANDLER(name, suffix, L, fetch)                               \
    X64I_HANDLER(name##_##suffix)                                         \
    {                                                                     \
        struct x64i_wide d, b, s;                                         \
        if (x64i_check_avx(cpu) != X64I_DONE || (fetch) != X64I_DONE)     \
            return X64I_FAULT;                                            \
        x64i_get_wide(cpu, op->destination, &d, L);                       \
        x64i_get_wide(cpu, op->source, &b, L);                            \
        if (X64I_RUN_FLOAT(cpu, d, {                                      \
                for (unsigned i = 0; i < (L); i++)                        \
                    x64i_host_##name(&d.lane[i], &b.lane[i], &s.lane[i]); \
            }) != X64I_DONE)                                              \
            return X64I_FAULT;                                            \
        x64i_set_wide(cpu, op->destination, &d, L);                       \
        return X64I_DONE;                                                 \
    }

#define FMA_SCALAR(name, load)                    \
    X64I_HOST_FMA(name)                           \
    FMA_HANDLER(name, xxx, 1, X64I_THIRD_WIDE(1)) \
    FMA_HANDLER(name, xxm, 1, load(cpu, op, &s.lane[0]))

#define FMA_PACKED(name)                          \
    FMA_SCALAR(name, x64i_load_xmm)               \
    FMA_HANDLER(name, yyy, 2, X64I_THIRD_WIDE(2)) \
    FMA_HANDLER(name, yym, 2, x64i_load_wide(cpu, op, &s, 2))

#define FMA_ORDER(stem, order)  \
    FMA_PACKED(stem##order##ps) \
    FMA_PACKED(stem##order##pd)
#define FMA_ORDER_ALL(stem, order)           \
    FMA_ORDER(stem, order)                   \
    FMA_SCALAR(stem##order##ss, x64i_load_4) \
    FMA_SCALAR(stem##order##sd, x64i_load_8)

#define FMA(stem)       FMA_ORDER_ALL(stem, 132) FMA_ORDER_ALL(stem, 213) FMA_ORDER_ALL(stem, 231)
#define FMA_MIXED(stem) FMA_ORDER(stem, 132) FMA_ORDER(stem, 213) FMA_ORDER(stem, 231)

FMA(vfmadd)
FMA(vfmsub)
FMA(vfnmadd)
FMA(vfnmsub)
FMA_MIXED(vfmaddsub)
FMA_MIXED(vfmsubadd)

/* The EVEX forms. */
#define EVEX_FMA(name, flags)                                              \
    X64I_EVEX_BODY(name)                                                   \
    {                                                                      \
        for (unsigned i = 0; i < v->bytes / 16; i++)                       \
            x64i_host_##name(&v->d.lane[i], &v->a.lane[i], &v->b.lane[i]); \
    }                                                                      \
    X64I_EVEX(name, X64I_EVEX_HOST | (flags))
#define EVEX_FMA_ORDER(stem, order) EVEX_FMA(stem##order##ps, 0) EVEX_FMA(stem##order##pd, 0)
#define EVEX_FMA_ORDER_ALL(stem, order)         \
    EVEX_FMA_ORDER(stem, order)                 \
    EVEX_FMA(stem##order##ss, X64I_EVEX_SCALAR) \
    EVEX_FMA(stem##order##sd, X64I_EVEX_SCALAR)
#define EVEX_FMA_ALL(stem) \
    EVEX_FMA_ORDER_ALL(stem, 132) EVEX_FMA_ORDER_ALL(stem, 213) EVEX_FMA_ORDER_ALL(stem, 231)
#define EVEX_FMA_MIXED(stem) \
    EVEX_FMA_ORDER(stem, 132) EVEX_FMA_ORDER(stem, 213) EVEX_FMA_ORDER(stem, 231)

EVEX_FMA_ALL(vfmadd)
EVEX_FMA_ALL(vfmsub)
EVEX_FMA_ALL(vfnmadd)
EVEX_FMA_ALL(vfnmsub)
EVEX_FMA_MIXED(vfmaddsub)
EVEX_FMA_MIXED(vfmsubadd)
