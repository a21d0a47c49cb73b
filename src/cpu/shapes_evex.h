/* SPDX-License-Identifier: MIT */
/* Operand shapes of EVEX-encoded instructions; shapes.h explains the notation. One handler, e and
 * the body, serves all vector lengths, registers, memory and broadcasts (evex.h); stores have
 * another one. */
#ifndef X64I_CPU_SHAPES_EVEX_H
#define X64I_CPU_SHAPES_EVEX_H

/* destination := f(first, second). */
#define X64I_PATTERNS_evex3                 "^VVV ^VVM"
#define X64I_WIDTH_OF_evex3                 0
#define X64I_SLOTS_evex3(b, W4, W3, W2, W1) W1(e##b) W1(e##b)

/* The same with an immediate. */
#define X64I_PATTERNS_evex3_i                 "^VVVI ^VVMI"
#define X64I_WIDTH_OF_evex3_i                 0
#define X64I_SLOTS_evex3_i(b, W4, W3, W2, W1) W1(e##b) W1(e##b)

/* destination := f(source). */
#define X64I_PATTERNS_evex2                   "^VV ^VM"
#define X64I_WIDTH_OF_evex2                   0
#define X64I_SLOTS_evex2(b, W4, W3, W2, W1)   W1(e##b) W1(e##b)
#define X64I_PATTERNS_evex2_i                 "^VVI ^VMI"
#define X64I_WIDTH_OF_evex2_i                 0
#define X64I_SLOTS_evex2_i(b, W4, W3, W2, W1) W1(e##b) W1(e##b)

/* mask := f(first, second), mask := f(source). */
#define X64I_PATTERNS_evex_k3                     "^KVV ^KVM"
#define X64I_WIDTH_OF_evex_k3                     0
#define X64I_SLOTS_evex_k3(b, W4, W3, W2, W1)     W1(e##b) W1(e##b)
#define X64I_PATTERNS_evex_k3_i                   "^KVVI ^KVMI"
#define X64I_WIDTH_OF_evex_k3_i                   0
#define X64I_SLOTS_evex_k3_i(b, W4, W3, W2, W1)   W1(e##b) W1(e##b)
#define X64I_PATTERNS_evex_k2_i                   "^KVI ^KMI"
#define X64I_WIDTH_OF_evex_k2_i                   0
#define X64I_SLOTS_evex_k2_i(b, W4, W3, W2, W1)   W1(e##b) W1(e##b)
#define X64I_PATTERNS_evex_from_k                 "^VK"
#define X64I_WIDTH_OF_evex_from_k                 0
#define X64I_SLOTS_evex_from_k(b, W4, W3, W2, W1) W1(e##b)
#define X64I_PATTERNS_evex_to_k                   "^KV"
#define X64I_WIDTH_OF_evex_to_k                   0
#define X64I_SLOTS_evex_to_k(b, W4, W3, W2, W1)   W1(e##b)

/* Moves, conversions and extractions that may go to memory. */
#define X64I_PATTERNS_evex_move                          "^VV ^VM ^MV"
#define X64I_WIDTH_OF_evex_move                          0
#define X64I_SLOTS_evex_move(b, W4, W3, W2, W1)          W1(e##b) W1(e##b) W1(e##b##_m)
#define X64I_PATTERNS_evex_to                            "^VV ^MV"
#define X64I_WIDTH_OF_evex_to                            0
#define X64I_SLOTS_evex_to(b, W4, W3, W2, W1)            W1(e##b) W1(e##b##_m)
#define X64I_PATTERNS_evex_to_i                          "^VVI ^MVI"
#define X64I_WIDTH_OF_evex_to_i                          0
#define X64I_SLOTS_evex_to_i(b, W4, W3, W2, W1)          W1(e##b) W1(e##b##_m)
#define X64I_PATTERNS_evex_store                         "^MV"
#define X64I_WIDTH_OF_evex_store                         0
#define X64I_SLOTS_evex_store(b, W4, W3, W2, W1)         W1(e##b##_m)
#define X64I_PATTERNS_evex_load                          "^VM"
#define X64I_WIDTH_OF_evex_load                          0
#define X64I_SLOTS_evex_load(b, W4, W3, W2, W1)          W1(e##b)
#define X64I_PATTERNS_evex_scalar                        "^VVV ^VM ^MV"
#define X64I_WIDTH_OF_evex_scalar                        0
#define X64I_SLOTS_evex_scalar(b, W4, W3, W2, W1)        W1(e##b) W1(e##b) W1(e##b##_m)
#define X64I_PATTERNS_evex_insert_single                 "^VVVI ^VVMI"
#define X64I_WIDTH_OF_evex_insert_single                 0
#define X64I_SLOTS_evex_insert_single(b, W4, W3, W2, W1) W1(e##b##_xxx) W1(e##b##_xxm)
#define X64I_PATTERNS_evex_half                          "^VVM ^MV"
#define X64I_WIDTH_OF_evex_half                          0
#define X64I_SLOTS_evex_half(b, W4, W3, W2, W1)          W1(e##b) W1(e##b##_m)
#define X64I_PATTERNS_evex_vvv                           "^VVV"
#define X64I_WIDTH_OF_evex_vvv                           0
#define X64I_SLOTS_evex_vvv(b, W4, W3, W2, W1)           W1(e##b)

