/* SPDX-License-Identifier: MIT */
/*
 * Putting programs into an address space: for the machine's own program, and for execve.
 */
#ifndef X64I_KERNEL_MODEL_EXEC_H
#define X64I_KERNEL_MODEL_EXEC_H

#include "kernel_model/elf.h"
#include "kernel_model/kernel.h"

#define X64I_ELF_HEAD      4096u                 /* bytes in which the headers must lie */
#define X64I_ARGUMENTS_MAX (UINT64_C(128) << 10) /* bytes of strings and vectors */

struct x64i_loaded {
    struct x64i_elf elf;
    uint32_t file; /* open file + 1, or 0: the machine's program */
};

/* "#!INTERPRETER [ARGUMENT]" (fs/binfmt_script.c). */
#define X64I_SCRIPT_LINE 256u

struct x64i_script {
    char line[X64I_SCRIPT_LINE];
    const char *interpreter; /* into the line; "" when it names none */
    const char *argument;    /* or null */
};

/* False: the file does not begin as a script does. */
bool x64i_script_read(struct x64i_script *script, const void *bytes, size_t size);

/* Starts the machine's program, a script, as execve would; the address space is empty. */
enum x64_status x64i_exec_script(struct x64i_kernel *kernel, const char *path,
                                 const char *const *argv, const char *const *envp,
                                 struct x64_error_text *error);

/* Reads the headers of an open file. */
enum x64_status x64i_exec_read_head(struct x64i_kernel *kernel, struct x64i_loaded *loaded,
                                    const char *path, struct x64_error_text *error);

/* Opens the interpreter of that name, of `size` bytes with its zero; the caller drops its file. */
enum x64_status x64i_exec_open_interpreter(struct x64i_kernel *kernel, const char *name,
                                           uint64_t size, const char *path, bool compat,
                                           struct x64i_loaded *interpreter,
                                           struct x64_error_text *error);

/* Fills the present address space, which is empty: areas, heap, stack. `interpreter` may be null.
 */
enum x64_status x64i_exec_map(struct x64i_kernel *kernel, struct x64i_loaded *program,
                              struct x64i_loaded *interpreter, const char *path,
                              const char *const *argv, const char *const *envp,
                              struct x64_error_text *error);

#endif
