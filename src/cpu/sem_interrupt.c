/* SPDX-License-Identifier: MIT */
/* INT n, INT3, INTO, INT1, IRET, CLI, STI and HLT (SDM vol. 2A and 2B, each instruction's page;
 * vol. 3A, 6.8 and 6.14). */
#include "cpu/exception.h"
#include "cpu/far_return.h"
#include "cpu/sem.h"

X64I_HANDLER(int_n)
{
    return x64i_software_interrupt(cpu, X64I_SOFTWARE_INT_N, (uint8_t)op->immediate);
}

X64I_HANDLER(int3)
{
    (void)op;
    return x64i_software_interrupt(cpu, X64I_SOFTWARE_INT3, 0);
}

X64I_HANDLER(int1)
{
    (void)op;
    return x64i_software_interrupt(cpu, X64I_SOFTWARE_INT1, 0);
}

/* IF OF = 1 THEN #OF */
X64I_HANDLER(into)
{
    (void)op;
    if (!(cpu->s.rflags & X64I_OF))
        return X64I_DONE;
    return x64i_software_interrupt(cpu, X64I_SOFTWARE_INTO, 0);
}

/* Which flags IRET takes from its frame: by the privilege before the return and the width. */
static uint64_t loadable_flags(const struct x64i_cpu *cpu, unsigned width)
{
    uint64_t mask = X64I_OSZAPC | X64I_TF | X64I_DF | X64I_NT;
    unsigned iopl = (cpu->s.rflags & X64I_IOPL) >> 12;
    if (width > 16)
        mask |= X64I_RF | X64I_AC | X64I_ID;
    if (cpu->s.cpl <= iopl)
        mask |= X64I_IF;
    if (cpu->s.cpl == 0)
        mask |= X64I_IOPL | (width > 16 ? X64I_VIF | X64I_VIP : 0);
    return mask;
}

/* In 64-bit mode RSP and SS are popped at any privilege; elsewhere only on a return outward. */
static enum x64i_result interrupt_return(struct x64i_cpu *cpu, unsigned width)
{
    unsigned size = width / 8;
    uint64_t frame[5];
    struct x64i_far_return to = {0};
    cpu->s.nmi_blocked = 0; /* even when IRET faults: SDM vol. 3A, 6.7.1 */
    if (cpu->s.rflags & X64I_NT)
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    const unsigned slot = x64i_selector_slot(cpu, size);
    /* The order of processors: flags, CS, RIP; SS, RSP. */
    if (x64i_far_return_peek(cpu, 2 * size, size, 1, frame + 2) != X64I_DONE ||
        x64i_far_return_peek(cpu, size, slot, 1, frame + 1) != X64I_DONE ||
        x64i_far_return_peek(cpu, 0, size, 1, frame) != X64I_DONE)
        return X64I_FAULT;
    bool ahead = cpu->model->behaviour.far_return_reads_ahead && cpu->code_bits == 64;
    if ((ahead && x64i_far_return_peek_outer(cpu, 3 * size, size, frame + 3) != X64I_DONE) ||
        x64i_far_return_code(cpu, (uint16_t)frame[1], &to) != X64I_DONE ||
        (ahead && x64i_far_return_check_rip(cpu, frame[0], &to) != X64I_DONE))
        return X64I_FAULT;
    if (cpu->code_bits == 64 || to.cpl > cpu->s.cpl) {
        if (x64i_far_return_peek(cpu, 4 * size, slot, 1, frame + 4) != X64I_DONE ||
            x64i_far_return_peek(cpu, 3 * size, size, 1, frame + 3) != X64I_DONE ||
            x64i_far_return_stack(cpu, (uint16_t)frame[4], frame[3], &to) != X64I_DONE)
            return X64I_FAULT;
    }
    if (x64i_far_return_rip(cpu, frame[0], &to) != X64I_DONE)
        return X64I_FAULT;
    uint64_t mask = loadable_flags(cpu, width);
    x64i_set_rflags(cpu, (cpu->s.rflags & ~mask) | (frame[2] & mask));
    if (!to.has_stack)
        x64i_add_rsp(cpu, 3 * size);
    x64i_far_return_commit(cpu, &to);
    cpu->keep_rf = width > 16;
    return X64I_DONE;
}

X64I_HANDLER(iret)
{
    (void)op;
    return interrupt_return(cpu, 16);
}

X64I_HANDLER(iretd)
{
    (void)op;
    return interrupt_return(cpu, 32);
}

X64I_HANDLER(iretq)
{
    (void)op;
    return interrupt_return(cpu, 64);
}

static bool io_privileged(const struct x64i_cpu *cpu)
{
    return cpu->s.cpl <= (cpu->s.rflags & X64I_IOPL) >> 12;
}

/* Protected-mode virtual interrupts: VIF stands for IF at CPL 3 (SDM vol. 3B, 20.4). */
static bool has_virtual_flag(const struct x64i_cpu *cpu)
{
    return (cpu->s.cr4 & X64I_CR4_PVI) && cpu->s.cpl == 3;
}

X64I_HANDLER(cli)
{
    (void)op;
    if (io_privileged(cpu))
        x64i_set_flags(cpu, X64I_IF, 0);
    else if (has_virtual_flag(cpu))
        x64i_set_flags(cpu, X64I_VIF, 0);
    else
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    return X64I_DONE;
}

/* Where STI opens interrupts, they are still off for the next instruction. */
X64I_HANDLER(sti)
{
    (void)op;
    if (io_privileged(cpu)) {
        if (!(cpu->s.rflags & X64I_IF))
            cpu->new_shadow = X64I_SHADOW_STI;
        x64i_set_flags(cpu, X64I_IF, X64I_IF);
    } else if (has_virtual_flag(cpu) && !(cpu->s.rflags & X64I_VIP)) {
        x64i_set_flags(cpu, X64I_VIF, X64I_VIF);
    } else {
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    }
    return X64I_DONE;
}

X64I_HANDLER(hlt)
{
    (void)op;
    if (cpu->s.cpl != 0)
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    cpu->s.activity = X64I_HALTED;
    return X64I_DONE;
}

/* This machine never enters system-management mode. */
X64I_HANDLER(rsm)
{
    (void)op;
    return x64i_raise(cpu, X64_FAULT_UD);
}
