/* SPDX-License-Identifier: MIT */
/* The code around a moment's instruction, and effects in words. */
#include "view/view_private.h"

#include "msr/msr.h"

#include <stdio.h>
#include <string.h>

#define SWEEP_BACK 4096u /* a symbol farther away is no place to begin at */

static bool line_in(struct x64i_view *view, uint64_t root, uint64_t linear,
                    struct x64i_view_code_line *line)
{
    struct x64_step step = {.rip = linear, .code_bits = view->walker.step.code_bits, .length = 15};
    if (!step.code_bits)
        step.code_bits = 64;
    while (step.length &&
           !x64i_tables_read(&view->walker.view, root, linear, step.bytes, step.length))
        step.length--;
    if (!step.length)
        return false;
    const struct x64i_instruction *instruction = x64i_disassemble(view->walker.disassembler, &step);
    *line = (struct x64i_view_code_line){
        .linear = linear,
        .target = instruction->branch ? instruction->target : 0,
        .length = instruction->length ? instruction->length : 1,
    };
    memcpy(line->text, instruction->text, strlen(instruction->text) + 1);
    const struct x64i_trace_view *look = &view->walker.view;
    if (look->symbol(look->user, linear, &line->symbol, &line->symbol_offset) != X64_OK)
        line->symbol = NULL;
    return true;
}

static bool line_at(struct x64i_view *view, uint64_t linear, struct x64i_view_code_line *line)
{
    return line_in(view, view->moment.now.value[X64I_FIELD_CR3], linear, line);
}

/* Sweeps from the symbol's beginning to `rip`; the last `room` lines before it are kept. */
static void sweep_back(struct x64i_view *view, uint64_t rip, unsigned room)
{
    struct x64i_view_moment *moment = &view->moment;
    const struct x64i_trace_view *look = &view->walker.view;
    const char *name;
    uint64_t offset;
    if (look->symbol(look->user, rip, &name, &offset) != X64_OK || offset > SWEEP_BACK || !room)
        return;
    uint64_t at = rip - offset;
    while (at < rip) {
        if (moment->code_count == room) {
            memmove(moment->code, moment->code + 1, (room - 1) * sizeof moment->code[0]);
            moment->code_count--;
        }
        if (!line_at(view, at, &moment->code[moment->code_count]))
            break;
        at += moment->code[moment->code_count++].length;
    }
    if (at != rip) /* the sweep fell out of step: there is data in the code */
        moment->code_count = 0;
}

void x64i_moment_code(struct x64i_view *view)
{
    struct x64i_view_moment *moment = &view->moment;
    unsigned wanted = view->wish.code_lines;
    uint64_t rip = moment->at_end ? moment->now.value[X64I_FIELD_RIP] : moment->line.rip;
    uint64_t next = moment->now.value[X64I_FIELD_RIP];
    moment->code_count = 0;
    if (wanted > X64I_VIEW_CODE)
        wanted = X64I_VIEW_CODE;
    sweep_back(view, rip, wanted * 2 / 5);
    uint64_t at = rip;
    while (moment->code_count < wanted && line_at(view, at, &moment->code[moment->code_count]))
        at += moment->code[moment->code_count++].length;
    if (at == rip && wanted) { /* a page that is not there, and about to fault */
        struct x64i_view_code_line *line = &moment->code[moment->code_count++];
        *line = (struct x64i_view_code_line){.linear = rip, .length = 1};
        memcpy(line->text, moment->line.assembly, sizeof line->text);
    }
    for (unsigned i = 0; i < moment->code_count; i++) {
        struct x64i_view_code_line *line = &moment->code[i];
        line->current = line->linear == rip;
        line->next = line->linear == next && next != rip;
        if (line->current && moment->line.kind == X64_STEP_NATIVE && !moment->at_end)
            (void)snprintf(line->text, sizeof line->text, "(mini-kernel)");
    }
}

const char *x64i_view_instruction(struct x64i_view *view, uint64_t linear, char *text, size_t size)
{
    struct x64i_view_code_line line;
    uint64_t kernel = view->moment.tables.table[1].root;
    bool known = line_at(view, linear, &line) || (kernel && line_in(view, kernel, linear, &line));
    (void)snprintf(text, size, "%s", known ? line.text : "an instruction");
    return text;
}

const char *x64i_view_symbol(const struct x64i_view *view, uint64_t linear, char *text, size_t size)
{
    return x64i_symbol_text(&view->walker.view, linear, text, size);
}

