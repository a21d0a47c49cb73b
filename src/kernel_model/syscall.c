/* SPDX-License-Identifier: MIT */
/* The tables, and the way of one call through them. */
#include "kernel_model/syscall.h"

#include "kernel_model/custom.h"
#include "kernel_model/fifo.h"

#define X64I_SYSCALL_NONE                     NULL
#define X64I_SYSCALL_DECLARE(name)            extern const struct x64i_syscall name;
#define X64I_SYSCALL(number, name, entry, to) [number] = {number, name, entry, to},

#include "syscall_32_declarations.h"
#include "syscall_64_declarations.h"

static const struct x64i_syscall_row rows_64[] = {
#include "syscall_64_rows.h"
};

static const struct x64i_syscall_row rows_32[] = {
#include "syscall_32_rows.h"
};

const struct x64i_syscall_row *x64i_syscall_row(bool compat, uint64_t number)
{
    size_t count = compat ? sizeof rows_32 / sizeof rows_32[0] : sizeof rows_64 / sizeof rows_64[0];
    if (number >= count)
        return NULL;
    return compat ? &rows_32[number] : &rows_64[number];
}

int64_t x64i_syscall_answer(struct x64i_kernel *kernel, bool compat, uint64_t number,
                            const uint64_t arguments[6])
{
    const struct x64i_custom_call *custom = x64i_custom_find(kernel, compat, number);
    const struct x64i_syscall_row *row = x64i_custom_row(kernel, compat, number);
    int64_t result = -ENOSYS;
    if (custom)
        result = x64i_custom_answer(kernel, custom, arguments);
    else if (row && row->definition)
        result = row->definition->body(kernel, arguments);
    if (result == X64I_FAULT_IN || x64i_is_sleep(result))
        return result;
    x64i_syscall_finish(kernel, compat, number, arguments, result);
    return result;
}

void x64i_syscall_finish(struct x64i_kernel *kernel, bool compat, uint64_t number,
                         const uint64_t arguments[6], int64_t result)
{
    struct x64i_task *task = kernel->task;
    struct x64i_call_record *call = &kernel->schedule.call;
    *call = (struct x64i_call_record){.step = kernel->cpu->s.steps + 1,
                                      .number = number,
                                      .table = compat ? 32 : 64,
                                      .result = result == X64I_NO_RESULT ? 0 : result,
                                      .ended = result == X64I_NO_RESULT,
                                      .tid = task->tid};
    if (result == X64I_KEEP_RESULT)
        call->result = (int64_t)task->result;
    for (unsigned i = 0; i < 6; i++)
        call->arguments[i] = arguments[i];
    if (task->opening)
        x64i_fifo_abandon(kernel);
    task->fault_in = (struct x64i_fault_in){0};
    task->futex = (struct x64i_futex_wait){0};
    task->progress = task->wake_clock = 0;
}
