/* SPDX-License-Identifier: MIT */
/* The texts of /proc, made when they are read. */
#include "kernel_model/mm.h"
#include "kernel_model/open_file.h"
#include "kernel_model/region_pages.h"
#include "kernel_model/syscall.h"
#include "kernel_model/vfs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CLOCK_TICK 10000000u /* nanoseconds */

struct text {
    char *bytes;
    size_t size;
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    va_list arguments;
    size_t room = text->size - text->length;
    va_start(arguments, format);
    int length = vsnprintf(text->bytes + text->length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        text->length += (size_t)length < room ? (size_t)length : room - 1;
}

static const char *area_name(struct x64i_kernel *kernel, const struct x64i_area *area)
{
    if (area->file)
        return x64i_file_at(kernel, area->file - 1)->path;
    if (area->kind == X64I_AREA_FILE)
        return kernel->process->path;
    if (area->kind == X64I_AREA_HEAP)
        return "[heap]";
    return area->kind == X64I_AREA_STACK ? "[stack]" : "";
}

/* Of the running process alone: the others' areas are parked. */
static void put_maps(struct x64i_kernel *kernel, struct text *text)
{
    for (uint64_t i = 0; i < kernel->mm.area_count; i++) {
        const struct x64i_area *area = &kernel->mm.area[i];
        bool file = area->kind == X64I_AREA_FILE;
        put(text, "%08llx-%08llx %c%c%c%c %08llx %s %-10u", (unsigned long long)area->start,
            (unsigned long long)area->end, area->protection & X64I_PROT_READ ? 'r' : '-',
            area->protection & X64I_PROT_WRITE ? 'w' : '-',
            area->protection & X64I_PROT_EXEC ? 'x' : '-', area->shared ? 's' : 'p',
            (unsigned long long)(file ? area->file_offset : 0), file ? "00:01" : "00:00",
            file ? area->file + 10 : 0);
        const char *name = area_name(kernel, area);
        put(text, "%s%s\n", name[0] ? "                " : "", name);
    }
}

/* The task whose tid is the process's pid, or any: for its name. */
static const struct x64i_task *leader(struct x64i_kernel *kernel, uint32_t process)
{
    const struct x64i_task *found = NULL;
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        const struct x64i_task *task = x64i_record_read(kernel, kernel->tasks, i);
        if (task->state != X64I_TASK_FREE && task->process == process && !found)
            found = task;
    }
    return found ? found : kernel->task;
}

static void put_stat(struct x64i_kernel *kernel, struct text *text, uint32_t index)
{
    const struct x64i_process *process = x64i_process_at(kernel, index);
    const struct x64i_task *task = leader(kernel, index);
    put(text,
        "%u (%.15s) %c %u %u %u 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 %u 0 0 %llu %llu "
        "18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
        process->pid, task->name, process->zombie ? 'Z' : 'R', process->parent, process->group,
        process->session, process->threads, (unsigned long long)kernel->mm.pages * X64I_PAGE_SIZE,
        (unsigned long long)kernel->mm.pages);
}

static void put_status(struct x64i_kernel *kernel, struct text *text, uint32_t index)
{
    const struct x64i_process *process = x64i_process_at(kernel, index);
    unsigned long long size = kernel->mm.pages * X64I_PAGE_SIZE / 1024;
    put(text,
        "Name:\t%.15s\nUmask:\t%04o\nState:\t%s\nTgid:\t%u\nPid:\t%u\nPPid:\t%u\nTracerPid:\t0\n"
        "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nVmSize:\t%8llu kB\nVmRSS:\t%8llu kB\nThreads:\t%u\n"
        "Cpus_allowed:\t1\nCpus_allowed_list:\t0\n",
        leader(kernel, index)->name, process->umask, process->zombie ? "Z (zombie)" : "R (running)",
        process->pid, process->pid, process->parent, size, size, process->threads);
}

static void put_memory(const struct x64i_kernel *kernel, struct text *text)
{
    unsigned long long total = kernel->memory->ram_size / 1024;
    unsigned long long used = kernel->layout.pages_used * X64I_PAGE_SIZE / 1024;
    unsigned long long free = used < total ? total - used : 0;
    put(text,
        "MemTotal:       %8llu kB\nMemFree:        %8llu kB\nMemAvailable:   %8llu kB\n"
        "Buffers:               0 kB\nCached:                0 kB\nSwapTotal:             0 kB\n"
        "SwapFree:              0 kB\n",
        total, free, free);
}

