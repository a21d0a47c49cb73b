/* SPDX-License-Identifier: MIT */
/* Page faults: demand paging, the exception table, signals; the other exceptions. */
#include "kernel_model/fault.h"

#include "kernel_model/boot.h"
#include "kernel_model/kernel.h"
#include "kernel_model/signal.h"

#include <signal.h>
#include <stdio.h>

/* The signal of each exception from user mode (arch/x86/kernel/traps.c). */
static const uint8_t signals[32] = {
    [X64_FAULT_DE] = SIGFPE,  [X64_FAULT_DB] = SIGTRAP,
    [X64_FAULT_BP] = SIGTRAP, [X64_FAULT_OF] = SIGSEGV,
    [X64_FAULT_BR] = SIGSEGV, [X64_FAULT_UD] = SIGILL,
    [X64_FAULT_NM] = SIGSEGV, [9] = SIGFPE,
    [X64_FAULT_TS] = SIGSEGV, [X64_FAULT_NP] = SIGBUS,
    [X64_FAULT_SS] = SIGBUS,  [X64_FAULT_GP] = SIGSEGV,
    [X64_FAULT_PF] = SIGSEGV, [X64_FAULT_MF] = SIGFPE,
    [X64_FAULT_AC] = SIGBUS,  [X64_FAULT_XM] = SIGFPE,
};

#define SEGV_MAPERR_ 1
#define SEGV_ACCERR_ 2
#define SI_KERNEL_   128

/* si_code where it says more than that the kernel sent it; then si_addr is RIP. */
static const uint8_t codes[32] = {
    [X64_FAULT_DE] = 1, /* FPE_INTDIV */
    [X64_FAULT_DB] = 2, /* TRAP_TRACE */
    [X64_FAULT_UD] = 2, /* ILL_ILLOPN */
    [X64_FAULT_MF] = 7, /* FPE_FLTINV */
    [X64_FAULT_XM] = 7, [X64_FAULT_AC] = 1,
};

static uint64_t read_word(struct x64i_kernel *kernel, uint64_t linear)
{
    uint64_t value = 0;
    x64i_kernel_read(kernel, linear, &value, sizeof value);
    return value;
}

static uint64_t regs_word(struct x64i_kernel *kernel, uint64_t regs, enum x64i_pt_regs word)
{
    return read_word(kernel, regs + 8 * (uint64_t)word);
}

/* "0x401000 (main+0x10)", or the bare address. */
static void name_address(struct x64i_kernel *kernel, uint64_t linear, char *text, size_t size)
{
    const char *name;
    uint64_t offset;
    if (x64_symbol_at(kernel->machine, linear, &name, &offset) == X64_OK)
        (void)snprintf(text, size, "%#llx (%s+%#llx)", (unsigned long long)linear, name,
                       (unsigned long long)offset);
    else
        (void)snprintf(text, size, "%#llx", (unsigned long long)linear);
}

/* The exception table: pairs of offsets, each relative to itself. 0 when RIP is not in it. */
static uint64_t find_fixup(struct x64i_kernel *kernel, uint64_t regs)
{
    uint64_t rip = regs_word(kernel, regs, X64I_PT_IP);
    uint64_t at = x64i_kernel_symbol(kernel, "__start___ex_table");
    uint64_t end = x64i_kernel_symbol(kernel, "__stop___ex_table");
    for (; at && at + 8 <= end; at += 8) {
        int32_t offset[2];
        if (!x64i_kernel_read(kernel, at, offset, sizeof offset))
            return 0;
        if (at + (uint64_t)(int64_t)offset[0] == rip)
            return at + 4 + (uint64_t)(int64_t)offset[1];
    }
    return 0;
}

/* SYSENTER leaves TF set: then the kernel is stepped through until it clears TF for itself, which
 * pt_regs keeps for the way back (is_sysenter_singlestep in arch/x86/kernel/traps.c). */
static bool is_sysenter_singlestep(struct x64i_kernel *kernel, uint64_t regs)
{
    uint64_t start = x64i_kernel_symbol(kernel, "entry_SYSENTER_compat");
    uint64_t end = x64i_kernel_symbol(kernel, "__end_entry_SYSENTER_compat");
    return start < end && regs_word(kernel, regs, X64I_PT_IP) - start < end - start;
}

