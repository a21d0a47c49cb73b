/* SPDX-License-Identifier: MIT */
/* A system call as strace prints it, from the types and names of its definition. */
#include "kernel_model/strace.h"
#include "kernel_model/custom.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STRING_SHOWN 32

static const char *const error_names[] = {
    [EPERM] = "EPERM",
    [ENOENT] = "ENOENT",
    [ESRCH] = "ESRCH",
    [EINTR] = "EINTR",
    [EIO] = "EIO",
    [ENXIO] = "ENXIO",
    [E2BIG] = "E2BIG",
    [ENOEXEC] = "ENOEXEC",
    [EBADF] = "EBADF",
    [ECHILD] = "ECHILD",
    [EAGAIN] = "EAGAIN",
    [ENOMEM] = "ENOMEM",
    [EACCES] = "EACCES",
    [EFAULT] = "EFAULT",
    [ENOTBLK] = "ENOTBLK",
    [EBUSY] = "EBUSY",
    [EEXIST] = "EEXIST",
    [EXDEV] = "EXDEV",
    [ENODEV] = "ENODEV",
    [ENOTDIR] = "ENOTDIR",
    [EISDIR] = "EISDIR",
    [EINVAL] = "EINVAL",
    [ENFILE] = "ENFILE",
    [EMFILE] = "EMFILE",
    [ENOTTY] = "ENOTTY",
    [ETXTBSY] = "ETXTBSY",
    [EFBIG] = "EFBIG",
    [ENOSPC] = "ENOSPC",
    [ESPIPE] = "ESPIPE",
    [EROFS] = "EROFS",
    [EMLINK] = "EMLINK",
    [EPIPE] = "EPIPE",
    [EDOM] = "EDOM",
    [ERANGE] = "ERANGE",
    [EDEADLK] = "EDEADLK",
    [ENAMETOOLONG] = "ENAMETOOLONG",
    [ENOLCK] = "ENOLCK",
    [ENOSYS] = "ENOSYS",
    [ENOTEMPTY] = "ENOTEMPTY",
    [ELOOP] = "ELOOP",
    [ENODATA] = "ENODATA",
    [EOVERFLOW] = "EOVERFLOW",
    [ENOTSOCK] = "ENOTSOCK",
    [EMSGSIZE] = "EMSGSIZE",
    [EPROTOTYPE] = "EPROTOTYPE",
    [ENOPROTOOPT] = "ENOPROTOOPT",
    [EPROTONOSUPPORT] = "EPROTONOSUPPORT",
    [ESOCKTNOSUPPORT] = "ESOCKTNOSUPPORT",
    [EOPNOTSUPP] = "EOPNOTSUPP",
    [EAFNOSUPPORT] = "EAFNOSUPPORT",
    [EADDRINUSE] = "EADDRINUSE",
    [ENOBUFS] = "ENOBUFS",
    [EISCONN] = "EISCONN",
    [ENOTCONN] = "ENOTCONN",
    [ETOOMANYREFS] = "ETOOMANYREFS",
    [ETIMEDOUT] = "ETIMEDOUT",
    [ECONNREFUSED] = "ECONNREFUSED",
};

