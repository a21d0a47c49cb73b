/* SPDX-License-Identifier: MIT */
/*
 * What test_compatibility and its peer say to each other: over pipes, one of these structures for
 * one of those. Both have the same memory: a page of code and a window of data, which also is the
 * stack.
 */
#ifndef X64_TESTS_ORACLE_PEER_32_H
#define X64_TESTS_ORACLE_PEER_32_H

#include <stdint.h>

#define PEER_CODE      0x80000u
#define PEER_DATA      0xa0000u
#define PEER_PAGE      0x1000u
#define PEER_WINDOW    512u /* bytes from PEER_DATA on */
#define PEER_BYTES     16u
#define PEER_NO_VECTOR 0xffffffffu

/* Registers by their numbers in encodings. */
enum { PEER_EAX, PEER_ECX, PEER_EDX, PEER_EBX, PEER_ESP, PEER_EBP, PEER_ESI, PEER_EDI };

struct peer_case {
    uint32_t gpr[8];
    uint32_t eflags;
    uint32_t length;
    uint8_t bytes[PEER_BYTES];
    uint8_t memory[PEER_WINDOW];
};

struct peer_result {
    uint32_t gpr[8];
    uint32_t eflags;
    uint32_t eip;
    uint32_t vector; /* or PEER_NO_VECTOR; then registers, flags and EIP mean nothing */
    uint8_t memory[PEER_WINDOW];
};

#endif
