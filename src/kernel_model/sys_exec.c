/* SPDX-License-Identifier: MIT */
/* execve (fs/exec.c): ELF programs and scripts. */
#include "kernel_model/boot.h"
#include "kernel_model/exec.h"
#include "kernel_model/fpu.h"
#include "kernel_model/mm_pages.h"
#include "kernel_model/open_file.h"
#include "kernel_model/path.h"
#include "kernel_model/syscall.h"
#include "kernel_model/task_switch.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRINGS_MAX   4096u
#define SCRIPT_LEVELS 4u
#define AT_EMPTY_     0x1000

/* Strings of argv or envp, copied. */
struct strings {
    char *bytes;
    size_t used;
    const char **list;
    size_t count;
};

struct arguments {
    struct strings argv, envp;
    char file[X64I_USER_PATH]; /* as it was asked for: the task's name and AT_EXECFN */
    char path[X64I_USER_PATH]; /* the same, or a script's interpreter */
};

static void free_strings(struct strings *strings)
{
    free(strings->bytes);
    free(strings->list);
}

static void free_arguments(struct arguments *arguments)
{
    if (arguments) {
        free_strings(&arguments->argv);
        free_strings(&arguments->envp);
    }
    free(arguments);
}

static bool prepare(struct strings *strings)
{
    strings->bytes = malloc(X64I_ARGUMENTS_MAX);
    strings->list = calloc(STRINGS_MAX + SCRIPT_LEVELS * 2 + 1, sizeof *strings->list);
    return strings->bytes && strings->list;
}

static int64_t copy_strings(struct x64i_kernel *kernel, uint64_t vector, struct strings *strings)
{
    for (uint64_t at = vector; vector; at += sizeof(uint64_t)) {
        uint64_t pointer;
        int64_t length = x64i_user_readable(kernel, at, sizeof pointer);
        if (length)
            return length;
        x64i_user_read(kernel, at, &pointer, sizeof pointer);
        if (!pointer)
            break;
        if (strings->count == STRINGS_MAX || strings->used == X64I_ARGUMENTS_MAX)
            return -E2BIG;
        char *to = strings->bytes + strings->used;
        length = x64i_user_string(kernel, pointer, to, X64I_ARGUMENTS_MAX - strings->used);
        if (length < 0)
            return length == -ENAMETOOLONG ? -E2BIG : length;
        strings->list[strings->count++] = to;
        strings->used += (size_t)length + 1;
    }
    return 0;
}

/* Puts a copy of a string in front of argv. */
static bool put_first(struct strings *strings, const char *string)
{
    size_t size = strlen(string) + 1;
    if (size > X64I_ARGUMENTS_MAX - strings->used || strings->count >= STRINGS_MAX)
        return false;
    char *to = strings->bytes + strings->used;
    memcpy(to, string, size);
    strings->used += size;
    memmove(strings->list + 1, strings->list, strings->count * sizeof *strings->list);
    strings->list[0] = to;
    strings->count++;
    return true;
}

/* Opens a file to be executed; answers its number, or a negative errno. */
static int64_t open_program(struct x64i_kernel *kernel, int dfd, const char *path)
{
    struct x64i_node node;
    int64_t result = x64i_vfs_walk(kernel, dfd, path, true, &node);
    if (result)
        return result;
    if (!x64i_node_is(&node, X64I_S_IFREG) || !(node.stat.mode & 0111))
        return -EACCES;
    result = x64i_vfs_open(kernel, &node, 0);
    if (result < 0)
        return result;
    x64i_file_hold(kernel, (uint32_t)result + 1);
    return result + 1;
}

