/* SPDX-License-Identifier: MIT */
/* Large tables that start as zeroes and of which most runs touch little: the host gives memory only
 * for what is touched, and freeing gives it back at once. */
#ifndef X64I_STATE_LAZY_H
#define X64I_STATE_LAZY_H

#include <stddef.h>

#define X64I_HUGE_PAGE ((size_t)2 << 20) /* of the host */

/* Zeroed memory on a page boundary; null when the host has none. */
void *x64i_lazy_allocate(size_t size);

/* The same, at the boundary of a huge page, and of such pages where the host has them: one page
 * fault for each. */
void *x64i_lazy_allocate_huge(size_t size);

/* `size` as it was asked for. Null is ignored. */
void x64i_lazy_free(void *memory, size_t size);

#endif
