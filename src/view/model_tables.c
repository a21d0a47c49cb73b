/* SPDX-License-Identifier: MIT */
/* CR3 taken apart, and one address through both of a task's page tables. */
#include "view/view_private.h"

#define CR4_PCIDE (UINT64_C(1) << 17)

/* What to translate: the step's last access to memory, else its instruction. */
static uint64_t address_of_interest(const struct x64i_view *view)
{
    const struct x64i_view_moment *moment = &view->moment;
    uint64_t linear = moment->at_end ? moment->now.value[X64I_FIELD_RIP] : moment->line.rip;
    for (unsigned i = 0; i < moment->effect_count; i++) {
        uint8_t kind = moment->effects[i].kind;
        if (kind == X64_EFFECT_MEMORY_READ || kind == X64_EFFECT_MEMORY_WRITE)
            linear = moment->effects[i].linear;
    }
    return view->wish.linear ? view->wish.linear : linear;
}

static void note_write(struct x64i_view_moment *moment)
{
    struct x64i_view_tables *tables = &moment->tables;
    bool flushed = false;
    for (unsigned i = 0; i < moment->effect; i++) {
        const struct x64_effect *effect = &moment->effects[i];
        tables->written |= effect->kind == X64_EFFECT_CONTROL && effect->index == 3;
        flushed |= effect->kind == X64_EFFECT_TLB_FLUSH;
    }
    tables->noflush = tables->written && !flushed;
}

void x64i_moment_tables(struct x64i_view *view)
{
    struct x64i_view_moment *moment = &view->moment;
    const struct x64i_window *window = &view->walker.track.model.window;
    struct x64i_view_tables *tables = &moment->tables;
    uint64_t cr3 = moment->now.value[X64I_FIELD_CR3];
    uint64_t root = cr3 & X64I_TABLES_ROOT;
    *tables = (struct x64i_view_tables){.cr3 = cr3, .linear = address_of_interest(view)};
    tables->pcide = (moment->now.value[X64I_FIELD_CR4] & CR4_PCIDE) != 0;
    tables->pcid = tables->pcide ? (uint16_t)(cr3 & 0xfff) : 0;
    note_write(moment);
    bool two = window->kernel_root && window->user_root && window->kernel_root != window->user_root;
    tables->table[0].root = two ? window->user_root : 0;
    tables->table[1].root = two ? window->kernel_root : root;
    for (unsigned i = 0; i < 2; i++) {
        struct x64i_view_table *table = &tables->table[i];
        table->active = table->root == root;
        if (table->root)
            (void)x64i_tables_walk(&view->walker.view, table->root, tables->linear, &table->walk);
    }
}
