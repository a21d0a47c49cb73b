/* SPDX-License-Identifier: MIT */
/* Operand shapes of VEX-encoded vector instructions; shapes.h explains the notation. A handler's
 * name says v, the body, and the letters of its operands. */
#ifndef X64I_CPU_SHAPES_VEX_H
#define X64I_CPU_SHAPES_VEX_H

/* destination := f(first, second): 128 bits, 256 bits, both. */
#define X64I_PATTERNS_vex3_x                 "XXX XXM"
#define X64I_WIDTH_OF_vex3_x                 0
#define X64I_SLOTS_vex3_x(b, W4, W3, W2, W1) W1(v##b##_xxx) W1(v##b##_xxm)
#define X64I_PATTERNS_vex3_y                 "YYY YYM"
#define X64I_WIDTH_OF_vex3_y                 0
#define X64I_SLOTS_vex3_y(b, W4, W3, W2, W1) W1(v##b##_yyy) W1(v##b##_yym)
#define X64I_PATTERNS_vex3                   "XXX XXM YYY YYM"
#define X64I_WIDTH_OF_vex3                   0
#define X64I_SLOTS_vex3(b, W4, W3, W2, W1) \
    W1(v##b##_xxx) W1(v##b##_xxm) W1(v##b##_yyy) W1(v##b##_yym)

/* The same with an immediate. */
#define X64I_PATTERNS_vex3_i_x                 "XXXI XXMI"
#define X64I_WIDTH_OF_vex3_i_x                 0
#define X64I_SLOTS_vex3_i_x(b, W4, W3, W2, W1) W1(v##b##_xxx) W1(v##b##_xxm)
#define X64I_PATTERNS_vex3_i_y                 "YYYI YYMI"
#define X64I_WIDTH_OF_vex3_i_y                 0
#define X64I_SLOTS_vex3_i_y(b, W4, W3, W2, W1) W1(v##b##_yyy) W1(v##b##_yym)
#define X64I_PATTERNS_vex3_i                   "XXXI XXMI YYYI YYMI"
#define X64I_WIDTH_OF_vex3_i                   0
#define X64I_SLOTS_vex3_i(b, W4, W3, W2, W1) \
    W1(v##b##_xxx) W1(v##b##_xxm) W1(v##b##_yyy) W1(v##b##_yym)

/* destination := f(source). */
#define X64I_PATTERNS_vex2_x                 "XX XM"
#define X64I_WIDTH_OF_vex2_x                 0
#define X64I_SLOTS_vex2_x(b, W4, W3, W2, W1) W1(v##b##_xx) W1(v##b##_xm)
#define X64I_PATTERNS_vex2_y                 "YY YM"
#define X64I_WIDTH_OF_vex2_y                 0
#define X64I_SLOTS_vex2_y(b, W4, W3, W2, W1) W1(v##b##_yy) W1(v##b##_ym)
#define X64I_PATTERNS_vex2                   "XX XM YY YM"
#define X64I_WIDTH_OF_vex2                   0
#define X64I_SLOTS_vex2(b, W4, W3, W2, W1)   W1(v##b##_xx) W1(v##b##_xm) W1(v##b##_yy) W1(v##b##_ym)

#define X64I_PATTERNS_vex2_i_x                 "XXI XMI"
#define X64I_WIDTH_OF_vex2_i_x                 0
#define X64I_SLOTS_vex2_i_x(b, W4, W3, W2, W1) W1(v##b##_xx) W1(v##b##_xm)
#define X64I_PATTERNS_vex2_i_y                 "YYI YMI"
#define X64I_WIDTH_OF_vex2_i_y                 0
#define X64I_SLOTS_vex2_i_y(b, W4, W3, W2, W1) W1(v##b##_yy) W1(v##b##_ym)
#define X64I_PATTERNS_vex2_i                   "XXI XMI YYI YMI"
#define X64I_WIDTH_OF_vex2_i                   0
#define X64I_SLOTS_vex2_i(b, W4, W3, W2, W1)   W1(v##b##_xx) W1(v##b##_xm) W1(v##b##_yy) W1(v##b##_ym)

/* A source of half the destination's width: VPMOVSXBW, VCVTPS2PD ... */
#define X64I_PATTERNS_vex_widen_y                 "YX YM"
#define X64I_WIDTH_OF_vex_widen_y                 0
#define X64I_SLOTS_vex_widen_y(b, W4, W3, W2, W1) W1(v##b##_yx) W1(v##b##_ym)
#define X64I_PATTERNS_vex_widen                   "XX XM YX YM"
#define X64I_WIDTH_OF_vex_widen                   0
#define X64I_SLOTS_vex_widen(b, W4, W3, W2, W1) \
    W1(v##b##_xx) W1(v##b##_xm) W1(v##b##_yx) W1(v##b##_ym)

/* A destination of half the source's width: VCVTPD2PS ... */
#define X64I_PATTERNS_vex_narrow "XX XM128 XY XM256"
#define X64I_WIDTH_OF_vex_narrow 0
#define X64I_SLOTS_vex_narrow(b, W4, W3, W2, W1) \
    W1(v##b##_xx) W1(v##b##_xm) W1(v##b##_xy) W1(v##b##_xm256)

/* VCVTPS2PH. */
#define X64I_PATTERNS_vex_narrow_i "XXI MXI XYI MYI"
#define X64I_WIDTH_OF_vex_narrow_i 1
#define X64I_SLOTS_vex_narrow_i(b, W4, W3, W2, W1) \
    W1(v##b##_xx) W1(v##b##_mx) W1(v##b##_xy) W1(v##b##_my)

/* Blends by a mask register. */
#define X64I_PATTERNS_vex4_x                 "XXXX XXMX"
#define X64I_WIDTH_OF_vex4_x                 0
#define X64I_SLOTS_vex4_x(b, W4, W3, W2, W1) W1(v##b##_xxxx) W1(v##b##_xxmx)
#define X64I_PATTERNS_vex4_y                 "YYYY YYMY"
#define X64I_WIDTH_OF_vex4_y                 0
#define X64I_SLOTS_vex4_y(b, W4, W3, W2, W1) W1(v##b##_yyyy) W1(v##b##_yymy)
#define X64I_PATTERNS_vex4                   "XXXX XXMX YYYY YYMY"
#define X64I_WIDTH_OF_vex4                   0
#define X64I_SLOTS_vex4(b, W4, W3, W2, W1) \
    W1(v##b##_xxxx) W1(v##b##_xxmx) W1(v##b##_yyyy) W1(v##b##_yymy)

/* Shifts by one count. */
#define X64I_PATTERNS_vex_shift_x                 "XXX XXM XXI"
#define X64I_WIDTH_OF_vex_shift_x                 0
#define X64I_SLOTS_vex_shift_x(b, W4, W3, W2, W1) W1(v##b##_xxx) W1(v##b##_xxm) W1(v##b##_xxi)
#define X64I_PATTERNS_vex_shift_y                 "YYX YYM YYI"
#define X64I_WIDTH_OF_vex_shift_y                 0
#define X64I_SLOTS_vex_shift_y(b, W4, W3, W2, W1) W1(v##b##_yyx) W1(v##b##_yym) W1(v##b##_yyi)
#define X64I_PATTERNS_vex_bytes_x                 "XXI"
#define X64I_WIDTH_OF_vex_bytes_x                 0
#define X64I_SLOTS_vex_bytes_x(b, W4, W3, W2, W1) W1(v##b##_xxi)
#define X64I_PATTERNS_vex_bytes_y                 "YYI"
#define X64I_WIDTH_OF_vex_bytes_y                 0
#define X64I_SLOTS_vex_bytes_y(b, W4, W3, W2, W1) W1(v##b##_yyi)

/* Moves. */
#define X64I_PATTERNS_vex_move "XX XM MX YY YM MY"
#define X64I_WIDTH_OF_vex_move 0
#define X64I_SLOTS_vex_move(b, W4, W3, W2, W1) \
    W1(v##b##_xx) W1(v##b##_xm) W1(v##b##_mx) W1(v##b##_yy) W1(v##b##_ym) W1(v##b##_my)
#define X64I_PATTERNS_vex_store                  "MX MY"
#define X64I_WIDTH_OF_vex_store                  1
#define X64I_SLOTS_vex_store(b, W4, W3, W2, W1)  W1(v##b##_mx) W1(v##b##_my)
#define X64I_PATTERNS_vex_load_x                 "XM"
#define X64I_WIDTH_OF_vex_load_x                 0
#define X64I_SLOTS_vex_load_x(b, W4, W3, W2, W1) W1(v##b##_xm)
#define X64I_PATTERNS_vex_load_y                 "YM"
#define X64I_WIDTH_OF_vex_load_y                 0
#define X64I_SLOTS_vex_load_y(b, W4, W3, W2, W1) W1(v##b##_ym)
#define X64I_PATTERNS_vex_load                   "XM YM"
#define X64I_WIDTH_OF_vex_load                   0
#define X64I_SLOTS_vex_load(b, W4, W3, W2, W1)   W1(v##b##_xm) W1(v##b##_ym)
#define X64I_PATTERNS_vex_scalar                 "XXX XM MX"
#define X64I_WIDTH_OF_vex_scalar                 0
#define X64I_SLOTS_vex_scalar(b, W4, W3, W2, W1) W1(v##b##_xxx) W1(v##b##_xm) W1(v##b##_mx)
#define X64I_PATTERNS_vex_half                   "XXM MX"
#define X64I_WIDTH_OF_vex_half                   0
#define X64I_SLOTS_vex_half(b, W4, W3, W2, W1)   W1(v##b##_xxm) W1(v##b##_mx)
#define X64I_PATTERNS_vex_xxx                    "XXX"
#define X64I_WIDTH_OF_vex_xxx                    0
#define X64I_SLOTS_vex_xxx(b, W4, W3, W2, W1)    W1(v##b##_xxx)
#define X64I_PATTERNS_vex_xx                     "XX"
#define X64I_WIDTH_OF_vex_xx                     0
#define X64I_SLOTS_vex_xx(b, W4, W3, W2, W1)     W1(v##b##_xx)
#define X64I_PATTERNS_vex_gpr                    "XR XM RX MX XX"
#define X64I_WIDTH_OF_vex_gpr                    0
#define X64I_SLOTS_vex_gpr(b, W4, W3, W2, W1) \
    W1(v##b##_xr) W1(v##b##_xm) W1(v##b##_rx) W1(v##b##_mx) W1(v##b##_xx)

/* general register := f(vector). */
#define X64I_PATTERNS_vex_mask_x                   "RX"
#define X64I_WIDTH_OF_vex_mask_x                   0
#define X64I_SLOTS_vex_mask_x(b, W4, W3, W2, W1)   W1(v##b##_rx)
#define X64I_PATTERNS_vex_mask_y                   "RY"
#define X64I_WIDTH_OF_vex_mask_y                   0
#define X64I_SLOTS_vex_mask_y(b, W4, W3, W2, W1)   W1(v##b##_ry)
#define X64I_PATTERNS_vex_mask                     "RX RY"
#define X64I_WIDTH_OF_vex_mask                     0
#define X64I_SLOTS_vex_mask(b, W4, W3, W2, W1)     W1(v##b##_rx) W1(v##b##_ry)
#define X64I_PATTERNS_vex_extract                  "RXI MXI"
#define X64I_WIDTH_OF_vex_extract                  1
#define X64I_SLOTS_vex_extract(b, W4, W3, W2, W1)  W1(v##b##_rx) W1(v##b##_mx)
#define X64I_PATTERNS_vex_insert                   "XXRI XXMI"
#define X64I_WIDTH_OF_vex_insert                   0
#define X64I_SLOTS_vex_insert(b, W4, W3, W2, W1)   W1(v##b##_xxr) W1(v##b##_xxm)
#define X64I_PATTERNS_vex_to_gpr                   "RX RM"
#define X64I_WIDTH_OF_vex_to_gpr                   0
#define X64I_SLOTS_vex_to_gpr(b, W4, W3, W2, W1)   W2(v##b##_rx) W2(v##b##_rm)
#define X64I_PATTERNS_vex_from_gpr                 "XXR XXM"
#define X64I_WIDTH_OF_vex_from_gpr                 2
#define X64I_SLOTS_vex_from_gpr(b, W4, W3, W2, W1) W2(v##b##_xxr) W2(v##b##_xxm)
#define X64I_PATTERNS_vex_m                        "M"
#define X64I_WIDTH_OF_vex_m                        0
#define X64I_SLOTS_vex_m(b, W4, W3, W2, W1)        W1(v##b)
#define X64I_PATTERNS_vex_none                     "-"
#define X64I_WIDTH_OF_vex_none                     X64I_WIDTH_EFFECTIVE
#define X64I_SLOTS_vex_none(b, W4, W3, W2, W1)     W1(b)

/* Between halves of YMM registers. */
#define X64I_PATTERNS_vex_insert_lane                  "YYXI YYMI"
#define X64I_WIDTH_OF_vex_insert_lane                  0
#define X64I_SLOTS_vex_insert_lane(b, W4, W3, W2, W1)  W1(v##b##_yyx) W1(v##b##_yym)
#define X64I_PATTERNS_vex_extract_lane                 "XYI MYI"
#define X64I_WIDTH_OF_vex_extract_lane                 1
#define X64I_SLOTS_vex_extract_lane(b, W4, W3, W2, W1) W1(v##b##_xy) W1(v##b##_my)

/* Broadcasts from a register. */
#define X64I_PATTERNS_vex_spread                   "XX YX"
#define X64I_WIDTH_OF_vex_spread                   0
#define X64I_SLOTS_vex_spread(b, W4, W3, W2, W1)   W1(v##b##_xx) W1(v##b##_yx)
#define X64I_PATTERNS_vex_spread_y                 "YX"
#define X64I_WIDTH_OF_vex_spread_y                 0
#define X64I_SLOTS_vex_spread_y(b, W4, W3, W2, W1) W1(v##b##_yx)

/* Masked loads and stores; gathers, whose mask is the third operand. */
#define X64I_PATTERNS_vex_masked "XXM YYM MXX MYY"
#define X64I_WIDTH_OF_vex_masked 1
#define X64I_SLOTS_vex_masked(b, W4, W3, W2, W1) \
    W1(v##b##_xxm) W1(v##b##_yym) W1(v##b##_mxx) W1(v##b##_myy)
#define X64I_PATTERNS_vex_gather                 "XMX YMY"
#define X64I_WIDTH_OF_vex_gather                 0
#define X64I_SLOTS_vex_gather(b, W4, W3, W2, W1) W1(v##b) W1(v##b)

#endif