static void put_cpu(const struct x64i_kernel *kernel, struct text *text)
{
    const struct x64i_cpu_model *model = kernel->cpu->model;
    unsigned long long khz = model->tsc_hz / 1000;
    put(text,
        "processor\t: 0\nmodel name\t: %s\ncpu MHz\t\t: %llu.%03llu\ncache size\t: 0 KB\n"
        "physical id\t: 0\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\n\n",
        model->name, khz / 1000, khz % 1000);
}

/* All of the one CPU's time is the programs' (Documentation/filesystems/proc.rst). */
static void put_system_stat(struct x64i_kernel *kernel, struct text *text)
{
    unsigned long long ticks = x64i_time_now(kernel, X64I_CLOCK_MONOTONIC) / CLOCK_TICK;
    for (unsigned i = 0; i < 2; i++)
        put(text, "cpu%s %llu 0 0 0 0 0 0 0 0 0\n", i ? "0" : " ", ticks);
    put(text, "intr 0\nctxt 0\nbtime %llu\nprocesses %u\nprocs_running 1\nprocs_blocked 0\n",
        (unsigned long long)(kernel->schedule.boot_time / 1000000000u), kernel->schedule.next_pid);
}

/* Texts that no state of the guest's changes. */
static const char *fixed_text(enum x64i_proc_text which)
{
    static const char *const texts[] = {
        [X64I_TEXT_MOUNTS] = "rootfs / rootfs rw 0 0\nproc /proc proc rw 0 0\n",
        [X64I_TEXT_MOUNT_INFO] = "1 1 0:1 / / rw - rootfs rootfs rw\n"
                                 "2 1 0:5 / /proc rw - proc proc rw\n",
        [X64I_TEXT_CGROUP] = "0::/\n",
        [X64I_TEXT_FILESYSTEMS] = "nodev\trootfs\nnodev\tproc\nnodev\ttmpfs\n",
        [X64I_TEXT_HOSTNAME] = "x64emu\n",
        [X64I_TEXT_SYSTEM_NAME] = "Linux\n",
        [X64I_TEXT_PID_MAX] = "32768\n",
        [X64I_TEXT_GROUPS_MAX] = "65536\n",
        [X64I_TEXT_ZERO] = "0\n",
        [X64I_TEXT_ONE] = "1\n"};
    return which < sizeof texts / sizeof texts[0] ? texts[which] : NULL;
}

size_t x64i_proc_text(struct x64i_kernel *kernel, uint64_t which, uint32_t process, char *buffer,
                      size_t size)
{
    struct text text = {buffer, size, 0};
    unsigned long long now = x64i_time_now(kernel, X64I_CLOCK_MONOTONIC) / CLOCK_TICK;
    switch ((enum x64i_proc_text)which) {
    case X64I_TEXT_MAPS:
        put_maps(kernel, &text);
        break;
    case X64I_TEXT_STAT:
        put_stat(kernel, &text, process);
        break;
    case X64I_TEXT_STATUS:
        put_status(kernel, &text, process);
        break;
    case X64I_TEXT_COMM:
        put(&text, "%.15s\n", leader(kernel, process)->name);
        break;
    case X64I_TEXT_COMMAND_LINE:
        put(&text, "%.1000s", x64i_process_at(kernel, process)->path);
        text.length += text.length + 1 < size;
        break;
    case X64I_TEXT_MEMORY:
        put_memory(kernel, &text);
        break;
    case X64I_TEXT_CPU:
        put_cpu(kernel, &text);
        break;
    case X64I_TEXT_VERSION:
        put(&text, "Linux version %s (x64emu) #1\n", x64i_kernel_release(kernel));
        break;
    case X64I_TEXT_UPTIME:
        put(&text, "%llu.%02llu 0.00\n", now / 100, now % 100);
        break;
    case X64I_TEXT_SYSTEM_STAT:
        put_system_stat(kernel, &text);
        break;
    case X64I_TEXT_LOAD:
        put(&text, "0.00 0.00 0.00 1/%u %u\n", kernel->schedule.task_count,
            kernel->schedule.next_pid - 1);
        break;
    case X64I_TEXT_RELEASE:
        put(&text, "%s\n", x64i_kernel_release(kernel));
        break;
    case X64I_TEXT_MEMORY_SIZE:
        put(&text, "%llu %llu 0 0 0 0 0\n", (unsigned long long)kernel->mm.pages,
            (unsigned long long)kernel->mm.pages);
        break;
    default:
        put(&text, "%s",
            fixed_text((enum x64i_proc_text)which) ? fixed_text((enum x64i_proc_text)which) : "");
        break;
    }
    return text.length;
}
