/* SPDX-License-Identifier: MIT */
/* The EVEX forms that compute in floating point (SDM vol. 2, their opcode tables). */
#include "cpu/support/evex_float.h"

#define NP        0
#define PS        FLOAT_32
#define PD        FLOAT_64
#define I32       INTEGER_32
#define I64       INTEGER_64
#define U32       UNSIGNED_32
#define U64       UNSIGNED_64
#define W0        .wide = false
#define W1        .wide = true
#define ONE       .one = true /* one source: EVEX.vvvv is not used */
#define IMM       .immediate = 0xff
#define TO(place) .destination = IN_##place

/* Columns: mnemonic without its V, arrangement, element, kinds of elements, what EVEX.b means with
 * registers, prefix, map, opcode, and what else there is to say. */
#define ROW(mnemonic, arrangement, operation, source, result, b, pp, mm, code, ...) \
    {                                                                               \
        {.name = (mnemonic),                                                        \
         .arrange = float_##arrangement,                                            \
         .element = (operation),                                                    \
         .from = (source),                                                          \
         .to = (result),                                                            \
         .prefix = (pp),                                                            \
         .map = (mm),                                                               \
         .opcode = (code),                                                          \
         __VA_ARGS__},                                                              \
            (b)                                                                     \
    }

/* The four rows of 0F 51 to 5F and C2, each with a prefix of its own. */
#define FOUR(stem, operation, b, code, ...)                                     \
    ROW(stem "PS", packed, operation, PS, PS, b, NP, 1, code, W0, __VA_ARGS__), \
        ROW(stem "PD", packed, operation, PD, PD, b, 0x66, 1, code, W1, __VA_ARGS__)
#define FOUR_SCALARS(stem, operation, b, code, ...)                               \
    ROW(stem "SS", scalar, operation, PS, PS, b, 0xf3, 1, code, W0, __VA_ARGS__), \
        ROW(stem "SD", scalar, operation, PD, PD, b, 0xf2, 1, code, W1, __VA_ARGS__)
#define ARITHMETIC(stem, operation, b, code)      \
    FOUR(stem, operation, b, code, .one = false), \
        FOUR_SCALARS(stem, operation, b, code, .one = false)

/* Packed and scalar rows of 0F 38 and 0F 3A, which EVEX.W tells apart; `one` of the packed ones. */
#define PACKED(stem, operation, b, mm, code, ...)                                  \
    ROW(stem "PS", packed, operation, PS, PS, b, 0x66, mm, code, W0, __VA_ARGS__), \
        ROW(stem "PD", packed, operation, PD, PD, b, 0x66, mm, code, W1, __VA_ARGS__)
#define SCALAR(stem, operation, b, mm, code, ...)                                  \
    ROW(stem "SS", scalar, operation, PS, PS, b, 0x66, mm, code, W0, __VA_ARGS__), \
        ROW(stem "SD", scalar, operation, PD, PD, b, 0x66, mm, code, W1, __VA_ARGS__)

