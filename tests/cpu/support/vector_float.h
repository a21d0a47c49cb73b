/* SPDX-License-Identifier: MIT */
/*
 * A software reference for the vector instructions that compute in floating point: SSE to SSE4.1,
 * AVX, FMA and F16C; evex_float.h goes on with AVX-512. It is written from the SDM's pages and
 * shares no code with the handlers (src/cpu/sem_*.c), most of which have the host compute; its
 * numbers are softfloat.h's. A row stands for a mnemonic in all its encodings:
 *
 *     struct float_form form = {.row = &float_rows[0], .encoding = FLOAT_VEX_256, .memory = true};
 *     float_encode(&form, bytes);           vaddps ymm1, ymm2, [rdi]
 *     float_reference(&form, &state);       what that makes of the state
 */
#ifndef X64_TESTS_CPU_SUPPORT_VECTOR_FLOAT_H
#define X64_TESTS_CPU_SUPPORT_VECTOR_FLOAT_H

#include "cpu/softfloat.h"

#include <stddef.h>

union float_vector {
    uint16_t w[32];
    uint32_t d[16];
    uint64_t q[8];
};

/* What the instructions read and write. Register 1 is the destination, 2 the first source of three
 * operands, 3 the last source, in whose place memory may stand: XMM, YMM, ZMM and MMX registers of
 * these numbers, RCX and RBX; k1 is the destination, k2 the mask. */
struct float_state {
    union float_vector vector[4];
    union float_vector memory; /* at [RDI] */
    uint64_t general[4];
    uint64_t mmx[4];
    uint64_t opmask[4];
    uint32_t mxcsr;
    uint32_t flags; /* OF, SF, ZF, AF, PF, CF as in RFLAGS */
    bool fault;     /* #XM; then nothing else but MXCSR has changed */
};

/* What elements are. */
enum float_kind { FLOAT_16, FLOAT_32, FLOAT_64, INTEGER_32, INTEGER_64, UNSIGNED_32, UNSIGNED_64 };

enum float_encoding { FLOAT_LEGACY = 1, FLOAT_VEX_128 = 2, FLOAT_VEX_256 = 4 };

/* Where the last source is, and where the result goes. */
enum float_place {
    IN_VECTOR,
    IN_GENERAL,
    IN_MMX,
    IN_FLAGS,
    IN_MASK,
    IN_STORE /* a vector register or memory by ModRM.rm; the source is in ModRM.reg */
};

/* An instruction at work. */
struct float_unit {
    const struct float_row *row;
    struct x64i_float_control control; /* collects what one operation on all elements raises */
    uint32_t mxcsr;
    unsigned size;   /* of a vector in bytes */
    uint64_t active; /* elements that are computed, by their numbers */
    uint8_t immediate;
    const union float_vector *given; /* what the emulated CPU makes of an approximation */
};

/* The sources: `d` is the destination's old value, `b` the first source (legacy SSE: `d` again),
 * `s` the last one. */
struct float_operands {
    union float_vector d, b, s;
};

/* Elements at the same place in the sources. */
struct float_elements {
    uint64_t d, b, s;
    unsigned index;
};

/* One element of the result. */
typedef uint64_t float_element(struct float_unit *unit, const struct float_elements *e);

/* Makes the result of the sources by the row's `element`. False when an exception that is not
 * masked ends it. */
typedef bool float_arrangement(struct float_unit *unit, const struct float_operands *operands,
                               union float_vector *result);

struct float_row {
    const char *name; /* the legacy mnemonic, or that of VEX without its V */
    float_arrangement *arrange;
    float_element *element;
    uint8_t from, to; /* enum float_kind */
    uint8_t prefix;   /* 0, 0x66, 0xf3, 0xf2 */
    uint8_t map;      /* 1: 0F, 2: 0F 38, 3: 0F 3A */
    uint8_t opcode;
    uint8_t encodings; /* enum float_encoding, added up */
    uint8_t immediate; /* the bits that have a meaning; 0: there is none */
    uint8_t source;    /* enum float_place */
    uint8_t destination;
    bool wide;      /* REX.W or VEX.W */
    bool one;       /* one source: VEX.vvvv is not used */
    uint16_t order; /* FMA: 132, 213 or 231 */
};

struct float_form {
    const struct float_row *row;
    enum float_encoding encoding;
    bool memory;
    uint8_t immediate;
};

#define FLOAT_LENGTH_MAX 10u /* bytes of an instruction */

/* float_rows.c */
extern const struct float_row float_rows[];
extern const size_t float_row_count;

/* float_encode.c: the instruction's bytes; how many they are. */
unsigned float_encode(const struct float_form *form, uint8_t bytes[FLOAT_LENGTH_MAX]);

/* float_reference.c: executes. */
void float_reference(const struct float_form *form, struct float_state *state);

/* Elements by their number, and the format of those that are no integers. */
unsigned float_bits(enum float_kind kind);
const struct x64i_float_format *float_format(enum float_kind kind);
uint64_t float_get(const union float_vector *vector, enum float_kind kind, unsigned index);
void float_put(union float_vector *vector, enum float_kind kind, unsigned index, uint64_t value);

/* Arrangements. */
float_arrangement float_packed;       /* as many elements as have room; zeros behind */
float_arrangement float_scalar;       /* the lowest element; `b` behind */
float_arrangement float_scalar_fused; /* likewise; `d` behind */
float_arrangement float_two;          /* the two lowest elements; `b` behind */
float_arrangement float_horizontal;   /* neighbours of `b`, then of `s`, in each 128 bits */
float_arrangement float_dot;          /* DPPS, DPPD */

/* float_element.c: sections of the SDM are named there. */
float_element float_add, float_subtract, float_multiply, float_divide, float_sqrt;
float_element float_minimum, float_maximum, float_add_subtract;
float_element float_compare, float_order, float_order_quiet, float_round;
float_element float_convert, float_to_integer, float_truncate, float_from_integer;
float_element float_from_half, float_to_half;
float_element float_fused_add, float_fused_subtract, float_fused_negative_add,
    float_fused_negative_subtract, float_fused_add_subtract, float_fused_subtract_add;

#endif
