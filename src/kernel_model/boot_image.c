/* SPDX-License-Identifier: MIT */
/*
 * The boot loader of the built-in images: segments to their physical addresses, alternatives, the
 * CPU's copy of the per-CPU area, boot parameters, and the jump to startup_64. What a kernel would
 * program itself is left to the image's own code.
 */
#include "kernel_model/boot.h"
#include "kernel_model/kernel.h"

#include <string.h>

#define NOP_MAX 8

/* The NOPs that the SDM recommends (vol. 2B, NOP), by length. */
static const uint8_t nops[NOP_MAX + 1][NOP_MAX] = {
    {0},
    {0x90},
    {0x66, 0x90},
    {0x0f, 0x1f, 0x00},
    {0x0f, 0x1f, 0x40, 0x00},
    {0x0f, 0x1f, 0x44, 0x00, 0x00},
    {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
    {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
    {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
};

static void fill_nops(uint8_t *bytes, size_t size)
{
    while (size > 0) {
        size_t length = size < NOP_MAX ? size : NOP_MAX;
        memcpy(bytes, nops[length], length);
        bytes += length;
        size -= length;
    }
}

/* How many bytes at the end are the assembler's one-byte NOPs. */
static size_t trailing_nops(const uint8_t *bytes, size_t size)
{
    size_t count = 0;
    while (count < size && bytes[size - 1 - count] == 0x90)
        count++;
    return count;
}

/* CALL and JMP at the beginning of a replacement keep their target when it lies outside. */
static void relocate_branch(uint8_t *bytes, size_t size, uint64_t from, uint64_t to)
{
    if (size < 5 || (bytes[0] != 0xe8 && bytes[0] != 0xe9))
        return;
    int32_t distance = (int32_t)x64i_le32(bytes + 1);
    if (distance >= 0 && (size_t)distance <= size - 5)
        return;
    x64i_put_le32(bytes + 1, (uint32_t)(distance + (int32_t)(from - to)));
}

static bool apply_alternative(struct x64i_kernel *kernel, uint64_t record, unsigned features)
{
    struct x64i_alternative alternative;
    uint8_t bytes[UINT8_MAX];
    if (!x64i_kernel_read(kernel, record, &alternative, sizeof alternative))
        return false;
    uint64_t instruction = record + (uint64_t)(int64_t)alternative.instruction;
    uint64_t replacement = record + 4 + (uint64_t)(int64_t)alternative.replacement;
    size_t size = alternative.instruction_length;
    size_t length = alternative.replacement_length;
    if (length > size)
        return false;
    if (!(features & alternative.feature)) {
        if (!x64i_kernel_read(kernel, instruction, bytes, size))
            return false;
        length = size - trailing_nops(bytes, size);
    } else {
        if (!x64i_kernel_read(kernel, replacement, bytes, length))
            return false;
        relocate_branch(bytes, length, replacement, instruction);
    }
    fill_nops(bytes + length, size - length);
    return x64i_kernel_write(kernel, instruction, bytes, size);
}

static unsigned image_features(const struct x64i_kernel *kernel)
{
    static const struct {
        enum x64i_feature cpu;
        enum x64i_image_feature image;
    } rows[] = {
        {X64I_FEATURE_SMAP, X64I_IMAGE_SMAP},         {X64I_FEATURE_SMEP, X64I_IMAGE_SMEP},
        {X64I_FEATURE_FSGSBASE, X64I_IMAGE_FSGSBASE}, {X64I_FEATURE_UMIP, X64I_IMAGE_UMIP},
        {X64I_FEATURE_XSAVE, X64I_IMAGE_XSAVE},
    };
    unsigned features = kernel->mitigations;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (x64i_cpu_has(kernel->cpu, rows[i].cpu))
            features |= rows[i].image;
    if (kernel->cpu->model->behaviour.sysenter_in_long_mode)
        features |= X64I_IMAGE_SYSENTER32;
    return features;
}

bool x64i_apply_alternatives(struct x64i_kernel *kernel)
{
    unsigned features = image_features(kernel);
    uint64_t at = x64i_kernel_symbol(kernel, "__alt_instructions");
    uint64_t end = x64i_kernel_symbol(kernel, "__alt_instructions_end");
    if (!at || end < at)
        return false;
    for (; end - at >= sizeof(struct x64i_alternative); at += sizeof(struct x64i_alternative))
        if (!apply_alternative(kernel, at, features))
            return false;
    return true;
}

bool x64i_place_segments(struct x64i_kernel *kernel)
{
    uint64_t end = 0;
    for (size_t i = 0; i < x64_kernel_image_segment_count(kernel->image); i++) {
        const struct x64_image_segment *segment =
            x64_kernel_image_segment_at_index(kernel->image, i);
        if (segment->file_size && !x64i_physical_poke(kernel->memory, segment->physical,
                                                      segment->data, segment->file_size))
            return false;
        if (segment->physical + segment->memory_size > end)
            end = segment->physical + segment->memory_size;
    }
    kernel->layout.next_page = (end + X64I_PAGE_SIZE - 1) & ~(uint64_t)(X64I_PAGE_SIZE - 1);
    return kernel->layout.next_page <= kernel->memory->ram_size;
}

/* As setup_per_cpu_areas does: the section's bytes are the template of each CPU's area. */
bool x64i_place_per_cpu(struct x64i_kernel *kernel)
{
    const struct x64_image_section *section;
    if (x64_kernel_image_per_cpu_section(kernel->image, &section, NULL) != X64_OK)
        return false;
    return x64i_kernel_write(kernel, kernel->layout.per_cpu + section->linear, section->data,
                             section->size);
}

static bool place_boot_params(struct x64i_kernel *kernel)
{
    const struct x64i_layout *layout = &kernel->layout;
    struct x64i_boot_params params = {
        .per_cpu = layout->per_cpu,
        .stack_top = layout->task_stack.end,
        .task = layout->task,
        .gdt = layout->gdt.start,
        .tss = layout->tss.start,
        .tss_limit = kernel->era->tss_limit,
        .idt = layout->idt.start,
        .sp0 = kernel->era->entry_area ? layout->entry_stack.end : layout->task_stack.end,
        .cr3 = layout->root,
        .irq_stack = layout->irq_stack.end,
    };
    for (unsigned i = 0; i < 4; i++)
        params.ist[i] = layout->ist[i].end;
    return x64i_kernel_write(kernel, layout->boot_params, &params, sizeof params);
}

enum x64_status x64i_boot_image(struct x64i_kernel *kernel, struct x64_error_text *error)
{
    const struct x64_image_section *section;
    if (x64_kernel_image_per_cpu_section(kernel->image, &section, NULL) != X64_OK)
        return x64i_refuse(error, X64_ERROR_FORMAT, "the built-in image has no per-CPU section");
    kernel->layout.per_cpu_size =
        (section->size + X64I_PAGE_SIZE - 1) & ~(uint64_t)(X64I_PAGE_SIZE - 1);
    if (!x64i_place_segments(kernel) || !x64i_address_space_build(kernel))
        return x64i_refuse(error, X64_ERROR_LIMIT,
                           "%llu KiB of memory are too few for a kernel: give the machine 32 MiB",
                           (unsigned long long)kernel->memory->ram_size / 1024);
    x64i_cpu_reset_long_mode(kernel->cpu, kernel->layout.root);
    if (!x64i_apply_alternatives(kernel) || !x64i_place_per_cpu(kernel) ||
        !place_boot_params(kernel))
        return x64i_refuse(error, X64_ERROR_FORMAT, "the built-in image is damaged");
    kernel->cpu->s.rip = x64i_kernel_symbol(kernel, "startup_64");
    kernel->cpu->s.gpr[X64_RSI] = kernel->layout.boot_params;
    x64i_cpu_refresh(kernel->cpu);
    return X64_OK;
}
