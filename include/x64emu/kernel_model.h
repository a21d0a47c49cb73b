/* SPDX-License-Identifier: MIT */
/*
 * Kernel models: what stands behind SYSCALL. A built-in entry image of an era of Linux, or a stock
 * kernel's own bytes, with the mini-kernel answering at the table dispatch; and names for what a
 * trace shows: symbols, stacks, slots of pt_regs, per-CPU variables, fields of the TSS.
 *
 *     struct x64_kernel_config kernel = {.struct_size = sizeof kernel, .entry = "6.1"};
 *     kernel.program = "/usr/bin/busybox";
 *     if (x64_kernel_attach(machine, &kernel, &error) != X64_OK)
 *         fprintf(stderr, "%s\n", error.text);
 *     x64_run(machine, UINT64_MAX, &stop);
 *
 * Hooks (hooks.h) may call everything here but x64_kernel_attach, which answers X64_ERROR_STATE
 * from there. Functions without a machine may be called from any thread.
 */
#ifndef X64EMU_KERNEL_MODEL_H
#define X64EMU_KERNEL_MODEL_H

#include "x64emu/machine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A sentence that says what was refused, where, and what to do. */
struct x64_error_text {
    char text[320];
};

enum x64_mitigation {
    X64_MITIGATION_PTI = 1 << 0,
    X64_MITIGATION_PCID = 1 << 1,
    X64_MITIGATION_IBRS = 1 << 2,
    X64_MITIGATION_RETPOLINE = 1 << 3,
    X64_MITIGATION_VERW = 1 << 4,
    X64_MITIGATION_BHB = 1 << 5
};

struct x64_kernel_config {
    size_t struct_size;
    const char *entry;       /* name of a built-in era; default "6.1" when no kernel is given */
    const char *kernel;      /* path of a vmlinuz or vmlinux; excludes `entry` */
    unsigned mitigations;    /* enum x64_mitigation, or'ed */
    const char *program;     /* path of an ELF file or of a script; null for the built-in demo */
    const char *const *argv; /* null-terminated, argv[0] included; null: just the program */
    const char *const *envp; /* null-terminated; null: empty */
    /* What the guest sees of the host's files. Null: the program, its interpreter and libraries
     * (/lib, /lib64, /usr/lib, /etc/ld.so.cache). What it writes stays in the machine's state. */
    const char *root;         /* a directory that is the guest's "/", read-only */
    const char *const *binds; /* null-terminated: "HOST:GUEST" or "HOST:GUEST:rw" */
    unsigned terminals;       /* bit i: the guest's stream i is a terminal */
    unsigned task_limit;      /* tasks at the same time; 0: 256 */
    uint64_t output_limit;    /* bytes on streams 1 and 2 after which the guest is ended; 0: none */
};

struct x64_era {
    const char *name;
    const char *description; /* one line of history */
    unsigned mitigations;    /* those it knows */
};

/* The index-th built-in era, or null behind the last. It lives as long as the program. May be
 * called from hooks. */
X64_API const struct x64_era *x64_era_at(size_t index);

/* "none" or names joined by commas: pti,pcid,ibrs,retpoline,verw,bhb. X64_ERROR_ARGUMENT, with a
 * sentence, for anything else; `error` may be null. x64_mitigation_name answers the name of one of
 * them, null for other values. May be called from hooks. */
X64_API enum x64_status x64_mitigations_parse(const char *list, unsigned *mitigations,
                                              struct x64_error_text *error);
X64_API const char *x64_mitigation_name(enum x64_mitigation mitigation);

/*
 * Loads a kernel and a program into a fresh machine and sets the CPU to the kernel's first
 * instruction (arch/x86/kernel/head_64.S, startup_64). The machine owns the kernel model; strings
 * of the configuration are needed for the call alone. `error` may be null.
 *
 * X64_ERROR_STATE from hooks, and nothing has changed then. On all other failures, which `error`
 * explains, the machine can only be destroyed: X64_ERROR_ARGUMENT, X64_ERROR_NOT_FOUND (no such
 * era), X64_ERROR_IO, X64_ERROR_FORMAT, X64_ERROR_UNSUPPORTED, X64_ERROR_EXISTS (it has a kernel),
 * X64_ERROR_LIMIT, X64_ERROR_MEMORY.
 */
X64_API enum x64_status x64_kernel_attach(struct x64_machine *machine,
                                          const struct x64_kernel_config *config,
                                          struct x64_error_text *error);

/* The symbol at or before `linear` within its section: name and distance in bytes; x64_symbol_find
 * goes from the name to the linear address. X64_ERROR_ARGUMENT, X64_ERROR_NOT_FOUND when there is
 * none. The name stays valid as long as the machine. May be called from hooks. */
X64_API enum x64_status x64_symbol_at(struct x64_machine *machine, uint64_t linear,
                                      const char **name, uint64_t *offset);
X64_API enum x64_status x64_symbol_find(struct x64_machine *machine, const char *name,
                                        uint64_t *linear);

enum x64_stack { X64_STACK_NONE, X64_STACK_USER, X64_STACK_ENTRY, X64_STACK_KERNEL, X64_STACK_IST };

/* Which stack a stack pointer points into; X64_STACK_NONE without a kernel model. May be called
 * from hooks. */
X64_API enum x64_stack x64_stack_of(struct x64_machine *machine, uint64_t rsp);

/* What lies at a linear address: "pt_regs.ss", "cpu_tss_rw.sp2", "cpu_current_top_of_stack" ...
 * Answers the length written to `name` without its terminating zero, 0 when it has no name or
 * `size` bytes do not hold it. May be called from hooks. */
X64_API size_t x64_slot_name(struct x64_machine *machine, uint64_t linear, char *name, size_t size);

/* The system call that a native step answered, for traces: strace-like text of call and result.
 * Answers the length without the terminating zero, 0 when the last step was none. May be called
 * from hooks, where the last step is the one that they are told of. */
X64_API size_t x64_syscall_text(struct x64_machine *machine, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
