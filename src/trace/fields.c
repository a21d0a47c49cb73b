/* SPDX-License-Identifier: MIT */
#include "trace/fields.h"

#include "trace/tables.h"

#include <string.h>

const struct x64i_field_row x64i_fields[X64I_FIELD_COUNT] = {
#define X64I_FIELD(id, group, name, source, index, help) \
    [X64I_FIELD_##id] = {name, help, index, X64I_GROUP_##group, X64I_SOURCE_##source},
#include "trace/fields.def"
#undef X64I_FIELD
};

_Static_assert(X64I_FIELD_COUNT <= 64, "one bit a field");

const struct x64i_flag_row x64i_flag_rows[] = {
    {0, "CF", "Carry, or borrow, out of the highest bit. SDM vol. 1, 3.4.3.1"},
    {2, "PF", "The lowest byte has an even number of ones. SDM vol. 1, 3.4.3.1"},
    {4, "AF", "Carry out of bit 3, for decimal arithmetic. SDM vol. 1, 3.4.3.1"},
    {6, "ZF", "The result is zero. SDM vol. 1, 3.4.3.1"},
    {7, "SF", "The result's highest bit. SDM vol. 1, 3.4.3.1"},
    {8, "TF", "Trap after each instruction. SYSCALL clears it by FMASK. SDM vol. 3A, 2.3"},
    {9, "IF", "Interrupts are let in. SYSCALL clears it by FMASK. SDM vol. 3A, 2.3"},
    {10, "DF", "String instructions go down. The kernel wants it clear. SDM vol. 1, 3.4.3.2"},
    {11, "OF", "The signed result does not fit. SDM vol. 1, 3.4.3.1"},
    {14, "NT", "The task was called by another one; IRET faults on it. SDM vol. 3A, 2.3"},
    {16, "RF", "No debug exception on the next instruction. SDM vol. 3A, 2.3"},
    {18, "AC", "With SMAP: the kernel may touch the user's memory. SDM vol. 3A, 2.3 and 4.6"},
    {0, NULL, NULL},
};

static bool read_register(const struct x64_registers *r, const struct x64i_field_row *row,
                          uint64_t *value)
{
    switch (row->source) {
    case X64I_SOURCE_GPR:
        *value = r->gpr[row->index];
        return true;
    case X64I_SOURCE_RIP:
        *value = r->rip;
        return true;
    case X64I_SOURCE_RFLAGS:
        *value = r->rflags;
        return true;
    case X64I_SOURCE_SELECTOR:
        *value = r->segment[row->index].selector;
        return true;
    case X64I_SOURCE_BASE:
        *value = r->segment[row->index].base;
        return true;
    case X64I_SOURCE_CONTROL:
        *value = row->index == 0   ? r->cr0
                 : row->index == 2 ? r->cr2
                 : row->index == 3 ? r->cr3
                                   : r->cr4;
        return true;
    default:
        return false;
    }
}

void x64i_fields_read(const struct x64i_trace_view *view, const struct x64_registers *registers,
                      struct x64i_field_values *values)
{
    struct x64i_table_walk walk;
    uint64_t tss = registers->segment[X64_TR].base;
    *values = (struct x64i_field_values){.cpl = registers->cpl};
    if (tss && (x64i_tables_walk(view, registers->cr3, tss, &walk) ||
                x64i_tables_walk(view, registers->cr3 ^ X64I_TABLES_USER_BIT, tss, &walk)))
        values->tss_physical = walk.physical;
    for (unsigned i = 0; i < X64I_FIELD_COUNT; i++) {
        const struct x64i_field_row *row = &x64i_fields[i];
        uint64_t *value = &values->value[i];
        bool known = read_register(registers, row, value);
        if (row->source == X64I_SOURCE_MSR)
            known = view->msr(view->user, row->index, value) == X64_OK;
        if (row->source == X64I_SOURCE_TSS)
            known = tss &&
                    x64i_tables_read(view, registers->cr3, tss + row->index, value, sizeof *value);
        values->known |= (uint64_t)known << i;
    }
}

/* The part of a field's eight bytes that a write to memory covers. */
static bool apply_write(const struct x64_effect *effect, uint64_t physical, uint64_t *value)
{
    bool hit = false;
    for (unsigned i = 0; i < effect->size && i < 8; i++) {
        uint64_t into = effect->physical + i - physical;
        if (into >= 8)
            continue;
        uint64_t byte = effect->value >> 8 * i & 0xff;
        *value = (*value & ~(UINT64_C(0xff) << 8 * into)) | byte << 8 * into;
        hit = true;
    }
    return hit;
}

static bool matches(const struct x64_effect *effect, const struct x64i_field_row *row)
{
    switch (effect->kind) {
    case X64_EFFECT_REGISTER:
        if (effect->index == X64_RIP)
            return row->source == X64I_SOURCE_RIP;
        if (effect->index == X64_RFLAGS)
            return row->source == X64I_SOURCE_RFLAGS;
        return row->source == X64I_SOURCE_GPR && row->index == effect->index;
    case X64_EFFECT_SEGMENT:
        return row->source == X64I_SOURCE_SELECTOR && row->index == effect->index;
    case X64_EFFECT_SEGMENT_BASE:
        return row->source == X64I_SOURCE_BASE && row->index == effect->index;
    case X64_EFFECT_CONTROL:
        return row->source == X64I_SOURCE_CONTROL && row->index == effect->index;
    case X64_EFFECT_MSR_WRITE:
        return row->source == X64I_SOURCE_MSR && row->index == effect->index;
    default:
        return false;
    }
}

uint64_t x64i_fields_apply(struct x64i_field_values *values, const struct x64_effect *effect)
{
    uint64_t wrote = 0;
    if (effect->kind == X64_EFFECT_CPL)
        values->cpl = effect->value;
    if (effect->kind == X64_EFFECT_TABLE && effect->index == 3)
        values->tss_physical = 0;
    for (unsigned i = 0; i < X64I_FIELD_COUNT; i++) {
        const struct x64i_field_row *row = &x64i_fields[i];
        bool hit = matches(effect, row);
        if (hit)
            values->value[i] = effect->value;
        if (effect->kind == X64_EFFECT_MEMORY_WRITE && row->source == X64I_SOURCE_TSS &&
            values->tss_physical)
            hit = apply_write(effect, values->tss_physical + row->index, &values->value[i]);
        wrote |= (uint64_t)hit << i;
    }
    return wrote;
}