/* FMA: the digits' opcodes are 0x10 apart, scalars one above. */
#define FUSED_PACKED(stem, digits, operation, code) \
    PACKED(stem #digits, operation, ROUNDING_AND_SAE, 2, code, .order = (digits))
#define FUSED_SCALAR(stem, digits, operation, code)                                              \
    ROW(stem #digits "SS", scalar_fused, operation, PS, PS, ROUNDING_AND_SAE, 0x66, 2, code, W0, \
        .order = (digits)),                                                                      \
        ROW(stem #digits "SD", scalar_fused, operation, PD, PD, ROUNDING_AND_SAE, 0x66, 2, code, \
            W1, .order = (digits))
#define FUSED_MIXED(stem, operation, code)                 \
    FUSED_PACKED(stem, 132, operation, 0x90 + (code)),     \
        FUSED_PACKED(stem, 213, operation, 0xa0 + (code)), \
        FUSED_PACKED(stem, 231, operation, 0xb0 + (code))
#define FUSED(stem, operation, code)                                                       \
    FUSED_MIXED(stem, operation, code), FUSED_SCALAR(stem, 132, operation, 0x91 + (code)), \
        FUSED_SCALAR(stem, 213, operation, 0xa1 + (code)),                                 \
        FUSED_SCALAR(stem, 231, operation, 0xb1 + (code))

/* A conversion of all elements. */
#define CONVERT(mnemonic, operation, source, result, b, pp, code, ...) \
    ROW(mnemonic, packed, operation, source, result, b, pp, 1, code, ONE, __VA_ARGS__)

/* To and from general registers of 32 and 64 bits; `b32` is EVEX.b's meaning for the former. */
#define TO_GENERAL(mnemonic, operation, kind, to32, to64, b, pp, code)                       \
    ROW(mnemonic "32", scalar, operation, kind, to32, b, pp, 1, code, W0, ONE, TO(GENERAL)), \
        ROW(mnemonic "64", scalar, operation, kind, to64, b, pp, 1, code, W1, ONE, TO(GENERAL))
#define FROM_GENERAL(mnemonic, operation, from32, from64, kind, b32, pp, code)                 \
    ROW(mnemonic "32", scalar, operation, from32, kind, b32, pp, 1, code, W0,                  \
        .source = IN_GENERAL),                                                                 \
        ROW(mnemonic "64", scalar, operation, from64, kind, ROUNDING_AND_SAE, pp, 1, code, W1, \
            .source = IN_GENERAL)

const struct evex_row evex_rows[] = {
    ARITHMETIC("ADD", float_add, ROUNDING_AND_SAE, 0x58),
    ARITHMETIC("SUB", float_subtract, ROUNDING_AND_SAE, 0x5c),
    ARITHMETIC("MUL", float_multiply, ROUNDING_AND_SAE, 0x59),
    ARITHMETIC("DIV", float_divide, ROUNDING_AND_SAE, 0x5e),
    ARITHMETIC("MIN", float_minimum, ONLY_SAE, 0x5d),
    ARITHMETIC("MAX", float_maximum, ONLY_SAE, 0x5f),
    FOUR("SQRT", float_sqrt, ROUNDING_AND_SAE, 0x51, ONE),
    FOUR_SCALARS("SQRT", float_sqrt, ROUNDING_AND_SAE, 0x51, .one = false),
    FUSED_MIXED("FMADDSUB", float_fused_add_subtract, 6),
    FUSED_MIXED("FMSUBADD", float_fused_subtract_add, 7),
    FUSED("FMADD", float_fused_add, 8),
    FUSED("FMSUB", float_fused_subtract, 0xa),
    FUSED("FNMADD", float_fused_negative_add, 0xc),
    FUSED("FNMSUB", float_fused_negative_subtract, 0xe),

    FOUR("CMP", float_compare, ONLY_SAE, 0xc2, .immediate = 31, TO(MASK)),
    FOUR_SCALARS("CMP", float_compare, ONLY_SAE, 0xc2, .immediate = 31, TO(MASK)),
    ROW("COMISS", scalar, float_order, PS, PS, ONLY_SAE, NP, 1, 0x2f, W0, ONE, TO(FLAGS)),
    ROW("COMISD", scalar, float_order, PD, PD, ONLY_SAE, 0x66, 1, 0x2f, W1, ONE, TO(FLAGS)),
    ROW("UCOMISS", scalar, float_order_quiet, PS, PS, ONLY_SAE, NP, 1, 0x2e, W0, ONE, TO(FLAGS)),
    ROW("UCOMISD", scalar, float_order_quiet, PD, PD, ONLY_SAE, 0x66, 1, 0x2e, W1, ONE, TO(FLAGS)),

    CONVERT("CVTPS2PD", float_convert, PS, PD, ONLY_SAE, NP, 0x5a, W0),
    CONVERT("CVTPD2PS", float_convert, PD, PS, ROUNDING_AND_SAE, 0x66, 0x5a, W1),
    ROW("CVTSS2SD", scalar, float_convert, PS, PD, ONLY_SAE, 0xf3, 1, 0x5a, W0),
    ROW("CVTSD2SS", scalar, float_convert, PD, PS, ROUNDING_AND_SAE, 0xf2, 1, 0x5a, W1),
    CONVERT("CVTDQ2PS", float_from_integer, I32, PS, ROUNDING_AND_SAE, NP, 0x5b, W0),
    CONVERT("CVTQQ2PS", float_from_integer, I64, PS, ROUNDING_AND_SAE, NP, 0x5b, W1),
    CONVERT("CVTDQ2PD", float_from_integer, I32, PD, NO_CONTROL, 0xf3, 0xe6, W0),
    CONVERT("CVTQQ2PD", float_from_integer, I64, PD, ROUNDING_AND_SAE, 0xf3, 0xe6, W1),
    CONVERT("CVTUDQ2PS", evex_from_unsigned, U32, PS, ROUNDING_AND_SAE, 0xf2, 0x7a, W0),
    CONVERT("CVTUQQ2PS", evex_from_unsigned, U64, PS, ROUNDING_AND_SAE, 0xf2, 0x7a, W1),
    CONVERT("CVTUDQ2PD", evex_from_unsigned, U32, PD, NO_CONTROL, 0xf3, 0x7a, W0),
    CONVERT("CVTUQQ2PD", evex_from_unsigned, U64, PD, ROUNDING_AND_SAE, 0xf3, 0x7a, W1),
    CONVERT("CVTPS2DQ", float_to_integer, PS, I32, ROUNDING_AND_SAE, 0x66, 0x5b, W0),
    CONVERT("CVTPD2DQ", float_to_integer, PD, I32, ROUNDING_AND_SAE, 0xf2, 0xe6, W1),
    CONVERT("CVTPS2QQ", float_to_integer, PS, I64, ROUNDING_AND_SAE, 0x66, 0x7b, W0),
    CONVERT("CVTPD2QQ", float_to_integer, PD, I64, ROUNDING_AND_SAE, 0x66, 0x7b, W1),
    CONVERT("CVTTPS2DQ", float_truncate, PS, I32, ONLY_SAE, 0xf3, 0x5b, W0),
    CONVERT("CVTTPD2DQ", float_truncate, PD, I32, ONLY_SAE, 0x66, 0xe6, W1),
    CONVERT("CVTTPS2QQ", float_truncate, PS, I64, ONLY_SAE, 0x66, 0x7a, W0),
    CONVERT("CVTTPD2QQ", float_truncate, PD, I64, ONLY_SAE, 0x66, 0x7a, W1),
    CONVERT("CVTPS2UDQ", evex_to_unsigned, PS, U32, ROUNDING_AND_SAE, NP, 0x79, W0),
    CONVERT("CVTPD2UDQ", evex_to_unsigned, PD, U32, ROUNDING_AND_SAE, NP, 0x79, W1),
    CONVERT("CVTPS2UQQ", evex_to_unsigned, PS, U64, ROUNDING_AND_SAE, 0x66, 0x79, W0),
    CONVERT("CVTPD2UQQ", evex_to_unsigned, PD, U64, ROUNDING_AND_SAE, 0x66, 0x79, W1),
    CONVERT("CVTTPS2UDQ", evex_truncate_unsigned, PS, U32, ONLY_SAE, NP, 0x78, W0),
    CONVERT("CVTTPD2UDQ", evex_truncate_unsigned, PD, U32, ONLY_SAE, NP, 0x78, W1),
    CONVERT("CVTTPS2UQQ", evex_truncate_unsigned, PS, U64, ONLY_SAE, 0x66, 0x78, W0),
    CONVERT("CVTTPD2UQQ", evex_truncate_unsigned, PD, U64, ONLY_SAE, 0x66, 0x78, W1),
    TO_GENERAL("CVTSS2SI", float_to_integer, PS, I32, I64, ROUNDING_AND_SAE, 0xf3, 0x2d),
    TO_GENERAL("CVTSD2SI", float_to_integer, PD, I32, I64, ROUNDING_AND_SAE, 0xf2, 0x2d),
    TO_GENERAL("CVTTSS2SI", float_truncate, PS, I32, I64, ONLY_SAE, 0xf3, 0x2c),
    TO_GENERAL("CVTTSD2SI", float_truncate, PD, I32, I64, ONLY_SAE, 0xf2, 0x2c),
    TO_GENERAL("CVTSS2USI", evex_to_unsigned, PS, U32, U64, ROUNDING_AND_SAE, 0xf3, 0x79),
    TO_GENERAL("CVTSD2USI", evex_to_unsigned, PD, U32, U64, ROUNDING_AND_SAE, 0xf2, 0x79),
    TO_GENERAL("CVTTSS2USI", evex_truncate_unsigned, PS, U32, U64, ONLY_SAE, 0xf3, 0x78),
    TO_GENERAL("CVTTSD2USI", evex_truncate_unsigned, PD, U32, U64, ONLY_SAE, 0xf2, 0x78),
    FROM_GENERAL("CVTSI2SS", float_from_integer, I32, I64, PS, ROUNDING_AND_SAE, 0xf3, 0x2a),
    FROM_GENERAL("CVTSI2SD", float_from_integer, I32, I64, PD, NO_CONTROL, 0xf2, 0x2a),
    FROM_GENERAL("CVTUSI2SS", evex_from_unsigned, U32, U64, PS, ROUNDING_AND_SAE, 0xf3, 0x7b),
    FROM_GENERAL("CVTUSI2SD", evex_from_unsigned, U32, U64, PD, NO_CONTROL, 0xf2, 0x7b),
    ROW("CVTPH2PS", packed, float_from_half, FLOAT_16, PS, ONLY_SAE, 0x66, 2, 0x13, W0, ONE),
    ROW("CVTPS2PH", packed, float_to_half, PS, FLOAT_16, ONLY_SAE, 0x66, 3, 0x1d, W0, ONE,
        .immediate = 7, TO(STORE)),

    ROW("RNDSCALEPS", packed, evex_round_scaled, PS, PS, ONLY_SAE, 0x66, 3, 0x08, W0, ONE, IMM),
    ROW("RNDSCALEPD", packed, evex_round_scaled, PD, PD, ONLY_SAE, 0x66, 3, 0x09, W1, ONE, IMM),
    ROW("RNDSCALESS", scalar, evex_round_scaled, PS, PS, ONLY_SAE, 0x66, 3, 0x0a, W0, IMM),
    ROW("RNDSCALESD", scalar, evex_round_scaled, PD, PD, ONLY_SAE, 0x66, 3, 0x0b, W1, IMM),
    PACKED("REDUCE", evex_reduce, ONLY_SAE, 3, 0x56, ONE, IMM),
    SCALAR("REDUCE", evex_reduce, ONLY_SAE, 3, 0x57, IMM),
    PACKED("GETEXP", evex_exponent, ONLY_SAE, 2, 0x42, ONE),
    SCALAR("GETEXP", evex_exponent, ONLY_SAE, 2, 0x43, .one = false),
    PACKED("GETMANT", evex_mantissa, ONLY_SAE, 3, 0x26, ONE, IMM),
    SCALAR("GETMANT", evex_mantissa, ONLY_SAE, 3, 0x27, IMM),
    PACKED("SCALEF", evex_scale, ROUNDING_AND_SAE, 2, 0x2c, .one = false),
    SCALAR("SCALEF", evex_scale, ROUNDING_AND_SAE, 2, 0x2d, .one = false),
    PACKED("RANGE", evex_range, ONLY_SAE, 3, 0x50, IMM),
    SCALAR("RANGE", evex_range, ONLY_SAE, 3, 0x51, IMM),
    PACKED("FIXUPIMM", evex_fix_up, ONLY_SAE, 3, 0x54, IMM),
    SCALAR("FIXUPIMM", evex_fix_up, ONLY_SAE, 3, 0x55, IMM),
    PACKED("FPCLASS", evex_class, NO_CONTROL, 3, 0x66, ONE, IMM, TO(MASK)),
    SCALAR("FPCLASS", evex_class, NO_CONTROL, 3, 0x67, ONE, IMM, TO(MASK)),
    PACKED("RCP14", evex_reciprocal, NO_CONTROL, 2, 0x4c, ONE),
    SCALAR("RCP14", evex_reciprocal, NO_CONTROL, 2, 0x4d, .one = false),
    PACKED("RSQRT14", evex_reciprocal_root, NO_CONTROL, 2, 0x4e, ONE),
    SCALAR("RSQRT14", evex_reciprocal_root, NO_CONTROL, 2, 0x4f, .one = false),
};

const size_t evex_row_count = sizeof evex_rows / sizeof evex_rows[0];
