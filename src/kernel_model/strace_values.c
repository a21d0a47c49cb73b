/* SPDX-License-Identifier: MIT */
/* Arguments of system calls whose numbers have names: flags, signals, small structures. */
#include "kernel_model/strace.h"

#include "kernel_model/usercopy.h"

#include <stdio.h>
#include <string.h>

struct bit {
    uint64_t value;
    const char *name;
};

/* The first row is what stands for none of the others. */
static const struct bit open_bits[] = {
    {0, "O_RDONLY"},         {1, "O_WRONLY"},
    {2, "O_RDWR"},           {0100, "O_CREAT"},
    {0200, "O_EXCL"},        {0400, "O_NOCTTY"},
    {01000, "O_TRUNC"},      {02000, "O_APPEND"},
    {04000, "O_NONBLOCK"},   {0200000, "O_DIRECTORY"},
    {0400000, "O_NOFOLLOW"}, {02000000, "O_CLOEXEC"},
    {010000000, "O_PATH"},   {0, NULL},
};

static const struct bit protection_bits[] = {
    {0, "PROT_NONE"}, {1, "PROT_READ"}, {2, "PROT_WRITE"}, {4, "PROT_EXEC"}, {0, NULL}};

static const struct bit map_bits[] = {{0, "MAP_FILE"},
                                      {1, "MAP_SHARED"},
                                      {2, "MAP_PRIVATE"},
                                      {0x10, "MAP_FIXED"},
                                      {0x20, "MAP_ANONYMOUS"},
                                      {0x100, "MAP_GROWSDOWN"},
                                      {0x800, "MAP_DENYWRITE"},
                                      {0x4000, "MAP_NORESERVE"},
                                      {0x8000, "MAP_POPULATE"},
                                      {0x20000, "MAP_STACK"},
                                      {0x100000, "MAP_FIXED_NOREPLACE"},
                                      {0, NULL}};

static const struct bit clone_bits[] = {{0, "0"},
                                        {0x11, "SIGCHLD"},
                                        {0x100, "CLONE_VM"},
                                        {0x200, "CLONE_FS"},
                                        {0x400, "CLONE_FILES"},
                                        {0x800, "CLONE_SIGHAND"},
                                        {0x4000, "CLONE_VFORK"},
                                        {0x10000, "CLONE_THREAD"},
                                        {0x40000, "CLONE_SYSVSEM"},
                                        {0x80000, "CLONE_SETTLS"},
                                        {0x100000, "CLONE_PARENT_SETTID"},
                                        {0x200000, "CLONE_CHILD_CLEARTID"},
                                        {0x1000000, "CLONE_CHILD_SETTID"},
                                        {0, NULL}};

static const struct bit access_bits[] = {
    {0, "F_OK"}, {1, "X_OK"}, {2, "W_OK"}, {4, "R_OK"}, {0, NULL}};

static const struct bit wait_bits[] = {{0, "0"},       {1, "WNOHANG"},    {2, "WUNTRACED"},
                                       {4, "WEXITED"}, {8, "WCONTINUED"}, {0, NULL}};

static const struct bit how_names[] = {
    {0, "SIG_BLOCK"}, {1, "SIG_UNBLOCK"}, {2, "SIG_SETMASK"}, {0, NULL}};

static const struct bit whence_names[] = {
    {0, "SEEK_SET"}, {1, "SEEK_CUR"}, {2, "SEEK_END"}, {0, NULL}};

/* Which parameters of which calls. */
static const struct {
    const char *call;
    const char *parameter;
    const struct bit *bits;
    bool number; /* one of the rows, not a sum of them */
} decoded[] = {
    {"open", "flags", open_bits, false},        {"openat", "flags", open_bits, false},
    {"pipe2", "flags", open_bits, false},       {"dup3", "flags", open_bits, false},
    {"mmap", "prot", protection_bits, false},   {"mprotect", "prot", protection_bits, false},
    {"mmap", "flags", map_bits, false},         {"clone", "clone_flags", clone_bits, false},
    {"access", "mode", access_bits, false},     {"faccessat", "mode", access_bits, false},
    {"faccessat2", "mode", access_bits, false}, {"wait4", "options", wait_bits, false},
    {"waitid", "options", wait_bits, false},    {"rt_sigprocmask", "how", how_names, true},
    {"lseek", "whence", whence_names, true},
};

