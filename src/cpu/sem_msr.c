/* SPDX-License-Identifier: MIT */
/* Model-specific registers, the time stamp, CPUID, XCR0 and the bases of FS and GS (SDM vol. 2,
 * each instruction's page). */
#include "cpu/segment.h"
#include "cpu/system.h"
#include "msr/xstate.h"

#define CPUID_EXTENDED_VERSION 0x80000001u
#define CPUID_SYSCALL          (1u << 11) /* EDX */

/* EDX:EAX := value, both registers cleared above bit 31. */
static void set_edx_eax(struct x64i_cpu *cpu, uint64_t value)
{
    x64i_set_gpr(cpu, X64_RAX, value, 32);
    x64i_set_gpr(cpu, X64_RDX, value >> 32, 32);
}

static uint64_t edx_eax(const struct x64i_cpu *cpu)
{
    return x64i_gpr(cpu, X64_RDX, 32) << 32 | x64i_gpr(cpu, X64_RAX, 32);
}

/* EDX:EAX := MSR[ECX] */
X64I_HANDLER(rdmsr)
{
    (void)op;
    uint32_t index = (uint32_t)cpu->s.gpr[X64_RCX];
    uint64_t value;
    if (x64i_require_cpl0(cpu) != X64I_DONE)
        return X64I_FAULT;
    if (!x64i_msr_read(&cpu->msr, index, &value))
        return x64i_raise_gp0(cpu);
    x64i_effects_add(
        cpu->effects,
        (struct x64_effect){
            .kind = X64_EFFECT_MSR_READ, .size = 8, .index = index, .old = value, .value = value});
    set_edx_eax(cpu, value);
    return X64I_DONE;
}

/* MSR[ECX] := EDX:EAX */
X64I_HANDLER(wrmsr)
{
    (void)op;
    uint32_t index = (uint32_t)cpu->s.gpr[X64_RCX];
    uint64_t value = edx_eax(cpu);
    uint64_t old = 0;
    if (x64i_require_cpl0(cpu) != X64I_DONE)
        return X64I_FAULT;
    (void)x64i_msr_read(&cpu->msr, index, &old); /* a register for commands has no old value */
    if (!x64i_msr_write(&cpu->msr, index, value))
        return x64i_raise_gp0(cpu);
    x64i_effects_add(
        cpu->effects,
        (struct x64_effect){
            .kind = X64_EFFECT_MSR_WRITE, .size = 8, .index = index, .old = old, .value = value});
    return X64I_DONE;
}

static enum x64i_result read_time_stamp(struct x64i_cpu *cpu)
{
    uint64_t tsc = 0;
    if ((cpu->s.cr4 & X64I_CR4_TSD) && cpu->s.cpl != 0)
        return x64i_raise_gp0(cpu);
    (void)x64i_msr_read(&cpu->msr, x64i_msr_row(X64I_MSR_TSC)->index, &tsc);
    set_edx_eax(cpu, tsc);
    return X64I_DONE;
}

/* EDX:EAX := time stamp; CR4.TSD keeps it to CPL 0. */
X64I_HANDLER(rdtsc)
{
    (void)op;
    return read_time_stamp(cpu);
}

/* As RDTSC, and ECX := TSC_AUX */
X64I_HANDLER(rdtscp)
{
    (void)op;
    if (read_time_stamp(cpu) != X64I_DONE)
        return X64I_FAULT;
    x64i_set_gpr(cpu, X64_RCX, cpu->msr.values.value[X64I_MSR_TSC_AUX], 32);
    return X64I_DONE;
}

/* No model has performance counters: at CPL 0, or with CR4.PCE, ECX names none; without, the
 * instruction is not allowed at all. Either way #GP(0). */
X64I_HANDLER(rdpmc)
{
    (void)op;
    return x64i_raise_gp0(cpu);
}

/* DEST := TSC_AUX */
X64I_INLINE enum x64i_result rdpid(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned width)
{
    x64i_set_gpr(cpu, op->destination, cpu->msr.values.value[X64I_MSR_TSC_AUX], width);
    return X64I_DONE;
}

/* Intel shows SYSCALL in 64-bit mode only, where alone it has the instruction. */
X64I_HANDLER(read_cpuid)
{
    (void)op;
    uint32_t leaf = (uint32_t)cpu->s.gpr[X64_RAX];
    uint32_t r[4];
    x64i_cpuid(cpu->model, leaf, (uint32_t)cpu->s.gpr[X64_RCX], cpu->s.cr4, cpu->s.xcr0, r);
    if (leaf == CPUID_EXTENDED_VERSION && cpu->code_bits != 64 &&
        !cpu->model->behaviour.syscall_in_compat)
        r[3] &= ~CPUID_SYSCALL;
    x64i_set_gpr(cpu, X64_RAX, r[0], 32);
    x64i_set_gpr(cpu, X64_RBX, r[1], 32);
    x64i_set_gpr(cpu, X64_RCX, r[2], 32);
    x64i_set_gpr(cpu, X64_RDX, r[3], 32);
    return X64I_DONE;
}

