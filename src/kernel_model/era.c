/* SPDX-License-Identifier: MIT */
/* The built-in eras, one row each. */
#include "kernel_model/kernel.h"

#include <string.h>

extern const uint8_t x64i_era_6_1[], x64i_era_6_1_end[];
extern const uint8_t x64i_era_4_16[], x64i_era_4_16_end[];
extern const uint8_t x64i_era_int80[], x64i_era_int80_end[];

/* The TSS descriptor's limit: Linux's I/O bitmap and, from 5.5 on, a second one that permits all.
 */
#define TSS_LIMIT_4_9 0x2087
#define TSS_LIMIT_6_1 0x4087

static const struct x64i_era eras[] = {
    {
        .public = {.name = "6.1",
                   .description = "Linux 6.1: user RSP to TSS.sp2, IBRS, full checks before SYSRET",
                   .mitigations = X64_MITIGATION_PTI | X64_MITIGATION_PCID | X64_MITIGATION_IBRS |
                                  X64_MITIGATION_RETPOLINE | X64_MITIGATION_VERW |
                                  X64_MITIGATION_BHB},
        .image = x64i_era_6_1,
        .image_end = x64i_era_6_1_end,
        .release = "6.1.0",
        .prefix = "__x64_",
        .pt_regs = true,
        .entry_area = true,
        .tss_limit = TSS_LIMIT_6_1,
    },
    {
        .public = {.name = "4.16",
                   .description = "Linux 4.16: trampoline in cpu_entry_area under PTI, TSS.sp1 as "
                                  "top of the stack, six-argument calls",
                   .mitigations =
                       X64_MITIGATION_PTI | X64_MITIGATION_PCID | X64_MITIGATION_RETPOLINE},
        .image = x64i_era_4_16,
        .image_end = x64i_era_4_16_end,
        .release = "4.16.0",
        .prefix = "",
        .entry_area = true,
        .tss_limit = TSS_LIMIT_4_9,
    },
    {
        .public = {.name = "int80",
                   .description =
                       "INT 0x80 as Linux 4.9 answers it: interrupt gate, TSS.sp0, IRET; "
                       "32-bit numbers and registers"},
        .image = x64i_era_int80,
        .image_end = x64i_era_int80_end,
        .release = "4.9.0",
        .prefix = "",
        .compat = true,
        .tss_limit = TSS_LIMIT_4_9,
    },
};

#define ERA_COUNT (sizeof eras / sizeof eras[0])

const struct x64_era *x64_era_at(size_t index)
{
    return index < ERA_COUNT ? &eras[index].public : NULL;
}

const struct x64i_era *x64i_era_find(const char *name)
{
    for (size_t i = 0; i < ERA_COUNT; i++)
        if (strcmp(eras[i].public.name, name) == 0)
            return &eras[i];
    return NULL;
}
