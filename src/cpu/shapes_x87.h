/* SPDX-License-Identifier: MIT */
/* Operand shapes of x87 and MMX; shapes.h explains the notation. */
#ifndef X64I_CPU_SHAPES_X87_H
#define X64I_CPU_SHAPES_X87_H

/* FLD, FSTP: a number in one of three formats, or a register. */
#define X64I_PATTERNS_x87_load                 "M32 M64 M80 F"
#define X64I_WIDTH_OF_x87_load                 0
#define X64I_SLOTS_x87_load(b, W4, W3, W2, W1) W1(b##_m32) W1(b##_m64) W1(b##_m80) W1(b##_f)

/* FST, FCOM. */
#define X64I_PATTERNS_x87_store                   "M32 M64 F"
#define X64I_WIDTH_OF_x87_store                   0
#define X64I_SLOTS_x87_store(b, W4, W3, W2, W1)   W1(b##_m32) W1(b##_m64) W1(b##_f)
#define X64I_PATTERNS_x87_compare                 "M32 M64 F"
#define X64I_WIDTH_OF_x87_compare                 0
#define X64I_SLOTS_x87_compare(b, W4, W3, W2, W1) W1(b##_m32) W1(b##_m64) W1(b##_f)

/* FADD: ST(0) and memory, or two registers of which one is ST(0). */
#define X64I_PATTERNS_x87_arithmetic                     "M32 M64 FF"
#define X64I_WIDTH_OF_x87_arithmetic                     0
#define X64I_SLOTS_x87_arithmetic(b, W4, W3, W2, W1)     W1(b##_m32) W1(b##_m64) W1(b##_ff)
#define X64I_PATTERNS_x87_arithmetic_pop                 "FF"
#define X64I_WIDTH_OF_x87_arithmetic_pop                 0
#define X64I_SLOTS_x87_arithmetic_pop(b, W4, W3, W2, W1) W1(b##_ff)

/* Two registers; one register. */
#define X64I_PATTERNS_x87_pair                     "FF"
#define X64I_WIDTH_OF_x87_pair                     0
#define X64I_SLOTS_x87_pair(b, W4, W3, W2, W1)     W1(b)
#define X64I_PATTERNS_x87_register                 "F"
#define X64I_WIDTH_OF_x87_register                 0
#define X64I_SLOTS_x87_register(b, W4, W3, W2, W1) W1(b)

/* Integers in memory: FIADD and its kin; FILD. */
#define X64I_PATTERNS_x87_integer                  "M16 M32"
#define X64I_WIDTH_OF_x87_integer                  0
#define X64I_SLOTS_x87_integer(b, W4, W3, W2, W1)  W1(b##_m16) W1(b##_m32)
#define X64I_PATTERNS_x87_integer3                 "M16 M32 M64"
#define X64I_WIDTH_OF_x87_integer3                 0
#define X64I_SLOTS_x87_integer3(b, W4, W3, W2, W1) W1(b##_m16) W1(b##_m32) W1(b##_m64)

/* The environment of 14 or 28 bytes, and with the registers. */
#define X64I_PATTERNS_x87_environment                 "M112 M224"
#define X64I_WIDTH_OF_x87_environment                 0
#define X64I_SLOTS_x87_environment(b, W4, W3, W2, W1) W1(b##_16) W1(b##_32)
#define X64I_PATTERNS_x87_image                       "M752 M864"
#define X64I_WIDTH_OF_x87_image                       0
#define X64I_SLOTS_x87_image(b, W4, W3, W2, W1)       W1(b##_16) W1(b##_32)

/* FNSTSW: AX or memory. */
#define X64I_PATTERNS_x87_status                 "R M"
#define X64I_WIDTH_OF_x87_status                 0
#define X64I_SLOTS_x87_status(b, W4, W3, W2, W1) W1(b##_r) W1(b##_m)

