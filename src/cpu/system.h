/* SPDX-License-Identifier: MIT */
/*
 * What the system instructions share: the check of the privilege level and stores to control
 * registers. A store names its effect and refreshes what is derived; it makes no checks.
 */
#ifndef X64I_CPU_SYSTEM_H
#define X64I_CPU_SYSTEM_H

#include "cpu/sem.h"

/* #GP(0), the answer to most misuses. */
static inline enum x64i_result x64i_raise_gp0(struct x64i_cpu *cpu)
{
    return x64i_raise_error(cpu, X64_FAULT_GP, 0);
}

/* Instructions for CPL 0 only (SDM vol. 3A, 5.9): #GP(0) elsewhere. */
static inline enum x64i_result x64i_require_cpl0(struct x64i_cpu *cpu)
{
    return cpu->s.cpl == 0 ? X64I_DONE : x64i_raise_gp0(cpu);
}

/* The width of operands that are as wide as the mode: MOV to CR, INVPCID. */
static inline unsigned x64i_mode_width(const struct x64i_cpu *cpu)
{
    return cpu->code_bits == 64 ? 64 : 32;
}

/* Names the store to a control register: `index` is 0, 2, 3, 4, 8 or X64_CONTROL_XCR0. */
static inline void x64i_set_control(struct x64i_cpu *cpu, unsigned index, uint64_t *field,
                                    uint64_t value)
{
    x64i_effects_add(
        cpu->effects,
        (struct x64_effect){
            .kind = X64_EFFECT_CONTROL, .size = 8, .index = index, .old = *field, .value = value});
    *field = value;
    x64i_cpu_refresh(cpu);
}

/* Stores PKRU, which the page walk asks. */
void x64i_set_pkru(struct x64i_cpu *cpu, uint32_t value);

/* The state components that are not in their initial state: the manual's XINUSE. */
uint64_t x64i_xsave_in_use(const struct x64i_cpu *cpu);

/* A component's registers, other than x87's and XMM, as their bytes in an XSAVE area (at most
 * X64I_XSTATE_PART_MAX); `number` is its bit in XCR0. The first returns how many bytes the mode
 * that the CPU is in has, the second takes them. */
unsigned x64i_xsave_fill(const struct x64i_cpu *cpu, unsigned number, uint8_t *bytes);
void x64i_xsave_take(struct x64i_cpu *cpu, unsigned number, const uint8_t *bytes);

#endif
