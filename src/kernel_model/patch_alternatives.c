/* SPDX-License-Identifier: MIT */
/* Kernel: apply_alternatives() in arch/x86/kernel/alternative.c. */
#include "kernel_model/patch.h"

#include <Zydis/Zydis.h>
#include <string.h>

#define CALL_REL32 0xe8
#define JMP_REL32  0xe9
#define JMP_REL8   0xeb
#define INT3       0xcc
#define SITE_MAX   255

/* One place being patched: the new code is made in `code`, then copied. */
struct site {
    const struct x64i_alternative_layout *layout;
    struct x64_image_alternative record;
    ZydisDecoder decoder;
    uint8_t code[SITE_MAX];
    size_t size;
};

static bool decode(const struct site *site, size_t at, ZydisDecodedInstruction *instruction)
{
    return ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&site->decoder, NULL, site->code + at,
                                                      site->size - at, instruction));
}

/* The 32-bit displacement of a relative branch or RIP-relative operand: its offset, 0 if there is
 * none. */
static size_t find_relative(const ZydisDecodedInstruction *instruction)
{
    const ZydisDecodedInstruction *i = instruction;

    if (i->raw.imm[0].is_relative && i->raw.imm[0].size == 32)
        return i->raw.imm[0].offset;
    if ((i->attributes & ZYDIS_ATTRIB_HAS_MODRM) != 0 && i->raw.modrm.mod == 0 &&
        i->raw.modrm.rm == 5 && i->raw.disp.size == 32)
        return i->raw.disp.offset;
    return 0;
}

/* JMP rel32 becomes JMP rel8 where it reaches, as the kernel does. */
static void shorten_jump(struct site *site, size_t at)
{
    int32_t distance = (int32_t)x64i_le32(site->code + at + 1);
    int64_t shorter = (int64_t)distance + 3;

    if (shorter < INT8_MIN || shorter > INT8_MAX)
        return;
    site->code[at] = JMP_REL8;
    site->code[at + 1] = (uint8_t)shorter;
    memset(site->code + at + 2, site->layout->short_jump_fill, 3);
}

/*
 * What the replacement's code reaches outside of itself is as far from it as it was, so its
 * distances change by how far the code was moved. Older kernels look at the first instruction
 * alone.
 */
static void relocate(struct site *site)
{
    const struct x64_image_alternative *a = &site->record;
    uint32_t moved = (uint32_t)(a->replacement - a->linear);
    size_t at = 0;
    ZydisDecodedInstruction instruction;

    while (at < a->replacement_size && decode(site, at, &instruction)) {
        size_t next = at + instruction.length;
        size_t field = find_relative(&instruction);
        if (field != 0) {
            uint8_t *p = site->code + at + field;
            int64_t target = (int64_t)next + (int32_t)x64i_le32(p);
            if (target < 0 || target > a->replacement_size) {
                x64i_put_le32(p, x64i_le32(p) + moved);
                if (site->code[at] == JMP_REL32)
                    shorten_jump(site, at);
            }
        }
        if (!site->layout->reach_all)
            break;
        at = next;
    }
}

static void fill_run(const struct site *site, uint8_t *code, size_t size)
{
    if (site->layout->nop_max < 11 || size <= site->layout->nop_max) {
        x64i_fill_nops(code, size, site->layout->nop_max);
        return;
    }
    /* A jump over the rest is one instruction, too. */
    memset(code, INT3, size);
    code[0] = size < 128 ? JMP_REL8 : JMP_REL32;
    if (size < 128)
        code[1] = (uint8_t)(size - 2);
    else
        x64i_put_le32(code + 1, (uint32_t)(size - 5));
}

/* Runs of NOPs become as few instructions as possible. */
static void optimize_nops(struct site *site)
{
    ZydisDecodedInstruction instruction;
    size_t next;

    for (size_t at = 0; at < site->size; at = next) {
        size_t count = 0;
        next = at;
        while (next < site->size && decode(site, next, &instruction) &&
               instruction.mnemonic == ZYDIS_MNEMONIC_NOP) {
            next += instruction.length;
            count++;
        }
        if (count > 1)
            fill_run(site, site->code + at, next - at);
        if (next < site->size) {
            if (!decode(site, next, &instruction))
                return;
            next += instruction.length;
        }
    }
}

