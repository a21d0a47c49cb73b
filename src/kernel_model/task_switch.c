/* SPDX-License-Identifier: MIT */
/* Switching between tasks (arch/x86/kernel/process_64.c, __switch_to; kernel/sched/core.c). */
#include "kernel_model/task_switch.h"

#include "kernel_model/boot.h"
#include "kernel_model/fpu.h"
#include "kernel_model/region_pages.h"
#include "kernel_model/signal.h"
#include "kernel_model/syscall.h"

#include <string.h>

/* Behind the thread_info of a task_struct: what Linux keeps in thread_struct and fpstate. */
#define THREAD_OFFSET 1024u
#define TSS_SP0       4u
#define TLS_GDT_ENTRY 12u
#define TLS_BYTES     24u

struct thread {
    uint64_t gpr[16];
    uint64_t rip;
    uint64_t rflags;
    uint64_t fs_base, gs_base;
    struct x64i_segment segment[4]; /* DS, ES, FS, GS */
    uint8_t tls[TLS_BYTES];
    struct x64i_fpu fpu;
};
_Static_assert(sizeof(struct thread) + THREAD_OFFSET <= X64I_PAGE_SIZE, "in the task's page");

static const uint8_t saved_segments[4] = {X64_DS, X64_ES, X64_FS, X64_GS};

static uint64_t *user_gs_base(struct x64i_kernel *kernel)
{
    return &kernel->cpu->msr.values.value[X64I_MSR_KERNEL_GS_BASE];
}

/* The GDT's entries for thread-local storage of 32-bit programs. */
static uint64_t tls_linear(struct x64i_kernel *kernel)
{
    uint64_t gdt;
    bool known = x64i_kernel_per_cpu(kernel, "gdt_page", &gdt);
    return known ? kernel->layout.per_cpu + gdt + 8 * (uint64_t)TLS_GDT_ENTRY : 0;
}

static void fill_thread(struct x64i_kernel *kernel, struct thread *thread)
{
    const struct x64i_cpu_state *s = &kernel->cpu->s;
    memset(thread, 0, sizeof *thread);
    memcpy(thread->gpr, s->gpr, sizeof thread->gpr);
    thread->rip = s->rip;
    thread->rflags = s->rflags;
    thread->fs_base = s->segment[X64_FS].base;
    thread->gs_base = *user_gs_base(kernel);
    for (unsigned i = 0; i < 4; i++)
        thread->segment[i] = s->segment[saved_segments[i]];
    if (tls_linear(kernel))
        x64i_kernel_read(kernel, tls_linear(kernel), thread->tls, sizeof thread->tls);
    x64i_fpu_save(s, &thread->fpu);
}

/* GS.base is the kernel's; all else is the task's. */
static void load_thread(struct x64i_kernel *kernel, const struct thread *thread)
{
    struct x64i_cpu_state *s = &kernel->cpu->s;
    memcpy(s->gpr, thread->gpr, sizeof thread->gpr);
    s->rip = thread->rip;
    s->rflags = thread->rflags;
    *user_gs_base(kernel) = thread->gs_base;
    uint64_t kernel_gs = s->segment[X64_GS].base;
    for (unsigned i = 0; i < 4; i++)
        s->segment[saved_segments[i]] = thread->segment[i];
    s->segment[X64_FS].base = thread->fs_base;
    s->segment[X64_GS].base = kernel_gs;
    if (tls_linear(kernel))
        x64i_kernel_write(kernel, tls_linear(kernel), thread->tls, sizeof thread->tls);
    x64i_fpu_load(kernel->cpu, &thread->fpu);
    x64i_cpu_refresh(kernel->cpu);
}

bool x64i_thread_save(struct x64i_kernel *kernel, uint64_t task_struct)
{
    struct thread thread;
    fill_thread(kernel, &thread);
    return x64i_kernel_write(kernel, task_struct + THREAD_OFFSET, &thread, sizeof thread);
}

bool x64i_task_begin(struct x64i_kernel *kernel, struct x64i_task *task,
                     const uint64_t regs[X64I_PT_REGS], uint64_t fs_base)
{
    struct thread thread;
    uint8_t info[THREAD_OFFSET] = {0};
    uint64_t frame = task->stack.end - X64I_PT_REGS * sizeof *regs;
    fill_thread(kernel, &thread);
    memset(thread.gpr, 0, sizeof thread.gpr);
    thread.gpr[X64_RSP] = frame;
    thread.gpr[X64_RBX] = x64i_kernel_symbol(kernel, "kernel_init");
    thread.rip = x64i_kernel_symbol(kernel, "ret_from_fork");
    thread.fs_base = fs_base;
    task->forked = 1;
    return thread.rip && x64i_kernel_write(kernel, task->task_struct, info, sizeof info) &&
           x64i_kernel_write(kernel, frame, regs, X64I_PT_REGS * sizeof *regs) &&
           x64i_kernel_write(kernel, task->task_struct + THREAD_OFFSET, &thread, sizeof thread);
}

/* A store of the kernel's that observers see. */
static void store(struct x64i_kernel *kernel, uint64_t linear, uint64_t value)
{
    struct x64_effect effect = {
        .kind = X64_EFFECT_MEMORY_WRITE, .size = 8, .linear = linear, .value = value};
    x64i_kernel_read(kernel, linear, &effect.old, sizeof effect.old);
    if (linear - X64I_DIRECT_MAP < kernel->memory->ram_size)
        effect.physical = linear - X64I_DIRECT_MAP;
    x64i_kernel_write(kernel, linear, &value, sizeof value);
    x64i_effects_add(kernel->cpu->effects, effect);
}