/* Appends; what does not fit is cut off. */
struct text {
    char *bytes;
    size_t size;
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void append(struct text *text, const char *format, ...)
{
    va_list arguments;
    size_t room = text->size - text->length;
    va_start(arguments, format);
    int length = vsnprintf(text->bytes + text->length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        text->length += (size_t)length < room ? (size_t)length : room - 1;
}

static void append_bytes(struct text *text, const uint8_t *bytes, size_t size)
{
    static const char escapes[][2] = {
        {'\n', 'n'}, {'\t', 't'}, {'\r', 'r'}, {'"', '"'}, {'\\', '\\'}};
    for (size_t i = 0; i < size; i++) {
        char escape = 0;
        for (size_t j = 0; j < sizeof escapes / sizeof escapes[0]; j++)
            if (bytes[i] == (uint8_t)escapes[j][0])
                escape = escapes[j][1];
        if (escape)
            append(text, "\\%c", escape);
        else if (bytes[i] >= 0x20 && bytes[i] < 0x7f)
            append(text, "%c", bytes[i]);
        else
            append(text, "\\%o", bytes[i]);
    }
}

/* A path ends with a zero; a buffer has as many bytes as the call says. */
static void append_string(struct text *text, const struct x64i_kernel *kernel, uint64_t linear,
                          uint64_t limit, bool path)
{
    uint8_t bytes[STRING_SHOWN + 1];
    uint64_t wanted = limit < sizeof bytes ? limit : sizeof bytes;
    size_t got = x64i_user_peek(kernel, linear, bytes, (size_t)wanted);
    if (got == 0 && wanted > 0) {
        append(text, linear ? "%#llx" : "NULL", (unsigned long long)linear);
        return;
    }
    const uint8_t *end = path ? memchr(bytes, 0, got) : NULL;
    size_t length = end ? (size_t)(end - bytes) : got;
    size_t shown = length < STRING_SHOWN ? length : STRING_SHOWN;
    append(text, "\"");
    append_bytes(text, bytes, shown);
    append(text, shown < length || (!path && limit > shown) ? "\"..." : "\"");
}

static bool is_signed(const char *type)
{
    return strcmp(type, "int") == 0 || strcmp(type, "int64_t") == 0 || strcmp(type, "long") == 0;
}

static bool is_size(const char *name)
{
    return strcmp(name, "count") == 0 || strcmp(name, "len") == 0 || strcmp(name, "vlen") == 0 ||
           strcmp(name, "size") == 0 || strcmp(name, "fildes") == 0 || strcmp(name, "oldfd") == 0 ||
           strcmp(name, "newfd") == 0;
}

static void append_argument(struct text *text, const struct x64i_kernel *kernel,
                            const struct x64i_syscall_row *row, const struct x64i_call_record *call,
                            unsigned index)
{
    char named[160];
    const struct x64i_syscall *definition = row->definition;
    const struct x64i_parameter *parameter = &definition->parameter[index];
    uint64_t value = call->arguments[index];
    bool characters = strstr(parameter->type, "char") && strchr(parameter->type, '*');
    bool input = strncmp(parameter->type, "const", 5) == 0;
    bool sized = index + 1u < definition->count &&
                 strcmp(definition->parameter[index + 1].type, "size_t") == 0;
    if (x64i_strace_value(kernel, row->name, parameter, call, value, named, sizeof named)) {
        append(text, "%s", named);
    } else if (characters && sized) {
        uint64_t size =
            input ? call->arguments[index + 1] : (call->result > 0 ? (uint64_t)call->result : 0);
        append_string(text, kernel, value, size, false);
    } else if (characters && input) {
        append_string(text, kernel, value, UINT64_MAX, true);
    } else if (strchr(parameter->type, '*')) {
        append(text, value ? "%#llx" : "NULL", (unsigned long long)value);
    } else if (strcmp(parameter->type, "int") == 0 || strcmp(parameter->name, "fd") == 0) {
        append(text, "%d", (int)value);
    } else if (is_signed(parameter->type)) {
        append(text, "%lld", (long long)value);
    } else if (is_size(parameter->name)) {
        append(text, "%llu", (unsigned long long)value);
    } else {
        append(text, value ? "%#llx" : "%llu", (unsigned long long)value);
    }
}

static void append_result(struct text *text, const struct x64i_syscall_row *row,
                          const struct x64i_call_record *call)
{
    bool address = row && (strcmp(row->name, "mmap") == 0 || strcmp(row->name, "mmap2") == 0 ||
                           strcmp(row->name, "brk") == 0 || strcmp(row->name, "mremap") == 0);
    if (call->ended) {
        append(text, " = ?");
    } else if (call->result < 0 && call->result > -4096) {
        size_t error = (size_t)-call->result;
        bool known = error < sizeof error_names / sizeof error_names[0] && error_names[error];
        append(text, " = -1 %s (%zu)", known ? error_names[error] : "errno", error);
    } else {
        append(text, address ? " = %#llx" : " = %lld", (long long)call->result);
    }
}

size_t x64_syscall_text(struct x64_machine *machine, char *bytes, size_t size)
{
    const struct x64i_kernel *kernel = machine ? x64i_kernel_of(machine) : NULL;
    if (!kernel || !bytes || size == 0)
        return 0;
    const struct x64i_call_record *call = &kernel->schedule.call;
    if (call->step == 0 || call->step != x64_steps(machine))
        return 0;
    struct text text = {bytes, size, 0};
    const struct x64i_syscall_row *row = x64i_custom_row(kernel, call->table == 32, call->number);
    const struct x64i_syscall *definition = row ? row->definition : NULL;
    if (kernel->schedule.task_count > 1)
        append(&text, "[pid %u] ", call->tid);
    if (row && row->name[0])
        append(&text, "%s(", row->name);
    else
        append(&text, "syscall_%#llx(", (unsigned long long)call->number);
    unsigned count = definition ? definition->count : 6;
    for (unsigned i = 0; i < count; i++) {
        append(&text, "%s", i ? ", " : "");
        if (definition)
            append_argument(&text, kernel, row, call, i);
        else
            append(&text, "%#llx", (unsigned long long)call->arguments[i]);
    }
    append(&text, ")");
    append_result(&text, row, call);
    return text.length;
}