bool x64i_script_read(struct x64i_script *script, const void *bytes, size_t size)
{
    const size_t room = sizeof script->line - 1;
    *script = (struct x64i_script){0};
    if (size < 2 || memcmp(bytes, "#!", 2) != 0)
        return false;
    memcpy(script->line, (const char *)bytes + 2, size - 2 < room ? size - 2 : room);
    script->line[strcspn(script->line, "\n")] = '\0';
    char *name = script->line + strspn(script->line, " \t");
    size_t length = strcspn(name, " \t");
    char *argument = name + length + strspn(name + length, " \t");
    bool separate = argument != name + length;
    name[length] = '\0';
    for (size_t last = strlen(argument); last && isspace((unsigned char)argument[last - 1]); last--)
        argument[last - 1] = '\0';
    script->interpreter = name;
    script->argument = separate && argument[0] ? argument : NULL;
    return true;
}

/* The first argument gives way to the interpreter, its argument and the script's path. */
static int64_t expand_script(const struct x64i_script *script, struct arguments *arguments)
{
    if (!script->interpreter[0])
        return -ENOEXEC;
    if (arguments->argv.count > 0) {
        memmove(arguments->argv.list, arguments->argv.list + 1,
                arguments->argv.count * sizeof *arguments->argv.list);
        arguments->argv.count--;
    }
    if (!put_first(&arguments->argv, arguments->path) ||
        (script->argument && !put_first(&arguments->argv, script->argument)) ||
        !put_first(&arguments->argv, script->interpreter))
        return -E2BIG;
    (void)snprintf(arguments->path, sizeof arguments->path, "%s", script->interpreter);
    return 0;
}

/* Follows scripts to the program that interprets them. Answers its number. */
static int64_t resolve(struct x64i_kernel *kernel, int dfd, struct arguments *arguments)
{
    memcpy(arguments->path, arguments->file, sizeof arguments->path);
    for (unsigned level = 0; level <= SCRIPT_LEVELS; level++) {
        struct x64i_script script;
        char line[X64I_SCRIPT_LINE];
        int64_t number = open_program(kernel, dfd, arguments->path);
        if (number < 0)
            return number;
        int64_t given = x64i_file_pread(kernel, (uint32_t)number - 1, 0, line, sizeof line);
        if (given < 0 || !x64i_script_read(&script, line, (size_t)given))
            return number;
        x64i_file_drop(kernel, (uint32_t)number);
        int64_t bad = expand_script(&script, arguments);
        if (bad)
            return bad;
        dfd = X64I_AT_FDCWD;
    }
    return -ELOOP;
}

static int64_t to_errno(enum x64_status status)
{
    switch (status) {
    case X64_OK:
        return 0;
    case X64_ERROR_NOT_FOUND:
        return -ENOENT;
    case X64_ERROR_MEMORY:
        return -ENOMEM;
    case X64_ERROR_IO:
        return -EIO;
    default:
        return -ENOEXEC;
    }
}

static int64_t open_interpreter(struct x64i_kernel *kernel, uint32_t number,
                                const struct x64i_loaded *program, const char *path,
                                struct x64i_loaded *interpreter)
{
    char name[X64I_PATH_SIZE + 1] = {0};
    const struct x64i_elf *elf = &program->elf;
    if (!elf->interpreter_size)
        return 0;
    if (x64i_file_pread(kernel, number - 1, elf->interpreter_offset, name,
                        (size_t)elf->interpreter_size) != (int64_t)elf->interpreter_size)
        return -EIO;
    return to_errno(x64i_exec_open_interpreter(kernel, name, elf->interpreter_size, path, false,
                                               interpreter, NULL));
}

/* A program's own address space: emptied, or a new one where it was shared (vfork). */
static bool renew_mm(struct x64i_kernel *kernel)
{
    uint32_t index;
    uint32_t old = kernel->schedule.mm;
    if (kernel->schedule.mm_users[old] == 1)
        return x64i_mm_unmap(kernel, 0, kernel->mm.limit) == 0;
    if (!x64i_mm_make(kernel, &index))
        return false;
    x64i_mm_use(kernel, index);
    x64i_mm_release(kernel, old);
    kernel->process->mm = index;
    return true;
}

static void reset_cpu(struct x64i_kernel *kernel)
{
    x64i_fpu_reset(kernel->cpu);
    kernel->cpu->s.segment[X64_FS].base = 0;
    kernel->cpu->msr.values.value[X64I_MSR_KERNEL_GS_BASE] = 0;
}

