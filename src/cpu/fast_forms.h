/* SPDX-License-Identifier: MIT */
/* From the reference path's handlers to the block engine's. */
#ifndef X64I_CPU_FAST_FORMS_H
#define X64I_CPU_FAST_FORMS_H

#include "cpu/fast_op.h"
#include "cpu/op.h"

#include <stdbool.h>
#include <stddef.h>

struct x64i_fast_form {
    x64i_handler *reference;
    x64i_fast_handler *fast;
    bool ends_block; /* it goes on elsewhere than at the op behind it */
};

/* A hash table of the forms, filled by x64i_fast_forms_init. */
#define X64I_FAST_FORM_SLOTS 4096u

struct x64i_fast_forms {
    struct x64i_fast_form slots[X64I_FAST_FORM_SLOTS];
};

void x64i_fast_forms_init(struct x64i_fast_forms *forms);

/* The fast form of a handler; null when it has none. */
const struct x64i_fast_form *x64i_fast_form_find(const struct x64i_fast_forms *forms,
                                                 x64i_handler *reference);

#endif