/* EDX:EAX := XCR[ECX]; XCR1 tells which components of XCR0 are in use (SDM vol. 1, 13.2). */
X64I_HANDLER(xgetbv)
{
    (void)op;
    if (!(cpu->s.cr4 & X64I_CR4_OSXSAVE))
        return x64i_raise(cpu, X64_FAULT_UD);
    uint64_t which = x64i_gpr(cpu, X64_RCX, 32);
    if (which > 1 || (which == 1 && !x64i_cpu_has(cpu, X64I_FEATURE_XGETBV1)))
        return x64i_raise_gp0(cpu);
    set_edx_eax(cpu, cpu->s.xcr0 & (which ? x64i_xsave_in_use(cpu) : ~0ull));
    return X64I_DONE;
}

/* XCR[ECX] := EDX:EAX. The x87 bit is always set, AVX wants SSE, AVX-512 is all of its three and
 * wants AVX (SDM vol. 1, 13.3), and all must be those that CPUID.0DH lists. */
static bool xcr0_is_valid(const struct x64i_cpu *cpu, uint64_t value)
{
    uint64_t avx512 = value & X64I_XSTATE_AVX512;
    return (value & X64I_XSTATE_X87) && !(value & ~x64i_xstate_supported(cpu->model)) &&
           (!(value & X64I_XSTATE_AVX) || (value & X64I_XSTATE_SSE)) &&
           (avx512 == 0 || (avx512 == X64I_XSTATE_AVX512 && (value & X64I_XSTATE_AVX)));
}

X64I_HANDLER(xsetbv)
{
    (void)op;
    uint64_t value = edx_eax(cpu);
    if (!(cpu->s.cr4 & X64I_CR4_OSXSAVE))
        return x64i_raise(cpu, X64_FAULT_UD);
    if (x64i_require_cpl0(cpu) != X64I_DONE)
        return X64I_FAULT;
    if (x64i_gpr(cpu, X64_RCX, 32) != 0 || !xcr0_is_valid(cpu, value))
        return x64i_raise_gp0(cpu);
    x64i_set_control(cpu, X64_CONTROL_XCR0, &cpu->s.xcr0, value);
    return X64I_DONE;
}

static bool may_use_bases(const struct x64i_cpu *cpu)
{
    return cpu->code_bits == 64 && (cpu->s.cr4 & X64I_CR4_FSGSBASE);
}

/* DEST := FS.base or GS.base */
X64I_INLINE enum x64i_result read_base(struct x64i_cpu *cpu, const struct x64i_op *op,
                                       enum x64_segment_register segment, unsigned width)
{
    if (!may_use_bases(cpu))
        return x64i_raise(cpu, X64_FAULT_UD);
    x64i_set_gpr(cpu, op->destination, cpu->s.segment[segment].base, width);
    return X64I_DONE;
}

/* FS.base or GS.base := SRC, which must be canonical. */
X64I_INLINE enum x64i_result write_base(struct x64i_cpu *cpu, const struct x64i_op *op,
                                        enum x64_segment_register segment, unsigned width)
{
    uint64_t base = x64i_gpr(cpu, op->destination, width);
    if (!may_use_bases(cpu))
        return x64i_raise(cpu, X64_FAULT_UD);
    if (!x64i_is_canonical(base))
        return x64i_raise_gp0(cpu);
    x64i_set_segment_base(cpu, segment, base);
    return X64I_DONE;
}

#define REGISTER_HANDLERS_AT(ignored, W)       \
    X64I_HANDLER(rdpid_##W)                    \
    {                                          \
        return rdpid(cpu, op, W);              \
    }                                          \
    X64I_HANDLER(rdfsbase_##W)                 \
    {                                          \
        return read_base(cpu, op, X64_FS, W);  \
    }                                          \
    X64I_HANDLER(rdgsbase_##W)                 \
    {                                          \
        return read_base(cpu, op, X64_GS, W);  \
    }                                          \
    X64I_HANDLER(wrfsbase_##W)                 \
    {                                          \
        return write_base(cpu, op, X64_FS, W); \
    }                                          \
    X64I_HANDLER(wrgsbase_##W)                 \
    {                                          \
        return write_base(cpu, op, X64_GS, W); \
    }
REGISTER_HANDLERS_AT(-, 32)
REGISTER_HANDLERS_AT(-, 64)