/*
 * ALT_CALL: "call *pointer(%rip)" becomes a direct call of what the pointer holds at boot. The
 * replacement calls BUG_func, which stands for a null pointer.
 */
static enum x64_status make_direct_call(struct x64i_patch *patch, struct site *site,
                                        const uint8_t *original)
{
    const struct x64_image_alternative *a = &site->record;
    struct x64_image_symbol nop;
    uint8_t pointer[8];

    if (a->size < 6 || a->replacement_size != 5 || site->code[0] != CALL_REL32 ||
        original[0] != 0xff || original[1] != 0x15)
        return x64i_image_fail(patch->error, X64_ERROR_UNSUPPORTED,
                               "the alternative at 0x%llx should make an indirect call direct, but "
                               "there is none",
                               (unsigned long long)a->linear);
    uint64_t at = a->linear + 6 + (uint64_t)(int64_t)(int32_t)x64i_le32(original + 2);
    if (x64_kernel_image_read(patch->image, at, pointer, 8) != X64_OK)
        return x64i_image_fail(patch->error, X64_ERROR_FORMAT,
                               "the call at 0x%llx goes through 0x%llx, outside of the image",
                               (unsigned long long)a->linear, (unsigned long long)at);
    uint64_t target = x64i_le64(pointer);
    if (x64_kernel_image_symbol(patch->image, "nop_func", &nop, NULL) == X64_OK &&
        target == nop.address)
        site->record.replacement_size = 0;
    else if (target != 0)
        x64i_put_le32(site->code + 1, (uint32_t)(target - (a->replacement + 5)));
    return X64_OK;
}

/* Later records for the same address may be longer: all get the longest one's room. */
static size_t shared_size(const struct x64i_alternatives *alternatives, size_t index)
{
    size_t size = alternatives->list[index].size;

    for (size_t i = index + 1; alternatives->layout->shares_padding && i < alternatives->count &&
                               alternatives->list[i].linear == alternatives->list[index].linear;
         i++)
        size = alternatives->list[i].size > size ? alternatives->list[i].size : size;
    return size;
}

static enum x64_status patch_record(struct x64i_patch *patch, struct site *site)
{
    const struct x64_image_alternative *a = &site->record;
    uint8_t *original = x64i_image_bytes(patch->image, a->linear, site->size);
    const uint8_t *replacement =
        x64i_image_bytes(patch->image, a->replacement, a->replacement_size);
    enum x64_status status = X64_OK;

    if (original == NULL || (replacement == NULL && a->replacement_size > 0))
        return x64i_image_fail(patch->error, X64_ERROR_FORMAT,
                               "the alternative at 0x%llx is outside of the image",
                               (unsigned long long)a->linear);
    patch->counts.alternatives++;
    if (x64i_patch_has(patch, a->feature) == a->negated) {
        memcpy(site->code, original, site->size);
    } else {
        patch->counts.alternatives_taken++;
        if (a->replacement_size > 0)
            memcpy(site->code, replacement, a->replacement_size);
        if (a->direct_call)
            status = make_direct_call(patch, site, original);
        memset(site->code + a->replacement_size, 0x90, site->size - a->replacement_size);
        relocate(site);
    }
    optimize_nops(site);
    memcpy(original, site->code, site->size);
    return status;
}

enum x64_status x64i_patch_alternatives(struct x64i_patch *patch)
{
    const struct x64i_alternatives *alternatives = &patch->image->alternatives;
    enum x64_status status = X64_OK;
    struct site site = {.layout = alternatives->layout};
    size_t size = 0;

    if (alternatives->layout == NULL)
        return x64i_image_fail(patch->error, X64_ERROR_UNSUPPORTED, "%s",
                               patch->image->alternatives_error.text);
    ZydisDecoderInit(&site.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    for (size_t i = 0; i < alternatives->count && status == X64_OK; i++) {
        bool again = alternatives->layout->shares_padding && i > 0 &&
                     alternatives->list[i].linear == alternatives->list[i - 1].linear;
        if (!again)
            size = shared_size(alternatives, i);
        site.record = alternatives->list[i];
        site.size = again || alternatives->layout->shares_padding ? size : site.record.size;
        status = patch_record(patch, &site);
    }
    return status;
}
