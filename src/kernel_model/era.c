/* SPDX-License-Identifier: MIT */
/* The built-in eras, one row each. */
#include "kernel_model/kernel.h"

#include <string.h>

/* An image's bytes, from embed.S. */
#define IMAGE(name) extern const uint8_t x64i_era_##name[], x64i_era_##name##_end[]
IMAGE(6_1);
IMAGE(5_4);
IMAGE(4_18);
IMAGE(4_16);
IMAGE(4_15);
IMAGE(4_9);
IMAGE(sysenter);
IMAGE(int80);
#undef IMAGE
#define IMAGE(name) .image = x64i_era_##name, .image_end = x64i_era_##name##_end

/* The TSS descriptor's limit: Linux's I/O bitmap and, from 5.5 on, a second one that permits all.
 */
#define TSS_LIMIT_4_9 0x2087
#define TSS_LIMIT_6_1 0x4087

#define SPECTRE_2018 (X64_MITIGATION_PTI | X64_MITIGATION_PCID | X64_MITIGATION_RETPOLINE)

static const struct x64i_era eras[] = {
    {
        .public = {.name = "6.1",
                   .description = "Linux 6.1 (2022): user RSP to TSS.sp2, IBRS around the C part, "
                                  "the checks before SYSRET still in assembly",
                   .mitigations = SPECTRE_2018 | X64_MITIGATION_IBRS | X64_MITIGATION_VERW |
                                  X64_MITIGATION_BHB},
        IMAGE(6_1),
        .release = "6.1.0",
        .prefix = "__x64_",
        .pt_regs = true,
        .entry_area = true,
        .shared_global = true,
        .tss_limit = TSS_LIMIT_6_1,
    },
    {
        .public = {.name = "5.4",
                   .description =
                       "Linux 5.4 (2019): the trampoline is gone since 4.20: user RSP to "
                       "TSS.sp2, CR3 switched inline; VERW before the way back",
                   .mitigations = SPECTRE_2018 | X64_MITIGATION_VERW},
        IMAGE(5_4),
        .release = "5.4.0",
        .prefix = "__x64_",
        .pt_regs = true,
        .entry_area = true,
        .shared_global = true,
        .tss_limit = TSS_LIMIT_4_9,
    },
    {
        .public = {.name = "4.18",
                   .description = "Linux 4.18 (2018): do_syscall_64(nr, regs), and since 4.17 the "
                                  "table's functions take pt_regs; trampoline under PTI",
                   .mitigations = SPECTRE_2018},
        IMAGE(4_18),
        .release = "4.18.0",
        .prefix = "__x64_",
        .pt_regs = true,
        .entry_area = true,
        .shared_global = true,
        .tss_limit = TSS_LIMIT_4_9,
    },
    {
        .public = {.name = "4.16",
                   .description = "Linux 4.16 (2018): no fast path any more, all of pt_regs pushed "
                                  "and cleared; six-argument calls; trampoline under PTI",
                   .mitigations = SPECTRE_2018},
        IMAGE(4_16),
        .release = "4.16.0",
        .prefix = "",
        .entry_area = true,
        .tss_limit = TSS_LIMIT_4_9,
    },
    {
        .public = {.name = "4.15",
                   .description = "Linux 4.15 (2018): page-table isolation arrives: trampoline in "
                                  "cpu_entry_area, stacks at TSS.sp1 and sp0; the fast path's last",
                   .mitigations = SPECTRE_2018},
        IMAGE(4_15),
        .release = "4.15.0",
        .prefix = "",
        .entry_area = true,
        .tss_limit = TSS_LIMIT_4_9,
    },
    {
        .public = {.name = "4.9",
                   .description =
                       "Linux 4.9 (2016): before Meltdown: rsp_scratch, a fast path that "
                       "leaves six slots unwritten, a slow path with checks"},
        IMAGE(4_9),
        .release = "4.9.0",
        .prefix = "",
        .tss_limit = TSS_LIMIT_4_9,
    },
    {
        .public = {.name = "sysenter",
                   .description =
                       "SYSENTER (2.6 on, 2003): RSP from the MSR, ESP in EBP, EIP known "
                       "beforehand, SYSEXIT or IRET; the shape of Linux 4.9's, called by the vDSO"},
        IMAGE(sysenter),
        .release = "4.9.0",
        .prefix = "",
        .compat = true,
        .vsyscall = true,
        .tss_limit = TSS_LIMIT_4_9,
    },
    {
        .public = {.name = "int80",
                   .description =
                       "INT 0x80, Linux's first way in (1991), as 4.9 answers it: interrupt gate, "
                       "TSS.sp0, IRET; 32-bit numbers and registers"},
        IMAGE(int80),
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
