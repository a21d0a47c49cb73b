/* SPDX-License-Identifier: MIT */
/*
 * Cores as data: the sizes and delays of each mechanism, a row of cores.c per core, and the table
 * of its instructions. A third core is another row.
 */
#ifndef X64I_TIMING_CORES_H
#define X64I_TIMING_CORES_H

#include "timing/system.h"
#include "timing/table.h"

#include <stdbool.h>

#define X64I_PORT_MAX  12
#define X64I_LEVEL_MAX 4 /* L1, L2, L3, memory */

struct x64i_cache_shape {
    uint32_t sets, ways; /* sets: a power of two, here and in TLBs */
    uint32_t latency;    /* cycles of a load that finds its line here */
};

struct x64i_tlb_shape {
    uint32_t sets, ways; /* at most X64I_TLB_MOST_SETS, X64I_TLB_MOST_WAYS (tlb.h) */
};

struct x64i_core_model {
    const char *name;  /* as in --core */
    const char *shown; /* whose figures these are */
    const struct x64i_form_row *rows[2];
    size_t row_counts[2];
    const struct x64i_system_row *system;
    size_t system_count;
    const struct x64i_repeat_point *moves, *stores; /* REP MOVS, REP STOS */
    size_t move_count, store_count;

    /* Front end. */
    uint8_t fetch_bytes;        /* an aligned block of so many bytes, a power of two, is decoded a
                                 * cycle */
    uint8_t block_instructions; /* of one block a cycle */
    uint8_t decoders;           /* micro-ops a cycle; only the first decoder makes several of one */
    uint8_t complex_uops;       /* that the first decoder makes at most, and microcode each cycle */
    uint8_t length_change;      /* cycles that a length-changing prefix costs */
    uint16_t cached_blocks;     /* blocks of code whose micro-ops the micro-op cache holds, a power
                                 * of two */
    uint8_t cached_uops;        /* micro-ops a cycle from there */
    uint8_t queue;              /* micro-ops between decoders and rename */
    uint8_t front_depth;        /* cycles from decoding to rename */
    uint8_t mispredict;         /* cycles from a branch's execution to the rename of its target */
    uint8_t mispredict_return;  /* more of them after a return */
    uint16_t loop_buffer;       /* micro-ops of a loop that is renamed from the queue; 0: none */

    /* Rename and retirement. */
    uint8_t issue_width, retire_width;
    uint8_t immediate_adds; /* additions of an immediate done by rename each cycle; 0: none */
    int32_t held_offset;    /* the sums of such additions that rename can hold */
    bool eliminates_moves;  /* of general registers */
    uint16_t reorder_buffer, scheduler;
    uint16_t load_buffer, store_buffer; /* 0: without limit */

    /* Ports: bit masks. */
    uint16_t load_ports, store_address_ports, store_data_ports;
    uint16_t simple_ports; /* additions */

    /* Memory. */
    uint8_t load_latency, vector_load_latency;
    uint8_t same_bank;       /* loads of one bank (address bits 5:2) a cycle, at most 7 */
    uint8_t lock;            /* cycles from a locked load to the next load */
    uint8_t alias;           /* more cycles of a load behind a store of the same low 12 bits */
    uint8_t page_split_rate; /* cycles between loads that cross pages */
    uint8_t forward;         /* cycles from a store's data to the load that takes it over */
    uint8_t forward_slow;    /* the same for vectors and operations on memory */
    uint8_t forward_failed;  /* cycles from the store's commit to a load that overlaps in part */
    bool renames_memory;     /* a load by the same address expression takes the store's register */
    uint8_t rename_spacing;  /* bytes of code between such loads: after rename_run loads in a row
                              * that  are closer, none is served */
    uint8_t rename_run;
    uint8_t split_line, split_page; /* more cycles */
    struct x64i_cache_shape caches[X64I_LEVEL_MAX];
    struct x64i_cache_shape code_cache; /* L1 for code: latency is that of its next level's row */
    uint8_t code_ahead;                 /* lines that are fetched behind one that was missing */
    struct x64i_tlb_shape data_tlb, code_tlb, second_tlb;
    struct x64i_tlb_shape data_large_tlb, code_large_tlb; /* pages of 2 MiB and more */
    uint16_t second_tlb_cycles;                           /* of a hit there */
    uint16_t walk_overhead;      /* of a walk besides the reading of its entries */
    uint16_t walk_cycles;        /* reading entries whose addresses are not known */
    uint16_t page_update_cycles; /* of setting an accessed or dirty bit */
    uint16_t exception_cycles;   /* of delivering an exception or interrupt */
};

const struct x64i_core_model *x64i_core_model_find(const char *name);
const struct x64i_core_model *x64i_core_model_at(size_t index);

#endif
