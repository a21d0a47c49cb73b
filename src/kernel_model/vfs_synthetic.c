/* SPDX-License-Identifier: MIT */
/* /dev, /proc and /sys as far as programs need them: rows, made of the kernel's own state. */
#include "kernel_model/open_file.h"
#include "kernel_model/region_pages.h"
#include "kernel_model/vfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INODE_BASE UINT64_C(4000)
#define DEV_NULL   0x103u
#define DEV_ZERO   0x105u
#define DEV_FULL   0x107u
#define DEV_RANDOM 0x109u
#define DEV_TTY    0x500u
#define FD_PREFIX  "fd/"

enum row_kind { ROW_DIRECTORY, ROW_LINK, ROW_DEVICE, ROW_TTY, ROW_TEXT };

static const struct row {
    const char *path; /* below a process's directory when it begins with '*' */
    const char *target;
    uint8_t kind;
    uint8_t value; /* device or text */
    uint16_t device;
} rows[] = {
    {"/dev", NULL, ROW_DIRECTORY, 0, 0},
    {"/dev/null", NULL, ROW_DEVICE, X64I_DEVICE_NULL, DEV_NULL},
    {"/dev/zero", NULL, ROW_DEVICE, X64I_DEVICE_ZERO, DEV_ZERO},
    {"/dev/full", NULL, ROW_DEVICE, X64I_DEVICE_FULL, DEV_FULL},
    {"/dev/random", NULL, ROW_DEVICE, X64I_DEVICE_RANDOM, DEV_RANDOM},
    {"/dev/urandom", NULL, ROW_DEVICE, X64I_DEVICE_RANDOM, DEV_RANDOM},
    {"/dev/tty", NULL, ROW_TTY, 0, DEV_TTY},
    {"/dev/stdin", "/proc/self/fd/0", ROW_LINK, 0, 0},
    {"/dev/stdout", "/proc/self/fd/1", ROW_LINK, 0, 0},
    {"/dev/stderr", "/proc/self/fd/2", ROW_LINK, 0, 0},
    {"/dev/fd", "/proc/self/fd", ROW_LINK, 0, 0},
    {"/dev/shm", NULL, ROW_DIRECTORY, 0, 0},
    {"/sys", NULL, ROW_DIRECTORY, 0, 0},
    {"/proc", NULL, ROW_DIRECTORY, 0, 0},
    {"/proc/self", "", ROW_LINK, 0, 0},
    {"/proc/thread-self", "", ROW_LINK, 0, 0},
    {"/proc/meminfo", NULL, ROW_TEXT, X64I_TEXT_MEMORY, 0},
    {"/proc/cpuinfo", NULL, ROW_TEXT, X64I_TEXT_CPU, 0},
    {"/proc/version", NULL, ROW_TEXT, X64I_TEXT_VERSION, 0},
    {"/proc/uptime", NULL, ROW_TEXT, X64I_TEXT_UPTIME, 0},
    {"/proc/mounts", NULL, ROW_TEXT, X64I_TEXT_MOUNTS, 0},
    {"/proc/stat", NULL, ROW_TEXT, X64I_TEXT_SYSTEM_STAT, 0},
    {"/proc/loadavg", NULL, ROW_TEXT, X64I_TEXT_LOAD, 0},
    {"/proc/filesystems", NULL, ROW_TEXT, X64I_TEXT_FILESYSTEMS, 0},
    {"/proc/sys", NULL, ROW_DIRECTORY, 0, 0},
    {"/proc/sys/kernel", NULL, ROW_DIRECTORY, 0, 0},
    {"/proc/sys/kernel/hostname", NULL, ROW_TEXT, X64I_TEXT_HOSTNAME, 0},
    {"/proc/sys/kernel/osrelease", NULL, ROW_TEXT, X64I_TEXT_RELEASE, 0},
    {"/proc/sys/kernel/ostype", NULL, ROW_TEXT, X64I_TEXT_SYSTEM_NAME, 0},
    {"/proc/sys/kernel/pid_max", NULL, ROW_TEXT, X64I_TEXT_PID_MAX, 0},
    {"/proc/sys/kernel/ngroups_max", NULL, ROW_TEXT, X64I_TEXT_GROUPS_MAX, 0},
    {"/proc/sys/vm", NULL, ROW_DIRECTORY, 0, 0},
    {"/proc/sys/vm/overcommit_memory", NULL, ROW_TEXT, X64I_TEXT_ONE, 0},
    {"/sys/devices", NULL, ROW_DIRECTORY, 0, 0},
    {"/sys/devices/system", NULL, ROW_DIRECTORY, 0, 0},
    {"/sys/devices/system/cpu", NULL, ROW_DIRECTORY, 0, 0},
    {"/sys/devices/system/cpu/cpu0", NULL, ROW_DIRECTORY, 0, 0},
    {"/sys/devices/system/cpu/online", NULL, ROW_TEXT, X64I_TEXT_ZERO, 0},
    {"/sys/devices/system/cpu/possible", NULL, ROW_TEXT, X64I_TEXT_ZERO, 0},
    {"/sys/devices/system/cpu/present", NULL, ROW_TEXT, X64I_TEXT_ZERO, 0},
    {"*", NULL, ROW_DIRECTORY, 0, 0},
    {"*/fd", NULL, ROW_DIRECTORY, 0, 0},
    {"*/exe", "", ROW_LINK, 1, 0},
    {"*/cwd", "", ROW_LINK, 2, 0},
    {"*/root", "/", ROW_LINK, 0, 0},
    {"*/maps", NULL, ROW_TEXT, X64I_TEXT_MAPS, 0},
    {"*/stat", NULL, ROW_TEXT, X64I_TEXT_STAT, 0},
    {"*/status", NULL, ROW_TEXT, X64I_TEXT_STATUS, 0},
    {"*/comm", NULL, ROW_TEXT, X64I_TEXT_COMM, 0},
    {"*/cmdline", NULL, ROW_TEXT, X64I_TEXT_COMMAND_LINE, 0},
    {"*/mounts", NULL, ROW_TEXT, X64I_TEXT_MOUNTS, 0},
    {"*/mountinfo", NULL, ROW_TEXT, X64I_TEXT_MOUNT_INFO, 0},
    {"*/statm", NULL, ROW_TEXT, X64I_TEXT_MEMORY_SIZE, 0},
    {"*/cgroup", NULL, ROW_TEXT, X64I_TEXT_CGROUP, 0},
    {"*/oom_score_adj", NULL, ROW_TEXT, X64I_TEXT_ZERO, 0},
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static bool is_below(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    return strncmp(path, directory, length) == 0 && (path[length] == '/' || !path[length]);
}

/* "/proc/12/maps" is process 12 and "*" followed by "/maps"; other paths stay. */
static bool split_process(struct x64i_kernel *kernel, const char *path, char *pattern, size_t size,
                          uint32_t *process)
{
    char *end;
    (void)snprintf(pattern, size, "%s", path);
    *process = kernel->task->process;
    if (strncmp(path, "/proc/", 6) != 0 || path[6] < '0' || path[6] > '9')
        return true;
    unsigned long pid = strtoul(path + 6, &end, 10);
    if (*end && *end != '/')
        return false;
    (void)snprintf(pattern, size, "*%s", end);
    return x64i_process_find(kernel, (uint32_t)pid, process) != NULL;
}

static const struct row *find_row(const char *pattern)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].path, pattern) == 0)
            return &rows[i];
    return NULL;
}