static void reset_task(struct x64i_kernel *kernel, const struct x64i_loaded *program,
                       const char *path)
{
    struct x64i_task *task = kernel->task;
    struct x64i_process *process = kernel->process;
    const uint64_t ignore = 1;
    const char *slash = strrchr(path, '/');
    for (unsigned i = 0; i < X64I_SIGNALS; i++) {
        uint64_t handler = kernel->signals->action[i].handler;
        memset(&kernel->signals->action[i], 0, sizeof kernel->signals->action[i]);
        kernel->signals->action[i].handler = handler == ignore ? ignore : 0;
    }
    memset(process->posix_timer, 0, sizeof process->posix_timer);
    task->alternate_stack = task->alternate_size = 0;
    task->clear_child_tid = task->robust_list = task->rseq = 0;
    process->program = program->file == 0;
    (void)snprintf(task->name, sizeof task->name, "%.15s", slash ? slash + 1 : path);
    x64i_files_close_on_exec(kernel);
    if (task->vfork_parent)
        x64i_task_event(kernel);
    task->vfork_parent = 0;
}

/* From here on there is no way back: what fails ends the process. */
static int64_t commit(struct x64i_kernel *kernel, struct x64i_loaded *program,
                      struct x64i_loaded *interpreter, const struct arguments *arguments,
                      const char *file_path)
{
    struct x64_error_text error = {{0}};
    if (kernel->process->threads > 1)
        x64i_task_end_others(kernel);
    if (!renew_mm(kernel))
        return -ENOMEM;
    (void)snprintf(kernel->process->path, X64I_PATH_SIZE, "%s", file_path);
    reset_task(kernel, program, arguments->file);
    enum x64_status status =
        x64i_exec_map(kernel, program, interpreter->file ? interpreter : NULL, arguments->file,
                      arguments->argv.list, arguments->envp.list, &error);
    if (status != X64_OK) {
        x64i_task_kill(kernel, SIGKILL, "execve: %s", error.text);
        return X64I_NO_RESULT;
    }
    const uint64_t regs[X64I_PT_REGS] = {
        [X64I_PT_ORIG_AX] = UINT64_MAX,  [X64I_PT_IP] = kernel->mm.entry,
        [X64I_PT_CS] = X64I_USER_CS,     [X64I_PT_FLAGS] = X64I_IF | X64I_FLAG_ONE,
        [X64I_PT_SP] = kernel->mm.stack, [X64I_PT_SS] = X64I_USER_DS};
    reset_cpu(kernel);
    x64i_user_regs_write(kernel, regs);
    return 0;
}

static int64_t run_program(struct x64i_kernel *kernel, uint32_t number,
                           const struct arguments *arguments)
{
    char path[X64I_PATH_SIZE];
    struct x64i_loaded program = {.file = number};
    struct x64i_loaded interpreter = {0};
    int64_t result = to_errno(x64i_exec_read_head(kernel, &program, arguments->path, NULL));
    if (!result && program.elf.compat)
        result = -ENOEXEC;
    if (!result)
        result = open_interpreter(kernel, number, &program, arguments->path, &interpreter);
    if (result)
        return result;
    const struct x64i_open_file *file = x64i_file_at(kernel, number - 1);
    (void)snprintf(path, sizeof path, "%s", file->path);
    if (file->kind == X64I_FILE_PROGRAM)
        program.file = 0;
    result = commit(kernel, &program, &interpreter, arguments, path);
    x64i_file_drop(kernel, interpreter.file);
    return result;
}