/* mmx := f(mmx, mmx/memory): most of MMX; with an immediate. */
#define X64I_PATTERNS_mmx2                   "QQ QM"
#define X64I_WIDTH_OF_mmx2                   0
#define X64I_SLOTS_mmx2(b, W4, W3, W2, W1)   W1(b##_qq) W1(b##_qm)
#define X64I_PATTERNS_mmx2_i                 "QQI QMI"
#define X64I_WIDTH_OF_mmx2_i                 0
#define X64I_SLOTS_mmx2_i(b, W4, W3, W2, W1) W1(b##_qq) W1(b##_qm)

/* Shifts, by an immediate, too. */
#define X64I_PATTERNS_mmx_shift                 "QQ QM QI"
#define X64I_WIDTH_OF_mmx_shift                 0
#define X64I_SLOTS_mmx_shift(b, W4, W3, W2, W1) W1(b##_qq) W1(b##_qm) W1(b##_qi)

/* MOVD; MOVQ; MOVNTQ; MASKMOVQ. */
#define X64I_PATTERNS_mmx_gpr                 "QR QM RQ MQ"
#define X64I_WIDTH_OF_mmx_gpr                 0
#define X64I_SLOTS_mmx_gpr(b, W4, W3, W2, W1) W1(b##_qr) W1(b##_qm) W1(b##_rq) W1(b##_mq)
#define X64I_PATTERNS_mmx_move                "QR QM RQ MQ QQ"
#define X64I_WIDTH_OF_mmx_move                0
#define X64I_SLOTS_mmx_move(b, W4, W3, W2, W1) \
    W1(b##_qr) W1(b##_qm) W1(b##_rq) W1(b##_mq) W1(b##_qq)
#define X64I_PATTERNS_mmx_store                 "MQ"
#define X64I_WIDTH_OF_mmx_store                 0
#define X64I_SLOTS_mmx_store(b, W4, W3, W2, W1) W1(b##_mq)
#define X64I_PATTERNS_mmx_mmx                   "QQ"
#define X64I_WIDTH_OF_mmx_mmx                   0
#define X64I_SLOTS_mmx_mmx(b, W4, W3, W2, W1)   W1(b##_qq)

/* Between MMX, XMM and general registers. */
#define X64I_PATTERNS_xmm_mmx                   "XQ"
#define X64I_WIDTH_OF_xmm_mmx                   0
#define X64I_SLOTS_xmm_mmx(b, W4, W3, W2, W1)   W1(b##_xq)
#define X64I_PATTERNS_mmx_xmm                   "QX"
#define X64I_WIDTH_OF_mmx_xmm                   0
#define X64I_SLOTS_mmx_xmm(b, W4, W3, W2, W1)   W1(b##_qx)
#define X64I_PATTERNS_gpr_mmx                   "RQ"
#define X64I_WIDTH_OF_gpr_mmx                   0
#define X64I_SLOTS_gpr_mmx(b, W4, W3, W2, W1)   W1(b##_rq)
#define X64I_PATTERNS_gpr_mmx_i                 "RQI"
#define X64I_WIDTH_OF_gpr_mmx_i                 0
#define X64I_SLOTS_gpr_mmx_i(b, W4, W3, W2, W1) W1(b##_rq)
#define X64I_PATTERNS_mmx_gpr_i                 "QRI QMI"
#define X64I_WIDTH_OF_mmx_gpr_i                 0
#define X64I_SLOTS_mmx_gpr_i(b, W4, W3, W2, W1) W1(b##_qr) W1(b##_qm)

/* Conversions. */
#define X64I_PATTERNS_from_mmx                 "XQ XM"
#define X64I_WIDTH_OF_from_mmx                 0
#define X64I_SLOTS_from_mmx(b, W4, W3, W2, W1) W1(b##_xq) W1(b##_xm)
#define X64I_PATTERNS_to_mmx                   "QX QM"
#define X64I_WIDTH_OF_to_mmx                   0
#define X64I_SLOTS_to_mmx(b, W4, W3, W2, W1)   W1(b##_qx) W1(b##_qm)

#endif