static void fill_stat(struct x64i_node *node, const struct row *row, size_t index)
{
    static const uint32_t modes[] = {[ROW_DIRECTORY] = X64I_S_IFDIR | 0755,
                                     [ROW_LINK] = X64I_S_IFLNK | 0777,
                                     [ROW_DEVICE] = X64I_S_IFCHR | 0666,
                                     [ROW_TTY] = X64I_S_IFCHR | 0666,
                                     [ROW_TEXT] = X64I_S_IFREG | 0444};
    node->stat = (struct x64i_abi_stat){.dev = 5,
                                        .ino = INODE_BASE + index,
                                        .nlink = row->kind == ROW_DIRECTORY ? 2 : 1,
                                        .mode = modes[row->kind],
                                        .rdev = row->device,
                                        .block_size = X64I_PAGE_SIZE};
    if (row->kind == ROW_LINK)
        node->stat.size = 64;
}

static bool look_at_descriptor(struct x64i_kernel *kernel, const char *name, struct x64i_node *node)
{
    char *end;
    unsigned long fd = strtoul(name, &end, 10);
    if (*end || end == name || fd >= X64I_DESCRIPTORS_MAX)
        return false;
    const struct x64i_process *process = x64i_process_at(kernel, node->process);
    if (!process->descriptor[fd])
        return false;
    node->kind = X64I_NODE_DESCRIPTOR;
    node->object = (uint32_t)fd;
    node->stat = (struct x64i_abi_stat){.dev = 5,
                                        .ino = INODE_BASE + ROW_COUNT + fd,
                                        .nlink = 1,
                                        .mode = X64I_S_IFLNK | 0700,
                                        .size = 64,
                                        .block_size = X64I_PAGE_SIZE};
    return true;
}

