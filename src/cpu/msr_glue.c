/* SPDX-License-Identifier: MIT */
#include "cpu/msr_glue.h"

#include "cpu/segment.h"

static uint64_t read_segment_base(void *user, enum x64_segment_register segment)
{
    const struct x64i_cpu *cpu = user;
    return cpu->s.segment[segment].base;
}

static void write_segment_base(void *user, enum x64_segment_register segment, uint64_t base)
{
    x64i_set_segment_base(user, segment, base);
}

static uint64_t read_tsc(void *user)
{
    const struct x64i_cpu *cpu = user;
    return x64i_cpu_clock(cpu) + cpu->s.tsc_offset;
}

static void write_tsc(void *user, uint64_t value)
{
    struct x64i_cpu *cpu = user;
    cpu->s.tsc_offset = value - x64i_cpu_clock(cpu);
}

static void efer_changed(void *user)
{
    x64i_cpu_refresh(user);
}

static bool paging_enabled(void *user)
{
    const struct x64i_cpu *cpu = user;
    return cpu->s.cr0 & X64I_CR0_PG;
}

const struct x64i_msr_callbacks x64i_cpu_msr_callbacks = {
    .read_segment_base = read_segment_base,
    .write_segment_base = write_segment_base,
    .read_tsc = read_tsc,
    .write_tsc = write_tsc,
    .efer_changed = efer_changed,
    .paging_enabled = paging_enabled,
};
