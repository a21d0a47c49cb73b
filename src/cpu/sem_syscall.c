/* SPDX-License-Identifier: MIT */
/* The fast system calls and SWAPGS (SDM vol. 2B, each instruction's page; vol. 3A, 5.8.7 and
 * 5.8.8; APM vol. 3 where AMD's CPUs differ). Effects come in the order of the manual's lines. */
#include "cpu/exception.h"
#include "cpu/segment.h"
#include "cpu/sem.h"

/* The segments that these instructions make without reading a descriptor: flat, 4 GiB, accessed. */
#define FLAT_CODE_64   0xa09bu
#define FLAT_CODE_32   0xc09bu
#define FLAT_DATA      0xc093u
#define FLAT_DPL(ring) ((ring) << 5)

#define SYSRET_FLAGS 0x3c7fd7u /* all but RF, VM and the reserved bits */

static void set_flat_segment(struct x64i_cpu *cpu, enum x64_segment_register index,
                             unsigned selector, unsigned attributes)
{
    struct x64i_segment segment = {
        .selector = (uint16_t)selector, .attributes = (uint16_t)attributes, .limit = 0xffffffffu};
    x64i_set_segment(cpu, index, &segment);
}

static uint64_t msr(const struct x64i_cpu *cpu, enum x64i_msr which)
{
    return cpu->msr.values.value[which];
}

static void set_rip(struct x64i_cpu *cpu, uint64_t rip)
{
    x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_REGISTER,
                                                       .size = 8,
                                                       .index = X64_RIP,
                                                       .old = cpu->s.rip,
                                                       .value = rip});
    cpu->next_rip = rip;
}

/* After SYSCALL and SYSRET the single-step trap goes by the new TF, unlike after POPF and IRET. */
static void step_by_new_flags(struct x64i_cpu *cpu)
{
    cpu->no_single_step = true;
    if (cpu->s.rflags & X64I_TF)
        cpu->debug_hits |= X64I_DR6_BS;
}

/*
 * RCX := RIP; RIP := IA32_LSTAR; R11 := RFLAGS; RFLAGS := RFLAGS AND NOT IA32_FMASK;
 * CS := IA32_STAR[47:32], CPL := 0; SS := IA32_STAR[47:32] + 8
 */
static void enter_by_syscall(struct x64i_cpu *cpu, enum x64i_msr entry, uint32_t index)
{
    unsigned selector = msr(cpu, X64I_MSR_STAR) >> 32 & 0xfffc;
    uint64_t saved = cpu->s.rflags & ~(uint64_t)X64I_RF;
    x64i_set_gpr64(cpu, X64_RCX, cpu->next_rip);
    x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_MSR_READ,
                                                       .size = 8,
                                                       .index = index,
                                                       .value = msr(cpu, entry)});
    set_rip(cpu, msr(cpu, entry));
    x64i_set_gpr64(cpu, X64_R11, saved);
    x64i_set_rflags(cpu, (saved & ~msr(cpu, X64I_MSR_FMASK)) | X64I_FLAG_ONE);
    set_flat_segment(cpu, X64_CS, selector, FLAT_CODE_64);
    x64i_set_cpl(cpu, 0);
    set_flat_segment(cpu, X64_SS, selector + 8, FLAT_DATA);
    step_by_new_flags(cpu);
}

X64I_HANDLER(syscall)
{
    (void)op;
    bool compat = cpu->code_bits != 64;
    if (!(x64i_efer(cpu) & X64I_EFER_SCE) || !(x64i_efer(cpu) & X64I_EFER_LMA) ||
        (compat && !cpu->model->behaviour.syscall_in_compat))
        return x64i_raise(cpu, X64_FAULT_UD);
    if (compat)
        enter_by_syscall(cpu, X64I_MSR_CSTAR, 0xc0000083);
    else
        enter_by_syscall(cpu, X64I_MSR_LSTAR, 0xc0000082);
    return X64I_DONE;
}

/* The stack segment of SYSRET: AMD's CPUs take the selector alone and keep the hidden part. */
static void set_sysret_stack(struct x64i_cpu *cpu, unsigned selector)
{
    if (!cpu->model->behaviour.sysret_keeps_ss_attributes) {
        set_flat_segment(cpu, X64_SS, selector, FLAT_DATA | FLAT_DPL(3));
        return;
    }
    struct x64i_segment segment = cpu->s.segment[X64_SS];
    segment.selector = (uint16_t)selector;
    x64i_set_segment(cpu, X64_SS, &segment);
}

/*
 * 64-bit: RIP := RCX, CS := IA32_STAR[63:48] + 16; 32-bit: RIP := ECX, CS := IA32_STAR[63:48].
 * RFLAGS := R11; CPL := 3; SS := IA32_STAR[63:48] + 8
 */
static void return_by_sysret(struct x64i_cpu *cpu, bool wide)
{
    unsigned selector = msr(cpu, X64I_MSR_STAR) >> 48 & 0xffff;
    set_rip(cpu, wide ? cpu->s.gpr[X64_RCX] : cpu->s.gpr[X64_RCX] & 0xffffffffu);
    x64i_set_rflags(cpu, (cpu->s.gpr[X64_R11] & SYSRET_FLAGS) | X64I_FLAG_ONE);
    set_flat_segment(cpu, X64_CS, (wide ? selector + 16 : selector) | 3,
                     (wide ? FLAT_CODE_64 : FLAT_CODE_32) | FLAT_DPL(3));
    x64i_set_cpl(cpu, 3);
    set_sysret_stack(cpu, (selector + 8) | 3);
    step_by_new_flags(cpu);
}

