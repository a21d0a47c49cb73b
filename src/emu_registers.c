/* SPDX-License-Identifier: MIT */
/* Registers and MSRs from outside. */
#include "machine.h"

#include <string.h>

enum x64_status x64_registers_read(const struct x64_machine *machine,
                                   struct x64_registers *registers)
{
    if (!machine || !registers)
        return X64_ERROR_ARGUMENT;
    const struct x64i_cpu_state *s = &machine->cpu.s;
    struct x64_registers r = {
        .rip = s->rip,
        .rflags = s->rflags,
        .cr0 = s->cr0,
        .cr2 = s->cr2,
        .cr3 = s->cr3,
        .cr4 = s->cr4,
        .cr8 = s->cr8,
        .efer = machine->cpu.msr.values.value[X64I_MSR_EFER],
        .gdtr_base = s->gdtr.base,
        .idtr_base = s->idtr.base,
        .gdtr_limit = s->gdtr.limit,
        .idtr_limit = s->idtr.limit,
        .cpl = s->cpl,
    };
    memcpy(r.gpr, s->gpr, sizeof r.gpr);
    memcpy(r.dr, s->dr, sizeof r.dr);
    for (size_t i = 0; i < X64_SEGMENT_COUNT; i++) {
        r.segment[i].selector = s->segment[i].selector;
        r.segment[i].attributes = s->segment[i].attributes;
        r.segment[i].limit = s->segment[i].limit;
        r.segment[i].base = s->segment[i].base;
    }
    *registers = r;
    return X64_OK;
}

enum x64_status x64_registers_write(struct x64_machine *machine,
                                    const struct x64_registers *registers)
{
    if (!machine || !registers || registers->cpl > 3)
        return X64_ERROR_ARGUMENT;
    struct x64i_cpu_state *s = &machine->cpu.s;
    memcpy(s->gpr, registers->gpr, sizeof s->gpr);
    memcpy(s->dr, registers->dr, sizeof s->dr);
    s->rip = registers->rip;
    s->rflags = (registers->rflags & X64I_FLAGS_DEFINED) | X64I_FLAG_ONE;
    s->cr0 = registers->cr0;
    s->cr2 = registers->cr2;
    s->cr3 = registers->cr3;
    s->cr4 = registers->cr4;
    s->cr8 = registers->cr8;
    machine->cpu.msr.values.value[X64I_MSR_EFER] = registers->efer;
    s->gdtr = (struct x64i_table){.base = registers->gdtr_base, .limit = registers->gdtr_limit};
    s->idtr = (struct x64i_table){.base = registers->idtr_base, .limit = registers->idtr_limit};
    s->cpl = registers->cpl;
    for (size_t i = 0; i < X64_SEGMENT_COUNT; i++)
        s->segment[i] = (struct x64i_segment){.selector = registers->segment[i].selector,
                                              .attributes = registers->segment[i].attributes,
                                              .limit = registers->segment[i].limit,
                                              .base = registers->segment[i].base};
    x64i_cpu_refresh(&machine->cpu);
    x64i_machine_changed(machine);
    return X64_OK;
}

enum x64_status x64_msr_read(struct x64_machine *machine, uint32_t index, uint64_t *value)
{
    uint64_t read;
    if (!machine || !value)
        return X64_ERROR_ARGUMENT;
    if (!x64i_msr_read(&machine->cpu.msr, index, &read))
        return X64_ERROR_NOT_FOUND;
    *value = read;
    return X64_OK;
}

enum x64_status x64_msr_write(struct x64_machine *machine, uint32_t index, uint64_t value)
{
    uint64_t old;
    if (!machine)
        return X64_ERROR_ARGUMENT;
    if (!x64i_msr_read(&machine->cpu.msr, index, &old))
        return X64_ERROR_NOT_FOUND;
    if (!x64i_msr_write(&machine->cpu.msr, index, value))
        return X64_ERROR_ARGUMENT;
    x64i_machine_changed(machine);
    return X64_OK;
}
