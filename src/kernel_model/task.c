/* SPDX-License-Identifier: MIT */
/* The task's beginning and end. */
#include "kernel_model/file.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int signal;
    const char *name;
} signal_names[] = {
    {SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"}, {SIGILL, "SIGILL"},
    {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
    {SIGKILL, "SIGKILL"}, {SIGSEGV, "SIGSEGV"}, {SIGPIPE, "SIGPIPE"}, {SIGTERM, "SIGTERM"},
};

/* The guest stands in "/", and the program there: nothing of the host's directories shows. */
static const char *without_dots(const char *path)
{
    for (;;) {
        if (strncmp(path, "./", 2) == 0)
            path += 2;
        else if (strncmp(path, "../", 3) == 0)
            path += 3;
        else if (*path == '/')
            path++;
        else
            return path;
    }
}

bool x64i_path_is_program(const struct x64i_kernel *kernel, const char *path)
{
    return strcmp(without_dots(path), kernel->task.path + 1) == 0 ||
           strcmp(path, "/proc/self/exe") == 0;
}

void x64i_task_init(struct x64i_kernel *kernel, const char *path)
{
    struct x64i_task *task = &kernel->task;
    const char *slash = strrchr(path, '/');
    task->pid = X64I_FIRST_PID;
    for (uint32_t i = 0; i < 3; i++)
        task->file[i] =
            (struct x64i_file){.kind = X64I_FILE_CONSOLE, .stream = i, .flags = i == 0 ? 0 : 1};
    (void)snprintf(task->path, sizeof task->path, "/%s", without_dots(path));
    (void)snprintf(task->name, sizeof task->name, "%.15s", slash ? slash + 1 : path);
}

void x64i_task_repair(struct x64i_task *task)
{
    for (size_t i = 0; i < X64I_FILES_MAX; i++) {
        struct x64i_file *file = &task->file[i];
        if (file->kind > X64I_FILE_PROGRAM || file->stream > 2 || file->position > INT64_MAX)
            *file = (struct x64i_file){0};
    }
    task->path[sizeof task->path - 1] = '\0';
    task->name[sizeof task->name - 1] = '\0';
}

void x64i_task_exit(struct x64i_kernel *kernel, int status)
{
    struct x64_stop stop = {.reason = X64_STOP_EXIT, .fault = X64_FAULT_NONE, .code = status & 255};
    x64i_machine_end(kernel->machine, &stop);
}

void x64i_task_kill(struct x64i_kernel *kernel, int signal, const char *format, ...)
{
    char reason[200];
    char number[16];
    const char *name = NULL;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    for (size_t i = 0; i < sizeof signal_names / sizeof signal_names[0]; i++)
        if (signal_names[i].signal == signal)
            name = signal_names[i].name;
    (void)snprintf(number, sizeof number, "signal %d", signal);
    x64i_machine_log(kernel->machine, X64_LOG_WARNING, "%s: ended by %s: %s", kernel->task.name,
                     name ? name : number, reason);
    struct x64_stop stop = {
        .reason = X64_STOP_EXIT, .fault = X64_FAULT_NONE, .code = 128 + signal, .signal = signal};
    x64i_machine_end(kernel->machine, &stop);
}
