/* SPDX-License-Identifier: MIT */
/*
 * The mini-kernel's text: which C function stands at which address of the image. A function that
 * needs user memory which is not there leaves its own address as the return address of the image's
 * fault_in code, and so runs again when that has touched the page.
 */
#include "kernel_model/boot.h"
#include "kernel_model/console.h"
#include "kernel_model/custom.h"
#include "kernel_model/fault.h"
#include "kernel_model/signal.h"
#include "kernel_model/syscall.h"
#include "kernel_model/task_switch.h"

#include "cpu/access.h"
#include "cpu/operand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of native functions: X64_EFFECT_NATIVE's index. */
enum native_number {
    NATIVE_KERNEL_INIT = 1,
    NATIVE_SCHEDULE,
    NATIVE_TIMER_INTERRUPT,
    NATIVE_NI_SYSCALL,
    NATIVE_EXCEPTION = 0x100,   /* + vector */
    NATIVE_SYSCALL_64 = 0x1000, /* + number */
    NATIVE_SYSCALL_32 = 0x2000, /* + number */
    NATIVE_UNKNOWN_SYSCALL = 0x3000
};

/* Names that the eras have used for the same thing. A stock kernel's own schedule and timer stay
 * its own; its page faults are answered further in. */
static const struct {
    uint32_t number;
    const char *names[3];
} fixed_natives[] = {
    {NATIVE_KERNEL_INIT, {"kernel_init", NULL}},
    {NATIVE_SCHEDULE, {"schedule", NULL}},
    {NATIVE_TIMER_INTERRUPT, {"timer_interrupt", NULL}},
    {NATIVE_EXCEPTION + X64_FAULT_DE, {"exc_divide_error", "do_divide_error"}},
    {NATIVE_EXCEPTION + X64_FAULT_DB, {"exc_debug", "do_debug", "noist_exc_debug"}},
    {NATIVE_EXCEPTION + X64_FAULT_NMI, {"exc_nmi", "do_nmi"}},
    {NATIVE_EXCEPTION + X64_FAULT_BP, {"exc_int3", "do_int3"}},
    {NATIVE_EXCEPTION + X64_FAULT_OF, {"exc_overflow", "do_overflow"}},
    {NATIVE_EXCEPTION + X64_FAULT_BR, {"exc_bounds", "do_bounds"}},
    {NATIVE_EXCEPTION + X64_FAULT_UD, {"exc_invalid_op", "do_invalid_op"}},
    {NATIVE_EXCEPTION + X64_FAULT_NM, {"exc_device_not_available", "do_device_not_available"}},
    {NATIVE_EXCEPTION + X64_FAULT_DF, {"exc_double_fault", "do_double_fault"}},
    {NATIVE_EXCEPTION + 9, {"exc_coproc_segment_overrun", "do_coprocessor_segment_overrun"}},
    {NATIVE_EXCEPTION + X64_FAULT_TS, {"exc_invalid_tss", "do_invalid_TSS"}},
    {NATIVE_EXCEPTION + X64_FAULT_NP, {"exc_segment_not_present", "do_segment_not_present"}},
    {NATIVE_EXCEPTION + X64_FAULT_SS, {"exc_stack_segment", "do_stack_segment"}},
    {NATIVE_EXCEPTION + X64_FAULT_GP, {"exc_general_protection", "do_general_protection"}},
    {NATIVE_EXCEPTION + X64_FAULT_PF, {"exc_page_fault", "do_page_fault"}},
    {NATIVE_EXCEPTION + 15, {"exc_spurious_interrupt_bug", "do_spurious_interrupt_bug"}},
    {NATIVE_EXCEPTION + X64_FAULT_MF, {"exc_coprocessor_error", "do_coprocessor_error"}},
    {NATIVE_EXCEPTION + X64_FAULT_AC, {"exc_alignment_check", "do_alignment_check"}},
    {NATIVE_EXCEPTION + X64_FAULT_MC, {"exc_machine_check", "do_mce", "noist_exc_machine_check"}},
    {NATIVE_EXCEPTION + X64_FAULT_XM, {"exc_simd_coprocessor_error", "do_simd_coprocessor_error"}},
};

