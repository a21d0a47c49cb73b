/* SPDX-License-Identifier: MIT */
/*
 * From one task to another, as __switch_to and switch_mm do it: the kernel stack, the per-CPU
 * variables that the entry code reads, TSS.sp0 where it is the task's, thread pointers, the FPU,
 * CR3. And the user's registers, as they lie on the kernel stack.
 */
#ifndef X64I_KERNEL_MODEL_TASK_SWITCH_H
#define X64I_KERNEL_MODEL_TASK_SWITCH_H

#include "kernel_model/kernel.h"

/* The task that should run next, the present one last; it may be one that has to go on waiting. */
uint32_t x64i_task_next(struct x64i_kernel *kernel);

/* Goes on as another task where that left off. The present one will go on at its RIP. */
void x64i_task_switch(struct x64i_kernel *kernel, uint32_t next);

/* Gives a new task the registers and the stack to begin in ret_from_fork with. */
bool x64i_task_begin(struct x64i_kernel *kernel, struct x64i_task *task,
                     const uint64_t regs[X64I_PT_REGS], uint64_t fs_base);

/* Keeps the present task's FPU, segments and thread pointers behind `task_struct`. */
bool x64i_thread_save(struct x64i_kernel *kernel, uint64_t task_struct);

/* The user's registers at the top of the task's stack. */
bool x64i_user_regs_read(struct x64i_kernel *kernel, uint64_t regs[X64I_PT_REGS]);
bool x64i_user_regs_write(struct x64i_kernel *kernel, const uint64_t regs[X64I_PT_REGS]);

/* mm_switch.c: an address space with nothing in it but the kernel's half; false when RAM is full.
 * The other functions make mm `index` the present one, with CR3, and drop one user of one. */
bool x64i_mm_make(struct x64i_kernel *kernel, uint32_t *index);
void x64i_mm_use(struct x64i_kernel *kernel, uint32_t index);
/* A copy of one that is not in force. */
bool x64i_mm_parked(struct x64i_kernel *kernel, uint32_t index, struct x64i_mm *mm);
void x64i_mm_release(struct x64i_kernel *kernel, uint32_t index);

/* A copy of the present address space, its pages shared until written. */
bool x64i_mm_copy(struct x64i_kernel *kernel, uint32_t *index);

#endif
