/* SPDX-License-Identifier: MIT */
/* Bytes of files by position, whatever is behind them. */
#include "kernel_model/host_view.h"
#include "kernel_model/open_file.h"
#include "kernel_model/vfs.h"

#include <errno.h>
#include <string.h>

#define TEXT_BYTES 65536u

static int64_t read_program(const struct x64i_kernel *kernel, uint64_t position, void *buffer,
                            size_t size)
{
    if (position >= kernel->program_size)
        return 0;
    if (size > kernel->program_size - position)
        size = (size_t)(kernel->program_size - position);
    memcpy(buffer, kernel->program + position, size);
    return (int64_t)size;
}

static int64_t read_text(struct x64i_kernel *kernel, const struct x64i_open_file *file,
                         uint64_t position, void *buffer, size_t size)
{
    char text[TEXT_BYTES];
    size_t length = x64i_proc_text(kernel, file->value, file->object, text, sizeof text);
    if (position >= length)
        return 0;
    if (size > length - position)
        size = (size_t)(length - position);
    memcpy(buffer, text + position, size);
    return (int64_t)size;
}

int64_t x64i_file_pread(struct x64i_kernel *kernel, uint32_t index, uint64_t position, void *buffer,
                        size_t size)
{
    char path[X64I_PATH_SIZE];
    const struct x64i_open_file *file = x64i_file_at(kernel, index);
    switch ((enum x64i_file_kind)file->kind) {
    case X64I_FILE_PROGRAM:
        return read_program(kernel, position, buffer, size);
    case X64I_FILE_HOST:
        memcpy(path, file->path, sizeof path);
        return x64i_host_read(kernel, path, position, buffer, size);
    case X64I_FILE_OVERLAY:
        return x64i_overlay_read(kernel, file->object, position, buffer, size);
    case X64I_FILE_TEXT:
        return read_text(kernel, file, position, buffer, size);
    case X64I_FILE_DIRECTORY:
        return -EISDIR;
    default:
        return -ESPIPE;
    }
}

int64_t x64i_file_pwrite(struct x64i_kernel *kernel, uint32_t index, uint64_t position,
                         const void *bytes, size_t size)
{
    const struct x64i_open_file *file = x64i_file_at(kernel, index);
    if (file->kind == X64I_FILE_OVERLAY)
        return x64i_overlay_write(kernel, file->object, position, bytes, size);
    if (file->kind == X64I_FILE_HOST)
        return x64i_host_change(kernel, X64I_HOST_WRITE, file->path, position, bytes, size);
    return -EBADF;
}

uint64_t x64i_file_size(struct x64i_kernel *kernel, uint32_t index)
{
    struct x64i_abi_stat stat;
    const struct x64i_open_file *file = x64i_file_at(kernel, index);
    if (file->kind == X64I_FILE_PROGRAM)
        return kernel->program_size;
    if (file->kind == X64I_FILE_OVERLAY)
        return x64i_overlay_at(kernel, file->object)->size;
    if (file->kind == X64I_FILE_HOST && x64i_host_stat(kernel, file->path, &stat) == 0 &&
        stat.size > 0)
        return (uint64_t)stat.size;
    return 0;
}
