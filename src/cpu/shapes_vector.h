/* SPDX-License-Identifier: MIT */
/* Operand shapes of the vector instructions; shapes.h explains the notation. */
#ifndef X64I_CPU_SHAPES_VECTOR_H
#define X64I_CPU_SHAPES_VECTOR_H

#include "cpu/shapes_evex.h"
#include "cpu/shapes_vex.h"

/* xmm := f(xmm, xmm/memory): most of SSE. */
#define X64I_PATTERNS_xmm2                 "XX XM"
#define X64I_WIDTH_OF_xmm2                 0
#define X64I_SLOTS_xmm2(b, W4, W3, W2, W1) W1(b##_xx) W1(b##_xm)

/* The same with an immediate: SHUFPS, CMPPS ... */
#define X64I_PATTERNS_xmm2_i                 "XXI XMI"
#define X64I_WIDTH_OF_xmm2_i                 0
#define X64I_SLOTS_xmm2_i(b, W4, W3, W2, W1) W1(b##_xx) W1(b##_xm)

/* xmm := f(xmm, immediate), and shifts by a register or memory. */
#define X64I_PATTERNS_xmm_shift                 "XX XM XI"
#define X64I_WIDTH_OF_xmm_shift                 0
#define X64I_SLOTS_xmm_shift(b, W4, W3, W2, W1) W1(b##_xx) W1(b##_xm) W1(b##_xi)

#define X64I_PATTERNS_xmm_i                 "XI"
#define X64I_WIDTH_OF_xmm_i                 0
#define X64I_SLOTS_xmm_i(b, W4, W3, W2, W1) W1(b##_xi)

/* Moves between registers, and to and from memory. */
#define X64I_PATTERNS_xmm_move                 "XX XM MX"
#define X64I_WIDTH_OF_xmm_move                 0
#define X64I_SLOTS_xmm_move(b, W4, W3, W2, W1) W1(b##_xx) W1(b##_xm) W1(b##_mx)

/* Moves of one half, to and from memory only. */
#define X64I_PATTERNS_xmm_half                 "XM MX"
#define X64I_WIDTH_OF_xmm_half                 0
#define X64I_SLOTS_xmm_half(b, W4, W3, W2, W1) W1(b##_xm) W1(b##_mx)

#define X64I_PATTERNS_xmm_store                 "MX"
#define X64I_WIDTH_OF_xmm_store                 0
#define X64I_SLOTS_xmm_store(b, W4, W3, W2, W1) W1(b##_mx)

#define X64I_PATTERNS_xmm_xmm                 "XX"
#define X64I_WIDTH_OF_xmm_xmm                 0
#define X64I_SLOTS_xmm_xmm(b, W4, W3, W2, W1) W1(b##_xx)

/* MOVD, MOVQ: between an xmm and a general register or memory. */
#define X64I_PATTERNS_xmm_gpr                 "XR XM RX MX XX"
#define X64I_WIDTH_OF_xmm_gpr                 0
#define X64I_SLOTS_xmm_gpr(b, W4, W3, W2, W1) W1(b##_xr) W1(b##_xm) W1(b##_rx) W1(b##_mx) W1(b##_xx)

/* general register := f(xmm): MOVMSKPS, PMOVMSKB. */
#define X64I_PATTERNS_gpr_xmm                 "RX"
#define X64I_WIDTH_OF_gpr_xmm                 0
#define X64I_SLOTS_gpr_xmm(b, W4, W3, W2, W1) W1(b##_rx)

#define X64I_PATTERNS_gpr_xmm_i                 "RXI"
#define X64I_WIDTH_OF_gpr_xmm_i                 0
#define X64I_SLOTS_gpr_xmm_i(b, W4, W3, W2, W1) W1(b##_rx)

#define X64I_PATTERNS_xmm_gpr_i                 "XRI XMI"
#define X64I_WIDTH_OF_xmm_gpr_i                 0
#define X64I_SLOTS_xmm_gpr_i(b, W4, W3, W2, W1) W1(b##_xr) W1(b##_xm)

/* One element to a general register or memory: PEXTRB ... */
#define X64I_PATTERNS_xmm_extract                 "RXI MXI"
#define X64I_WIDTH_OF_xmm_extract                 1
#define X64I_SLOTS_xmm_extract(b, W4, W3, W2, W1) W1(b##_rx) W1(b##_mx)

#define X64I_PATTERNS_xmm_load                 "XM"
#define X64I_WIDTH_OF_xmm_load                 0
#define X64I_SLOTS_xmm_load(b, W4, W3, W2, W1) W1(b##_xm)

/* CRC32: the source's width counts. */
#define X64I_PATTERNS_crc32                 "RR RM"
#define X64I_WIDTH_OF_crc32                 1
#define X64I_SLOTS_crc32(b, W4, W3, W2, W1) W4(b##_rr) W4(b##_rm)

/* general register of 32 or 64 bits := f(xmm/memory): CVTSD2SI. */
#define X64I_PATTERNS_to_gpr                 "RX RM"
#define X64I_WIDTH_OF_to_gpr                 0
#define X64I_SLOTS_to_gpr(b, W4, W3, W2, W1) W2(b##_rx) W2(b##_rm)

/* xmm := f(general register/memory of 32 or 64 bits): CVTSI2SD. */
#define X64I_PATTERNS_from_gpr                 "XR XM"
#define X64I_WIDTH_OF_from_gpr                 1
#define X64I_SLOTS_from_gpr(b, W4, W3, W2, W1) W2(b##_xr) W2(b##_xm)

/* memory := general register: MOVNTI. */
#define X64I_PATTERNS_m_r                 "MR"
#define X64I_WIDTH_OF_m_r                 1
#define X64I_SLOTS_m_r(b, W4, W3, W2, W1) W2(b)

/* One memory operand: LDMXCSR, FXSAVE. */
#define X64I_PATTERNS_m                 "M"
#define X64I_WIDTH_OF_m                 0
#define X64I_SLOTS_m(b, W4, W3, W2, W1) W1(b)

#endif
