/* SPDX-License-Identifier: MIT */
/*
 * Instruction tests as rows: the bytes of one instruction, the state before it and the state after.
 *
 *     static const struct vector shifts[] = {
 *         {"shl al, 1", "d0e0", "rax=0x81", "rax=0x02 cf=1 of=1 af=?"},
 *         {"div cl", "f6f1", "rax=7 rcx=0", "fault=0"},
 *     };
 *     X64_TEST_VECTORS(test_shift_vectors, shifts)
 *
 * A state is words of name=value: registers (rax ... r15), flags (cf pf af zf sf tf if df of nt ac
 * id, iopl), memory (byte[0x20000]=..., word, dword, qword). Before: cpl, bits=32 for compatibility
 * mode, bits=16 for that with 16-bit code and stack, fs for its base. After: rip counted from the
 * instruction on, steps for a REP instruction's iterations, fault for the vector and error for its
 * code. Registers and flags not named after must be as before, rip behind the instruction; `=?`
 * leaves a value open.
 *
 * The machine: code at VECTOR_CODE, rsp at VECTOR_STACK, every other register zero. Linear memory
 * is physical memory up to 0x200000; from there to 0x400000 the same memory stands again,
 * read-only; nothing behind.
 */
#ifndef X64_TESTS_CPU_SUPPORT_VECTOR_H
#define X64_TESTS_CPU_SUPPORT_VECTOR_H

#include "support/suite.h"

#define VECTOR_CODE  0x10000u
#define VECTOR_STACK 0x30000u

struct vector {
    const char *text;  /* the instruction, as an assembler would take it */
    const char *bytes; /* in hex */
    const char *before;
    const char *after;
};

/* Runs a row on the CPU model of that name; fails the test with the row and what differs. */
void run_vector(const struct vector *row, const char *model);

#define X64_TEST_VECTORS(name, rows)            \
    START_TEST(name)                            \
    {                                           \
        run_vector(&(rows)[_i], "golden_cove"); \
    }                                           \
    END_TEST

/* Adds the test of X64_TEST_VECTORS to a test case, once for each row. */
#define X64_ADD_VECTORS(tcase, name, rows) \
    tcase_add_loop_test(tcase, name, 0, (int)(sizeof(rows) / sizeof(rows)[0]))

#endif
