/* SPDX-License-Identifier: MIT */
/*
 * The steps of patching an image, each in its own file: patch.c runs them in the kernel's order.
 * Every step asks for bytes by linear address, so that a hostile table cannot reach outside of the
 * image.
 */
#ifndef X64I_KERNEL_MODEL_PATCH_H
#define X64I_KERNEL_MODEL_PATCH_H

#include "kernel_model/image.h"

/* One run of x64_kernel_image_patch. */
struct x64i_patch {
    struct x64_kernel_image *image;
    const struct x64_patch_options *options;
    struct x64_patch_counts counts;
    struct x64_image_error *error;
    bool lfence;           /* before the indirect branches that replace retpolines */
    bool rethunk;          /* returns jump to a thunk: */
    uint64_t return_thunk; /* its address; 0 for __x86_return_thunk, where they already go */
};

/* Whether the CPU has the feature of that number, or of that name (false if the name is unknown).
 */
bool x64i_patch_has(const struct x64i_patch *patch, unsigned number);
bool x64i_patch_has_name(const struct x64i_patch *patch, const char *name);

/* Fill `size` bytes with as few NOPs as possible, each of at most `longest` bytes (8 or 11). */
void x64i_fill_nops(uint8_t *out, size_t size, size_t longest);

enum x64_status x64i_patch_paravirt(struct x64i_patch *patch);
enum x64_status x64i_patch_retpolines(struct x64i_patch *patch);
enum x64_status x64i_patch_returns(struct x64i_patch *patch);
enum x64_status x64i_patch_alternatives(struct x64i_patch *patch);
enum x64_status x64i_patch_endbrs(struct x64i_patch *patch);
enum x64_status x64i_patch_locks(struct x64i_patch *patch);
enum x64_status x64i_patch_fentries(struct x64i_patch *patch);
enum x64_status x64i_patch_constants(struct x64i_patch *patch);

#endif
