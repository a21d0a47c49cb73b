/* SPDX-License-Identifier: MIT */
#include "state/region.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct region_list {
    const struct x64i_region *regions;
    unsigned count;
};

static uint64_t load_value(const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

static int report_layout(struct x64i_difference *out, const struct x64i_region *region,
                         const char *layout)
{
    if (out) {
        *out = (struct x64i_difference){.layout = layout};
        memcpy(out->region, region->name, sizeof out->region);
    }
    return 1;
}

static int report_value(struct x64i_difference *out, const struct x64i_region *region,
                        uint64_t index, const uint8_t *a, const uint8_t *b)
{
    if (!out)
        return 1;
    size_t at = 0;
    while (a[at] == b[at])
        at++;
    at &= ~(size_t)7;
    size_t left = x64i_page_length(region->size, index) - at;

    *out = (struct x64i_difference){.offset = index * X64I_PAGE_SIZE + at,
                                    .size = left < 8 ? (unsigned)left : 8};
    memcpy(out->region, region->name, sizeof out->region);
    out->a = load_value(a + at, out->size);
    out->b = load_value(b + at, out->size);
    return 1;
}

/* True when the whole leaf above a page is known to be the same; such leaves are skipped. */
static bool share_leaf(const struct x64i_region *a, const struct x64i_region *b, uint64_t index)
{
    uint64_t leaf = index / X64I_LEAF_PAGES;
    return !a->data && !b->data &&
           x64i_pages_leaf(a->pages, leaf) == x64i_pages_leaf(b->pages, leaf);
}

static int compare_bytes(const struct x64i_region *a, const struct x64i_region *b,
                         struct x64i_difference *out)
{
    uint64_t count = a->pages->page_count;
    for (uint64_t index = 0; index < count; index++) {
        if (index % X64I_LEAF_PAGES == 0 && share_leaf(a, b, index)) {
            index += X64I_LEAF_PAGES - 1;
            continue;
        }
        const uint8_t *left = x64i_region_page(a, index);
        const uint8_t *right = x64i_region_page(b, index);
        if (left != right && memcmp(left, right, x64i_page_length(a->size, index)) != 0)
            return report_value(out, a, index, left, right);
    }
    return 0;
}

static int compare_lists(struct region_list a, struct region_list b, struct x64i_difference *out)
{
    for (unsigned i = 0; i < a.count; i++) {
        const struct x64i_region *region = &a.regions[i];
        const struct x64i_region *other = x64i_region_find(b.regions, b.count, region->name, i);
        const char *unlike = other ? x64i_region_unlike(region, other) : "presence";
        if (unlike)
            return report_layout(out, region, unlike);
        if (!(region->flags & X64I_REGION_ANNOTATION) && compare_bytes(region, other, out) != 0)
            return 1;
    }
    for (unsigned i = 0; i < b.count; i++) {
        if (!x64i_region_find(a.regions, a.count, b.regions[i].name, i))
            return report_layout(out, &b.regions[i], "presence");
    }
    return 0;
}

int x64i_state_compare(const struct x64i_state *a, const struct x64i_state *b,
                       struct x64i_difference *difference)
{
    return compare_lists((struct region_list){a->regions, a->region_count},
                         (struct region_list){b->regions, b->region_count}, difference);
}

int x64i_snapshot_compare(const struct x64i_snapshot *a, const struct x64i_snapshot *b,
                          struct x64i_difference *difference)
{
    return compare_lists((struct region_list){a->regions, a->region_count},
                         (struct region_list){b->regions, b->region_count}, difference);
}

const char *x64i_difference_format(const struct x64i_difference *difference, char *text,
                                   size_t size)
{
    if (difference->layout)
        (void)snprintf(text, size, "%s: not of the same %s", difference->region,
                       difference->layout);
    else
        (void)snprintf(text, size, "%s+0x%" PRIx64 ": 0x%" PRIx64 " != 0x%" PRIx64,
                       difference->region, difference->offset, difference->a, difference->b);
    return text;
}
