/* SPDX-License-Identifier: MIT */
/*
 * What IRET and far RET share: the code and stack segments that a return goes to (SDM vol. 2A,
 * IRET; vol. 2B, RET; vol. 3A, 5.8.6). The callers pop, in their order, and check each part; the
 * commit cannot fail.
 */
#ifndef X64I_CPU_FAR_RETURN_H
#define X64I_CPU_FAR_RETURN_H

#include "cpu/segment.h"

struct x64i_far_return {
    struct x64i_descriptor code;
    struct x64i_descriptor stack;
    uint64_t rip;
    uint64_t rsp;
    unsigned cpl;   /* CS.RPL */
    bool has_stack; /* RSP and SS were popped too */
};

/* The outer stack pointer and selector, behind `skip` bytes of a frame, for who reads them before
 * CS is checked; the selector first. */
enum x64i_result x64i_far_return_peek_outer(struct x64i_cpu *cpu, unsigned skip, unsigned size,
                                            uint64_t *words);

/* The check of RIP alone, for who makes it before those of SS. */
enum x64i_result x64i_far_return_check_rip(struct x64i_cpu *cpu, uint64_t rip,
                                           struct x64i_far_return *to);

/* How many bytes are read of a selector's slot of `size` bytes. */
unsigned x64i_selector_slot(const struct x64i_cpu *cpu, unsigned size);

/* Reads `count` words of `size` bytes at SS:RSP + `skip`, RSP staying. */
enum x64i_result x64i_far_return_peek(struct x64i_cpu *cpu, unsigned skip, unsigned size,
                                      unsigned count, uint64_t *words);

/* Checks the popped CS. */
enum x64i_result x64i_far_return_code(struct x64i_cpu *cpu, uint16_t selector,
                                      struct x64i_far_return *to);

/* Checks the popped SS against the CS that was checked before. */
enum x64i_result x64i_far_return_stack(struct x64i_cpu *cpu, uint16_t selector, uint64_t rsp,
                                       struct x64i_far_return *to);

/* Checks the popped RIP, and that accessed bits can be set. */
enum x64i_result x64i_far_return_rip(struct x64i_cpu *cpu, uint64_t rip,
                                     struct x64i_far_return *to);

/* Goes there. RFLAGS, and RSP where no stack was popped, are the caller's and come before. */
void x64i_far_return_commit(struct x64i_cpu *cpu, struct x64i_far_return *to);

#endif
