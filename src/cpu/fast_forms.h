/* SPDX-License-Identifier: MIT */
/* From the reference path's handlers to the block engine's. */
#ifndef X64I_CPU_FAST_FORMS_H
#define X64I_CPU_FAST_FORMS_H

#include "cpu/fast_op.h"
#include "cpu/op.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct x64i_heap;

struct x64i_fast_form {
    x64i_handler *reference;
    x64i_fast_handler *fast;
    bool ends_block; /* it goes on elsewhere than at the op behind it */
};

/* A hash table of the forms, which never changes once it is made: a CPU and its forks share it,
 * whatever threads they run in. */
#define X64I_FAST_FORM_SLOTS 4096u

struct x64i_fast_forms {
    atomic_uint holders;
    struct x64i_heap *heap;
    struct x64i_fast_form slots[X64I_FAST_FORM_SLOTS];
};

/* Makes the table; null when the host has no memory. */
struct x64i_fast_forms *x64i_fast_forms_create(struct x64i_heap *heap);

/* One holder more or less; null is ignored. */
struct x64i_fast_forms *x64i_fast_forms_retain(struct x64i_fast_forms *forms);
void x64i_fast_forms_release(struct x64i_fast_forms *forms);

/* The fast form of a handler; null when it has none. */
const struct x64i_fast_form *x64i_fast_form_find(const struct x64i_fast_forms *forms,
                                                 x64i_handler *reference);

#endif
