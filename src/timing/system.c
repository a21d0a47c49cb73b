/* SPDX-License-Identifier: MIT */
#include "timing/system.h"

#include <string.h>

const struct x64i_system_row *x64i_system_find(const struct x64i_system_row *rows, size_t count,
                                               const char *form)
{
    size_t mnemonic = strcspn(form, " ");
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].form, form) == 0 ||
            (strlen(rows[i].form) == mnemonic && strncmp(rows[i].form, form, mnemonic) == 0))
            return &rows[i];
    return NULL;
}

uint32_t x64i_repeat_cycles(const struct x64i_repeat_point *points, size_t count, uint64_t bytes)
{
    if (count == 0)
        return 0;
    if (bytes <= points[0].bytes)
        return points[0].cycles;
    for (size_t i = 1; i < count; i++)
        if (bytes <= points[i].bytes || i + 1 == count) {
            uint64_t span = points[i].bytes - points[i - 1].bytes;
            uint64_t more = (uint64_t)(points[i].cycles - points[i - 1].cycles);
            return points[i - 1].cycles + (uint32_t)((bytes - points[i - 1].bytes) * more / span);
        }
    return points[0].cycles;
}
