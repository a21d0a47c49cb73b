/* SPDX-License-Identifier: MIT */
/*
 * The CPU: its registers, what is derived from them, and one step of the reference path. The
 * reference path is the plain truth: one instruction at a time, flags written at once, every effect
 * named while somebody watches.
 *
 *     while (x64i_cpu_step(cpu))           one step, whatever it is (enum x64_step_kind)
 *         look_at(&cpu->step);
 */
#ifndef X64I_CPU_CPU_H
#define X64I_CPU_CPU_H

#include "cpu/cpu_state.h"
#include "cpu/fast_op.h"
#include "cpu/op.h"
#include "mmu/mmu.h"
#include "msr/msr.h"

/* The devices as the CPU sees them; emu registers them. `now` is the guest clock in TSC ticks. */
struct x64i_cpu_callbacks {
    uint32_t (*port_read)(void *user, uint16_t port, unsigned size);
    void (*port_write)(void *user, uint16_t port, unsigned size, uint32_t value);
    /* Whether INTR is raised now; asked before every step with RFLAGS.IF set. */
    bool (*interrupt_pending)(void *user);
    /* The CPU sleeps: passes over time (s.clock_skipped) up to the next event that may raise INTR,
     * as a step of its own. False when there will be none. */
    bool (*sleep)(void *user);
    uint8_t (*interrupt_acknowledge)(void *user);
    /* The step before which a device wants to be asked again. */
    uint64_t (*deadline)(void *user);
    /* Random bytes from outside the machine; false when there are none now. */
    bool (*random)(void *user, void *bytes, size_t size);
    /* A native function of a kernel model (x64i_cpu_set_natives) stands at RIP. */
    enum x64i_result (*native)(void *user, uint32_t number);
    /* An instruction is about to fault with the #PF in cpu->exception: true to leave the step
     * unmade, with the state as it is. May be null. */
    bool (*page_fault)(void *user);
};

/* An exception on its way to the IDT. */
struct x64i_exception {
    uint8_t vector; /* enum x64_fault */
    bool has_error;
    uint32_t error_code;
    uint64_t cr2; /* #PF: the linear address */
    uint64_t dr6; /* #DB: the bits to set */
};

/* Addresses at which a native function runs instead of the guest's bytes, sorted. */
struct x64i_native {
    uint64_t linear;
    uint32_t number;
    uint32_t reserved;
};

/* A step that goes on, in a straight line, where the one before it ended: it starts no basic block.
 * Kept while somebody watches. */
struct x64i_straight {
    uint64_t step; /* its number */
    uint64_t rip;
};

struct x64i_watch;        /* watch.h */
struct x64i_decode_cache; /* decode.c: bytes already decoded */
struct x64i_engine;       /* engine.c: blocks of ops */
struct x64i_decoder;      /* decode.c: Zydis, set up for the CPU model */
struct x64i_fast_forms;   /* fast_forms.c: the engine's handlers */

struct x64i_cpu {
    struct x64i_cpu_state s; /* region "cpu" */
    struct x64i_msr_file msr;
    struct x64i_mmu mmu;
    const struct x64i_cpu_model *model;
    const struct x64i_cpu_callbacks *callbacks;
    void *callback_user;
    struct x64i_effect_list *effects; /* null when nobody watches; the same as mmu.effects */
    const struct x64i_watch *watch;   /* who watches runs of blocks; null for nobody */

    /* Of the step being made. */
    uint64_t next_rip;
    struct x64i_exception exception;
    bool unmade;         /* the step was left unmade: callbacks->page_fault said so */
    bool keep_rf;        /* IRET ... loaded RF itself */
    bool no_single_step; /* the instruction cancels the trap that RFLAGS.TF asked for */
    uint64_t debug_hits; /* DR6 bits of data breakpoints that this step touched */
    struct x64i_straight straight;
    uint16_t step_row;    /* of isa.def: the instruction executed; UINT16_MAX for none */
    uint8_t new_shadow;   /* enum x64i_shadow that this instruction leaves behind */
    struct x64_step step; /* what the last step was; effects point into `effects` */

