/* SPDX-License-Identifier: MIT */
/* Pipes: rings of bytes. A socket is an end of two of them. */
#include "kernel_model/open_file.h"
#include "kernel_model/region_pages.h"
#include "kernel_model/socket.h"
#include "kernel_model/vfs.h"

#include <string.h>

static uint64_t page_of(uint32_t index)
{
    return (uint64_t)(index < X64I_PIPES_MAX ? index : 0) * X64I_PIPE_PAGES;
}

struct x64i_pipe *x64i_pipe_at(struct x64i_kernel *kernel, uint32_t index)
{
    struct x64i_pipe *pipe = x64i_record_at(kernel, kernel->pipes, page_of(index));
    if (pipe->length > X64I_PIPE_BYTES || pipe->head >= X64I_PIPE_BYTES)
        pipe->length = pipe->head = 0;
    if (pipe->rights > X64I_RIGHTS_MAX)
        pipe->rights = 0;
    return pipe;
}

static bool take_free(struct x64i_kernel *kernel, uint32_t *index)
{
    for (uint32_t i = 0; i < X64I_PIPES_MAX; i++) {
        const struct x64i_pipe *old = x64i_record_read(kernel, kernel->pipes, page_of(i));
        if (old->used)
            continue;
        *x64i_pipe_at(kernel, i) = (struct x64i_pipe){.used = 1, .readers = 1, .writers = 1};
        *index = i;
        return true;
    }
    return false;
}

bool x64i_pipe_make(struct x64i_kernel *kernel, uint32_t *index)
{
    return take_free(kernel, index) || (x64i_sockets_collect(kernel) && take_free(kernel, index));
}

void x64i_pipe_close(struct x64i_kernel *kernel, uint32_t index, bool writer)
{
    struct x64i_pipe *pipe = x64i_pipe_at(kernel, index);
    uint32_t *ends = writer ? &pipe->writers : &pipe->readers;
    if (*ends)
        --*ends;
    x64i_task_event(kernel);
    if (pipe->readers == 0) {
        x64i_rights_drop(kernel, index, UINT64_MAX);
        pipe = x64i_pipe_at(kernel, index); /* they may have been its other end */
    }
    if (pipe->readers || pipe->writers)
        return;
    if (pipe->node) {
        x64i_overlay_at(kernel, pipe->node - 1)->pipe = 0;
        x64i_overlay_release(kernel, pipe->node - 1);
    }
    for (unsigned i = 0; i < X64I_PIPE_PAGES; i++)
        (void)x64i_pages_discard(kernel->pipes, page_of(index) + i);
}

/* The ring's bytes from `at` on: a page's pointer and how many lie there. */
static uint8_t *piece(struct x64i_kernel *kernel, uint32_t index, uint64_t at, size_t *size)
{
    at %= X64I_PIPE_BYTES;
    uint8_t *page = x64i_record_at(kernel, kernel->pipes, page_of(index) + 1 + at / X64I_PAGE_SIZE);
    size_t room = X64I_PAGE_SIZE - at % X64I_PAGE_SIZE;
    if (*size > room)
        *size = room;
    return page + at % X64I_PAGE_SIZE;
}

size_t x64i_pipe_peek(struct x64i_kernel *kernel, uint32_t index, uint64_t offset, void *buffer,
                      size_t size)
{
    const struct x64i_pipe *pipe = x64i_pipe_at(kernel, index);
    size_t done = 0;
    if (offset > pipe->length)
        return 0;
    if (size > pipe->length - offset)
        size = pipe->length - offset;
    while (done < size) {
        size_t count = size - done;
        const uint8_t *from = piece(kernel, index, pipe->head + offset + done, &count);
        memcpy((uint8_t *)buffer + done, from, count);
        done += count;
    }
    return done;
}

void x64i_pipe_skip(struct x64i_kernel *kernel, uint32_t index, size_t size)
{
    struct x64i_pipe *pipe = x64i_pipe_at(kernel, index);
    if (size > pipe->length)
        size = pipe->length;
    pipe->head = (pipe->head + size) % X64I_PIPE_BYTES;
    pipe->length -= size;
    pipe->taken += size;
    if (size)
        x64i_task_event(kernel);
}

size_t x64i_pipe_take(struct x64i_kernel *kernel, uint32_t index, void *buffer, size_t size)
{
    size_t done = x64i_pipe_peek(kernel, index, 0, buffer, size);
    x64i_pipe_skip(kernel, index, done);
    return done;
}

size_t x64i_pipe_put(struct x64i_kernel *kernel, uint32_t index, const void *bytes, size_t size)
{
    struct x64i_pipe *pipe = x64i_pipe_at(kernel, index);
    size_t done = 0;
    if (size > X64I_PIPE_BYTES - pipe->length)
        size = X64I_PIPE_BYTES - pipe->length;
    while (done < size) {
        size_t count = size - done;
        uint8_t *to = piece(kernel, index, pipe->head + pipe->length, &count);
        memcpy(to, (const uint8_t *)bytes + done, count);
        pipe->length += count;
        done += count;
    }
    if (done)
        x64i_task_event(kernel);
    return done;
}
