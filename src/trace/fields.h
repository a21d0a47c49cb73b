/* SPDX-License-Identifier: MIT */
/*
 * The registers that a viewer shows, as one flat list of values (fields.def), and what an effect
 * changes in it: the state in the middle of a step is that before it with some effects applied.
 *
 *     x64i_fields_read(&view, &registers, &values);
 *     x64i_fields_apply(&values, &step.effects[0]);
 */
#ifndef X64I_TRACE_FIELDS_H
#define X64I_TRACE_FIELDS_H

#include "trace/view.h"

enum x64i_field {
#define X64I_FIELD(id, group, name, source, index, help) X64I_FIELD_##id,
#include "trace/fields.def"
#undef X64I_FIELD
    X64I_FIELD_COUNT
};

enum x64i_field_group {
    X64I_GROUP_GENERAL,
    X64I_GROUP_SEGMENT,
    X64I_GROUP_CONTROL,
    X64I_GROUP_MSR,
    X64I_GROUP_TSS
};

enum x64i_field_source {
    X64I_SOURCE_GPR,
    X64I_SOURCE_RIP,
    X64I_SOURCE_RFLAGS,
    X64I_SOURCE_SELECTOR,
    X64I_SOURCE_BASE,
    X64I_SOURCE_CONTROL,
    X64I_SOURCE_MSR,
    X64I_SOURCE_TSS
};

struct x64i_field_row {
    const char *name;
    const char *help;
    uint32_t index;
    uint8_t group;  /* enum x64i_field_group */
    uint8_t source; /* enum x64i_field_source */
};

extern const struct x64i_field_row x64i_fields[X64I_FIELD_COUNT];

struct x64i_field_values {
    uint64_t value[X64I_FIELD_COUNT];
    uint64_t known;        /* bits by enum x64i_field: the CPU model may lack an MSR */
    uint64_t tss_physical; /* where the TSS is, which has more than one linear address; 0: none */
    uint64_t cpl;
};

/* Every field as the machine has it now. */
void x64i_fields_read(const struct x64i_trace_view *view, const struct x64_registers *registers,
                      struct x64i_field_values *values);

/* What an effect changes; answers the bits of the fields that it wrote, changed or not. */
uint64_t x64i_fields_apply(struct x64i_field_values *values, const struct x64_effect *effect);

/* RFLAGS by letter: bit, name and what it is (SDM vol. 1, 3.4.3), ascending; name null behind the
 * last. */
struct x64i_flag_row {
    uint8_t bit;
    const char *name;
    const char *help;
};
extern const struct x64i_flag_row x64i_flag_rows[];

#endif