    /* Derived: x64i_cpu_refresh. */
    uint8_t code_bits;   /* 64, 32 or 16 */
    uint8_t stack_bits;  /* 64, 32 or 16: SS.B outside 64-bit mode */
    bool simple_access;  /* 64-bit mode, and neither alignment nor data breakpoints are checked */
    bool align_check;    /* CR0.AM, RFLAGS.AC and CPL 3 */
    uint8_t breakpoints; /* DR7: bit i set when breakpoint i is enabled */
    uint8_t data_breakpoints; /* those of them that watch data */
    unsigned data_access;     /* X64I_ACCESS_USER or _SMAP_OFF for explicit data accesses now */

    const struct x64i_native *natives;
    size_t native_count;
    struct x64i_heap *heap; /* of the state */
    struct x64i_decoder *decoder;
    struct x64i_decode_cache *cache;
    struct x64i_fast fast;
    struct x64i_fast_forms *forms; /* made by the engine's first run, or shared */
    struct x64i_engine *engine;    /* allocated by its first run */
};

/* Sets up MMU, MSRs and registers in `state`, and the decoder. `cpu` must be zeroed, and must stay
 * at its address. x64i_cpu_destroy frees what init allocated. */
enum x64_status x64i_cpu_init(struct x64i_cpu *cpu, struct x64i_state *state,
                              const struct x64i_cpu_model *model, uint64_t ram_size);

/* The same for a fork of `original`: of its model and size; tables that never change are shared. */
enum x64_status x64i_cpu_init_like(struct x64i_cpu *cpu, struct x64i_state *state,
                                   const struct x64i_cpu *original);
void x64i_cpu_destroy(struct x64i_cpu *cpu);

/* Puts every register at its value after power-up (SDM vol. 3A, table 10-1), then into 64-bit mode
 * as a boot loader leaves it: paging on with `root` as CR3, flat segments, interrupts off. */
void x64i_cpu_reset_long_mode(struct x64i_cpu *cpu, uint64_t root);

/* Makes the best of registers and a TLB that come from a file, which may hold what no instruction
 * could have left: before x64i_cpu_refresh. MSRs may hold anything. */
void x64i_cpu_repair(struct x64i_cpu *cpu);

/* Computes all derived fields anew: after CR, EFER, CS, SS, CPL, RFLAGS.AC or DR7 changed, and
 * after a restore. */
void x64i_cpu_refresh(struct x64i_cpu *cpu);

/* Makes one step; cpu->step says what it was. False when none could be made: the CPU is shut down,
 * or sleeps with nothing that would wake it. */
bool x64i_cpu_step(struct x64i_cpu *cpu);

/* The guest clock in TSC ticks: steps times the model's rational, plus what HLT passed over. */
uint64_t x64i_cpu_clock(const struct x64i_cpu *cpu);

/* The table must stay valid and sorted by address; null for none. */
void x64i_cpu_set_natives(struct x64i_cpu *cpu, const struct x64i_native *natives, size_t count);

static inline bool x64i_cpu_has(const struct x64i_cpu *cpu, enum x64i_feature feature)
{
    return x64i_cpu_model_has(cpu->model, feature);
}

static inline uint64_t x64i_efer(const struct x64i_cpu *cpu)
{
    return cpu->msr.values.value[X64I_MSR_EFER];
}

/* Raise an exception from a handler: `return x64i_raise(cpu, X64_FAULT_UD);` */
static inline enum x64i_result x64i_raise(struct x64i_cpu *cpu, enum x64_fault fault)
{
    cpu->exception = (struct x64i_exception){.vector = (uint8_t)fault};
    return X64I_FAULT;
}

static inline enum x64i_result x64i_raise_error(struct x64i_cpu *cpu, enum x64_fault fault,
                                                uint32_t error_code)
{
    cpu->exception = (struct x64i_exception){
        .vector = (uint8_t)fault, .has_error = true, .error_code = error_code};
    return X64I_FAULT;
}

#endif
