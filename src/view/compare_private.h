/* SPDX-License-Identifier: MIT */
/* The comparison's inside, shared by compare.c and compare_runs.c. */
#ifndef X64I_VIEW_COMPARE_PRIVATE_H
#define X64I_VIEW_COMPARE_PRIVATE_H

#include "view/compare.h"

/* Makes `row` the listing of a pair; a run that lacks the call has no steps in it.
 * X64_ERROR_MEMORY. */
enum x64_status x64i_compare_list(struct x64i_compare_view *compare, size_t pair);

#endif
