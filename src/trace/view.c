/* SPDX-License-Identifier: MIT */
#include "trace/view.h"

#include "kernel_model/custom.h"

static enum x64_status symbol(void *user, uint64_t linear, const char **name, uint64_t *offset)
{
    return x64_symbol_at(user, linear, name, offset);
}

static enum x64_stack stack(void *user, uint64_t rsp)
{
    return x64_stack_of(user, rsp);
}

static size_t slot(void *user, uint64_t linear, char *name, size_t size)
{
    return x64_slot_name(user, linear, name, size);
}

static size_t system_call(void *user, char *text, size_t size)
{
    return x64_syscall_text(user, text, size);
}

static const char *system_call_name(void *user, bool compat, uint64_t number)
{
    const struct x64i_kernel *kernel = x64i_kernel_of(user);
    const struct x64i_syscall_row *row =
        kernel ? x64i_custom_row(kernel, compat, number) : x64i_syscall_row(compat, number);
    return row && row->name && row->name[0] ? row->name : NULL;
}

static enum x64_status read(void *user, uint64_t linear, void *buffer, size_t size)
{
    return x64_memory_read_virt(user, linear, buffer, size);
}

static enum x64_status msr(void *user, uint32_t index, uint64_t *value)
{
    return x64_msr_read(user, index, value);
}

static enum x64_status read_physical(void *user, uint64_t physical, void *buffer, size_t size)
{
    return x64_memory_read_phys(user, physical, buffer, size);
}

struct x64i_trace_view x64i_machine_view(struct x64_machine *machine)
{
    return (struct x64i_trace_view){.user = machine,
                                    .symbol = symbol,
                                    .stack = stack,
                                    .slot = slot,
                                    .system_call = system_call,
                                    .system_call_name = system_call_name,
                                    .read = read,
                                    .msr = msr,
                                    .read_physical = read_physical};
}
