/* SPDX-License-Identifier: MIT */
/* User memory from C, by the page tables, with the user's permissions. */
#include "kernel_model/usercopy.h"

#include "kernel_model/kernel.h"

#include <errno.h>
#include <string.h>

static bool translate(const struct x64i_kernel *kernel, uint64_t linear, bool write,
                      uint64_t *physical)
{
    uint64_t needed = X64I_PTE_PRESENT | X64I_PTE_USER | (write ? X64I_PTE_WRITABLE : 0u);
    uint64_t entry = x64i_page_entry(kernel, kernel->layout.root, linear, NULL);
    if ((entry & needed) != needed)
        return false;
    *physical = (entry & X64I_PTE_ADDRESS) | (linear & (X64I_PAGE_SIZE - 1));
    return true;
}

/* A page that is not there: the second time, after the guest's own try failed, for good. */
static int64_t ask_for(struct x64i_kernel *kernel, uint64_t linear, bool write)
{
    struct x64i_fault_in *fault_in = &kernel->task->fault_in;
    bool tried = fault_in->active && fault_in->linear == linear && fault_in->write == write;
    if (tried && fault_in->failed)
        return -EFAULT;
    *fault_in = (struct x64i_fault_in){.linear = linear, .write = write, .active = 1};
    return X64I_FAULT_IN;
}

static int64_t check(struct x64i_kernel *kernel, uint64_t linear, uint64_t size, bool write)
{
    uint64_t physical;
    if (!x64i_range_ok(linear, size, kernel->mm.limit))
        return -EFAULT;
    for (uint64_t at = linear; at < linear + size; at = (at | (X64I_PAGE_SIZE - 1)) + 1)
        if (!translate(kernel, at, write, &physical))
            return ask_for(kernel, at, write);
    return 0;
}

int64_t x64i_user_readable(struct x64i_kernel *kernel, uint64_t linear, uint64_t size)
{
    return check(kernel, linear, size, false);
}

int64_t x64i_user_writable(struct x64i_kernel *kernel, uint64_t linear, uint64_t size)
{
    return check(kernel, linear, size, true);
}

static size_t piece_at(uint64_t linear, size_t left)
{
    size_t piece = X64I_PAGE_SIZE - (linear & (X64I_PAGE_SIZE - 1));
    return piece < left ? piece : left;
}

size_t x64i_user_peek(const struct x64i_kernel *kernel, uint64_t linear, void *buffer, size_t size)
{
    size_t done = 0;
    while (done < size) {
        uint64_t physical;
        size_t piece = piece_at(linear + done, size - done);
        if (!translate(kernel, linear + done, false, &physical) ||
            !x64i_physical_peek(kernel->memory, physical, (uint8_t *)buffer + done, piece))
            break;
        done += piece;
    }
    return done;
}

void x64i_user_read(struct x64i_kernel *kernel, uint64_t linear, void *buffer, size_t size)
{
    size_t done = x64i_user_peek(kernel, linear, buffer, size);
    memset((uint8_t *)buffer + done, 0, size - done);
}

/* What an observer sees of a copy to the user: words, as if the guest had stored them. */
static void note_writes(struct x64i_kernel *kernel, uint64_t linear, uint64_t physical,
                        const uint8_t *bytes, size_t size)
{
    if (!kernel->cpu->effects)
        return;
    for (size_t at = 0; at < size; at += 8) {
        size_t length = size - at < 8 ? size - at : 8;
        struct x64_effect effect = {.kind = X64_EFFECT_MEMORY_WRITE,
                                    .size = (uint8_t)length,
                                    .linear = linear + at,
                                    .physical = physical + at};
        x64i_physical_peek(kernel->memory, physical + at, &effect.old, length);
        memcpy(&effect.value, bytes + at, length);
        x64i_effects_add(kernel->cpu->effects, effect);
    }
}

void x64i_user_write(struct x64i_kernel *kernel, uint64_t linear, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    while (size > 0) {
        uint64_t physical;
        size_t piece = piece_at(linear, size);
        if (!translate(kernel, linear, true, &physical))
            return;
        note_writes(kernel, linear, physical, from, piece);
        x64i_physical_poke(kernel->memory, physical, from, piece);
        linear += piece;
        from += piece;
        size -= piece;
    }
}

int64_t x64i_user_string(struct x64i_kernel *kernel, uint64_t linear, char *buffer, size_t size)
{
    for (size_t length = 0; length < size;) {
        size_t piece = piece_at(linear + length, size - length);
        int64_t bad = x64i_user_readable(kernel, linear + length, piece);
        if (bad)
            return bad;
        x64i_user_read(kernel, linear + length, buffer + length, piece);
        const char *end = memchr(buffer + length, '\0', piece);
        if (end)
            return end - buffer;
        length += piece;
    }
    return -ENAMETOOLONG;
}
