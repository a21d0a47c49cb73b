/* SPDX-License-Identifier: MIT */
#include "cpu/fast_forms.h"

#include "cpu/fast_branch.h"
#include "cpu/isa_handlers.h"
#include "state/heap.h"

#include <stdint.h>

/* POP of a register: the slot of shape `pop` that has a fast form. */
#define X64I_SLOTS_pop_register(b, W4, W3, W2, W1) W3(b##_r)

#define DECLARE(h)    x64i_fast_handler x64i_fast_##h;
#define DECLARE_W1(h) DECLARE(h)
#define DECLARE_W2(h) DECLARE(h##_32) DECLARE(h##_64)
#define DECLARE_W3(h) DECLARE(h##_16) DECLARE_W2(h)
#define DECLARE_W4(h) DECLARE(h##_8) DECLARE_W3(h)
#define X64I_FAST(shape, body) \
    X64I_SLOTS_##shape(body, DECLARE_W4, DECLARE_W3, DECLARE_W2, DECLARE_W1)
#include "cpu/fast_forms.def"
#undef X64I_FAST

#define FORM(h)                {x64i_##h, x64i_fast_##h, false},
#define FORM_W1(h)             FORM(h)
#define FORM_W2(h)             FORM(h##_32) FORM(h##_64)
#define FORM_W3(h)             FORM(h##_16) FORM_W2(h)
#define FORM_W4(h)             FORM(h##_8) FORM_W3(h)
#define X64I_FAST(shape, body) X64I_SLOTS_##shape(body, FORM_W4, FORM_W3, FORM_W2, FORM_W1)

static const struct x64i_fast_form straight_forms[] = {
#include "cpu/fast_forms.def"
};
#undef X64I_FAST

#define STRAIGHT_COUNT (sizeof straight_forms / sizeof straight_forms[0])
_Static_assert(STRAIGHT_COUNT < X64I_FAST_FORM_SLOTS / 2, "the table has room");

static size_t slot_of(x64i_handler *reference)
{
    uint64_t key = (uint64_t)(uintptr_t)reference >> 4;
    return (size_t)(key * 0x9e3779b97f4a7c15u >> 52) % X64I_FAST_FORM_SLOTS;
}

static void add(struct x64i_fast_forms *forms, const struct x64i_fast_form *form)
{
    size_t at = slot_of(form->reference);
    while (forms->slots[at].reference && forms->slots[at].reference != form->reference)
        at = (at + 1) % X64I_FAST_FORM_SLOTS;
    forms->slots[at] = *form;
}

struct x64i_fast_forms *x64i_fast_forms_create(struct x64i_heap *heap)
{
    struct x64i_fast_forms *forms = x64i_heap_allocate_zeroed(heap, sizeof *forms);
    if (!forms)
        return NULL;
    atomic_init(&forms->holders, 1);
    forms->heap = heap;
    for (size_t i = 0; i < STRAIGHT_COUNT; i++)
        add(forms, &straight_forms[i]);
    for (size_t i = 0; i < x64i_fast_branch_count; i++)
        add(forms, &x64i_fast_branches[i]);
    return forms;
}

struct x64i_fast_forms *x64i_fast_forms_retain(struct x64i_fast_forms *forms)
{
    if (forms)
        atomic_fetch_add_explicit(&forms->holders, 1, memory_order_relaxed);
    return forms;
}

void x64i_fast_forms_release(struct x64i_fast_forms *forms)
{
    if (forms && atomic_fetch_sub_explicit(&forms->holders, 1, memory_order_acq_rel) == 1)
        x64i_heap_free(forms->heap, forms, sizeof *forms);
}

const struct x64i_fast_form *x64i_fast_form_find(const struct x64i_fast_forms *forms,
                                                 x64i_handler *reference)
{
    for (size_t at = slot_of(reference);; at = (at + 1) % X64I_FAST_FORM_SLOTS) {
        const struct x64i_fast_form *form = &forms->slots[at];
        if (!form->reference)
            return NULL;
        if (form->reference == reference)
            return form;
    }
}
