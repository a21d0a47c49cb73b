/* SPDX-License-Identifier: MIT */
/*
 * The core: an out-of-order machine as a scoreboard. Instructions come in program order, and for
 * each micro-op the scoreboard computes once when it is renamed, executed, done and retired.
 * Nothing runs a cycle at a time.
 *
 *     decoders -> queue -> rename (6 a cycle) -> ports -> done -> retirement (8 a cycle)
 */
#ifndef X64I_TIMING_CORE_H
#define X64I_TIMING_CORE_H

#include "timing/entries.h"
#include "timing/frontend.h"
#include "timing/memory.h"
#include "timing/ports.h"

/* What an instruction waited for most. */
enum x64i_wait {
    X64I_WAIT_NONE,
    X64I_WAIT_FRONT_END,
    X64I_WAIT_WIDTH, /* of rename or retirement */
    X64I_WAIT_BUFFERS,
    X64I_WAIT_DEPENDENCY,
    X64I_WAIT_PORT,
    X64I_WAIT_CACHE,
    X64I_WAIT_TLB,
    X64I_WAIT_FORWARD,
    X64I_WAIT_MISPREDICT,
    X64I_WAIT_SERIALISE,
    X64I_WAIT_MICROCODE,
    X64I_WAIT_COUNT
};

/* What became of one micro-op, for timelines. */
struct x64i_uop_times {
    uint64_t decoded, renamed, ready, started, done;
    uint8_t port; /* X64I_PORT_MAX: none */
    uint8_t kind;
    uint8_t waited;    /* enum x64i_wait: for a load, what kept it beyond its latency */
    uint32_t number;   /* of the micro-op, from 1 on, and of the one whose result came last */
    uint32_t producer; /* 0: it waited for none */
};

struct x64i_instruction_times {
    uint64_t retired;
    uint8_t wait; /* enum x64i_wait */
    uint8_t uop_count;
    struct x64i_uop_times uops[X64I_PLAN_UOPS];
};

/* What micro-ops wait for: a register, a flag ... */
struct x64i_core_value {
    uint64_t ready; /* when it is there */
    uint32_t maker; /* the micro-op that makes it; 0: none */
};

/* Plain data: copying it is saving it. */
struct x64i_core {
    const struct x64i_core_model *model;
    struct x64i_frontend frontend;
    struct x64i_ports ports;
    struct x64i_memory memory;
    struct x64i_core_value values[X64I_VALUE_COUNT];
    uint32_t uops; /* so far */
    uint8_t fpu_top;
    uint64_t renamed; /* cycle of the last rename, and how many slots it took */
    uint32_t rename_used, adds_used;
    uint64_t retired;
    uint32_t retire_used;
    struct x64i_entries reorder_buffer, load_buffer; /* freed by retirement */
    struct x64i_entries store_buffer;                /* freed when the L1 has the store */
    int32_t stack_offset;                            /* of the stack engine */
    int32_t offset[16]; /* additions of immediates that rename holds for each register */
    uint64_t divider[X64I_PORT_MAX]; /* when the divider at each port is free again */
    uint64_t locked;                 /* no load starts before: the last locked instruction's end */
    uint64_t last_renamable;         /* address of the last load that memory renaming might serve */
    uint32_t dense;                  /* how many in a row stood too close together */
    uint64_t branch_done;            /* of the last branch */
    uint64_t fusible;                /* address behind an instruction that a jump may fuse with */
    uint8_t fusion;                  /* enum x64i_fusion: which */
    struct x64i_uop_times last;      /* the last micro-op of that one */
    uint8_t barrier_wait;            /* enum x64i_wait: what the barrier stands for */
    uint64_t barrier;                /* nothing is renamed before: serialisation */
};

struct x64i_accesses {
    const struct x64i_touch *reads, *writes;
    size_t read_count, write_count;
    uint32_t fetch_extra; /* cycles that translating and fetching the code adds */
    uint32_t extra;       /* the most that an access of a system instruction adds */
};

void x64i_core_init(struct x64i_core *core, const struct x64i_core_model *model);

/* The branch just executed, a return or another, went elsewhere than predicted: what follows is
 * fetched anew. */
void x64i_core_mispredicted(struct x64i_core *core, bool ret);

/* Nothing of what follows is renamed before all that came before has retired, and `cycles` more. */
uint64_t x64i_core_drain(struct x64i_core *core, uint32_t cycles);

/* A repeated string instruction that has moved so many bytes has ended. */
uint64_t x64i_core_repeat(struct x64i_core *core, const struct x64i_plan *plan, uint64_t bytes);

/* Takes in one instruction; `times` may be null. Answers the cycle in which it retired. */
uint64_t x64i_core_execute(struct x64i_core *core, const struct x64i_plan *plan, uint64_t rip,
                           const struct x64i_accesses *accesses,
                           struct x64i_instruction_times *times);

#endif
