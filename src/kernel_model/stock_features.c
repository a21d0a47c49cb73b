/* SPDX-License-Identifier: MIT */
/*
 * Which of a stock kernel's alternatives are taken: those of the mitigations asked for, those of
 * features that CPUID shows on this CPU model, and the few synthetic ones that every CPU has.
 */
#include "kernel_model/kernel.h"

#include <string.h>

/* The names that kernel_patch.h gives to what a mitigation switches. */
static const struct mitigation_feature {
    enum x64_mitigation mitigation;
    const char *name;
} mitigation_features[] = {
    {X64_MITIGATION_PTI, "pti"},
    {X64_MITIGATION_PCID, "pcid"},
    {X64_MITIGATION_IBRS, "kernel_ibrs"},
    {X64_MITIGATION_RETPOLINE, "retpoline"},
    {X64_MITIGATION_VERW, "clear_cpu_buf"},
    {X64_MITIGATION_BHB, "clear_bhb_loop"},
};

#define MITIGATION_COUNT (sizeof mitigation_features / sizeof mitigation_features[0])

/* Synthetic features that the kernel sets on every 64-bit CPU of the last ten years. */
static const char *const always_there[] = {"rep_good", "lfence_rdtsc"};

/* What CPUID may show and the kernel still would not use here: the machine has no 5-level paging
 * and no FRED, and is no hypervisor's guest. */
static const char *const never_used[] = {"la57", "hypervisor", "fred"};

struct choice {
    const struct x64i_cpu_model *model;
    unsigned mitigations;
};

static bool is_listed(const char *const *list, size_t count, const char *name)
{
    for (size_t i = 0; name && i < count; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

static bool cpuid_has(const struct x64i_cpu_model *model, unsigned number)
{
    struct x64_feature_cpuid where;
    uint32_t registers[4];
    if (!x64_kernel_feature_cpuid(number, &where))
        return false;
    x64i_cpuid(model, where.leaf, where.subleaf, 0, 0, registers);
    return registers[where.reg & 3] >> (where.bit & 31) & 1;
}

static bool has_feature(void *user, unsigned number, const char *name)
{
    const struct choice *choice = user;
    for (size_t i = 0; name && i < MITIGATION_COUNT; i++)
        if (strcmp(mitigation_features[i].name, name) == 0)
            return choice->mitigations & mitigation_features[i].mitigation;
    if (is_listed(always_there, sizeof always_there / sizeof always_there[0], name))
        return true;
    if (is_listed(never_used, sizeof never_used / sizeof never_used[0], name))
        return false;
    return cpuid_has(choice->model, number);
}

enum x64_status x64i_stock_patch(struct x64_kernel_image *image, const char *path,
                                 const struct x64i_cpu_model *model, unsigned mitigations,
                                 struct x64_error_text *error)
{
    struct x64_image_error why;
    for (size_t i = 0; i < MITIGATION_COUNT; i++) {
        unsigned number;
        if ((mitigations & mitigation_features[i].mitigation) &&
            x64_kernel_image_feature(image, mitigation_features[i].name, &number, NULL) != X64_OK)
            return x64i_refuse(error, X64_ERROR_UNSUPPORTED,
                               "%s: this kernel does not know the mitigation %s: leave it out",
                               path, x64_mitigation_name(mitigation_features[i].mitigation));
    }
    struct choice choice = {.model = model, .mitigations = mitigations};
    const struct x64_patch_options options = {
        .struct_size = sizeof options, .has_feature = has_feature, .user = &choice};
    enum x64_status status = x64_kernel_image_patch(image, &options, NULL, &why);
    if (status != X64_OK)
        return x64i_refuse(error, status, "%s: %s", path, why.text);
    return X64_OK;
}
