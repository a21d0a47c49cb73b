/* SPDX-License-Identifier: MIT */
#include "timing/cores.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define X64I_FORM(form, uops, latency, held, ports) \
    {form, uops, latency, held, X64I_SOURCE_LLVM, ports},
#define X64I_FORM_FROM(form, uops, latency, held, ports, source) \
    {form, uops, latency, held, X64I_SOURCE_##source, ports},

static const struct x64i_form_row golden_cove_llvm[] = {
#include "timing/data/golden_cove.def"
};
static const struct x64i_form_row golden_cove_corrections[] = {
#include "timing/data/golden_cove_corrections.def"
};
static const struct x64i_form_row skylake_llvm[] = {
#include "timing/data/skylake.def"
};
static const struct x64i_form_row skylake_corrections[] = {
#include "timing/data/skylake_corrections.def"
};

#define X64I_SYSTEM(form, kind, cycles, source) \
    {form, X64I_SYSTEM_##kind, X64I_SOURCE_##source, cycles},

static const struct x64i_system_row golden_cove_system[] = {
#include "timing/data/golden_cove_system.def"
};
static const struct x64i_system_row skylake_system[] = {
#include "timing/data/skylake_system.def"
};

/* Measured on a Golden Cove core: REP MOVSB of 64 B, 1 KiB, 4 KiB; REP STOSQ of 4 KiB, the others
 * estimated from it. Ten cycles that rename takes to come back are not in them. */
static const struct x64i_repeat_point golden_cove_moves[] = {{64, 1}, {1024, 40}, {4096, 57}};
static const struct x64i_repeat_point golden_cove_stores[] = {{64, 1}, {1024, 40}, {4096, 88}};

static const struct x64i_core_model models[] = {
    {
        .name = "golden_cove",
        .shown = "golden_cove",
        .rows = {golden_cove_llvm, golden_cove_corrections},
        .row_counts = {COUNT(golden_cove_llvm), COUNT(golden_cove_corrections)},
        .cached_blocks = 512,
        .cached_uops = 8,
        .moves = golden_cove_moves,
        .move_count = COUNT(golden_cove_moves),
        .stores = golden_cove_stores,
        .store_count = COUNT(golden_cove_stores),
        .system = golden_cove_system,
        .system_count = COUNT(golden_cove_system),
        .caches = {{64, 12, 5}, {2048, 16, 16}, {65536, 16, 70}, {1, 1, 300}},
        .code_cache = {64, 8, 0},
        .code_ahead = 1,
        .data_tlb = {16, 6},
        .code_tlb = {32, 8},
        .second_tlb = {128, 16},
        .data_large_tlb = {8, 4},
        .code_large_tlb = {4, 8},
        .second_tlb_cycles = 7,
        .walk_overhead = 20, /* measured inside a virtual machine */
        .walk_cycles = 15,
        .page_update_cycles = 20,
        .exception_cycles = 250,
        .fetch_bytes = 32,
        .block_instructions = 8,
        .decoders = 6,
        .complex_uops = 4,
        .length_change = 3,
        .queue = 144,
        .front_depth = 4,
        .mispredict = 17,
        .mispredict_return = 9,
        .issue_width = 6,
        .retire_width = 8,
        .immediate_adds = 5,
        .held_offset = 1024,
        .eliminates_moves = true,
        .reorder_buffer = 512,
        .scheduler = 97,
        .load_buffer = 192,
        .store_buffer = 114,
        .load_ports = 0x80c,
        .store_address_ports = 0x180,
        .store_data_ports = 0x210,
        .simple_ports = 0x463,
        .load_latency = 5,
        .vector_load_latency = 6,
        .same_bank = 2,
        .lock = 18,
        .alias = 5,
        .page_split_rate = 3,
        .forward = 5,
        .forward_slow = 6,
        .forward_failed = 13,
        .renames_memory = true,
        .rename_spacing = 4,
        .rename_run = 8,
        .split_line = 6,
        .split_page = 20,
    },
    {
        .name = "skylake",
        .shown = "skylake",
        .rows = {skylake_llvm, skylake_corrections},
        .row_counts = {COUNT(skylake_llvm), COUNT(skylake_corrections)},
        .cached_blocks = 256,
        .cached_uops = 6,
        .moves = golden_cove_moves,
        .move_count = COUNT(golden_cove_moves),
        .stores = golden_cove_stores,
        .store_count = COUNT(golden_cove_stores),
        .system = skylake_system,
        .system_count = COUNT(skylake_system),
        .caches = {{64, 8, 5}, {1024, 4, 12}, {8192, 16, 42}, {1, 1, 250}},
        .code_cache = {64, 8, 0},
        .code_ahead = 1,
        .data_tlb = {16, 4},
        .code_tlb = {16, 8},
        .second_tlb = {128, 12},
        .data_large_tlb = {8, 4},
        .code_large_tlb = {1, 8},
        .second_tlb_cycles = 7,
        .walk_overhead = 14,
        .walk_cycles = 12,
        .page_update_cycles = 20,
        .exception_cycles = 250,
        .fetch_bytes = 16,
        .block_instructions = 6,
        .decoders = 4,
        .complex_uops = 4,
        .length_change = 3,
        .queue = 64,
        .front_depth = 4,
        .mispredict = 16,
        .issue_width = 4,
        .retire_width = 4,
        .immediate_adds = 0,
        .eliminates_moves = true,
        .reorder_buffer = 224,
        .scheduler = 97,
        .load_buffer = 72,
        .store_buffer = 56,
        .load_ports = 0x0c,
        .store_address_ports = 0x8c,
        .store_data_ports = 0x10,
        .simple_ports = 0x63,
        .load_latency = 5,
        .vector_load_latency = 6,
        .same_bank = 2,
        .lock = 17,
        .alias = 5,
        .page_split_rate = 3,
        .forward = 4,
        .forward_slow = 5,
        .forward_failed = 12,
        .split_line = 6,
        .split_page = 20,
    },
};

const struct x64i_core_model *x64i_core_model_at(size_t index)
{
    return index < COUNT(models) ? &models[index] : NULL;
}

const struct x64i_core_model *x64i_core_model_find(const char *name)
{
    for (size_t i = 0; i < COUNT(models); i++)
        if (strcmp(models[i].name, name) == 0)
            return &models[i];
    return NULL;
}
