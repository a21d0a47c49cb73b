/* SPDX-License-Identifier: MIT */
#include "msr/xstate.h"

/* Intel's offsets: each component has a place of its own, whatever else the CPU has (those of MPX
 * lie before the opmasks). AMD's follow one another without a gap. */
static const struct {
    uint8_t number;
    uint16_t size;
    uint16_t offset_intel;
    uint16_t feature;
} rows[] = {
    {2, 256, 576, X64I_FEATURE_AVX},      {5, 64, 1088, X64I_FEATURE_AVX512F},
    {6, 512, 1152, X64I_FEATURE_AVX512F}, {7, 1024, 1664, X64I_FEATURE_AVX512F},
    {9, 8, 2688, X64I_FEATURE_PKU},
};

#define ROWS (sizeof rows / sizeof rows[0])

bool x64i_xstate_at(const struct x64i_cpu_model *model, unsigned index, struct x64i_xstate *row)
{
    bool intel = model->vendor == X64I_VENDOR_INTEL;
    uint16_t end = X64I_XSAVE_BASE;
    for (unsigned i = 0; i < ROWS; i++) {
        if (!x64i_cpu_model_has(model, rows[i].feature))
            continue;
        uint16_t offset = intel ? rows[i].offset_intel : end;
        end = (uint16_t)(offset + rows[i].size);
        if (index-- > 0)
            continue;
        *row =
            (struct x64i_xstate){.number = rows[i].number, .size = rows[i].size, .offset = offset};
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
