/* SPDX-License-Identifier: MIT */
/* Effects become the entries of a line, with their names. */
#include "trace/model.h"

#include "msr/msr.h"

#include <stdio.h>
#include <string.h>

static const char *const control_names[] = {
    [0] = "cr0", [2] = "cr2", [3] = "cr3", [4] = "cr4", [8] = "cr8", [X64_CONTROL_XCR0] = "xcr0",
};

static const char *const debug_names[] = {"dr0", "dr1", "dr2", "dr3", "dr4", "dr5", "dr6", "dr7"};

static const char *const base_names[X64_SEGMENT_COUNT] = {
    "es.base", "cs.base", "ss.base", "ds.base", "fs.base", "gs.base", "ldtr.base", "tr.base",
};

static const char *const table_names[] = {"gdtr", "idtr", "ldtr", "tr"};

/* By the width that was written: 128, 256, 512 bits. */
#define REGISTERS(kind)                                                                            \
    {                                                                                              \
        kind "0", kind "1", kind "2", kind "3", kind "4", kind "5", kind "6", kind "7", kind "8",  \
            kind "9", kind "10", kind "11", kind "12", kind "13", kind "14", kind "15", kind "16", \
            kind "17", kind "18", kind "19", kind "20", kind "21", kind "22", kind "23",           \
            kind "24", kind "25", kind "26", kind "27", kind "28", kind "29", kind "30", kind "31" \
    }
static const char *const vector_names[3][32] = {REGISTERS("xmm"), REGISTERS("ymm"),
                                                REGISTERS("zmm")};

static const char *const x87_names[] = {"fpr0", "fpr1", "fpr2", "fpr3",
                                        "fpr4", "fpr5", "fpr6", "fpr7"};

#define NAME_OF(names, index) \
    ((index) < sizeof(names) / sizeof(names)[0] && (names)[index] ? (names)[index] : "?")

static void add_change(struct x64i_trace_line *line, struct x64i_line_change *list, unsigned *count,
                       unsigned room, const char *name, const struct x64_effect *effect)
{
    for (unsigned i = 0; i < *count; i++)
        if (list[i].name == name) {
            list[i].value = effect->value;
            return;
        }
    if (*count == room) {
        line->truncated = true;
        return;
    }
    list[(*count)++] =
        (struct x64i_line_change){.name = name, .old = effect->old, .value = effect->value};
}

static void add_register(struct x64i_trace_line *line, const char *name,
                         const struct x64_effect *effect)
{
    add_change(line, line->registers, &line->register_count, X64I_LINE_REGISTERS, name, effect);
}

/* A step that writes a register's parts one by one (XRSTOR) has it once, by its widest name. */
static void add_vector(struct x64i_trace_line *line, const struct x64_effect *effect)
{
    const unsigned width = effect->size > 32 ? 2 : effect->size > 16 ? 1 : 0;
    if (effect->index >= 32)
        return;
    const char *name = vector_names[width][effect->index];
    for (unsigned i = 0; i < line->register_count; i++)
        for (unsigned narrower = 0; narrower < width; narrower++)
            if (line->registers[i].name == vector_names[narrower][effect->index])
                line->registers[i].name = name;
    add_register(line, name, effect);
}

static void add_segment(struct x64i_trace_line *line, const char *name,
                        const struct x64_effect *effect)
{
    add_change(line, line->segments, &line->segment_count, X64I_LINE_SEGMENTS, name, effect);
}

static void add_memory(const struct x64i_trace_view *view, struct x64i_trace_line *line,
                       const struct x64_effect *effect)
{
    if (line->memory_count == X64I_LINE_MEMORY) {
        line->truncated = true;
        return;
    }
    struct x64i_line_memory *memory = &line->memory[line->memory_count++];
    memory->write = effect->kind == X64_EFFECT_MEMORY_WRITE;
    memory->folded = false;
    memory->size = effect->size;
    memory->linear = effect->linear;
    memory->physical = effect->physical;
    memory->old = memory->write ? effect->old : effect->value;
    memory->value = effect->value;
    if (view->slot(view->user, effect->linear, memory->what, sizeof memory->what) == 0)
        memory->what[0] = '\0';
}

static void add_msr(struct x64i_trace_line *line, const struct x64_effect *effect)
{
    if (line->msr_count == X64I_LINE_MSRS) {
        line->truncated = true;
        return;
    }
    struct x64i_line_msr *msr = &line->msrs[line->msr_count++];
    const char *name = x64i_msr_name(effect->index);
    msr->write = effect->kind == X64_EFFECT_MSR_WRITE;
    msr->old = msr->write ? effect->old : effect->value;
    msr->value = effect->value;
    if (name)
        (void)snprintf(msr->name, sizeof msr->name, "%s", name);
    else
        (void)snprintf(msr->name, sizeof msr->name, "0x%x", effect->index);
}

