/* SPDX-License-Identifier: MIT */
/* Names of mitigations, and what a CPU must have for them. */
#include "kernel_model/mitigations.h"

#include "kernel_model/kernel.h"

#include <string.h>

static const struct mitigation {
    const char *name;
    enum x64_mitigation bit;
    enum x64i_feature feature; /* without it the code would fault */
    const char *feature_name;
} mitigations[] = {
    {"pti", X64_MITIGATION_PTI, X64I_FEATURE_BASE, NULL},
    {"pcid", X64_MITIGATION_PCID, X64I_FEATURE_PCID, "PCID"},
    {"ibrs", X64_MITIGATION_IBRS, X64I_FEATURE_IBRS, "SPEC_CTRL"},
    {"retpoline", X64_MITIGATION_RETPOLINE, X64I_FEATURE_BASE, NULL},
    {"verw", X64_MITIGATION_VERW, X64I_FEATURE_BASE, NULL},
    {"bhb", X64_MITIGATION_BHB, X64I_FEATURE_BASE, NULL},
};

#define MITIGATION_COUNT (sizeof mitigations / sizeof mitigations[0])

const char *x64_mitigation_name(enum x64_mitigation mitigation)
{
    for (size_t i = 0; i < MITIGATION_COUNT; i++)
        if (mitigations[i].bit == mitigation)
            return mitigations[i].name;
    return NULL;
}

static const struct mitigation *find(const char *name, size_t length)
{
    for (size_t i = 0; i < MITIGATION_COUNT; i++)
        if (strlen(mitigations[i].name) == length && memcmp(mitigations[i].name, name, length) == 0)
            return &mitigations[i];
    return NULL;
}

enum x64_status x64_mitigations_parse(const char *list, unsigned *out, struct x64_error_text *error)
{
    if (!list || !out)
        return X64_ERROR_ARGUMENT;
    unsigned found = 0;
    if (strcmp(list, "none") == 0) {
        *out = 0;
        return X64_OK;
    }
    for (const char *at = list;;) {
        size_t length = strcspn(at, ",");
        const struct mitigation *mitigation = find(at, length);
        if (!mitigation)
            return x64i_refuse(error, X64_ERROR_ARGUMENT,
                               "unknown mitigation '%.*s': use none, or names of "
                               "pti,pcid,ibrs,retpoline,verw,bhb joined by commas",
                               length < 40 ? (int)length : 40, at);
        found |= mitigation->bit;
        if (at[length] == '\0')
            break;
        at += length + 1;
    }
    *out = found;
    return X64_OK;
}

enum x64_status x64i_mitigations_check(unsigned chosen, unsigned known, const char *kernel,
                                       const struct x64i_cpu_model *model,
                                       struct x64_error_text *error)
{
    for (size_t i = 0; i < MITIGATION_COUNT; i++) {
        const struct mitigation *mitigation = &mitigations[i];
        if (!(chosen & mitigation->bit))
            continue;
        if (!(known & mitigation->bit))
            return x64i_refuse(error, X64_ERROR_UNSUPPORTED,
                               "kernel %s does not know the mitigation %s: leave it out", kernel,
                               mitigation->name);
        bool present = mitigation->feature == X64I_FEATURE_BASE ||
                       x64i_cpu_model_has(model, mitigation->feature) ||
                       (mitigation->feature == X64I_FEATURE_IBRS &&
                        x64i_cpu_model_has(model, X64I_FEATURE_AMD_IBRS));
        if (!present)
            return x64i_refuse(error, X64_ERROR_UNSUPPORTED,
                               "CPU model %s has no %s, which the mitigation %s needs: choose "
                               "another model or leave it out",
                               model->name, mitigation->feature_name, mitigation->name);
    }
    return X64_OK;
}
