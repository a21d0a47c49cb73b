/* SPDX-License-Identifier: MIT */
/* The stacks of a moment: columns of words with their names. */
#include "view/view_private.h"

#include <string.h>

#define USER_ALIGN 64u /* the user's column scrolls by so many bytes */
#define MARGIN     2u  /* words shown below RSP */

/* Memory in the middle of a step: what the machine has behind it, without the writes of effects
 * that are not done yet; with `effect` 0 the state before the step. */
static uint64_t undo_writes(const struct x64i_view_moment *moment, unsigned effect, uint64_t linear,
                            uint64_t value)
{
    for (unsigned i = moment->effect_count; i-- > effect;) {
        const struct x64_effect *write = &moment->effects[i];
        if (write->kind != X64_EFFECT_MEMORY_WRITE)
            continue;
        for (unsigned byte = 0; byte < write->size && byte < 8; byte++) {
            uint64_t into = write->linear + byte - linear;
            if (into < 8)
                value = (value & ~(UINT64_C(0xff) << 8 * into)) | (write->old >> 8 * byte & 0xff)
                                                                      << 8 * into;
        }
    }
    return value;
}

static void mark_accesses(const struct x64i_view_moment *moment, struct x64i_view_slot *slot)
{
    for (unsigned i = 0; i < moment->effect; i++) {
        const struct x64_effect *effect = &moment->effects[i];
        bool hit =
            effect->linear - slot->linear < 8 || slot->linear - effect->linear < effect->size;
        slot->written |= hit && effect->kind == X64_EFFECT_MEMORY_WRITE;
        slot->read |= hit && effect->kind == X64_EFFECT_MEMORY_READ;
    }
}

static void add_slot(struct x64i_view *view, struct x64i_view_stack *stack, uint64_t linear)
{
    const struct x64i_view_moment *moment = &view->moment;
    const struct x64i_trace_view *look = &view->walker.view;
    if (stack->count == X64I_VIEW_SLOTS)
        return;
    struct x64i_view_slot *slot = &stack->slot[stack->count++];
    *slot = (struct x64i_view_slot){.linear = linear};
    slot->gap = stack->count > 1 && stack->slot[stack->count - 2].linear != linear + 8;
    slot->known = x64i_tables_read(look, moment->now.value[X64I_FIELD_CR3], linear, &slot->value,
                                   sizeof slot->value);
    if (slot->known) {
        uint64_t after = slot->value;
        slot->value = undo_writes(moment, moment->effect, linear, after);
        slot->old = undo_writes(moment, 0, linear, after);
    }
    if (look->slot(look->user, linear, slot->name, sizeof slot->name) == 0)
        slot->name[0] = '\0';
    mark_accesses(moment, slot);
}

/* From the top down to a little below RSP; words in the middle are left out when it is deep. */
static void fill_from_top(struct x64i_view *view, struct x64i_view_stack *stack, unsigned rows)
{
    uint64_t low = (stack->rsp ? stack->rsp & ~UINT64_C(7) : stack->top) - 8 * MARGIN;
    uint64_t depth = (stack->top - low) / 8;
    unsigned head = depth <= rows ? rows : rows / 2 > 21 ? 21 : rows / 2;
    for (unsigned i = 0; i < head; i++)
        add_slot(view, stack, stack->top - 8 * (i + 1));
    for (unsigned i = head; i < rows; i++)
        add_slot(view, stack, low + 8 * (uint64_t)(rows - 1 - i));
}

static void fill_around(struct x64i_view *view, struct x64i_view_stack *stack, unsigned rows)
{
    uint64_t block = (stack->rsp & ~(uint64_t)(USER_ALIGN - 1)) - USER_ALIGN;
    unsigned below = USER_ALIGN / 8 < rows / 3 ? 0 : USER_ALIGN / 8 - rows / 3;
    uint64_t low = block + 8 * (uint64_t)below;
    if (rows < 3 * USER_ALIGN / 8)
        low = (stack->rsp & ~UINT64_C(7)) - 8 * MARGIN;
    for (unsigned i = 0; i < rows; i++)
        add_slot(view, stack, low + 8 * (uint64_t)(rows - 1 - i));
}

/* Whether a word of a frame was written since the kernel was entered. */
static void settle_states(const struct x64i_view *view, struct x64i_view_stack *stack)
{
    const struct x64i_view_moment *moment = &view->moment;
    uint64_t entry = view->walker.track.entry_n;
    bool inside = moment->now.cpl != 3;
    for (unsigned i = 0; i < stack->count; i++) {
        struct x64i_view_slot *slot = &stack->slot[i];
        bool below = !stack->rsp || slot->linear < (stack->rsp & ~UINT64_C(7));
        bool left_over = stack->kind != X64_STACK_USER && !inside;
        slot->state = below || left_over ? X64I_SLOT_FREE : X64I_SLOT_HELD;
        bool frame = stack->kind == X64_STACK_KERNEL && strncmp(slot->name, "pt_regs.", 8) == 0;
        bool fresh = slot->written || (slot->has_writer && slot->writer_n >= entry);
        bool told = moment->exact && moment->n < view->index.walker.track.n &&
                    x64i_writers_know(&view->index.writers, moment->n);
        if (inside && entry && frame && !fresh && told)
            slot->state = X64I_SLOT_RESERVED;
    }
}

static void add_stack(struct x64i_view *view, enum x64_stack kind)
{
    struct x64i_view_moment *moment = &view->moment;
    const struct x64i_view_track *track = &view->walker.track;
    struct x64i_view_stack *stack = &moment->stack[moment->stack_count];
    uint64_t rsp = moment->now.value[X64I_FIELD_RSP];
    unsigned rows = view->wish.slots;
    *stack = (struct x64i_view_stack){.kind = kind, .top = view->range[kind].top};
    stack->active =
        view->walker.view.stack(view->walker.view.user, rsp) == kind &&
        (kind != X64_STACK_USER || moment->now.cpl == 3 ||
         ((rsp ^ moment->now.value[X64I_FIELD_CR3]) & ~UINT64_C(0x800000000000dfff)) != 0);
    stack->rsp = stack->active ? rsp : track->last_rsp[kind];
    if (!stack->active && kind != X64_STACK_USER && moment->now.cpl == 3)
        stack->rsp = 0;
    if (kind == X64_STACK_USER ? !stack->rsp : !stack->top)
        return;
    if (kind == X64_STACK_USER)
        fill_around(view, stack, rows);
    else
        fill_from_top(view, stack, rows);
    x64i_writers_fill(&view->index.writers, moment->n + (moment->effect != 0), stack);
    settle_states(view, stack);
    moment->stack_count++;
}

void x64i_moment_stacks(struct x64i_view *view)
{
    view->moment.stack_count = 0;
    x64i_stack_ranges_learn(&view->walker.view, &view->moment.now, view->walker.track.last_rsp,
                            view->range);
    for (enum x64_stack kind = X64_STACK_USER; kind <= X64_STACK_IST; kind++)
        add_stack(view, kind);
}
