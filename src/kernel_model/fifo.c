/* SPDX-License-Identifier: MIT */
#include "kernel_model/fifo.h"

#include "kernel_model/open_flags.h"
#include "kernel_model/usercopy.h"

#include <errno.h>
#include <stdio.h>

/* The pipe behind the name, which is there while anybody has it open. */
static bool find_pipe(struct x64i_kernel *kernel, uint32_t entry, uint32_t *index)
{
    struct x64i_overlay_entry *node = x64i_overlay_at(kernel, entry);
    if (node->pipe) {
        *index = node->pipe - 1;
        return true;
    }
    if (!x64i_pipe_make(kernel, index))
        return false;
    struct x64i_pipe *pipe = x64i_pipe_at(kernel, *index);
    pipe->readers = pipe->writers = 0;
    pipe->node = entry + 1;
    node->pipe = *index + 1;
    node->open++;
    return true;
}

static uint32_t end_of(unsigned flags)
{
    if ((flags & O_ACCMODE_) == O_RDONLY_)
        return X64I_PIPE_READER;
    return (flags & O_ACCMODE_) == O_WRONLY_ ? X64I_PIPE_WRITER : X64I_PIPE_BOTH;
}

/* How often the other end was opened: one that came and went counts too. */
static uint32_t others_of(struct x64i_kernel *kernel, const struct x64i_open_file *file)
{
    const struct x64i_pipe *pipe = x64i_pipe_at(kernel, file->object);
    return file->writer == X64I_PIPE_WRITER ? pipe->opened_readers : pipe->opened_writers;
}

/* The task's end is there from now on, for the other end to find. */
static int64_t make_end(struct x64i_kernel *kernel, const struct x64i_node *node, unsigned flags)
{
    uint32_t index, pipe_index;
    struct x64i_open_file *file = x64i_file_make(kernel, &index);
    if (!file || !find_pipe(kernel, node->object, &pipe_index))
        return -ENFILE;
    struct x64i_pipe *pipe = x64i_pipe_at(kernel, pipe_index);
    *file = (struct x64i_open_file){.kind = X64I_FILE_PIPE,
                                    .references = 1,
                                    .flags = flags,
                                    .object = pipe_index,
                                    .writer = end_of(flags)};
    (void)snprintf(file->path, sizeof file->path, "%s", node->path);
    file->value = others_of(kernel, file);
    if (file->writer != X64I_PIPE_WRITER) {
        pipe->readers++;
        pipe->opened_readers++;
    }
    if (file->writer != X64I_PIPE_READER) {
        pipe->writers++;
        pipe->opened_writers++;
    }
    kernel->task->opening = index + 1;
    x64i_task_event(kernel);
    return 0;
}

static bool is_complete(struct x64i_kernel *kernel, const struct x64i_open_file *file)
{
    const struct x64i_pipe *pipe = x64i_pipe_at(kernel, file->object);
    if (file->writer == X64I_PIPE_BOTH || others_of(kernel, file) != file->value)
        return true;
    if (file->writer == X64I_PIPE_WRITER)
        return pipe->readers > 0;
    return pipe->writers > 0 || (file->flags & O_NONBLOCK_);
}

int64_t x64i_fifo_open(struct x64i_kernel *kernel, const struct x64i_node *node, unsigned flags)
{
    struct x64i_task *task = kernel->task;
    int64_t bad = task->opening ? 0 : make_end(kernel, node, flags);
    if (bad)
        return bad;
    if (!is_complete(kernel, x64i_file_at(kernel, task->opening - 1))) {
        if (!(flags & O_NONBLOCK_))
            return X64I_SLEEP;
        x64i_fifo_abandon(kernel);
        return -ENXIO;
    }
    int64_t fd = x64i_descriptor_make(kernel, task->opening - 1, 0, flags & O_CLOEXEC_);
    x64i_fifo_abandon(kernel);
    return fd;
}

void x64i_fifo_abandon(struct x64i_kernel *kernel)
{
    uint32_t number = kernel->task->opening;
    kernel->task->opening = 0;
    x64i_file_drop(kernel, number);
}