/* Nobody can handle it: the guest's kernel is broken. */
static void die(struct x64i_kernel *kernel, unsigned vector, uint64_t regs, uint64_t error_code,
                uint64_t linear)
{
    char where[96];
    uint64_t rip = regs_word(kernel, regs, X64I_PT_IP);
    name_address(kernel, rip, where, sizeof where);
    x64i_machine_log(kernel->machine, X64_LOG_ERROR,
                     "guest kernel fault at %s: %s, error code %#llx, address %#llx", where,
                     x64_fault_name((enum x64_fault)vector), (unsigned long long)error_code,
                     (unsigned long long)linear);
    struct x64_stop stop = {
        .reason = X64_STOP_FAULT, .fault = (enum x64_fault)vector, .rip = rip, .linear = linear};
    x64i_machine_end(kernel->machine, &stop);
}

/* Hands an exception to the program's handler, if it has one. */
static bool send(struct x64i_kernel *kernel, unsigned vector, uint64_t error_code, int signal,
                 const struct x64i_signal_info *info)
{
    kernel->task->fault_trap = vector;
    kernel->task->fault_error = error_code;
    kernel->task->fault_address = kernel->cpu->s.cr2;
    return x64i_signal_exception(kernel, signal, info);
}

static const char *access_name(uint64_t error_code)
{
    if (error_code & X64_PF_INSTRUCTION)
        return "execute";
    return error_code & X64_PF_WRITE ? "write" : "read";
}

static void page_fault(struct x64i_kernel *kernel, uint64_t regs, uint64_t error_code)
{
    char where[96];
    uint64_t linear = kernel->cpu->s.cr2;
    bool user = regs_word(kernel, regs, X64I_PT_CS) & 3;
    uint64_t fixup = user ? 0 : find_fixup(kernel, regs);
    enum x64i_mm_result result = X64I_MM_NO_AREA;
    if (user || fixup || kernel->task->fault_in.active)
        result = x64i_mm_touch(kernel, linear, (uint32_t)error_code);
    if (result == X64I_MM_DONE)
        return;
    if (!user) {
        kernel->task->fault_in.failed = 1;
        if (!fixup || !x64i_kernel_write(kernel, regs + 8 * X64I_PT_IP, &fixup, sizeof fixup))
            die(kernel, X64_FAULT_PF, regs, error_code, linear);
        return;
    }
    const struct x64i_signal_info info = {
        .code = result == X64I_MM_NO_AREA ? SEGV_MAPERR_ : SEGV_ACCERR_, .value = linear};
    if (result != X64I_MM_OUT_OF_MEMORY && send(kernel, X64_FAULT_PF, error_code, SIGSEGV, &info))
        return;
    name_address(kernel, regs_word(kernel, regs, X64I_PT_IP), where, sizeof where);
    if (result == X64I_MM_OUT_OF_MEMORY)
        x64i_task_kill(kernel, SIGKILL, "out of memory at %s: %llu KiB of RAM are in use", where,
                       (unsigned long long)kernel->layout.pages_used * X64I_PAGE_SIZE / 1024);
    else
        x64i_task_kill(kernel, SIGSEGV, "%s cannot %s %#llx: %s", where, access_name(error_code),
                       (unsigned long long)linear,
                       result == X64I_MM_NO_AREA ? "nothing is mapped there"
                                                 : "the mapping forbids it");
}

void x64i_exception_handle(struct x64i_kernel *kernel, unsigned vector, uint64_t regs,
                           uint64_t error_code)
{
    char where[96];
    uint64_t rip = regs_word(kernel, regs, X64I_PT_IP);
    bool user = regs_word(kernel, regs, X64I_PT_CS) & 3;
    if (vector == X64_FAULT_PF) {
        page_fault(kernel, regs, error_code);
        return;
    }
    if (vector == X64_FAULT_NMI)
        return;
    if (vector == X64_FAULT_DB && !user && is_sysenter_singlestep(kernel, regs))
        return;
    if (!x64_fault_has_error_code((enum x64_fault)vector))
        error_code = 0;
    if (!user || vector == X64_FAULT_DF || vector == X64_FAULT_MC || !signals[vector & 31]) {
        die(kernel, vector, regs, error_code, 0);
        return;
    }
    const struct x64i_signal_info info = {.code =
                                              codes[vector & 31] ? codes[vector & 31] : SI_KERNEL_,
                                          .value = codes[vector & 31] ? rip : 0};
    if (send(kernel, vector, error_code, signals[vector & 31], &info))
        return;
    name_address(kernel, rip, where, sizeof where);
    x64i_task_kill(kernel, signals[vector & 31], "%s at %s, error code %#llx",
                   x64_fault_name((enum x64_fault)vector), where, (unsigned long long)error_code);
}