#define FIXED_COUNT (sizeof fixed_natives / sizeof fixed_natives[0])
#define SYMBOL_SIZE 96

/* No kernel has more system calls than this. */
#define STOCK_CALLS_MAX 1024

static void add(struct x64i_kernel *kernel, const char *name, uint32_t number)
{
    struct x64i_natives *natives = x64i_shared_image_natives(kernel->shared);
    uint64_t linear = x64i_kernel_symbol(kernel, name);
    if (linear && natives->count < natives->capacity)
        natives->list[natives->count++] = (struct x64i_native){.linear = linear, .number = number};
}

static int compare(const void *a, const void *b)
{
    const struct x64i_native *x = a;
    const struct x64i_native *y = b;
    if (x->linear != y->linear)
        return x->linear < y->linear ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Several numbers may share a function; the lowest one stands for it. */
static void remove_duplicates(struct x64i_natives *natives)
{
    size_t kept = 0;
    for (size_t i = 0; i < natives->count; i++)
        if (kept == 0 || natives->list[kept - 1].linear != natives->list[i].linear)
            natives->list[kept++] = natives->list[i];
    natives->count = kept;
}

/* Where exc_page_fault of a stock kernel hands the fault on, with the same first two arguments. */
static const char *const stock_page_faults[] = {"do_user_addr_fault", "bad_area_nosemaphore"};

static bool has_stock_page_faults(const struct x64i_kernel *kernel)
{
    return x64i_kernel_symbol(kernel, stock_page_faults[0]) &&
           x64i_kernel_symbol(kernel, stock_page_faults[1]);
}

/* What the image of a stock kernel does itself. */
static bool is_stock_own(const struct x64i_kernel *kernel, uint32_t number)
{
    if (!kernel->stock)
        return false;
    if (number == NATIVE_EXCEPTION + X64_FAULT_PF)
        return has_stock_page_faults(kernel);
    return number == NATIVE_SCHEDULE || number == NATIVE_TIMER_INTERRUPT;
}

/* A system call of the image that our table does not know is answered like a hole in it. */
static void add_unknown_calls(struct x64i_kernel *kernel)
{
    static const char prefix[] = "__x64_sys_";
    struct x64i_natives *natives = x64i_shared_image_natives(kernel->shared);
    size_t count = x64_kernel_image_symbol_count(kernel->image);
    for (size_t i = 0; i < count; i++) {
        const struct x64_image_symbol *symbol = x64_kernel_image_symbol_at_index(kernel->image, i);
        if (strncmp(symbol->name, prefix, sizeof prefix - 1) == 0 &&
            natives->count < natives->capacity)
            natives->list[natives->count++] =
                (struct x64i_native){.linear = symbol->address, .number = NATIVE_UNKNOWN_SYSCALL};
    }
}

static void add_stock(struct x64i_kernel *kernel)
{
    if (has_stock_page_faults(kernel))
        for (size_t i = 0; i < 2; i++)
            add(kernel, stock_page_faults[i], NATIVE_EXCEPTION + X64_FAULT_PF);
    add_unknown_calls(kernel);
}

static enum x64_status reserve(struct x64i_natives *natives, bool compat, bool stock)
{
    size_t count = 0;
    while (x64i_syscall_row(compat, count))
        count++;
    natives->capacity = 3 * FIXED_COUNT + count + 1;
    if (stock)
        natives->capacity += STOCK_CALLS_MAX;
    natives->list = calloc(natives->capacity, sizeof *natives->list);
    return natives->list ? X64_OK : X64_ERROR_MEMORY;
}

static void add_syscalls(struct x64i_kernel *kernel)
{
    char name[SYMBOL_SIZE];
    const struct x64i_syscall_row *row;
    bool compat = kernel->era->compat;
    (void)snprintf(name, sizeof name, "%ssys_ni_syscall", kernel->era->prefix);
    add(kernel, name, NATIVE_NI_SYSCALL);
    for (uint32_t number = 0; (row = x64i_syscall_row(compat, number)) != NULL; number++) {
        if (row->name[0] == '\0' || strcmp(row->entry, "sys_ni_syscall") == 0)
            continue;
        (void)snprintf(name, sizeof name, "%s%s", kernel->era->prefix, row->entry);
        add(kernel, name, (compat ? NATIVE_SYSCALL_32 : NATIVE_SYSCALL_64) + number);
    }
}

static enum x64_status make_list(struct x64i_kernel *kernel, struct x64i_natives *natives)
{
    if (reserve(natives, kernel->era->compat, kernel->stock != NULL) != X64_OK)
        return X64_ERROR_MEMORY;
    for (size_t i = 0; i < FIXED_COUNT; i++)
        for (size_t j = 0; j < 3 && fixed_natives[i].names[j]; j++)
            if (!is_stock_own(kernel, fixed_natives[i].number))
                add(kernel, fixed_natives[i].names[j], fixed_natives[i].number);
    if (kernel->stock)
        add_stock(kernel);
    add_syscalls(kernel);
    qsort(natives->list, natives->count, sizeof *natives->list, compare);
    remove_duplicates(natives);
    return X64_OK;
}

enum x64_status x64i_natives_build(struct x64i_kernel *kernel)
{
    struct x64i_natives *natives = x64i_shared_image_natives(kernel->shared);
    enum x64_status status = natives->list ? X64_OK : make_list(kernel, natives);
    if (status == X64_OK)
        x64i_cpu_set_natives(kernel->cpu, natives->list, natives->count);
    return status;
}

static enum x64i_result finish(struct x64i_kernel *kernel, uint64_t rax)
{
    return x64i_native_return(kernel->machine, rax) ? X64I_DONE : X64I_FAULT;
}

/* Goes on at `target`, which returns to where the CPU stands now. */
static enum x64i_result divert(struct x64i_kernel *kernel, uint64_t target)
{
    struct x64i_cpu *cpu = kernel->cpu;
    struct x64i_target slot;
    uint64_t rsp = cpu->s.gpr[X64_RSP] - 8;
    if (x64i_probe(cpu, X64_SS, rsp, 8, &slot) != X64I_DONE)
        return X64I_FAULT;
    x64i_commit(cpu, &slot, cpu->s.rip);
    x64i_set_gpr64(cpu, X64_RSP, rsp);
    cpu->s.rip = target;
    return X64I_DONE;
}

static enum x64i_result fault_in(struct x64i_kernel *kernel)
{
    struct x64i_fault_in *what = &kernel->task->fault_in;
    const char *name = what->write ? "fault_in_writeable" : "fault_in_readable";
    x64i_set_gpr64(kernel->cpu, X64_RAX, what->linear);
    enum x64i_result result = divert(kernel, x64i_kernel_symbol(kernel, name));
    what->frame_end = kernel->cpu->s.gpr[X64_RSP] & ~UINT64_C(15);
    return result;
}

/* Where the era's table function finds its arguments. */
static bool get_arguments(struct x64i_kernel *kernel, uint64_t *number, uint64_t arguments[6])
{
    static const enum x64_register six[6] = {X64_RDI, X64_RSI, X64_RDX, X64_RCX, X64_R8, X64_R9};
    static const enum x64i_pt_regs words[6] = {X64I_PT_DI,  X64I_PT_SI, X64I_PT_DX,
                                               X64I_PT_R10, X64I_PT_R8, X64I_PT_R9};
    const struct x64i_cpu_state *s = &kernel->cpu->s;
    uint64_t regs[X64I_PT_COUNT];
    uint64_t frame = kernel->layout.task_stack.end - sizeof regs;
    if (kernel->era->pt_regs)
        frame = s->gpr[X64_RDI];
    if (!x64i_kernel_read(kernel, frame, regs, sizeof regs))
        return false;
    *number = regs[X64I_PT_ORIG_AX];
    for (unsigned i = 0; i < 6; i++)
        arguments[i] = kernel->era->pt_regs ? regs[words[i]] : s->gpr[six[i]];
    return true;
}

/* Gives the CPU to another task, or lets it sleep until the next interrupt when there is none. The
 * native runs again when this task is looked at again. */
static enum x64i_result wait_here(struct x64i_kernel *kernel)
{
    struct x64i_task *task = kernel->task;
    x64i_timers_run(kernel);
    if (task->state == X64I_TASK_RUNNABLE)
        task->state = X64I_TASK_WAITING;
    task->events = kernel->schedule.events;
    uint32_t next = x64i_task_next(kernel);
    if (next == kernel->schedule.task && x64i_console_idle(kernel))
        return X64I_DONE;
    if (next == kernel->schedule.task)
        return divert(kernel, x64i_kernel_symbol(kernel, "default_idle"));
    x64i_task_switch(kernel, next);
    return X64I_DONE;
}

/* A call that has to wait: a signal ends it. False when it goes on waiting. */
static bool interrupt_call(struct x64i_kernel *kernel, int64_t *result)
{
    if (*result == X64I_SLEEP_ON || !x64i_signals_due(kernel))
        return false;
    *result = *result == X64I_SLEEP_ONCE ? -EINTR : -X64I_ERESTARTSYS;
    return true;
}

/* The task is to end: the call is not made any more. */
static enum x64i_result end_task(struct x64i_kernel *kernel)
{
    if (kernel->task->state != X64I_TASK_DEAD &&
        x64i_task_exit(kernel, kernel->process->status) == X64I_FAULT_IN)
        return fault_in(kernel);
    return wait_here(kernel);
}

static enum x64i_result system_call(struct x64i_kernel *kernel, bool compat, bool none,
                                    uint64_t number)
{
    uint64_t asked;
    uint64_t arguments[6];
    if (kernel->task->state == X64I_TASK_DEAD || kernel->process->dying)
        return end_task(kernel);
    kernel->task->state = X64I_TASK_RUNNABLE;
    kernel->task->console = 0;
    if (!get_arguments(kernel, &asked, arguments))
        return x64i_raise(kernel->cpu, X64_FAULT_UD);
    if (compat)
        for (unsigned i = 0; i < 6; i++)
            arguments[i] &= UINT32_MAX;
    if (none || x64i_custom_find(kernel, compat, asked))
        number = asked;
    int64_t result = x64i_syscall_answer(kernel, compat, number, arguments);
    if (result == X64I_FAULT_IN)
        return fault_in(kernel);
    if (x64i_is_sleep(result)) {
        if (!interrupt_call(kernel, &result))
            return wait_here(kernel);
        x64i_syscall_finish(kernel, compat, number, arguments, result);
    }
    if (result == X64I_NO_RESULT && kernel->task->state == X64I_TASK_DEAD)
        return wait_here(kernel);
    if (result == X64I_NO_RESULT && !kernel->process->dying)
        return X64I_DONE;
    return finish(kernel, result == X64I_KEEP_RESULT ? kernel->task->result : (uint64_t)result);
}

/* The end of kernel_execve: RDI is the struct pt_regs with which the task goes to user mode. */
static enum x64i_result kernel_init(struct x64i_kernel *kernel)
{
    bool compat = kernel->task->compat;
    if (kernel->task->forked)
        return finish(kernel, 0);
    uint64_t regs[X64I_PT_COUNT] = {
        [X64I_PT_ORIG_AX] = UINT64_MAX,
        [X64I_PT_IP] = kernel->mm.entry,
        [X64I_PT_CS] = compat ? X64I_USER32_CS : X64I_USER_CS,
        [X64I_PT_FLAGS] = X64I_IF | X64I_FLAG_ONE,
        [X64I_PT_SP] = kernel->mm.stack,
        [X64I_PT_SS] = X64I_USER_DS,
    };
    uint64_t frame = kernel->cpu->s.gpr[X64_RDI];
    if (!x64i_kernel_write(kernel, frame, regs, sizeof regs))
        return x64i_raise(kernel->cpu, X64_FAULT_UD);
    if (compat)
        for (unsigned i = X64_ES; i <= X64_DS; i++)
            if (i == X64_ES || i == X64_DS)
                kernel->cpu->s.segment[i] = (struct x64i_segment){
                    .selector = X64I_USER_DS, .attributes = 0xc0f3, .limit = UINT32_MAX};
    return finish(kernel, 0);
}

static void set_resched(struct x64i_kernel *kernel, bool on)
{
    uint32_t flags = 0;
    x64i_kernel_read(kernel, kernel->layout.task, &flags, sizeof flags);
    flags = on ? flags | X64I_TIF_NEED_RESCHED : flags & ~X64I_TIF_NEED_RESCHED;
    x64i_kernel_write(kernel, kernel->layout.task, &flags, sizeof flags);
}

/* The way to user mode: signals first, then whoever has waited for the CPU longest. */
static enum x64i_result schedule(struct x64i_kernel *kernel)
{
    if (kernel->task->state == X64I_TASK_DEAD || kernel->process->dying)
        return end_task(kernel);
    if (kernel->task->state == X64I_TASK_STOPPED)
        return wait_here(kernel);
    int64_t result = x64i_signals_take(kernel);
    if (result == X64I_FAULT_IN)
        return fault_in(kernel);
    kernel->task->fault_in = (struct x64i_fault_in){0};
    if (kernel->process->dying || kernel->task->state == X64I_TASK_STOPPED)
        return X64I_DONE;
    set_resched(kernel, x64i_signals_due(kernel));
    enum x64i_result finished = finish(kernel, 0);
    if (kernel->schedule.tick && !x64i_signals_due(kernel)) {
        kernel->schedule.tick = 0;
        x64i_task_switch(kernel, x64i_task_next(kernel));
    }
    return finished;
}

/* The tick: the task has had its time slice. */
static enum x64i_result timer_interrupt(struct x64i_kernel *kernel)
{
    kernel->schedule.tick = 1;
    x64i_timers_run(kernel);
    x64i_console_tick(kernel);
    set_resched(kernel, true);
    return finish(kernel, 0);
}

static enum x64i_result exception(struct x64i_kernel *kernel, unsigned vector)
{
    const struct x64i_cpu_state *s = &kernel->cpu->s;
    x64i_exception_handle(kernel, vector, s->gpr[X64_RDI], s->gpr[X64_RSI]);
    return finish(kernel, 0);
}

enum x64i_result x64i_native_run(void *user, uint32_t number)
{
    struct x64i_kernel *kernel = user;
    x64i_tasks_refresh(kernel);
    if (number == NATIVE_UNKNOWN_SYSCALL)
        return system_call(kernel, false, true, 0);
    if (number >= NATIVE_SYSCALL_32)
        return system_call(kernel, true, false, number - NATIVE_SYSCALL_32);
    if (number >= NATIVE_SYSCALL_64)
        return system_call(kernel, false, false, number - NATIVE_SYSCALL_64);
    if (number >= NATIVE_EXCEPTION)
        return exception(kernel, number - NATIVE_EXCEPTION);
    switch ((enum native_number)number) {
    case NATIVE_KERNEL_INIT:
        return kernel_init(kernel);
    case NATIVE_SCHEDULE:
        return schedule(kernel);
    case NATIVE_TIMER_INTERRUPT:
        return timer_interrupt(kernel);
    case NATIVE_NI_SYSCALL:
        return system_call(kernel, kernel->era->compat, true, 0);
    default:
        return x64i_raise(kernel->cpu, X64_FAULT_UD);
    }
}