bool x64i_synthetic_look(struct x64i_kernel *kernel, const char *path, struct x64i_node *node)
{
    char pattern[X64I_PATH_SIZE];
    if (!is_below(path, "/proc") && !is_below(path, "/dev") && !is_below(path, "/sys"))
        return false;
    if (strncmp(path, "/dev/shm/", 9) == 0)
        return false;
    if (!split_process(kernel, path, pattern, sizeof pattern, &node->process))
        return true;
    if (strncmp(pattern, "*/" FD_PREFIX, 5) == 0) {
        (void)look_at_descriptor(kernel, pattern + 5, node);
        return true;
    }
    const struct row *row = find_row(pattern);
    if (!row)
        return true;
    node->kind = X64I_NODE_SYNTHETIC;
    node->object = (uint32_t)(row - rows);
    fill_stat(node, row, node->object);
    return true;
}

/* What an open file calls itself in /proc/self/fd. */
static int name_open_file(struct x64i_kernel *kernel, uint32_t number, char *text, size_t size)
{
    if (!number)
        return snprintf(text, size, "(deleted)");
    const struct x64i_open_file *file = x64i_file_at(kernel, number - 1);
    switch ((enum x64i_file_kind)file->kind) {
    case X64I_FILE_PIPE:
        return snprintf(text, size, "pipe:[%u]", 9000 + file->object);
    case X64I_FILE_SOCKET:
        return snprintf(text, size, "socket:[%u]", 9500 + file->object);
    case X64I_FILE_CONSOLE:
        return kernel->schedule.terminals & 1u << (file->object & 31)
                   ? snprintf(text, size, "/dev/tty")
                   : snprintf(text, size, "pipe:[%u]", 8000 + file->object);
    case X64I_FILE_EVENT:
        return snprintf(text, size, "anon_inode:[eventfd]");
    case X64I_FILE_TIMER:
        return snprintf(text, size, "anon_inode:[timerfd]");
    case X64I_FILE_EPOLL:
        return snprintf(text, size, "anon_inode:[eventpoll]");
    default:
        return snprintf(text, size, "%s", file->path);
    }
}