static const char *register_of(const struct x64_effect *effect, char name[24])
{
    static const char *const segments[] = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"};
    static const char *const tables[] = {"gdtr", "idtr", "ldtr", "tr"};
    const char *known = NULL;
    switch (effect->kind) {
    case X64_EFFECT_REGISTER:
        known = x64_register_name((enum x64_register)effect->index);
        break;
    case X64_EFFECT_SEGMENT:
    case X64_EFFECT_SEGMENT_BASE:
        known = effect->index < 8 ? segments[effect->index] : NULL;
        break;
    case X64_EFFECT_TABLE:
        known = effect->index < 4 ? tables[effect->index] : NULL;
        break;
    case X64_EFFECT_MSR_READ:
    case X64_EFFECT_MSR_WRITE:
        known = x64i_msr_name(effect->index);
        break;
    case X64_EFFECT_CONTROL:
        (void)snprintf(name, 24, effect->index == X64_CONTROL_XCR0 ? "xcr0" : "cr%u",
                       effect->index);
        return name;
    case X64_EFFECT_DEBUG:
        (void)snprintf(name, 24, "dr%u", effect->index);
        return name;
    case X64_EFFECT_VECTOR:
        (void)snprintf(name, 24, "%cmm%u",
                       effect->size > 32   ? 'z'
                       : effect->size > 16 ? 'y'
                                           : 'x',
                       effect->index);
        return name;
    case X64_EFFECT_CPL:
        return "CPL";
    default:
        break;
    }
    (void)snprintf(name, 24, "%s%s", known ? known : "?",
                   effect->kind == X64_EFFECT_SEGMENT_BASE ? ".base" : "");
    return name;
}

const char *x64i_view_effect_text(const struct x64i_view *view, const struct x64_effect *effect,
                                  char *text, size_t size)
{
    char name[X64I_LINE_NAME_SIZE];
    const struct x64i_trace_view *look = &view->walker.view;
    unsigned long long old = effect->old;
    unsigned long long value = effect->value;
    unsigned long long linear = effect->linear;
    switch (effect->kind) {
    case X64_EFFECT_MEMORY_READ:
    case X64_EFFECT_MEMORY_WRITE:
        if (look->slot(look->user, effect->linear, name, sizeof name) == 0)
            (void)snprintf(name, sizeof name, "[0x%llx]", linear);
        if (effect->kind == X64_EFFECT_MEMORY_READ)
            (void)snprintf(text, size, "read %s = 0x%llx", name, value);
        else
            (void)snprintf(text, size,
                           old == value ? "write %s = 0x%llx" : "write %s 0x%llx -> 0x%llx", name,
                           old, value);
        break;
    case X64_EFFECT_MSR_READ:
        (void)snprintf(text, size, "read %s = 0x%llx", register_of(effect, name), value);
        break;
    case X64_EFFECT_PAGE_WALK:
        (void)snprintf(text, size, "walk level %u for 0x%llx: 0x%llx", effect->index, linear,
                       value);
        break;
    case X64_EFFECT_PAGE_UPDATE:
        (void)snprintf(text, size, "accessed/dirty at level %u: 0x%llx -> 0x%llx", effect->index,
                       old, value);
        break;
    case X64_EFFECT_TLB_FILL:
        (void)snprintf(text, size, "TLB keeps 0x%llx, PCID %u", linear, effect->index);
        break;
    case X64_EFFECT_TLB_FLUSH:
        (void)snprintf(text, size, "TLB flushed, PCID %u", effect->index);
        break;
    case X64_EFFECT_PORT_READ:
    case X64_EFFECT_PORT_WRITE:
        (void)snprintf(text, size, "port 0x%x %s 0x%llx", effect->index,
                       effect->kind == X64_EFFECT_PORT_READ ? "->" : "<-", value);
        break;
    case X64_EFFECT_EXCEPTION:
        (void)snprintf(text, size, "exception %s", x64_fault_name((enum x64_fault)effect->index));
        break;
    case X64_EFFECT_INTERRUPT:
        (void)snprintf(text, size, "interrupt 0x%x", effect->index);
        break;
    case X64_EFFECT_STACK_SWITCH:
        (void)snprintf(text, size, "stack 0x%llx -> 0x%llx", old, value);
        break;
    case X64_EFFECT_NATIVE:
        (void)snprintf(text, size, "the mini-kernel answers");
        break;
    default:
        (void)snprintf(text, size, old == value ? "%s = 0x%llx" : "%s 0x%llx -> 0x%llx",
                       register_of(effect, name), old, value);
        break;
    }
    return text;
}
