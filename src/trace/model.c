/* SPDX-License-Identifier: MIT */
#include "trace/model.h"

#include <string.h>

_Static_assert(X64I_CHECK_COUNT <= sizeof((struct x64i_trace_line *)0)->checks, "room");

void x64i_model_init(struct x64i_trace_model *model, const struct x64i_trace_view *view,
                     struct x64i_disassembler *disassembler)
{
    *model = (struct x64i_trace_model){.view = view, .disassembler = disassembler};
    x64i_checks_reset(&model->checks);
}

void x64i_model_start(struct x64i_trace_model *model, const struct x64_registers *registers)
{
    x64i_model_init(model, model->view, model->disassembler);
    model->before = *registers;
    model->stack_before = model->view->stack(model->view->user, registers->gpr[X64_RSP]);
}

static enum x64i_entry_kind kind_of_entry(const struct x64i_trace_moment *moment)
{
    const struct x64_step *step = moment->step;
    if (step->kind == X64_STEP_INTERRUPT)
        return X64I_ENTRY_INTERRUPT;
    if (step->kind == X64_STEP_FAULT)
        return X64I_ENTRY_EXCEPTION;
    if (moment->instruction->mnemonic == ZYDIS_MNEMONIC_SYSCALL)
        return X64I_ENTRY_SYSCALL;
    if (moment->instruction->mnemonic == ZYDIS_MNEMONIC_SYSENTER)
        return X64I_ENTRY_SYSENTER;
    if (x64i_effect_find(step, X64_EFFECT_INTERRUPT))
        return X64I_ENTRY_INT;
    return X64I_ENTRY_EXCEPTION;
}

/* Follows the way between user mode and the kernel. */
static void track_entry(struct x64i_trace_model *model, const struct x64i_trace_moment *moment)
{
    bool user_before = moment->step->cpl == 3;
    bool user_after = moment->after->cpl == 3;
    model->leaves = !user_before && user_after;
    if (!user_before || user_after)
        return;
    model->entry = kind_of_entry(moment);
    model->entry_rax = moment->before->gpr[X64_RAX];
    model->compat_entry = moment->step->code_bits != 64 || model->entry == X64I_ENTRY_INT ||
                          model->entry == X64I_ENTRY_SYSENTER;
    x64i_checks_reset(&model->checks);
}

/* Where RSP points to. Entry code without a free register takes RSP to switch CR3 with: what looks
 * like the user's stack then is a page table. */
static enum x64_stack stack_after(const struct x64i_trace_model *model,
                                  const struct x64_registers *after)
{
    const uint64_t tables = UINT64_C(0x000fffffffffe000); /* PTI's two lie side by side */
    uint64_t rsp = after->gpr[X64_RSP];
    enum x64_stack stack = model->view->stack(model->view->user, rsp);
    bool scratch = after->cpl == 0 && ((rsp ^ after->cr3) & tables) == 0;
    return stack == X64_STACK_USER && scratch ? X64_STACK_NONE : stack;
}

static void begin_line(struct x64i_trace_model *model, const struct x64i_trace_moment *moment,
                       struct x64i_trace_line *line)
{
    const struct x64_step *step = moment->step;
    const struct x64i_trace_view *view = model->view;
    x64i_line_clear(line);
    line->n = step->number;
    line->cycle = moment->cycle;
    line->rip = step->rip;
    line->kind = (enum x64_step_kind)step->kind;
    line->cpl = step->cpl;
    line->length = step->length;
    memcpy(line->bytes, step->bytes, sizeof line->bytes);
    if (view->symbol(view->user, step->rip, &line->symbol, &line->symbol_offset) != X64_OK)
        line->symbol = NULL;
    size_t length = strlen(moment->instruction->text);
    memcpy(line->assembly, moment->instruction->text, length + 1);
    line->stack = stack_after(model, moment->after);
    x64i_line_effects(view, step, line);
}

void x64i_model_line(struct x64i_trace_model *model, const struct x64_step *step,
                     const struct x64_registers *after, uint64_t cycle,
                     struct x64i_trace_line *line)
{
    struct x64i_trace_moment moment = {
        .step = step,
        .before = &model->before,
        .after = after,
        .instruction = x64i_disassemble(model->disassembler, step),
        .cycle = cycle,
    };
    begin_line(model, &moment, line);
    track_entry(model, &moment);
    x64i_explain(model, &moment, line);
    x64i_checks_step(model, &moment, line);
    x64i_window_step(model, &moment, line);
    memcpy(line->checks, model->checks.result, sizeof model->checks.result);
    line->window = (uint8_t)model->window.open;
    line->user_root = model->window.user_root;
    line->kernel_root = model->window.kernel_root;
    if (model->leaves)
        model->entry = X64I_ENTRY_NONE;
    model->before = *after;
    model->stack_before = line->stack;
}