static int64_t do_exec(struct x64i_kernel *kernel, int dfd, uint64_t filename, uint64_t argv,
                       uint64_t envp)
{
    struct arguments *arguments = calloc(1, sizeof *arguments);
    int64_t result = -ENOMEM;
    if (kernel->era->compat) {
        free(arguments);
        return -ENOSYS;
    }
    if (arguments && prepare(&arguments->argv) && prepare(&arguments->envp))
        result = x64i_path_get(kernel, filename, arguments->file);
    if (!result)
        result = copy_strings(kernel, argv, &arguments->argv);
    if (!result)
        result = copy_strings(kernel, envp, &arguments->envp);
    if (!result)
        result = resolve(kernel, dfd, arguments);
    if (result > 0) {
        uint32_t number = (uint32_t)result;
        result = run_program(kernel, number, arguments);
        x64i_file_drop(kernel, number);
    }
    free_arguments(arguments);
    return result;
}

static bool add_strings(struct strings *strings, const char *const *list)
{
    size_t count = 0;
    while (list && list[count])
        count++;
    for (; count > 0; count--)
        if (!put_first(strings, list[count - 1]))
            return false;
    return true;
}

/* Into the empty address space of the machine's first process. */
static enum x64_status start_script(struct x64i_kernel *kernel, const char *path,
                                    struct arguments *arguments, struct x64_error_text *error)
{
    struct x64i_loaded program = {0}, interpreter = {0};
    struct x64i_node node;
    bool known = x64i_vfs_walk(kernel, X64I_AT_FDCWD, path, true, &node) == 0;
    /* The host's path need not be the guest's. */
    (void)snprintf(arguments->file, sizeof arguments->file, "%s",
                   known ? path : kernel->process->path);
    int64_t number = resolve(kernel, X64I_AT_FDCWD, arguments);
    if (number < 0 && strcmp(arguments->path, path) == 0)
        return x64i_refuse(error, X64_ERROR_IO, "%s cannot be executed: %s", path,
                           strerror((int)-number));
    if (number < 0)
        return x64i_refuse(error, X64_ERROR_IO, "%s: %.200s cannot be executed: %s", path,
                           arguments->path, strerror((int)-number));
    program.file = (uint32_t)number;
    enum x64_status status = x64i_exec_read_head(kernel, &program, arguments->path, error);
    int64_t bad = status == X64_OK ? open_interpreter(kernel, program.file, &program,
                                                      arguments->path, &interpreter)
                                   : 0;
    if (bad)
        status = x64i_refuse(error, X64_ERROR_IO, "%s: %.200s's interpreter: %s", path,
                             arguments->path, strerror((int)-bad));
    if (status == X64_OK) {
        (void)snprintf(kernel->process->path, X64I_PATH_SIZE, "%s",
                       x64i_file_at(kernel, program.file - 1)->path);
        status = x64i_exec_map(kernel, &program, interpreter.file ? &interpreter : NULL,
                               arguments->file, arguments->argv.list, arguments->envp.list, error);
    }
    x64i_file_drop(kernel, interpreter.file);
    x64i_file_drop(kernel, program.file);
    return status;
}

enum x64_status x64i_exec_script(struct x64i_kernel *kernel, const char *path,
                                 const char *const *argv, const char *const *envp,
                                 struct x64_error_text *error)
{
    struct arguments *arguments = calloc(1, sizeof *arguments);
    enum x64_status status = X64_ERROR_MEMORY;
    if (arguments && prepare(&arguments->argv) && prepare(&arguments->envp))
        status = add_strings(&arguments->argv, argv) && add_strings(&arguments->envp, envp)
                     ? start_script(kernel, path, arguments, error)
                     : x64i_refuse(error, X64_ERROR_LIMIT,
                                   "%s: arguments and environment take too much memory", path);
    free_arguments(arguments);
    return status;
}

SYSCALL_DEFINE3(execve, const char __user *, filename, const char __user *const __user *, argv,
                const char __user *const __user *, envp)
{
    return do_exec(kernel, X64I_AT_FDCWD, X64I_USER(filename), X64I_USER(argv), X64I_USER(envp));
}

SYSCALL_DEFINE5(execveat, int, fd, const char __user *, filename, const char __user *const __user *,
                argv, const char __user *const __user *, envp, int, flags)
{
    return flags & AT_EMPTY_
               ? -EINVAL
               : do_exec(kernel, fd, X64I_USER(filename), X64I_USER(argv), X64I_USER(envp));
}