static void store_per_cpu(struct x64i_kernel *kernel, const char *name, uint64_t into,
                          uint64_t value)
{
    uint64_t offset;
    if (x64i_kernel_per_cpu(kernel, name, &offset))
        store(kernel, kernel->layout.per_cpu + offset + into, value);
}

/* What the entry code reads of the task: current, the top of its stack, TSS.sp0. */
static void make_current(struct x64i_kernel *kernel, const struct x64i_task *task)
{
    kernel->layout.task = task->task_struct;
    kernel->layout.task_stack = task->stack;
    store_per_cpu(kernel, "current_task", 0, task->task_struct);
    store_per_cpu(kernel, "cpu_current_top_of_stack", 0, task->stack.end);
    if (!kernel->era->entry_area)
        store_per_cpu(kernel, "cpu_tss", TSS_SP0, task->stack.end);
}

static bool can_run(struct x64i_kernel *kernel, const struct x64i_task *task, uint64_t now)
{
    if (task->state == X64I_TASK_RUNNABLE)
        return true;
    if (task->state != X64I_TASK_WAITING)
        return false;
    return task->events != kernel->schedule.events || (task->wake_clock && now >= task->wake_clock);
}

uint32_t x64i_task_next(struct x64i_kernel *kernel)
{
    uint64_t now = x64i_time_now(kernel, 1);
    for (uint32_t i = 1; i <= X64I_TASKS_MAX; i++) {
        uint32_t index = (kernel->schedule.task + i) % X64I_TASKS_MAX;
        const struct x64i_task *task = x64i_record_read(kernel, kernel->tasks, index);
        if (can_run(kernel, task, now))
            return index;
    }
    return kernel->schedule.task;
}

/* What is left of a task after its last step: its stack may be used again. */
static void bury(struct x64i_kernel *kernel, uint32_t index)
{
    struct x64i_task *task = x64i_task_at(kernel, index);
    if (task->state != X64I_TASK_DEAD)
        return;
    struct x64i_task empty = {.task_struct = task->task_struct, .stack = task->stack};
    uint32_t process = task->process;
    *task = empty;
    kernel->schedule.task_count--;
    const struct x64i_process *of = x64i_process_at(kernel, process);
    if (of->threads == 0)
        x64i_mm_release(kernel, of->mm);
    if (of->threads == 0 && !of->zombie)
        x64i_process_reap(kernel, process);
}

void x64i_task_switch(struct x64i_kernel *kernel, uint32_t next)
{
    struct thread thread;
    uint32_t previous = kernel->schedule.task;
    const struct x64i_task *to = x64i_task_at(kernel, next);
    if (next == previous ||
        !x64i_kernel_read(kernel, to->task_struct + THREAD_OFFSET, &thread, sizeof thread) ||
        !x64i_thread_save(kernel, kernel->task->task_struct))
        return;
    kernel->schedule.task = next;
    x64i_tasks_refresh(kernel);
    x64i_mm_use(kernel, kernel->process->mm);
    make_current(kernel, kernel->task);
    load_thread(kernel, &thread);
    bury(kernel, previous);
    x64i_tasks_refresh(kernel);
}

/* The fast path of 4.1 to 4.15 leaves what callees keep in registers. */
static bool on_fast_path(struct x64i_kernel *kernel)
{
    uint64_t back = 0;
    uint64_t start = x64i_kernel_symbol(kernel, "entry_SYSCALL_64_fastpath");
    uint64_t end = x64i_kernel_symbol(kernel, "entry_SYSCALL64_slow_path");
    x64i_kernel_read(kernel, kernel->cpu->s.gpr[X64_RSP], &back, sizeof back);
    return start && back >= start && back < end;
}

static const struct {
    enum x64i_pt_regs word;
    enum x64_register reg;
} kept_registers[] = {{X64I_PT_BX, X64_RBX},  {X64I_PT_BP, X64_RBP},  {X64I_PT_R12, X64_R12},
                      {X64I_PT_R13, X64_R13}, {X64I_PT_R14, X64_R14}, {X64I_PT_R15, X64_R15}};

#define KEPT_COUNT (sizeof kept_registers / sizeof kept_registers[0])

bool x64i_user_regs_read(struct x64i_kernel *kernel, uint64_t regs[X64I_PT_REGS])
{
    uint64_t size = X64I_PT_REGS * sizeof *regs;
    if (!x64i_kernel_read(kernel, kernel->layout.task_stack.end - size, regs, size))
        return false;
    for (size_t i = 0; i < KEPT_COUNT && on_fast_path(kernel); i++)
        regs[kept_registers[i].word] = kernel->cpu->s.gpr[kept_registers[i].reg];
    return true;
}

bool x64i_user_regs_write(struct x64i_kernel *kernel, const uint64_t regs[X64I_PT_REGS])
{
    uint64_t size = X64I_PT_REGS * sizeof *regs;
    if (on_fast_path(kernel)) {
        for (size_t i = 0; i < KEPT_COUNT; i++)
            kernel->cpu->s.gpr[kept_registers[i].reg] = regs[kept_registers[i].word];
        x64i_task_nudge(kernel, kernel->task);
    }
    return x64i_kernel_write(kernel, kernel->layout.task_stack.end - size, regs, size);
}
