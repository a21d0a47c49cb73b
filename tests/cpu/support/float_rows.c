/* SPDX-License-Identifier: MIT */
/* The instructions (SDM vol. 2, their opcode tables). RCPPS, RSQRTPS and their scalar forms are
 * approximations that each processor makes in its own way: they have no reference. */
#include "cpu/support/vector_float.h"

#define NP      0
#define ALL     (FLOAT_LEGACY | FLOAT_VEX_128 | FLOAT_VEX_256)
#define ONE     (FLOAT_LEGACY | FLOAT_VEX_128) /* scalar: VEX.L is ignored */
#define VEX     (FLOAT_VEX_128 | FLOAT_VEX_256)
#define VECTORS .source = IN_VECTOR, .destination = IN_VECTOR

/* Columns: mnemonic, arrangement, element, kinds of elements, prefix, map, opcode, encodings. */
#define ROW(mnemonic, arrangement, operation, source_kind, result_kind, pp, mm, code, forms, ...)  \
    {                                                                                              \
        .name = (mnemonic), .arrange = float_##arrangement, .element = float_##operation,          \
        .from = (source_kind), .to = (result_kind), .prefix = (pp), .map = (mm), .opcode = (code), \
        .encodings = (forms), __VA_ARGS__                                                          \
    }

#define SAME(mnemonic, arrangement, operation, kind, pp, mm, code, forms, ...) \
    ROW(mnemonic, arrangement, operation, kind, kind, pp, mm, code, forms, __VA_ARGS__)

/* The four rows of 0F 51 to 5F. `one`: the packed ones have a single source. */
#define FOUR(stem, operation, code, single_source)                                                \
    SAME(stem "PS", packed, operation, FLOAT_32, NP, 1, code, ALL, .one = (single_source)),       \
        SAME(stem "PD", packed, operation, FLOAT_64, 0x66, 1, code, ALL, .one = (single_source)), \
        SAME(stem "SS", scalar, operation, FLOAT_32, 0xf3, 1, code, ONE, .one = false),           \
        SAME(stem "SD", scalar, operation, FLOAT_64, 0xf2, 1, code, ONE, .one = false)

/* CMPPS: legacy SSE knows eight predicates, VEX 32. */
#define COMPARE(type, arrangement, kind, pp, forms)                                        \
    SAME("CMP" type, arrangement, compare, kind, pp, 1, 0xc2, (forms)&FLOAT_LEGACY,        \
         .immediate = 7),                                                                  \
        SAME("CMP" type, arrangement, compare, kind, pp, 1, 0xc2, (forms) & ~FLOAT_LEGACY, \
             .immediate = 31)

#define ORDER(mnemonic, operation, kind, pp, code) \
    SAME(mnemonic, scalar, operation, kind, pp, 1, code, ONE, .one = true, .destination = IN_FLAGS)

#define TO_GENERAL(mnemonic, operation, kind, pp, code)                                        \
    ROW(mnemonic "32", scalar, operation, kind, INTEGER_32, pp, 1, code, ONE, .one = true,     \
        .destination = IN_GENERAL),                                                            \
        ROW(mnemonic "64", scalar, operation, kind, INTEGER_64, pp, 1, code, ONE, .one = true, \
            .destination = IN_GENERAL, .wide = true)

#define FROM_GENERAL(mnemonic, kind, pp)                                             \
    ROW(mnemonic "32", scalar, from_integer, INTEGER_32, kind, pp, 1, 0x2a, ONE,     \
        .source = IN_GENERAL),                                                       \
        ROW(mnemonic "64", scalar, from_integer, INTEGER_64, kind, pp, 1, 0x2a, ONE, \
            .source = IN_GENERAL, .wide = true)

#define TO_MMX(mnemonic, operation, kind, pp, code)                            \
    ROW(mnemonic, two, operation, kind, INTEGER_32, pp, 1, code, FLOAT_LEGACY, \
        .destination = IN_MMX)

