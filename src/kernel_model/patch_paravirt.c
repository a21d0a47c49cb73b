/* SPDX-License-Identifier: MIT */
/*
 * .parainstructions, of kernels before 6.8: indirect calls through pv_ops that the kernel makes
 * direct at boot. Kernel: apply_paravirt() and paravirt_patch() in
 * arch/x86/kernel/{alternative,paravirt}.c.
 */
#include "kernel_model/patch.h"

#include <string.h>

#define RECORD_SIZE 16 /* struct paravirt_patch_site: u8 *instr, u8 type, u8 len, padding */

/* The functions that pv_ops may point to and that need no call. */
static bool is_nop(const struct x64i_patch *patch, uint64_t function)
{
    static const char *const names[] = {"_paravirt_nop", "paravirt_nop", "nop_func"};
    struct x64_image_symbol symbol;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (x64_kernel_image_symbol(patch->image, names[i], &symbol, NULL) == X64_OK &&
            symbol.address == function)
            return true;
    return false;
}

/* JMP through a pointer (FF /4), where the others CALL (FF /2): the ways back to user mode. */
static bool is_jump(const uint8_t *code)
{
    return code[0] == 0xff && (code[1] >> 3 & 7) == 4;
}

static enum x64_status patch_call(struct x64i_patch *patch, uint64_t operations,
                                  const uint8_t *record)
{
    uint64_t linear = x64i_le64(record);
    unsigned type = record[8];
    size_t size = record[9];
    uint8_t *code = x64i_image_bytes(patch->image, linear, size);
    uint8_t pointer[8];

    if (code == NULL || size < 5 ||
        x64_kernel_image_read(patch->image, operations + (uint64_t)type * 8, pointer, 8) != X64_OK)
        return x64i_image_fail(
            patch->error, X64_ERROR_FORMAT,
            "the paravirtual call at 0x%llx (operation %u, %zu bytes) is outside "
            "of the image",
            (unsigned long long)linear, type, size);
    uint64_t function = x64i_le64(pointer);
    /* Nothing native: the call through the null pointer stays, and is never reached. */
    if (function == 0)
        return X64_OK;
    size_t used = 0;
    if (!is_nop(patch, function)) {
        code[0] = is_jump(code) ? 0xe9 : 0xe8;
        x64i_put_le32(code + 1, (uint32_t)(function - (linear + 5)));
        used = 5;
    }
    x64i_fill_nops(code + used, size - used, 8);
    patch->counts.paravirt_calls++;
    return X64_OK;
}

enum x64_status x64i_patch_paravirt(struct x64i_patch *patch)
{
    const struct x64_image_section *s = x64_kernel_image_section(patch->image, ".parainstructions");
    struct x64_image_symbol operations;
    enum x64_status status = X64_OK;

    if (s == NULL || s->data == NULL || s->size == 0)
        return X64_OK;
    status = x64_kernel_image_symbol(patch->image, "pv_ops", &operations, patch->error);
    for (uint64_t at = 0; at + RECORD_SIZE <= s->size && status == X64_OK; at += RECORD_SIZE)
        status = patch_call(patch, operations.address, s->data + at);
    return status;
}
