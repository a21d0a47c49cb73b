/* SPDX-License-Identifier: MIT */
/* Near branches of 64-bit operand size in the block engine: they end blocks. */
#ifndef X64I_CPU_FAST_BRANCH_H
#define X64I_CPU_FAST_BRANCH_H

#include "cpu/fast_forms.h"

extern const struct x64i_fast_form x64i_fast_branches[];
extern const size_t x64i_fast_branch_count;

#endif
