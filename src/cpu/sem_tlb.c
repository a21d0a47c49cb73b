/* SPDX-License-Identifier: MIT */
/*
 * Invalidation of translations and caches, serialization, and waiting on an address (SDM vol. 2,
 * INVLPG, INVPCID, INVD, WBINVD, MONITOR, MWAIT; vol. 3A, 4.10.4.1 and 8.10).
 */
#include "cpu/system.h"

#define MWAIT_BREAK_MASKED 1u /* ECX: interrupts end the wait although RFLAGS.IF is clear */

/* The linear address of the memory operand without its checks; false when it is not canonical. */
static bool operand_linear(const struct x64i_cpu *cpu, const struct x64i_op *op, uint64_t *linear)
{
    uint64_t offset = x64i_effective(cpu, op);
    uint64_t base = cpu->s.segment[op->segment].base;
    if (cpu->code_bits != 64) {
        *linear = (offset + base) & 0xffffffffu;
        return true;
    }
    bool has_base = op->segment == X64_FS || op->segment == X64_GS;
    *linear = has_base ? offset + base : offset;
    return x64i_is_canonical(*linear);
}

/* A non-canonical address invalidates nothing and raises nothing. */
X64I_HANDLER(invlpg)
{
    uint64_t linear;
    if (x64i_require_cpl0(cpu) != X64I_DONE)
        return X64I_FAULT;
    if (operand_linear(cpu, op, &linear))
        x64i_mmu_invalidate_page(&cpu->mmu, linear, cpu->mmu.paging.pcid);
    return X64I_DONE;
}

enum invpcid_type { INVPCID_ADDRESS, INVPCID_CONTEXT, INVPCID_ALL, INVPCID_ALL_BUT_GLOBAL };

/* The descriptor is PCID in bits 11:0, zeroes up to 63, then the linear address. */
static bool invpcid_is_valid(const struct x64i_cpu *cpu, uint64_t type,
                             const uint64_t descriptor[2])
{
    if (type > INVPCID_ALL_BUT_GLOBAL || descriptor[0] >> 12)
        return false;
    if (type <= INVPCID_CONTEXT && descriptor[0] != 0 && !(cpu->s.cr4 & X64I_CR4_PCIDE))
        return false;
    return type != INVPCID_ADDRESS || x64i_is_canonical(descriptor[1]);
}

X64I_HANDLER(invpcid)
{
    uint64_t descriptor[2];
    if (x64i_require_cpl0(cpu) != X64I_DONE ||
        x64i_load_bytes(cpu, op->segment, x64i_effective(cpu, op), sizeof descriptor, descriptor) !=
            X64I_DONE)
        return X64I_FAULT;
    uint64_t type = x64i_gpr(cpu, op->destination, x64i_mode_width(cpu));
    if (!invpcid_is_valid(cpu, type, descriptor))
        return x64i_raise_gp0(cpu);
    uint16_t pcid = (uint16_t)descriptor[0];
    switch (type) {
    case INVPCID_ADDRESS:
        x64i_mmu_invalidate_page_of_pcid(&cpu->mmu, descriptor[1], pcid);
        break;
    case INVPCID_CONTEXT:
        x64i_mmu_flush(&cpu->mmu, X64_FLUSH_PCID, pcid);
        break;
    case INVPCID_ALL:
        x64i_mmu_flush(&cpu->mmu, X64_FLUSH_ALL, 0);
        break;
    default:
        x64i_mmu_flush(&cpu->mmu, X64_FLUSH_ALL_BUT_GLOBAL, 0);
        break;
    }
    return X64I_DONE;
}

/* INVD, WBINVD, WBNOINVD: memory has no caches here. */
X64I_HANDLER(write_back_caches)
{
    (void)op;
    return x64i_require_cpl0(cpu);
}

/* Every instruction is complete before the next one. */
X64I_HANDLER(serialize)
{
    (void)cpu;
    (void)op;
    return X64I_DONE;
}

/* Arms the monitor at DS:RAX, which is checked like a load of one byte. ECX takes no extensions. */
X64I_HANDLER(monitor)
{
    if (cpu->s.cpl != 0)
        return x64i_raise(cpu, X64_FAULT_UD);
    if (x64i_gpr(cpu, X64_RCX, 32) != 0)
        return x64i_raise_gp0(cpu);
    uint64_t offset = x64i_gpr(cpu, X64_RAX, x64i_address_width(op));
    uint64_t linear;
    uint64_t physical;
    uint32_t error;
    if (x64i_linear(cpu, op->segment, offset, 1, X64I_ACCESS_READ, &linear) != X64I_DONE)
        return X64I_FAULT;
    if (!x64i_mmu_translate(&cpu->mmu, linear, cpu->data_access, &physical, &error))
        return x64i_raise_page_fault(cpu, linear, error);
    cpu->s.monitor_address = physical;
    return X64I_DONE;
}

/* Waits for an interrupt when the monitor is armed. With interrupts masked the wait passes at
 * once, as the manual's "implementation-dependent" events allow: with ECX[0] set a masked interrupt
 * would end it, and without one nothing would. */
X64I_HANDLER(mwait)
{
    (void)op;
    if (cpu->s.cpl != 0)
        return x64i_raise(cpu, X64_FAULT_UD);
    if (x64i_gpr(cpu, X64_RCX, 32) & ~(uint64_t)MWAIT_BREAK_MASKED)
        return x64i_raise_gp0(cpu);
    if (cpu->s.monitor_address != 0 && (cpu->s.rflags & X64I_IF))
        cpu->s.activity = X64I_WAITING;
    cpu->s.monitor_address = 0;
    return X64I_DONE;
}
