/* SPDX-License-Identifier: MIT */
/*
 * struct rt_sigframe on the user's stack: return address, struct ucontext, siginfo, and the FPU's
 * state above them (arch/x86/kernel/signal.c; arch/x86/include/uapi/asm/sigcontext.h).
 */
#include "kernel_model/boot.h"
#include "kernel_model/fpu.h"
#include "kernel_model/signal.h"
#include "kernel_model/task_switch.h"
#include "kernel_model/usercopy.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define RED_ZONE         128u
#define SA_ONSTACK_      0x08000000u
#define SA_RESTORER_     0x04000000u
#define UC_FP_XSTATE     1u
#define UC_SIGCONTEXT_SS 2u
#define UC_STRICT_SS     4u
#define SS_DISABLE_      2u
#define SS_ONSTACK_      1u
#define USER_FLAGS       (X64I_OSZAPC | X64I_TF | X64I_DF | X64I_AC | X64I_RF)

struct context {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t di, si, bp, bx, dx, ax, cx, sp, ip, flags;
    uint16_t cs, gs, fs, ss;
    uint64_t error, trap, old_mask, cr2, fpstate;
    uint64_t reserved[8];
};

struct frame {
    uint64_t restorer;
    uint64_t uc_flags, uc_link;
    uint64_t stack, stack_flags, stack_size;
    struct context context;
    uint64_t mask;
    struct {
        int32_t signal, error, code, pad;
        uint64_t field[14];
    } info;
};
_Static_assert(sizeof(struct context) == 256 && sizeof(struct frame) == 440, "the ABI's sizes");

static const struct {
    size_t offset;
    enum x64i_pt_regs word;
} context_words[] = {
    {offsetof(struct context, r8), X64I_PT_R8},   {offsetof(struct context, r9), X64I_PT_R9},
    {offsetof(struct context, r10), X64I_PT_R10}, {offsetof(struct context, r11), X64I_PT_R11},
    {offsetof(struct context, r12), X64I_PT_R12}, {offsetof(struct context, r13), X64I_PT_R13},
    {offsetof(struct context, r14), X64I_PT_R14}, {offsetof(struct context, r15), X64I_PT_R15},
    {offsetof(struct context, di), X64I_PT_DI},   {offsetof(struct context, si), X64I_PT_SI},
    {offsetof(struct context, bp), X64I_PT_BP},   {offsetof(struct context, bx), X64I_PT_BX},
    {offsetof(struct context, dx), X64I_PT_DX},   {offsetof(struct context, ax), X64I_PT_AX},
    {offsetof(struct context, cx), X64I_PT_CX},   {offsetof(struct context, sp), X64I_PT_SP},
    {offsetof(struct context, ip), X64I_PT_IP},
};

#define CONTEXT_WORDS (sizeof context_words / sizeof context_words[0])

static bool on_alternate_stack(const struct x64i_task *task, uint64_t sp)
{
    return sp - task->alternate_stack - 1 < task->alternate_size;
}

/* Where the frame goes: the present stack, or the alternate one from its top. */
static uint64_t choose_stack(const struct x64i_kernel *kernel, uint64_t flags, uint64_t sp)
{
    const struct x64i_task *task = kernel->task;
    if ((flags & SA_ONSTACK_) && task->alternate_size && !on_alternate_stack(task, sp))
        return task->alternate_stack + task->alternate_size;
    return sp - RED_ZONE;
}

static void fill_info(struct frame *frame, int signal, const struct x64i_signal_info *info)
{
    bool fault = signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE ||
                 signal == SIGTRAP;
    frame->info.signal = signal;
    frame->info.code = info->code;
    if (fault && info->code > 0) {
        frame->info.field[0] = info->value;
        return;
    }
    frame->info.field[0] = info->pid; /* and uid 0 */
    frame->info.field[1] = info->value;
}

static void fill_frame(struct x64i_kernel *kernel, struct frame *frame, int signal,
                       const struct x64i_signal_info *info, const uint64_t regs[X64I_PT_REGS])
{
    const struct x64i_task *task = kernel->task;
    *frame = (struct frame){.restorer = kernel->signals->action[signal - 1].restorer,
                            .uc_flags = UC_SIGCONTEXT_SS | UC_STRICT_SS |
                                        (x64i_fpu_frame_is_extended(kernel) ? UC_FP_XSTATE : 0u),
                            .stack = task->alternate_stack,
                            .stack_size = task->alternate_size};
    if (!task->alternate_size)
        frame->stack_flags = SS_DISABLE_;
    else if (on_alternate_stack(task, regs[X64I_PT_SP]))
        frame->stack_flags = SS_ONSTACK_;
    for (size_t i = 0; i < CONTEXT_WORDS; i++)
        memcpy((uint8_t *)&frame->context + context_words[i].offset, &regs[context_words[i].word],
               sizeof(uint64_t));
    frame->context.flags = regs[X64I_PT_FLAGS];
    frame->context.cs = (uint16_t)regs[X64I_PT_CS];
    frame->context.ss = (uint16_t)regs[X64I_PT_SS];
    frame->context.trap = task->fault_trap;
    frame->context.error = task->fault_error;
    frame->context.cr2 = task->fault_address;
    frame->mask = task->restore_signals ? task->saved_signals : task->blocked_signals;
    frame->context.old_mask = frame->mask;
    fill_info(frame, signal, info);
}

