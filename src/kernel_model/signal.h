/* SPDX-License-Identifier: MIT */
/*
 * Signals: sending, and what becomes of them on the way to user mode (kernel/signal.c,
 * arch/x86/kernel/signal.c).
 */
#ifndef X64I_KERNEL_MODEL_SIGNAL_H
#define X64I_KERNEL_MODEL_SIGNAL_H

#include "kernel_model/kernel.h"

/* Beyond every errno that users see: the call is made again unless a handler wants EINTR. */
#define X64I_ERESTARTSYS 512

static inline uint64_t x64i_signal_bit(int signal)
{
    return UINT64_C(1) << (signal - 1);
}

/* Sends to a process, by index, or to one task. `info` may be null: sent by the kernel. */
void x64i_signal_process(struct x64i_kernel *kernel, uint32_t process, int signal,
                         const struct x64i_signal_info *info);
void x64i_signal_task(struct x64i_kernel *kernel, struct x64i_task *task, int signal,
                      const struct x64i_signal_info *info);

/* Whether the running task has a handler for what its own exception brought; then it is pending. */
bool x64i_signal_exception(struct x64i_kernel *kernel, int signal,
                           const struct x64i_signal_info *info);

/* The signals that the running task is to take now, as bits. */
uint64_t x64i_signals_due(const struct x64i_kernel *kernel);

/* Takes one signal: runs its default action or puts a frame on the user's stack, with `regs`
 * changed so that its handler runs; and makes an interrupted call ready to be made again. 0, or
 * X64I_FAULT_IN; X64I_NO_RESULT when the task is no more. */
int64_t x64i_signals_take(struct x64i_kernel *kernel);

/* signal_frame.c: builds the frame; -EFAULT when the stack has no room. */
int64_t x64i_signal_frame_push(struct x64i_kernel *kernel, int signal,
                               const struct x64i_signal_info *info, uint64_t regs[X64I_PT_REGS]);
/* Takes the registers from the frame that rt_sigreturn finds. */
int64_t x64i_signal_frame_pop(struct x64i_kernel *kernel, uint64_t regs[X64I_PT_REGS]);

/* timers.c: sends what ITIMER_REAL has to send by now; says anew when the next is due. */
void x64i_timers_run(struct x64i_kernel *kernel);
void x64i_timers_plan(struct x64i_kernel *kernel);

#endif
