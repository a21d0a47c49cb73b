/* SPDX-License-Identifier: MIT */
/*
 * Effects: the ordered list of everything that one step did. A step is one retired instruction, one
 * iteration of a REP string instruction, one faulting instruction with the delivery of its
 * exception, one interrupt delivery, one sleep up to the next event, or one native function of a
 * kernel model. Text, jsonl, the viewer, gdb and the cycle model all read this one list.
 *
 *     struct x64_step step;
 *     if (x64_step_observed(machine, &step) == X64_OK)
 *         for (size_t i = 0; i < step.effect_count; i++)
 *             show(&step.effects[i]);
 */
#ifndef X64EMU_EFFECTS_H
#define X64EMU_EFFECTS_H

#include "x64emu/fault.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum x64_effect_kind {
    X64_EFFECT_REGISTER,     /* index: enum x64_register; old, value; size in bytes as written */
    X64_EFFECT_MEMORY_READ,  /* linear, physical, size; value */
    X64_EFFECT_MEMORY_WRITE, /* linear, physical, size; old, value */
    X64_EFFECT_SEGMENT,      /* index: enum x64_segment_register; old, value: selectors */
    X64_EFFECT_SEGMENT_BASE, /* index: enum x64_segment_register; old, value: hidden bases */
    X64_EFFECT_CONTROL,      /* index: 0, 2, 3, 4, 8 or X64_CONTROL_XCR0; old, value */
    X64_EFFECT_DEBUG,        /* index: 0-3, 6, 7; old, value */
    X64_EFFECT_MSR_READ,     /* index: MSR number; value */
    X64_EFFECT_MSR_WRITE,    /* index: MSR number; old, value */
    X64_EFFECT_TABLE,        /* index: 0 GDTR, 1 IDTR, 2 LDTR, 3 TR; old, value: bases */
    X64_EFFECT_CPL,          /* old, value: privilege levels */
    X64_EFFECT_PAGE_WALK,    /* one paging-structure read: linear: what is translated, index: level
                                4..1, physical: the entry's address, value: the entry */
    X64_EFFECT_PAGE_UPDATE,  /* accessed/dirty set: as PAGE_WALK, with old and value */
    X64_EFFECT_TLB_FILL,     /* linear, physical: page bases, size: log2 of the page, index: PCID */
    X64_EFFECT_TLB_FLUSH,    /* linear: page or 0, index: PCID, value: enum x64_tlb_flush */
    X64_EFFECT_PORT_READ,    /* index: port, size; value */
    X64_EFFECT_PORT_WRITE,   /* index: port, size; value */
    X64_EFFECT_EXCEPTION,    /* index: vector; value: error code; linear: CR2 for #PF */
    X64_EFFECT_INTERRUPT,    /* index: vector; external or by INT n (value: 1 for INT n) */
    X64_EFFECT_STACK_SWITCH, /* old, value: RSP; index: IST slot 1-7, 0 TSS.RSPn, 8 by SYSENTER */
    X64_EFFECT_VECTOR,       /* index: register 0-31, size 16/32/64; old, value: low 64 bits */
    X64_EFFECT_NATIVE,       /* a kernel model's function ran here; index: its number */
    X64_EFFECT_X87,          /* index: physical register 0-7; old, value: significands */
    X64_EFFECT_KIND_COUNT
};

/* Numbers of registers in effects and in the register functions. 0-15 are the encoding's. */
enum x64_register {
    X64_RAX,
    X64_RCX,
    X64_RDX,
    X64_RBX,
    X64_RSP,
    X64_RBP,
    X64_RSI,
    X64_RDI,
    X64_R8,
    X64_R9,
    X64_R10,
    X64_R11,
    X64_R12,
    X64_R13,
    X64_R14,
    X64_R15,
    X64_RIP,
    X64_RFLAGS,
    X64_MXCSR,
    X64_K0, /* AVX-512's opmasks, to X64_K7 */
    X64_K1,
    X64_K2,
    X64_K3,
    X64_K4,
    X64_K5,
    X64_K6,
    X64_K7,
    X64_REGISTER_COUNT
};

/* Segment registers in the encoding's order, then the two system ones. */
enum x64_segment_register {
    X64_ES,
    X64_CS,
    X64_SS,
    X64_DS,
    X64_FS,
    X64_GS,
    X64_LDTR,
    X64_TR,
    X64_SEGMENT_COUNT
};

enum x64_tlb_flush {
    X64_FLUSH_PAGE,          /* INVLPG, or INVPCID type 0 */
    X64_FLUSH_PCID,          /* all of one PCID but global pages */
    X64_FLUSH_ALL,           /* every PCID, global pages too */
    X64_FLUSH_ALL_BUT_GLOBAL /* every PCID but global pages */
};

#define X64_CONTROL_XCR0 16

struct x64_effect {
    uint8_t kind; /* enum x64_effect_kind */
    uint8_t size; /* bytes, where a size makes sense */
    uint16_t reserved;
    uint32_t index;
    uint64_t linear;
    uint64_t physical;
    uint64_t old;
    uint64_t value;
};

enum x64_step_kind {
    X64_STEP_INSTRUCTION, /* retired */
    X64_STEP_REPEAT,      /* one iteration of a REP instruction that is not its last */
    X64_STEP_FAULT,       /* did not retire: an exception was delivered instead */
    X64_STEP_INTERRUPT,   /* an external interrupt or NMI was delivered, nothing executed */
    X64_STEP_NATIVE,      /* a kernel model's native function stood at this address */
    X64_STEP_SLEEP        /* halted: time passed up to the next event that may wake the CPU */
};

/* What one step did. Pointers stay valid until the machine steps again. */
struct x64_step {
    uint64_t number;   /* n: steps before this one since the machine was created */
    uint64_t rip;      /* before the step */
    uint8_t kind;      /* enum x64_step_kind */
    uint8_t cpl;       /* before the step */
    uint8_t code_bits; /* 64, 32 or 16: the mode the bytes were decoded in */
    uint8_t length;    /* bytes of the instruction, 0 where it could not be fetched */
    uint8_t bytes[15]; /* zeroes behind the instruction */
    const struct x64_effect *effects;
    size_t effect_count;
    bool truncated; /* there were more effects than the list holds */
};

/* "rax", "rip" ...; null for a number out of range. Static text. */
X64_API const char *x64_register_name(enum x64_register reg);

/* "cs", "ldtr" ...; null for a number out of range. Static text. */
X64_API const char *x64_segment_name(enum x64_segment_register segment);

#ifdef __cplusplus
}
#endif

#endif
