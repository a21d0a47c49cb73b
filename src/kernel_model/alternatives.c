/* SPDX-License-Identifier: MIT */
#include "kernel_model/image.h"

#include <stdlib.h>
#include <string.h>

#define FEATURE_MAX    (64 * 32) /* capability and bug words; the newest kernels have 24 */
#define FLAG_NOT       1u
#define FLAG_CALL      2u
#define NOT_IN_FEATURE 0x8000u /* before flags had a field of their own */
#define INT3           0xcc
#define NOP            0x90

/*
 * struct alt_instr over time. All start with two offsets of 32 bits, relative to themselves.
 * Until 5.13 a byte of padding length closed the record, until 6.2 the "not" was a bit of the
 * feature, from 6.3 on flags follow it. A table is of the one layout that makes sense of every
 * record.
 */
static const struct x64i_alternative_layout layouts[] = {
    {.size = 12, .nop_max = 8, .short_jump_fill = NOP},
    {.size = 13, .nop_max = 8, .short_jump_fill = NOP},
    {.size = 14, .reach_all = true, .shares_padding = true, .nop_max = 11, .short_jump_fill = INT3},
};

static bool within(const struct x64_image_section *section, uint64_t linear, uint64_t size)
{
    return linear >= section->linear &&
           x64i_range_ok(linear - section->linear, size, section->size);
}

static bool is_code(const struct x64_kernel_image *image, uint64_t linear, uint64_t size)
{
    for (size_t i = 0; i < image->section_count; i++)
        if (image->sections[i].executable && within(&image->sections[i], linear, size))
            return x64i_image_bytes(image, linear, (size_t)size) != NULL;
    return false;
}

/* Read the record at `p`, whose linear address is `linear`; false if it makes no sense. */
static bool read_record(const struct x64_kernel_image *image,
                        const struct x64i_alternative_layout *layout,
                        const struct x64_image_section *replacements, const uint8_t *p,
                        uint64_t linear, struct x64_image_alternative *a)
{
    uint16_t feature = x64i_le16(p + 8);
    uint16_t flags = layout->size == 14 ? x64i_le16(p + 10) : 0;
    const uint8_t *sizes = p + (layout->size == 14 ? 12 : 10);

    if (layout->size != 14 && (feature & NOT_IN_FEATURE) != 0) {
        feature &= (uint16_t)~NOT_IN_FEATURE;
        flags = FLAG_NOT;
    }
    *a = (struct x64_image_alternative){
        .linear = linear + (uint64_t)(int64_t)(int32_t)x64i_le32(p),
        .replacement = linear + 4 + (uint64_t)(int64_t)(int32_t)x64i_le32(p + 4),
        .size = sizes[0],
        .replacement_size = sizes[1],
        .feature = feature,
        .negated = (flags & FLAG_NOT) != 0,
        .direct_call = (flags & FLAG_CALL) != 0,
    };
    bool padding_fits = layout->size != 13 || sizes[2] <= sizes[0];
    return padding_fits && flags <= (FLAG_NOT | FLAG_CALL) && feature < FEATURE_MAX &&
           a->size > 0 && a->replacement_size <= a->size && is_code(image, a->linear, a->size) &&
           within(replacements, a->replacement, a->replacement_size);
}

/* How many records from the start make sense in this layout. */
static size_t read_records(const struct x64_kernel_image *image,
                           const struct x64i_alternative_layout *layout,
                           const struct x64_image_section *table,
                           const struct x64_image_section *replacements, size_t count,
                           struct x64_image_alternative *list)
{
    size_t i = 0;

    while (i < count && read_record(image, layout, replacements, table->data + i * layout->size,
                                    table->linear + i * layout->size, &list[i]))
        i++;
    return i;
}

enum x64_status x64i_alternatives_load(const struct x64_kernel_image *image,
                                       struct x64i_alternatives *alternatives,
                                       struct x64_image_error *error)
{
    const struct x64_image_section *table = x64_kernel_image_section(image, ".altinstructions");
    const struct x64_image_section *replacements =
        x64_kernel_image_section(image, ".altinstr_replacement");
    size_t best = 0;

    if (table == NULL || replacements == NULL || table->data == NULL || table->size == 0)
        return x64i_image_fail(error, X64_ERROR_NOT_FOUND,
                               "the image has no .altinstructions with .altinstr_replacement");
    struct x64_image_alternative *list = calloc(table->size / layouts[0].size + 1, sizeof *list);
    if (list == NULL)
        return x64i_image_fail(error, X64_ERROR_MEMORY, "no memory for the alternatives");
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        size_t count = table->size / layouts[i].size;
        size_t good = read_records(image, &layouts[i], table, replacements, count, list);
        if (good == count && table->size % layouts[i].size == 0) {
            *alternatives = (struct x64i_alternatives){&layouts[i], list, count};
            return X64_OK;
        }
        best = good > best ? good : best;
    }
    free(list);
    return x64i_image_fail(error, X64_ERROR_UNSUPPORTED,
                           "the %llu bytes of .altinstructions are records of no known layout (12, "
                           "13 or 14 bytes): at most the first %zu make sense",
                           (unsigned long long)table->size, best);
}

void x64i_alternatives_free(struct x64i_alternatives *alternatives)
{
    free(alternatives->list);
    *alternatives = (struct x64i_alternatives){.count = 0};
}

size_t x64_kernel_image_alternative_count(const struct x64_kernel_image *image)
{
    return image ? image->alternatives.count : 0;
}

const struct x64_image_alternative *
x64_kernel_image_alternative_at_index(const struct x64_kernel_image *image, size_t index)
{
    return image && index < image->alternatives.count ? &image->alternatives.list[index] : NULL;
}