static void add_port(struct x64i_trace_line *line, const struct x64_effect *effect)
{
    if (line->port_count == X64I_LINE_PORTS) {
        line->truncated = true;
        return;
    }
    line->ports[line->port_count++] =
        (struct x64i_line_port){.write = effect->kind == X64_EFFECT_PORT_WRITE,
                                .size = effect->size,
                                .port = (uint16_t)effect->index,
                                .value = effect->value};
}

static void add_walk(struct x64i_trace_line *line, const struct x64_effect *effect)
{
    if (line->walk_count == X64I_LINE_WALKS) {
        line->truncated = true;
        return;
    }
    bool update = effect->kind == X64_EFFECT_PAGE_UPDATE;
    line->walks[line->walk_count++] =
        (struct x64i_line_walk){.update = update,
                                .level = (uint8_t)effect->index,
                                .linear = effect->linear,
                                .physical = effect->physical,
                                .entry = update ? effect->old : effect->value,
                                .value = effect->value};
}

static void set_fault(struct x64i_trace_line *line, const struct x64_effect *effect)
{
    line->faulted = true;
    line->vector = (uint8_t)effect->index;
    line->has_error = x64_fault_has_error_code((enum x64_fault)effect->index);
    line->error = (uint32_t)effect->value;
    line->cr2 = effect->linear;
}

static void add_effect(const struct x64i_trace_view *view, struct x64i_trace_line *line,
                       const struct x64_effect *effect)
{
    switch (effect->kind) {
    case X64_EFFECT_REGISTER:
        if (x64_register_name((enum x64_register)effect->index))
            add_register(line, x64_register_name((enum x64_register)effect->index), effect);
        break;
    case X64_EFFECT_VECTOR:
        add_vector(line, effect);
        break;
    case X64_EFFECT_X87:
        add_register(line, NAME_OF(x87_names, effect->index), effect);
        break;
    case X64_EFFECT_DEBUG:
        add_register(line, NAME_OF(debug_names, effect->index), effect);
        break;
    case X64_EFFECT_CONTROL:
        add_change(line, line->controls, &line->control_count, X64I_LINE_CONTROLS,
                   NAME_OF(control_names, effect->index), effect);
        break;
    case X64_EFFECT_SEGMENT:
        if (x64_segment_name((enum x64_segment_register)effect->index))
            add_segment(line, x64_segment_name((enum x64_segment_register)effect->index), effect);
        break;
    case X64_EFFECT_SEGMENT_BASE:
        add_segment(line, NAME_OF(base_names, effect->index), effect);
        break;
    case X64_EFFECT_TABLE:
        add_segment(line, NAME_OF(table_names, effect->index), effect);
        break;
    case X64_EFFECT_MEMORY_READ:
    case X64_EFFECT_MEMORY_WRITE:
        add_memory(view, line, effect);
        break;
    case X64_EFFECT_MSR_READ:
    case X64_EFFECT_MSR_WRITE:
        add_msr(line, effect);
        break;
    case X64_EFFECT_PORT_READ:
    case X64_EFFECT_PORT_WRITE:
        add_port(line, effect);
        break;
    case X64_EFFECT_PAGE_WALK:
    case X64_EFFECT_PAGE_UPDATE:
        add_walk(line, effect);
        break;
    case X64_EFFECT_EXCEPTION:
        set_fault(line, effect);
        break;
    default:
        break;
    }
}

void x64i_line_effects(const struct x64i_trace_view *view, const struct x64_step *step,
                       struct x64i_trace_line *line)
{
    line->truncated = step->truncated;
    for (size_t i = 0; i < step->effect_count; i++)
        add_effect(view, line, &step->effects[i]);
}

const char *x64i_symbol_text(const struct x64i_trace_view *view, uint64_t linear, char *text,
                             size_t size)
{
    const char *name;
    uint64_t offset;
    if (view->symbol(view->user, linear, &name, &offset) != X64_OK)
        (void)snprintf(text, size, "0x%llx", (unsigned long long)linear);
    else if (offset)
        (void)snprintf(text, size, "%s+0x%llx", name, (unsigned long long)offset);
    else
        (void)snprintf(text, size, "%s", name);
    return text;
}

const struct x64_effect *x64i_effect_find(const struct x64_step *step, enum x64_effect_kind kind)
{
    for (size_t i = 0; i < step->effect_count; i++)
        if (step->effects[i].kind == kind)
            return &step->effects[i];
    return NULL;
}
