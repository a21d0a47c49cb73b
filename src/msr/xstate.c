/* SPDX-License-Identifier: MIT */
#include "msr/xstate.h"

/* Intel keeps PKRU behind AVX-512's place, AMD right behind AVX. */
static const struct {
    uint8_t number;
    uint16_t size;
    uint16_t offset_intel;
    uint16_t offset_amd;
    uint16_t feature;
} rows[] = {
    {2, 256, 576, 576, X64I_FEATURE_AVX},
    {9, 8, 2688, 832, X64I_FEATURE_PKU},
};

#define ROWS (sizeof rows / sizeof rows[0])

bool x64i_xstate_at(const struct x64i_cpu_model *model, unsigned index, struct x64i_xstate *row)
{
    for (unsigned i = 0; i < ROWS; i++) {
        if (!x64i_cpu_model_has(model, rows[i].feature) || index-- > 0)
            continue;
        bool intel = model->vendor == X64I_VENDOR_INTEL;
        *row = (struct x64i_xstate){.number = rows[i].number,
                                    .size = rows[i].size,
                                    .offset = intel ? rows[i].offset_intel : rows[i].offset_amd};
        return true;
    }
    return false;
}

uint64_t x64i_xstate_supported(const struct x64i_cpu_model *model)
{
    uint64_t bits = X64I_XSTATE_X87 | X64I_XSTATE_SSE;
    struct x64i_xstate row;
    for (unsigned i = 0; x64i_xstate_at(model, i, &row); i++)
        bits |= UINT64_C(1) << row.number;
    return bits;
}

uint32_t x64i_xstate_area(const struct x64i_cpu_model *model, uint64_t components, bool compact)
{
    uint32_t end = X64I_XSAVE_BASE;
    struct x64i_xstate row;
    for (unsigned i = 0; x64i_xstate_at(model, i, &row); i++)
        if (components >> row.number & 1)
            end = (compact ? end : row.offset) + row.size;
    return end;
}