#define X64I_PATTERNS_evex_expand                 "^VV ^VM"
#define X64I_WIDTH_OF_evex_expand                 0
#define X64I_SLOTS_evex_expand(b, W4, W3, W2, W1) W1(e##b) W1(e##b##_load)

/* Gathers and scatters. */
#define X64I_PATTERNS_evex_gather                  "^VM"
#define X64I_WIDTH_OF_evex_gather                  0
#define X64I_SLOTS_evex_gather(b, W4, W3, W2, W1)  W1(e##b)
#define X64I_PATTERNS_evex_scatter                 "^MV"
#define X64I_WIDTH_OF_evex_scatter                 0
#define X64I_SLOTS_evex_scatter(b, W4, W3, W2, W1) W1(e##b)

/* With general registers. */
#define X64I_PATTERNS_evex_from_gpr                 "^VR"
#define X64I_WIDTH_OF_evex_from_gpr                 0
#define X64I_SLOTS_evex_from_gpr(b, W4, W3, W2, W1) W1(e##b##_r)
#define X64I_PATTERNS_evex_gpr                      "^VR ^VM ^RV ^MV ^VV"
#define X64I_WIDTH_OF_evex_gpr                      0
#define X64I_SLOTS_evex_gpr(b, W4, W3, W2, W1) \
    W1(e##b##_xr) W1(e##b##_xm) W1(e##b##_rx) W1(e##b##_mx) W1(e##b##_xx)
#define X64I_PATTERNS_evex_extract                 "^RVI ^MVI"
#define X64I_WIDTH_OF_evex_extract                 1
#define X64I_SLOTS_evex_extract(b, W4, W3, W2, W1) W1(e##b##_rx) W1(e##b##_mx)
#define X64I_PATTERNS_evex_insert                  "^VVRI ^VVMI"
#define X64I_WIDTH_OF_evex_insert                  0
#define X64I_SLOTS_evex_insert(b, W4, W3, W2, W1)  W1(e##b##_xxr) W1(e##b##_xxm)
#define X64I_PATTERNS_evex_to_gpr                  "^RV ^RM"
#define X64I_WIDTH_OF_evex_to_gpr                  0
#define X64I_SLOTS_evex_to_gpr(b, W4, W3, W2, W1)  W2(e##b) W2(e##b)
#define X64I_PATTERNS_evex_int                     "^VVR ^VVM"
#define X64I_WIDTH_OF_evex_int                     2
#define X64I_SLOTS_evex_int(b, W4, W3, W2, W1)     W2(e##b##_r) W2(e##b##_m)
#define X64I_PATTERNS_evex_flags                   "^VV ^VM"
#define X64I_WIDTH_OF_evex_flags                   0
#define X64I_SLOTS_evex_flags(b, W4, W3, W2, W1)   W1(e##b) W1(e##b)

/* The mask registers' own instructions, which VEX encodes. */
#define X64I_PATTERNS_opmask3                  "KKK"
#define X64I_WIDTH_OF_opmask3                  0
#define X64I_SLOTS_opmask3(b, W4, W3, W2, W1)  W1(b)
#define X64I_PATTERNS_opmask2                  "KK"
#define X64I_WIDTH_OF_opmask2                  0
#define X64I_SLOTS_opmask2(b, W4, W3, W2, W1)  W1(b)
#define X64I_PATTERNS_opmask_i                 "KKI"
#define X64I_WIDTH_OF_opmask_i                 0
#define X64I_SLOTS_opmask_i(b, W4, W3, W2, W1) W1(b)
#define X64I_PATTERNS_opmask_move              "KK KM MK KR RK"
#define X64I_WIDTH_OF_opmask_move              0
#define X64I_SLOTS_opmask_move(b, W4, W3, W2, W1) \
    W1(b##_kk) W1(b##_km) W1(b##_mk) W1(b##_kr) W1(b##_rk)

#endif