/* One order of operands of FMA; the opcode's low bits tell packed from scalar. */
#define FUSED_PACKED(stem, digits, operation, code)                                              \
    SAME(stem #digits "PS", packed, operation, FLOAT_32, 0x66, 2, code, VEX, .order = (digits)), \
        SAME(stem #digits "PD", packed, operation, FLOAT_64, 0x66, 2, code, VEX,                 \
             .order = (digits), .wide = true)

#define FUSED_ORDER(stem, digits, operation, code)                                      \
    FUSED_PACKED(stem, digits, operation, code),                                        \
        SAME(stem #digits "SS", scalar_fused, operation, FLOAT_32, 0x66, 2, (code) + 1, \
             FLOAT_VEX_128, .order = (digits)),                                         \
        SAME(stem #digits "SD", scalar_fused, operation, FLOAT_64, 0x66, 2, (code) + 1, \
             FLOAT_VEX_128, .order = (digits), .wide = true)

#define FUSED(stem, operation, code)                      \
    FUSED_ORDER(stem, 132, operation, 0x90 + (code)),     \
        FUSED_ORDER(stem, 213, operation, 0xa0 + (code)), \
        FUSED_ORDER(stem, 231, operation, 0xb0 + (code))

#define FUSED_MIXED(stem, operation, code)                 \
    FUSED_PACKED(stem, 132, operation, 0x90 + (code)),     \
        FUSED_PACKED(stem, 213, operation, 0xa0 + (code)), \
        FUSED_PACKED(stem, 231, operation, 0xb0 + (code))

const struct float_row float_rows[] = {
    FOUR("ADD", add, 0x58, false),
    FOUR("SUB", subtract, 0x5c, false),
    FOUR("MUL", multiply, 0x59, false),
    FOUR("DIV", divide, 0x5e, false),
    FOUR("MIN", minimum, 0x5d, false),
    FOUR("MAX", maximum, 0x5f, false),
    FOUR("SQRT", sqrt, 0x51, true),
    SAME("ADDSUBPD", packed, add_subtract, FLOAT_64, 0x66, 1, 0xd0, ALL, VECTORS),
    SAME("ADDSUBPS", packed, add_subtract, FLOAT_32, 0xf2, 1, 0xd0, ALL, VECTORS),
    SAME("HADDPD", horizontal, add, FLOAT_64, 0x66, 1, 0x7c, ALL, VECTORS),
    SAME("HADDPS", horizontal, add, FLOAT_32, 0xf2, 1, 0x7c, ALL, VECTORS),
    SAME("HSUBPD", horizontal, subtract, FLOAT_64, 0x66, 1, 0x7d, ALL, VECTORS),
    SAME("HSUBPS", horizontal, subtract, FLOAT_32, 0xf2, 1, 0x7d, ALL, VECTORS),
    SAME("DPPS", dot, multiply, FLOAT_32, 0x66, 3, 0x40, ALL, .immediate = 0xff),
    SAME("DPPD", dot, multiply, FLOAT_64, 0x66, 3, 0x41, ONE, .immediate = 0xff),
    SAME("ROUNDPS", packed, round, FLOAT_32, 0x66, 3, 0x08, ALL, .immediate = 15, .one = true),
    SAME("ROUNDPD", packed, round, FLOAT_64, 0x66, 3, 0x09, ALL, .immediate = 15, .one = true),
    SAME("ROUNDSS", scalar, round, FLOAT_32, 0x66, 3, 0x0a, ONE, .immediate = 15),
    SAME("ROUNDSD", scalar, round, FLOAT_64, 0x66, 3, 0x0b, ONE, .immediate = 15),

    COMPARE("PS", packed, FLOAT_32, NP, ALL),
    COMPARE("PD", packed, FLOAT_64, 0x66, ALL),
    COMPARE("SS", scalar, FLOAT_32, 0xf3, ONE),
    COMPARE("SD", scalar, FLOAT_64, 0xf2, ONE),
    ORDER("COMISS", order, FLOAT_32, NP, 0x2f),
    ORDER("COMISD", order, FLOAT_64, 0x66, 0x2f),
    ORDER("UCOMISS", order_quiet, FLOAT_32, NP, 0x2e),
    ORDER("UCOMISD", order_quiet, FLOAT_64, 0x66, 0x2e),

    ROW("CVTPS2PD", packed, convert, FLOAT_32, FLOAT_64, NP, 1, 0x5a, ALL, .one = true),
    ROW("CVTPD2PS", packed, convert, FLOAT_64, FLOAT_32, 0x66, 1, 0x5a, ALL, .one = true),
    ROW("CVTSS2SD", scalar, convert, FLOAT_32, FLOAT_64, 0xf3, 1, 0x5a, ONE, VECTORS),
    ROW("CVTSD2SS", scalar, convert, FLOAT_64, FLOAT_32, 0xf2, 1, 0x5a, ONE, VECTORS),
    ROW("CVTDQ2PD", packed, from_integer, INTEGER_32, FLOAT_64, 0xf3, 1, 0xe6, ALL, .one = true),
    ROW("CVTDQ2PS", packed, from_integer, INTEGER_32, FLOAT_32, NP, 1, 0x5b, ALL, .one = true),
    ROW("CVTPS2DQ", packed, to_integer, FLOAT_32, INTEGER_32, 0x66, 1, 0x5b, ALL, .one = true),
    ROW("CVTTPS2DQ", packed, truncate, FLOAT_32, INTEGER_32, 0xf3, 1, 0x5b, ALL, .one = true),
    ROW("CVTPD2DQ", packed, to_integer, FLOAT_64, INTEGER_32, 0xf2, 1, 0xe6, ALL, .one = true),
    ROW("CVTTPD2DQ", packed, truncate, FLOAT_64, INTEGER_32, 0x66, 1, 0xe6, ALL, .one = true),
    TO_GENERAL("CVTSS2SI", to_integer, FLOAT_32, 0xf3, 0x2d),
    TO_GENERAL("CVTSD2SI", to_integer, FLOAT_64, 0xf2, 0x2d),
    TO_GENERAL("CVTTSS2SI", truncate, FLOAT_32, 0xf3, 0x2c),
    TO_GENERAL("CVTTSD2SI", truncate, FLOAT_64, 0xf2, 0x2c),
    FROM_GENERAL("CVTSI2SS", FLOAT_32, 0xf3),
    FROM_GENERAL("CVTSI2SD", FLOAT_64, 0xf2),
    TO_MMX("CVTPS2PI", to_integer, FLOAT_32, NP, 0x2d),
    TO_MMX("CVTPD2PI", to_integer, FLOAT_64, 0x66, 0x2d),
    TO_MMX("CVTTPS2PI", truncate, FLOAT_32, NP, 0x2c),
    TO_MMX("CVTTPD2PI", truncate, FLOAT_64, 0x66, 0x2c),
    ROW("CVTPI2PS", two, from_integer, INTEGER_32, FLOAT_32, NP, 1, 0x2a, FLOAT_LEGACY,
        .source = IN_MMX),
    ROW("CVTPI2PD", two, from_integer, INTEGER_32, FLOAT_64, 0x66, 1, 0x2a, FLOAT_LEGACY,
        .source = IN_MMX),
    ROW("CVTPH2PS", packed, from_half, FLOAT_16, FLOAT_32, 0x66, 2, 0x13, VEX, .one = true),
    ROW("CVTPS2PH", packed, to_half, FLOAT_32, FLOAT_16, 0x66, 3, 0x1d, VEX, .one = true,
        .immediate = 7, .destination = IN_STORE),

    FUSED_MIXED("FMADDSUB", fused_add_subtract, 6),
    FUSED_MIXED("FMSUBADD", fused_subtract_add, 7),
    FUSED("FMADD", fused_add, 8),
    FUSED("FMSUB", fused_subtract, 0xa),
    FUSED("FNMADD", fused_negative_add, 0xc),
    FUSED("FNMSUB", fused_negative_subtract, 0xe),
};

const size_t float_row_count = sizeof float_rows / sizeof float_rows[0];
