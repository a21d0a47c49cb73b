/* SPDX-License-Identifier: MIT */
/* Random integer instructions whose memory operands each have pages of their own. */
#ifndef X64_TESTS_EMU_RANDOM_CODE_H
#define X64_TESTS_EMU_RANDOM_CODE_H

#include <stddef.h>
#include <stdint.h>

#define RANDOM_CODE_SIZE   2048u
#define RANDOM_CODE_DATA   UINT64_C(0x100000) /* the first operand's page */
#define RANDOM_CODE_STRIDE UINT64_C(0x2000)   /* from one operand's to the next one's */

/* Values that the code expects in registers; it does not change them. */
#define RANDOM_CODE_RBX UINT64_C(0x100000)
#define RANDOM_CODE_R12 UINT64_C(0x7fff0000)
#define RANDOM_CODE_R13 UINT64_C(0x123)
#define RANDOM_CODE_R14 UINT64_C(0xffffffffffffff00)

struct random_code {
    uint8_t bytes[RANDOM_CODE_SIZE];
    size_t size;
    unsigned operands; /* in memory */
    uint64_t linear;   /* of the first instruction */
    uint64_t seed;
    uint64_t fs, gs;
};

/* Adds `count` instructions. Sets nothing but bytes, size, operands and seed. */
void random_code_add(struct random_code *code, unsigned count);

/* Adds the bytes given. */
void random_code_bytes(struct random_code *code, const uint8_t *bytes, size_t size);

#endif