X64I_HANDLER(sysret)
{
    const struct x64i_behaviour *behaviour = &cpu->model->behaviour;
    bool wide = (op->flags & X64I_OP_REX_W) && cpu->code_bits == 64;
    if (!(x64i_efer(cpu) & X64I_EFER_SCE) || !(x64i_efer(cpu) & X64I_EFER_LMA) ||
        (cpu->code_bits != 64 && !behaviour->syscall_in_compat))
        return x64i_raise(cpu, X64_FAULT_UD);
    if (cpu->s.cpl != 0)
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    /* Where the fault comes after the ring change, fetching at the new RIP raises it. */
    if (wide && !behaviour->sysret_faults_at_cpl3 && !x64i_is_canonical(cpu->s.gpr[X64_RCX]))
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    return_by_sysret(cpu, wide);
    return X64I_DONE;
}

static bool sysenter_exists(const struct x64i_cpu *cpu)
{
    return (x64i_efer(cpu) & X64I_EFER_LMA) && cpu->model->behaviour.sysenter_in_long_mode;
}

static bool sysenter_is_set_up(const struct x64i_cpu *cpu)
{
    return msr(cpu, X64I_MSR_SYSENTER_CS) & 0xfffc;
}

/* RFLAGS.VM, IF := 0; RSP := IA32_SYSENTER_ESP; RIP := IA32_SYSENTER_EIP;
 * CS := IA32_SYSENTER_CS, CPL := 0; SS := IA32_SYSENTER_CS + 8 */
X64I_HANDLER(sysenter)
{
    (void)op;
    if (!sysenter_exists(cpu))
        return x64i_raise(cpu, X64_FAULT_UD);
    if (!sysenter_is_set_up(cpu))
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    unsigned selector = msr(cpu, X64I_MSR_SYSENTER_CS) & 0xfffc;
    uint64_t rsp = msr(cpu, X64I_MSR_SYSENTER_ESP);
    x64i_set_rflags(cpu, cpu->s.rflags & ~(uint64_t)(X64I_VM | X64I_IF | X64I_RF));
    x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_STACK_SWITCH,
                                                       .size = 8,
                                                       .index = 8,
                                                       .old = cpu->s.gpr[X64_RSP],
                                                       .value = rsp});
    x64i_set_gpr64(cpu, X64_RSP, rsp);
    set_rip(cpu, msr(cpu, X64I_MSR_SYSENTER_EIP));
    set_flat_segment(cpu, X64_CS, selector, FLAT_CODE_64);
    x64i_set_cpl(cpu, 0);
    set_flat_segment(cpu, X64_SS, selector + 8, FLAT_DATA);
    return X64I_DONE;
}

/* 64-bit: CS := IA32_SYSENTER_CS + 32; 32-bit: + 16; SS := CS + 8; RSP := RCX; RIP := RDX */
X64I_HANDLER(sysexit)
{
    bool wide = (op->flags & X64I_OP_REX_W) && cpu->code_bits == 64;
    uint64_t rsp = cpu->s.gpr[X64_RCX];
    uint64_t rip = cpu->s.gpr[X64_RDX];
    if (!sysenter_exists(cpu))
        return x64i_raise(cpu, X64_FAULT_UD);
    if (!sysenter_is_set_up(cpu) || cpu->s.cpl != 0 ||
        (wide && (!x64i_is_canonical(rsp) || !x64i_is_canonical(rip))))
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    unsigned selector = (msr(cpu, X64I_MSR_SYSENTER_CS) & 0xfffc) + (wide ? 32 : 16);
    x64i_set_gpr(cpu, X64_RSP, rsp, wide ? 64 : 32);
    set_rip(cpu, wide ? rip : rip & 0xffffffffu);
    set_flat_segment(cpu, X64_CS, selector | 3, (wide ? FLAT_CODE_64 : FLAT_CODE_32) | FLAT_DPL(3));
    x64i_set_cpl(cpu, 3);
    set_flat_segment(cpu, X64_SS, (selector + 8) | 3, FLAT_DATA | FLAT_DPL(3));
    return X64I_DONE;
}

/* tmp := GS.base; GS.base := IA32_KERNEL_GS_BASE; IA32_KERNEL_GS_BASE := tmp */
X64I_HANDLER(swapgs)
{
    (void)op;
    if (cpu->code_bits != 64)
        return x64i_raise(cpu, X64_FAULT_UD);
    if (cpu->s.cpl != 0)
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    uint64_t *kernel = &cpu->msr.values.value[X64I_MSR_KERNEL_GS_BASE];
    uint64_t user = cpu->s.segment[X64_GS].base;
    uint64_t swapped = *kernel;
    x64i_set_segment_base(cpu, X64_GS, swapped);
    x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_MSR_WRITE,
                                                       .size = 8,
                                                       .index = 0xc0000102,
                                                       .old = swapped,
                                                       .value = user});
    *kernel = user;
    return X64I_DONE;
}
