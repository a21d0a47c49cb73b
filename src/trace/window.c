/* SPDX-License-Identifier: MIT */
/*
 * The dangerous window: CPL is 0 while RSP, GS or CR3 is still the user's. An exception in there
 * runs kernel code on the user's stack, with the user's per-CPU base, or on page tables that hold
 * little of the kernel; entry code keeps it short and free of anything that can fault. RSP counts
 * until it points to a stack of the kernel's: where it helps to switch CR3 it points to none at
 * all, and an exception would find nowhere to push to.
 */
#include "trace/model.h"

#include <string.h>

#define ROOT_MASK UINT64_C(0x000ffffffffff000)

/* Linux keeps the two top-level tables side by side (PTI_USER_PGTABLE_BIT, entry/calling.h). */
#define PTI_USER_BIT UINT64_C(0x1000)

static bool gs_changes(const struct x64_step *step)
{
    for (size_t i = 0; i < step->effect_count; i++)
        if (step->effects[i].kind == X64_EFFECT_SEGMENT_BASE && step->effects[i].index == X64_GS)
            return true;
    return false;
}

/* Learns which values are the user's, from what it runs with. */
static void learn(struct x64i_window *window, const struct x64i_trace_moment *moment)
{
    const struct x64_registers *before = moment->before;
    const struct x64_registers *after = moment->after;
    uint64_t old_root = before->cr3 & ROOT_MASK;
    uint64_t root = after->cr3 & ROOT_MASK;
    if (moment->step->cpl == 3 && after->cpl != 3) {
        window->gs_is_user = true;
        window->user_gs = after->segment[X64_GS].base;
        window->user_root = root;
    } else if (moment->step->cpl == 3) {
        window->user_root = root;
    } else if (after->cpl == 3) {
        if (window->kernel_root == root)
            window->kernel_root = 0;
        window->user_root = root;
    } else if (moment->instruction->mnemonic == ZYDIS_MNEMONIC_SWAPGS &&
               moment->step->kind == X64_STEP_INSTRUCTION) {
        window->gs_is_user = !window->gs_is_user;
    } else if (gs_changes(moment->step)) {
        window->gs_is_user = after->segment[X64_GS].base == window->user_gs;
    }
    if (moment->step->cpl == 3 || old_root == root)
        return;
    if (old_root == window->user_root)
        window->kernel_root = root;
    else if ((old_root ^ root) == PTI_USER_BIT)
        window->kernel_root = old_root;
}

static unsigned open_now(const struct x64i_trace_model *model,
                         const struct x64i_trace_moment *moment, enum x64_stack stack)
{
    const struct x64i_window *window = &model->window;
    if (moment->after->cpl == 3 || window->user_root == 0)
        return 0;
    unsigned open = 0;
    if (stack == X64_STACK_USER || (stack == X64_STACK_NONE && (window->open & X64I_WINDOW_RSP)))
        open |= X64I_WINDOW_RSP;
    if (window->gs_is_user)
        open |= X64I_WINDOW_GS;
    if (window->kernel_root && window->kernel_root != window->user_root &&
        (moment->after->cr3 & ROOT_MASK) == window->user_root)
        open |= X64I_WINDOW_CR3;
    return open;
}

/* "RSP, GS and CR3" of a set. */
static const char *open_text(unsigned open)
{
    static const char *const texts[] = {
        "nothing", "RSP", "GS", "RSP and GS", "CR3", "RSP and CR3", "GS and CR3", "RSP, GS and CR3",
    };
    return texts[open & 7];
}

void x64i_window_step(struct x64i_trace_model *model, const struct x64i_trace_moment *moment,
                      struct x64i_trace_line *line)
{
    struct x64i_window *window = &model->window;
    learn(window, moment);
    unsigned open = open_now(model, moment, line->stack);
    unsigned before = window->open;
    window->open = open;
    if (open && !before) {
        window->since_n = moment->step->number;
        window->since_cycle = moment->cycle;
        x64i_line_note(line, X64I_NOTE_WARNING,
                       "dangerous window opens: CPL is 0 and %s %s %s the user's", open_text(open),
                       (open & (open - 1)) ? "are" : "is",
                       moment->step->cpl == 3 ? "still" : "already");
    } else if (before && !open) {
        x64i_line_note(line, X64I_NOTE_WARNING,
                       "dangerous window closes after %llu instruction%s, %llu cycles: %s",
                       (unsigned long long)(moment->step->number - window->since_n),
                       moment->step->number - window->since_n == 1 ? "" : "s",
                       (unsigned long long)(moment->cycle - window->since_cycle),
                       moment->after->cpl == 3 ? "the CPU is back in user mode"
                                               : "RSP, GS and CR3 are the user's no more");
    } else if (open & ~before) {
        x64i_line_note(line, X64I_NOTE_WARNING, "dangerous window widens: %s %s the user's now",
                       open_text(open), (open & (open - 1)) ? "are" : "is");
    }
}
