/* SPDX-License-Identifier: MIT */
/*
 * The per-CPU variables and members of the running task that a stock kernel's entry reads and
 * writes, found by the image's own types. kallsyms names neither members nor which of two symbols
 * at one place is the variable.
 */
#include "kernel_model/kernel.h"

#include <stdio.h>

/* `variable` null: of the running task. `type` null: the variable has no members. */
static const struct row {
    const char *variable, *type, *member;
} rows[X64I_NAMED_PLACES] = {
    {"cpu_current_top_of_stack", NULL, NULL},
    {"current_task", NULL, NULL},
    {"__preempt_count", NULL, NULL},
    {"cpu_number", NULL, NULL},
    {"pcpu_hot", "pcpu_hot", "current_task"},
    {"pcpu_hot", "pcpu_hot", "preempt_count"},
    {"pcpu_hot", "pcpu_hot", "cpu_number"},
    {"pcpu_hot", "pcpu_hot", "top_of_stack"},
    {"pcpu_hot", "pcpu_hot", "hardirq_stack_ptr"},
    {"pcpu_hot", "pcpu_hot", "softirq_pending"},
    {"fixed_percpu_data", "fixed_percpu_data", "stack_canary"},
    {"cpu_tlbstate", "tlb_state", "loaded_mm"},
    {"cpu_tlbstate", "tlb_state", "loaded_mm_asid"},
    {"cpu_tlbstate", "tlb_state", "user_pcid_flush_mask"},
    {"cpu_tlbstate", "tlb_state", "cr4"},
    {NULL, "task_struct", "thread_info.flags"},
    {NULL, "task_struct", "thread_info.syscall_work"},
    {NULL, "task_struct", "thread_info.status"},
    {NULL, "task_struct", "flags"},
    {NULL, "task_struct", "mm"},
    {NULL, "task_struct", "kstack_offset"},
    {NULL, "task_struct", "stack_canary"},
    {NULL, "task_struct", "thread.cr2"},
    {NULL, "task_struct", "thread.fpu.last_cpu"},
};

static bool find(const struct x64i_kernel *kernel, const struct row *row,
                 struct x64i_named_place *slot)
{
    struct x64_image_member member = {.size = sizeof(uint64_t)};
    uint64_t variable = 0;
    if (row->variable && !x64i_kernel_per_cpu(kernel, row->variable, &variable))
        return false;
    if (row->type &&
        x64_kernel_image_member(kernel->image, row->type, row->member, &member, NULL) != X64_OK)
        return false;
    *slot = (struct x64i_named_place){.offset = variable + member.offset, .size = member.size};
    return member.size != 0;
}

void x64i_slots_build(struct x64i_kernel *kernel)
{
    for (size_t i = 0; kernel->stock && i < X64I_NAMED_PLACES; i++)
        if (!find(kernel, &rows[i], &kernel->slots[i]))
            kernel->slots[i] = (struct x64i_named_place){.size = 0};
}

size_t x64i_slot_name(const struct x64i_kernel *kernel, uint64_t linear, char *name, size_t size)
{
    for (size_t i = 0; i < X64I_NAMED_PLACES; i++) {
        const struct x64i_named_place *slot = &kernel->slots[i];
        const struct row *row = &rows[i];
        uint64_t base = row->variable ? kernel->layout.per_cpu : kernel->layout.task;
        uint64_t into = linear - base - slot->offset;
        if (into >= slot->size)
            continue;
        char tail[24] = "";
        if (into)
            (void)snprintf(tail, sizeof tail, "+%#llx", (unsigned long long)into);
        int length = snprintf(name, size, "%s%s%s%s", row->variable ? row->variable : row->type,
                              row->member ? "." : "", row->member ? row->member : "", tail);
        return length > 0 && (size_t)length < size ? (size_t)length : 0;
    }
    return 0;
}