int64_t x64i_signal_frame_push(struct x64i_kernel *kernel, int signal,
                               const struct x64i_signal_info *info, uint64_t regs[X64I_PT_REGS])
{
    struct x64i_fpu_frame fpu;
    struct frame frame;
    uint64_t flags = kernel->signals->action[signal - 1].flags;
    uint64_t top = choose_stack(kernel, flags, regs[X64I_PT_SP]);
    uint64_t fpstate = (top - x64i_fpu_frame_size(kernel)) & ~UINT64_C(63);
    uint64_t sp = ((fpstate - sizeof frame) & ~UINT64_C(15)) - 8;
    if (!(flags & SA_RESTORER_) || kernel->task->compat)
        return -EFAULT;
    int64_t bad = x64i_user_writable(kernel, sp, fpstate + x64i_fpu_frame_size(kernel) - sp);
    if (bad)
        return bad;
    x64i_fpu_frame_fill(kernel, &fpu);
    fill_frame(kernel, &frame, signal, info, regs);
    frame.context.fpstate = fpstate;
    x64i_user_write(kernel, fpstate, &fpu, x64i_fpu_frame_size(kernel));
    x64i_user_write(kernel, sp, &frame, sizeof frame);
    x64i_fpu_reset(kernel->cpu); /* fpu__clear_user_states: the handler begins anew */
    regs[X64I_PT_DI] = (uint64_t)signal;
    regs[X64I_PT_SI] = sp + offsetof(struct frame, info);
    regs[X64I_PT_DX] = sp + offsetof(struct frame, uc_flags);
    regs[X64I_PT_AX] = 0;
    regs[X64I_PT_SP] = sp;
    regs[X64I_PT_IP] = kernel->signals->action[signal - 1].handler;
    regs[X64I_PT_CS] = X64I_USER_CS;
    regs[X64I_PT_SS] = X64I_USER_DS;
    regs[X64I_PT_FLAGS] &= ~(uint64_t)(X64I_DF | X64I_RF | X64I_TF);
    regs[X64I_PT_ORIG_AX] = UINT64_MAX;
    return 0;
}

static void take_context(const struct context *context, uint64_t regs[X64I_PT_REGS])
{
    for (size_t i = 0; i < CONTEXT_WORDS; i++)
        memcpy(&regs[context_words[i].word], (const uint8_t *)context + context_words[i].offset,
               sizeof(uint64_t));
    regs[X64I_PT_FLAGS] =
        (regs[X64I_PT_FLAGS] & ~(uint64_t)USER_FLAGS) | (context->flags & USER_FLAGS);
    regs[X64I_PT_CS] = X64I_USER_CS;
    regs[X64I_PT_SS] = X64I_USER_DS;
    regs[X64I_PT_ORIG_AX] = UINT64_MAX;
}

/* Null stands for the initial state, as in fpu__restore_sig. */
static int64_t take_fpu(struct x64i_kernel *kernel, uint64_t linear)
{
    struct x64i_fpu_frame fpu = {.in_use = 0};
    if (!linear) {
        x64i_fpu_reset(kernel->cpu);
        return 0;
    }
    int64_t bad = x64i_user_readable(kernel, linear, x64i_fpu_frame_size(kernel));
    if (bad)
        return bad;
    x64i_user_read(kernel, linear, &fpu, x64i_fpu_frame_size(kernel));
    return x64i_fpu_frame_take(kernel, &fpu);
}

/* The handler's RET has taken the return address off. */
int64_t x64i_signal_frame_pop(struct x64i_kernel *kernel, uint64_t regs[X64I_PT_REGS])
{
    struct frame frame;
    uint64_t at = regs[X64I_PT_SP] - 8;
    int64_t bad = x64i_user_readable(kernel, at, sizeof frame);
    if (bad)
        return bad;
    x64i_user_read(kernel, at, &frame, sizeof frame);
    bad = take_fpu(kernel, frame.context.fpstate);
    if (bad)
        return bad;
    kernel->task->blocked_signals =
        frame.mask & ~(x64i_signal_bit(SIGKILL) | x64i_signal_bit(SIGSTOP));
    if (!(frame.stack_flags & SS_ONSTACK_)) {
        kernel->task->alternate_stack = frame.stack;
        kernel->task->alternate_size = frame.stack_flags & SS_DISABLE_ ? 0 : frame.stack_size;
    }
    take_context(&frame.context, regs);
    return 0;
}