static int put(char *text, size_t size, size_t used, const char *separator, const char *name)
{
    return used < size ? snprintf(text + used, size - used, "%s%s", separator, name) : 0;
}

/* Bits that have no name come last, as a number. */
static bool put_bits(const struct bit *bits, uint64_t value, bool number, char *text, size_t size)
{
    size_t used = 0;
    char rest[24];
    for (const struct bit *bit = bits; number && bit->name; bit++)
        if (bit->value == value)
            return snprintf(text, size, "%s", bit->name) > 0;
    if (number)
        return false;
    bool access = bits == open_bits;
    if (access)
        used += (size_t)put(text, size, used, "", bits[value & 3 ? (value & 2 ? 2 : 1) : 0].name);
    uint64_t left = access ? value & ~UINT64_C(3) : value;
    for (const struct bit *bit = bits + (access ? 3 : 1); bit->name; bit++) {
        if ((left & bit->value) != bit->value)
            continue;
        used += (size_t)put(text, size, used, used ? "|" : "", bit->name);
        left &= ~bit->value;
    }
    (void)snprintf(rest, sizeof rest, "%#llx", (unsigned long long)left);
    if (left)
        used += (size_t)put(text, size, used, used ? "|" : "", rest);
    if (!used)
        (void)put(text, size, used, "", bits->name);
    return true;
}

static bool is_signal(const char *name)
{
    return strcmp(name, "sig") == 0;
}

static bool put_pair(const struct x64i_kernel *kernel, uint64_t linear, const char *first,
                     const char *second, char *text, size_t size)
{
    int64_t value[2];
    if (!linear || x64i_user_peek(kernel, linear, value, sizeof value) != sizeof value)
        return false;
    (void)snprintf(text, size, "{%s=%lld, %s=%lld}", first, (long long)value[0], second,
                   (long long)value[1]);
    return true;
}

static bool put_two_words(const struct x64i_kernel *kernel, uint64_t linear, char *text,
                          size_t size)
{
    int32_t value[2];
    if (x64i_user_peek(kernel, linear, value, sizeof value) != sizeof value)
        return false;
    (void)snprintf(text, size, "[%d, %d]", value[0], value[1]);
    return true;
}

static bool put_stat(const struct x64i_kernel *kernel, uint64_t linear, char *text, size_t size)
{
    struct x64i_abi_stat stat;
    if (x64i_user_peek(kernel, linear, &stat, sizeof stat) != sizeof stat)
        return false;
    (void)snprintf(text, size, "{st_mode=%#o, st_size=%lld, ...}", stat.mode, (long long)stat.size);
    return true;
}

static bool put_structure(const struct x64i_kernel *kernel, const struct x64i_parameter *parameter,
                          const struct x64i_call_record *call, uint64_t value, char *text,
                          size_t size)
{
    bool done = call->result >= 0 && !call->ended;
    if (strcmp(parameter->type, "const struct timespec __user *") == 0 ||
        (done && strcmp(parameter->type, "struct timespec __user *") == 0))
        return put_pair(kernel, value, "tv_sec", "tv_nsec", text, size);
    if (done && strcmp(parameter->type, "struct timeval __user *") == 0)
        return put_pair(kernel, value, "tv_sec", "tv_usec", text, size);
    if (done && strcmp(parameter->type, "struct stat __user *") == 0)
        return put_stat(kernel, value, text, size);
    if (done && strcmp(parameter->name, "fildes") == 0 && strchr(parameter->type, '*'))
        return put_two_words(kernel, value, text, size);
    return false;
}

bool x64i_strace_value(const struct x64i_kernel *kernel, const char *name,
                       const struct x64i_parameter *parameter, const struct x64i_call_record *call,
                       uint64_t value, char *text, size_t size)
{
    char number[16];
    for (size_t i = 0; i < sizeof decoded / sizeof decoded[0]; i++)
        if (strcmp(decoded[i].call, name) == 0 &&
            strcmp(decoded[i].parameter, parameter->name) == 0)
            return put_bits(decoded[i].bits, value, decoded[i].number, text, size);
    if (is_signal(parameter->name) && value > 0 && value <= X64I_SIGNALS) {
        (void)snprintf(text, size, "%s", x64i_signal_name((int)value, number));
        return true;
    }
    if (strcmp(parameter->name, "dfd") == 0 && (int32_t)value == -100) {
        (void)snprintf(text, size, "AT_FDCWD");
        return true;
    }
    return call->table == 64 && put_structure(kernel, parameter, call, value, text, size);
}