int64_t x64i_synthetic_link(struct x64i_kernel *kernel, const struct x64i_node *node, char *buffer,
                            size_t size)
{
    char text[X64I_PATH_SIZE] = "";
    const struct x64i_process *process = x64i_process_at(kernel, node->process);
    if (node->kind == X64I_NODE_DESCRIPTOR) {
        uint32_t number =
            process->descriptor[node->object % X64I_DESCRIPTORS_MAX] & ~X64I_CLOSE_ON_EXEC;
        name_open_file(kernel, number, text, sizeof text);
    } else if (node->object < ROW_COUNT) {
        const struct row *row = &rows[node->object];
        if (row->target && row->target[0])
            (void)snprintf(text, sizeof text, "%s", row->target);
        else if (row->value)
            (void)snprintf(text, sizeof text, "%.1000s",
                           row->value == 1 ? process->path : process->directory);
        else
            (void)snprintf(text, sizeof text, "%u", kernel->process->pid);
    }
    size_t length = strlen(text);
    memcpy(buffer, text, length < size ? length : size);
    return (int64_t)(length < size ? length : size);
}

int64_t x64i_synthetic_open(struct x64i_kernel *kernel, const struct x64i_node *node,
                            struct x64i_open_file *file)
{
    const struct row *row = node->object < ROW_COUNT ? &rows[node->object] : NULL;
    if (!row)
        return -ENOENT;
    switch ((enum row_kind)row->kind) {
    case ROW_DEVICE:
        file->kind = X64I_FILE_DEVICE;
        file->object = row->value;
        return 0;
    case ROW_TTY:
        if (!kernel->schedule.terminals)
            return -ENXIO;
        file->kind = X64I_FILE_CONSOLE;
        file->object = (uint32_t)__builtin_ctz(kernel->schedule.terminals) % 3;
        return 0;
    case ROW_TEXT:
        file->kind = X64I_FILE_TEXT;
        file->value = row->value;
        file->object = node->process;
        return 0;
    default:
        return -EACCES;
    }
}

static size_t put_name(char *buffer, size_t size, size_t used, char type, const char *name)
{
    size_t length = strlen(name);
    if (length + 2 > size - used)
        return used;
    buffer[used] = type;
    memcpy(buffer + used + 1, name, length + 1);
    return used + length + 2;
}

static size_t list_descriptors(struct x64i_kernel *kernel, uint32_t index, char *buffer,
                               size_t size)
{
    char name[16];
    size_t used = 0;
    const struct x64i_process *process = x64i_process_at(kernel, index);
    for (unsigned fd = 0; fd < X64I_DESCRIPTORS_MAX; fd++) {
        (void)snprintf(name, sizeof name, "%u", fd);
        if (process->descriptor[fd])
            used = put_name(buffer, size, used, 10, name);
    }
    return used;
}

static size_t list_processes(struct x64i_kernel *kernel, char *buffer, size_t size, size_t used)
{
    char name[16];
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        const struct x64i_process *process = x64i_record_read(kernel, kernel->processes, i);
        (void)snprintf(name, sizeof name, "%u", process->pid);
        if (process->used)
            used = put_name(buffer, size, used, 4, name);
    }
    return used;
}

size_t x64i_synthetic_list(struct x64i_kernel *kernel, const char *path, char *buffer, size_t size)
{
    static const char types[] = {
        [ROW_DIRECTORY] = 4, [ROW_LINK] = 10, [ROW_DEVICE] = 2, [ROW_TTY] = 2, [ROW_TEXT] = 8};
    char pattern[X64I_PATH_SIZE];
    uint32_t process;
    size_t used = 0;
    if (!split_process(kernel, path, pattern, sizeof pattern, &process))
        return 0;
    if (strcmp(pattern, "*/fd") == 0)
        return list_descriptors(kernel, process, buffer, size);
    size_t length = strlen(pattern);
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strncmp(rows[i].path, pattern, length) == 0 && rows[i].path[length] == '/' &&
            !strchr(rows[i].path + length + 1, '/'))
            used = put_name(buffer, size, used, types[rows[i].kind], rows[i].path + length + 1);
    if (strcmp(pattern, "/proc") == 0)
        used = list_processes(kernel, buffer, size, used);
    return used;
}
