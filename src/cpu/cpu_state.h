/* SPDX-License-Identifier: MIT */
/*
 * The CPU's registers: region "cpu". Plain data without pointers; what can be derived from it is
 * kept in struct x64i_cpu instead. MSRs are the region "msr".
 */
#ifndef X64I_CPU_CPU_STATE_H
#define X64I_CPU_CPU_STATE_H

#include "x64emu/effects.h"

#include <stdint.h>

/* RFLAGS (SDM vol. 1, 3.4.3). */
#define X64I_CF            (1u << 0)
#define X64I_FLAG_ONE      (1u << 1)
#define X64I_PF            (1u << 2)
#define X64I_AF            (1u << 4)
#define X64I_ZF            (1u << 6)
#define X64I_SF            (1u << 7)
#define X64I_TF            (1u << 8)
#define X64I_IF            (1u << 9)
#define X64I_DF            (1u << 10)
#define X64I_OF            (1u << 11)
#define X64I_IOPL          (3u << 12)
#define X64I_NT            (1u << 14)
#define X64I_RF            (1u << 16)
#define X64I_VM            (1u << 17)
#define X64I_AC            (1u << 18)
#define X64I_VIF           (1u << 19)
#define X64I_VIP           (1u << 20)
#define X64I_ID            (1u << 21)
#define X64I_OSZAPC        (X64I_OF | X64I_SF | X64I_ZF | X64I_AF | X64I_PF | X64I_CF)
#define X64I_FLAGS_DEFINED 0x3f7fd5u /* every bit but the reserved ones */

/* CR0, CR4, EFER, XCR0 (SDM vol. 3A, 2.5, 2.2.1, 2.6). */
#define X64I_CR0_PE         (1ull << 0)
#define X64I_CR0_MP         (1ull << 1)
#define X64I_CR0_EM         (1ull << 2)
#define X64I_CR0_TS         (1ull << 3)
#define X64I_CR0_ET         (1ull << 4)
#define X64I_CR0_NE         (1ull << 5)
#define X64I_CR0_WP         (1ull << 16)
#define X64I_CR0_AM         (1ull << 18)
#define X64I_CR0_NW         (1ull << 29)
#define X64I_CR0_CD         (1ull << 30)
#define X64I_CR0_PG         (1ull << 31)
#define X64I_CR4_VME        (1ull << 0)
#define X64I_CR4_PVI        (1ull << 1)
#define X64I_CR4_TSD        (1ull << 2)
#define X64I_CR4_DE         (1ull << 3)
#define X64I_CR4_PSE        (1ull << 4)
#define X64I_CR4_PAE        (1ull << 5)
#define X64I_CR4_MCE        (1ull << 6)
#define X64I_CR4_PGE        (1ull << 7)
#define X64I_CR4_PCE        (1ull << 8)
#define X64I_CR4_OSFXSR     (1ull << 9)
#define X64I_CR4_OSXMMEXCPT (1ull << 10)
#define X64I_CR4_UMIP       (1ull << 11)
#define X64I_CR4_LA57       (1ull << 12)
#define X64I_CR4_FSGSBASE   (1ull << 16)
#define X64I_CR4_PCIDE      (1ull << 17)
#define X64I_CR4_OSXSAVE    (1ull << 18)
#define X64I_CR4_SMEP       (1ull << 20)
#define X64I_CR4_SMAP       (1ull << 21)
#define X64I_CR4_PKE        (1ull << 22)
#define X64I_EFER_SCE       (1ull << 0)
#define X64I_EFER_LME       (1ull << 8)
#define X64I_EFER_LMA       (1ull << 10)
#define X64I_EFER_NXE       (1ull << 11)

/* Segment attributes: bits 40-47 of the descriptor in bits 0-7, its bits 52-55 in bits 12-15.
 * All zero stands for a null, unusable segment. */
#define X64I_SEGMENT_TYPE     0x000fu
#define X64I_SEGMENT_ACCESSED 0x0001u
#define X64I_SEGMENT_WRITABLE 0x0002u /* data; readable for code */
#define X64I_SEGMENT_DOWN     0x0004u /* data: expands down; conforming for code */
#define X64I_SEGMENT_CODE     0x0008u
#define X64I_SEGMENT_S        0x0010u /* code or data, not a system descriptor */
#define X64I_SEGMENT_DPL      0x0060u
#define X64I_SEGMENT_PRESENT  0x0080u
#define X64I_SEGMENT_LONG     0x2000u /* L: 64-bit code */
#define X64I_SEGMENT_BIG      0x4000u /* D/B: 32-bit */
#define X64I_SEGMENT_GRANULAR 0x8000u

struct x64i_segment {
    uint16_t selector;
    uint16_t attributes;
    uint32_t limit; /* in bytes, granularity applied */
    uint64_t base;
};

struct x64i_table {
    uint64_t base;
    uint32_t limit; /* 16 bits are used */
    uint32_t reserved;
};

enum x64i_activity { X64I_ACTIVE, X64I_HALTED, X64I_WAITING /* MWAIT */, X64I_SHUTDOWN };

/* What blocks interrupts for one more instruction (SDM vol. 3A, 6.8.3). */
enum x64i_shadow { X64I_SHADOW_NONE, X64I_SHADOW_STI, X64I_SHADOW_MOV_SS };

struct x64i_vector {
    uint64_t lane[8]; /* XMM in 0-1, YMM in 0-3, ZMM in all */
};

struct x64i_cpu_state {
    uint64_t gpr[16];
    uint64_t rip;
    uint64_t rflags;
    struct x64i_segment segment[X64_SEGMENT_COUNT];
    struct x64i_table gdtr;
    struct x64i_table idtr;
    uint64_t cr0;
    uint64_t cr2;
    uint64_t cr3;
    uint64_t cr4;
    uint64_t cr8;
    uint64_t xcr0;
    uint64_t dr[8];         /* 4 and 5 are unused */
    uint64_t steps;         /* n: how many steps were made */
    uint64_t clock_skipped; /* TSC ticks passed over in HLT and MWAIT */
    uint64_t tsc_offset;    /* added by WRMSR to the TSC */
    uint64_t pending_debug; /* DR6 bits of a #DB trap to be delivered before the next instruction */
    uint64_t monitor_address; /* armed by MONITOR; physical; 0 when not armed */
    uint8_t cpl;
    uint8_t activity;    /* enum x64i_activity */
    uint8_t shadow;      /* enum x64i_shadow */
    uint8_t nmi_blocked; /* until IRET */
    uint8_t nmi_pending;
    uint8_t reserved[3];
    struct x64i_vector vector[32];
    uint64_t opmask[8];
    uint32_t mxcsr;
    uint16_t fpu_control;
    uint16_t fpu_status;
    uint16_t fpu_tag; /* two bits a register: 3 when it is empty, else 0 */
    uint16_t fpu_opcode;
    uint16_t fpu_code_segment;
    uint16_t fpu_data_segment;
    uint64_t fpu_instruction;
    uint64_t fpu_data;
    struct {
        uint64_t significand;
        uint64_t exponent_sign; /* 16 bits are used */
    } fpu[8];                   /* physical registers, not rotated by TOP */
    uint64_t pkru;              /* rights of protection keys, two bits each; 32 bits are used */
};

#endif
