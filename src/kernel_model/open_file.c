/* SPDX-License-Identifier: MIT */
/* Open files and descriptors. */
#include "kernel_model/open_file.h"

#include "kernel_model/record_lock.h"
#include "kernel_model/region_pages.h"
#include "kernel_model/rlimit.h"
#include "kernel_model/socket.h"
#include "kernel_model/vfs.h"

#include <errno.h>
#include <string.h>

struct x64i_open_file *x64i_file_at(struct x64i_kernel *kernel, uint32_t index)
{
    struct x64i_open_file *file =
        x64i_record_at(kernel, kernel->files, index < X64I_OPEN_FILES_MAX ? index : 0);
    file->path[X64I_PATH_SIZE - 1] = '\0';
    return file;
}

uint32_t x64i_file_number(struct x64i_kernel *kernel, unsigned fd)
{
    return fd < X64I_DESCRIPTORS_MAX ? kernel->process->descriptor[fd] & ~X64I_CLOSE_ON_EXEC : 0;
}

struct x64i_open_file *x64i_file_of(struct x64i_kernel *kernel, unsigned fd)
{
    uint32_t number = x64i_file_number(kernel, fd);
    struct x64i_open_file *file = number ? x64i_file_at(kernel, number - 1) : NULL;
    return file && file->kind != X64I_FILE_NONE && file->kind < X64I_FILE_KINDS ? file : NULL;
}

bool x64i_file_is_same(const struct x64i_open_file *a, const struct x64i_open_file *b)
{
    if (a->kind != b->kind)
        return false;
    return a->kind == X64I_FILE_OVERLAY ? a->object == b->object
                                        : a->path[0] && strcmp(a->path, b->path) == 0;
}

static struct x64i_open_file *take_free(struct x64i_kernel *kernel, uint32_t *index)
{
    for (uint32_t i = 0; i < X64I_OPEN_FILES_MAX; i++) {
        const struct x64i_open_file *old = x64i_record_read(kernel, kernel->files, i);
        if (old->kind != X64I_FILE_NONE)
            continue;
        struct x64i_open_file *file = x64i_file_at(kernel, i);
        *file = (struct x64i_open_file){0};
        *index = i;
        return file;
    }
    return NULL;
}

struct x64i_open_file *x64i_file_make(struct x64i_kernel *kernel, uint32_t *index)
{
    struct x64i_open_file *file = take_free(kernel, index);
    return file || !x64i_sockets_collect(kernel) ? file : take_free(kernel, index);
}

void x64i_file_hold(struct x64i_kernel *kernel, uint32_t number)
{
    if (number)
        x64i_file_at(kernel, number - 1)->references++;
}

static void close_pipe(struct x64i_kernel *kernel, const struct x64i_open_file *file)
{
    uint32_t pipe = file->object;
    bool both = file->writer == X64I_PIPE_BOTH;
    x64i_pipe_close(kernel, pipe, file->writer != X64I_PIPE_READER);
    if (both)
        x64i_pipe_close(kernel, pipe, false);
}

void x64i_file_drop(struct x64i_kernel *kernel, uint32_t number)
{
    struct x64i_open_file *file = number ? x64i_file_at(kernel, number - 1) : NULL;
    if (!file)
        return;
    if (file->references > 0)
        file->references--;
    if (file->references > 0)
        return;
    uint32_t kind = file->kind;
    file->kind = X64I_FILE_NONE; /* nothing is closed twice, whatever leads back here */
    if (kind == X64I_FILE_PIPE)
        close_pipe(kernel, file);
    else if (kind == X64I_FILE_SOCKET)
        x64i_socket_release(kernel, file);
    else if (kind == X64I_FILE_OVERLAY)
        x64i_overlay_release(kernel, file->object);
    if (file->lock || kernel->schedule.record_locks)
        x64i_task_event(kernel);
    *file = (struct x64i_open_file){0};
}

int64_t x64i_descriptor_make(struct x64i_kernel *kernel, uint32_t index, unsigned from,
                             bool close_on_exec)
{
    x64i_file_hold(kernel, index + 1);
    for (unsigned fd = from; fd < x64i_descriptor_limit(kernel); fd++) {
        if (kernel->process->descriptor[fd])
            continue;
        kernel->process->descriptor[fd] = (index + 1) | (close_on_exec ? X64I_CLOSE_ON_EXEC : 0);
        return fd;
    }
    x64i_file_drop(kernel, index + 1);
    return -EMFILE;
}

void x64i_descriptor_close(struct x64i_kernel *kernel, unsigned fd)
{
    uint32_t number = x64i_file_number(kernel, fd);
    if (!number)
        return;
    x64i_record_locks_drop(kernel, x64i_file_at(kernel, number - 1));
    kernel->process->descriptor[fd] = 0;
    x64i_file_drop(kernel, number);
}

void x64i_open_console(struct x64i_kernel *kernel, uint32_t stream)
{
    uint32_t index;
    struct x64i_open_file *file = x64i_file_make(kernel, &index);
    if (!file)
        return;
    file->kind = X64I_FILE_CONSOLE;
    file->object = stream;
    file->flags = kernel->schedule.terminals & 1u << stream ? 2 : stream != 0;
    x64i_descriptor_make(kernel, index, stream, false);
}

void x64i_files_close_all(struct x64i_kernel *kernel)
{
    for (unsigned fd = 0; fd < X64I_DESCRIPTORS_MAX; fd++)
        x64i_descriptor_close(kernel, fd);
}

void x64i_files_close_on_exec(struct x64i_kernel *kernel)
{
    for (unsigned fd = 0; fd < X64I_DESCRIPTORS_MAX; fd++)
        if (kernel->process->descriptor[fd] & X64I_CLOSE_ON_EXEC)
            x64i_descriptor_close(kernel, fd);
}

void x64i_files_inherit(struct x64i_kernel *kernel, struct x64i_process *process)
{
    for (unsigned fd = 0; fd < X64I_DESCRIPTORS_MAX; fd++)
        x64i_file_hold(kernel, process->descriptor[fd] & ~X64I_CLOSE_ON_EXEC);
}
