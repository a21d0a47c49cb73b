/* SPDX-License-Identifier: MIT */
/*
 * What the guest made or changed: entries by their whole path in the region "kernel.overlay", bytes
 * of files in "kernel.overlay_data".
 */
#include "kernel_model/host_view.h"
#include "kernel_model/region_pages.h"
#include "kernel_model/syscall.h"
#include "kernel_model/vfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FIRST_INODE UINT64_C(1000000)
#define COPY_BYTES  16384u

struct x64i_overlay_entry *x64i_overlay_at(struct x64i_kernel *kernel, uint32_t index)
{
    struct x64i_overlay_entry *entry =
        x64i_record_at(kernel, kernel->overlay, index < X64I_OVERLAY_MAX ? index : 0);
    entry->path[X64I_PATH_SIZE - 1] = entry->target[X64I_PATH_SIZE - 1] = '\0';
    if (entry->size > X64I_OVERLAY_FILE)
        entry->size = X64I_OVERLAY_FILE;
    return entry;
}

static bool is_named(const struct x64i_overlay_entry *entry, const char *path)
{
    return entry->kind != X64I_OVERLAY_NONE && !entry->unlinked &&
           strncmp(entry->path, path, X64I_PATH_SIZE) == 0;
}

static bool find_name(struct x64i_kernel *kernel, const char *path, uint32_t *index)
{
    for (uint32_t i = 0; i < X64I_OVERLAY_MAX; i++)
        if (is_named(x64i_record_read(kernel, kernel->overlay, i), path)) {
            *index = i;
            return true;
        }
    return false;
}

bool x64i_overlay_find(struct x64i_kernel *kernel, const char *path, uint32_t *index)
{
    if (!find_name(kernel, path, index))
        return false;
    const struct x64i_overlay_entry *entry = x64i_record_read(kernel, kernel->overlay, *index);
    if (entry->kind == X64I_OVERLAY_HARD_LINK)
        *index = entry->same_as < X64I_OVERLAY_MAX ? entry->same_as : 0;
    return true;
}

/* A whiteout, or a directory that was made here: nothing shines through. */
bool x64i_overlay_hides(struct x64i_kernel *kernel, const char *path)
{
    for (uint32_t i = 0; i < X64I_OVERLAY_MAX; i++) {
        const struct x64i_overlay_entry *entry = x64i_record_read(kernel, kernel->overlay, i);
        size_t length = strnlen(entry->path, X64I_PATH_SIZE - 1);
        if (entry->kind != X64I_OVERLAY_NONE && !entry->unlinked &&
            strncmp(path, entry->path, length) == 0 && path[length] == '/')
            return true;
    }
    return false;
}

static void forget_data(struct x64i_kernel *kernel, uint32_t index, uint64_t from)
{
    uint64_t page = index * (X64I_OVERLAY_FILE / X64I_PAGE_SIZE);
    uint64_t size = x64i_overlay_at(kernel, index)->size;
    for (uint64_t at = from; at < size; at += X64I_PAGE_SIZE)
        if (x64i_pages_discard(kernel->overlay_data, page + at / X64I_PAGE_SIZE) != X64_OK)
            kernel->memory->out_of_memory = true;
}

int64_t x64i_overlay_make(struct x64i_kernel *kernel, const char *path, uint32_t kind,
                          uint32_t mode, uint32_t *index)
{
    uint32_t at;
    if (find_name(kernel, path, &at)) {
        forget_data(kernel, at, 0);
    } else {
        const struct x64i_overlay_entry *old;
        for (at = 0; at < X64I_OVERLAY_MAX; at++) {
            old = x64i_record_read(kernel, kernel->overlay, at);
            if (old->kind == X64I_OVERLAY_NONE)
                break;
        }
        if (at == X64I_OVERLAY_MAX)
            return -ENOSPC;
    }
    struct x64i_overlay_entry *entry = x64i_overlay_at(kernel, at);
    uint32_t open = entry->open;
    *entry = (struct x64i_overlay_entry){.kind = kind,
                                         .mode = mode,
                                         .open = open,
                                         .inode = FIRST_INODE + at,
                                         .modified = x64i_time_now(kernel, 0)};
    (void)snprintf(entry->path, sizeof entry->path, "%s", path);
    *index = at;
    return 0;
}

static void clear_entry(struct x64i_kernel *kernel, uint32_t index)
{
    forget_data(kernel, index, 0);
    *x64i_overlay_at(kernel, index) = (struct x64i_overlay_entry){0};
}

/* When no name, no other name and no open file is left. */
static void clear_unused(struct x64i_kernel *kernel, uint32_t index)
{
    const struct x64i_overlay_entry *entry = x64i_overlay_at(kernel, index);
    if (entry->unlinked && !entry->open && !entry->links)
        clear_entry(kernel, index);
}

static void remove_name(struct x64i_kernel *kernel, uint32_t index)
{
    struct x64i_overlay_entry *entry = x64i_overlay_at(kernel, index);
    if (entry->kind != X64I_OVERLAY_HARD_LINK) {
        entry->unlinked = 1;
        clear_unused(kernel, index);
        return;
    }
    uint32_t of = entry->same_as;
    clear_entry(kernel, index);
    struct x64i_overlay_entry *file = x64i_overlay_at(kernel, of);
    if (file->links)
        file->links--;
    clear_unused(kernel, of);
}

int64_t x64i_overlay_link(struct x64i_kernel *kernel, uint32_t index, const char *path)
{
    uint32_t name;
    int64_t bad = x64i_overlay_make(kernel, path, X64I_OVERLAY_HARD_LINK, 0, &name);
    if (bad)
        return bad;
    x64i_overlay_at(kernel, name)->same_as = index;
    x64i_overlay_at(kernel, index)->links++;
    return 0;
}

int64_t x64i_overlay_remove(struct x64i_kernel *kernel, const char *path, bool below)
{
    uint32_t index;
    if (find_name(kernel, path, &index))
        remove_name(kernel, index);
    return below ? x64i_overlay_make(kernel, path, X64I_OVERLAY_WHITEOUT, 0, &index) : 0;
}

void x64i_overlay_release(struct x64i_kernel *kernel, uint32_t index)
{
    struct x64i_overlay_entry *entry = x64i_overlay_at(kernel, index);
    if (entry->open)
        entry->open--;
    clear_unused(kernel, index);
}

/* Whatever lies below a directory moves with it. */
int64_t x64i_overlay_rename(struct x64i_kernel *kernel, const char *from, const char *to)
{
    char path[2 * X64I_PATH_SIZE];
    size_t length = strlen(from);
    for (uint32_t i = 0; i < X64I_OVERLAY_MAX; i++) {
        const struct x64i_overlay_entry *read = x64i_record_read(kernel, kernel->overlay, i);
        if (read->kind == X64I_OVERLAY_NONE || read->unlinked ||
            strncmp(read->path, from, length) != 0 ||
            (read->path[length] && read->path[length] != '/'))
            continue;
        struct x64i_overlay_entry *entry = x64i_overlay_at(kernel, i);
        (void)snprintf(path, sizeof path, "%s%s", to, entry->path + length);
        if (strlen(path) >= X64I_PATH_SIZE)
            return -ENAMETOOLONG;
        memcpy(entry->path, path, strlen(path) + 1);
    }
    return 0;
}

void x64i_overlay_stat(const struct x64i_overlay_entry *entry, struct x64i_abi_stat *stat)
{
    static const uint32_t types[] = {[X64I_OVERLAY_FILE_KIND] = X64I_S_IFREG,
                                     [X64I_OVERLAY_DIRECTORY] = X64I_S_IFDIR,
                                     [X64I_OVERLAY_LINK] = X64I_S_IFLNK,
                                     [X64I_OVERLAY_WHITEOUT] = 0,
                                     [X64I_OVERLAY_HARD_LINK] = 0,
                                     [X64I_OVERLAY_SPECIAL] = 0};
    *stat = (struct x64i_abi_stat){.dev = 2,
                                   .ino = entry->inode,
                                   .nlink = (entry->unlinked ? 0u : 1u) + entry->links,
                                   .uid = entry->uid,
                                   .gid = entry->gid,
                                   .size = (int64_t)entry->size,
                                   .block_size = X64I_PAGE_SIZE,
                                   .blocks = (int64_t)(entry->size + 511) / 512};
    if (entry->kind <= X64I_OVERLAY_WHITEOUT)
        stat->mode = types[entry->kind] | (entry->mode & 07777);
    if (entry->kind == X64I_OVERLAY_SPECIAL)
        stat->mode = entry->mode;
    if (entry->kind == X64I_OVERLAY_DIRECTORY)
        stat->nlink = 2;
    if (entry->kind == X64I_OVERLAY_LINK)
        stat->size = (int64_t)strnlen(entry->target, X64I_PATH_SIZE - 1);
    for (unsigned i = 0; i < 3; i++) {
        stat->times[2 * i] = entry->modified / 1000000000u;
        stat->times[2 * i + 1] = entry->modified % 1000000000u;
    }
}

int64_t x64i_overlay_read(struct x64i_kernel *kernel, uint32_t index, uint64_t position,
                          void *buffer, size_t size)
{
    const struct x64i_overlay_entry *entry = x64i_overlay_at(kernel, index);
    if (position >= entry->size)
        return 0;
    if (size > entry->size - position)
        size = (size_t)(entry->size - position);
    index = index < X64I_OVERLAY_MAX ? index : 0;
    return x64i_pages_copy_out(kernel->overlay_data, index * X64I_OVERLAY_FILE + position, buffer,
                               size) == X64_OK
               ? (int64_t)size
               : -EIO;
}

int64_t x64i_overlay_write(struct x64i_kernel *kernel, uint32_t index, uint64_t position,
                           const void *bytes, size_t size)
{
    struct x64i_overlay_entry *entry = x64i_overlay_at(kernel, index);
    if (position >= X64I_OVERLAY_FILE)
        return -EFBIG;
    if (size > X64I_OVERLAY_FILE - position)
        size = (size_t)(X64I_OVERLAY_FILE - position);
    index = index < X64I_OVERLAY_MAX ? index : 0;
    if (x64i_pages_copy_in(kernel->overlay_data, index * X64I_OVERLAY_FILE + position, bytes,
                           size) != X64_OK)
        return -ENOSPC;
    if (position + size > entry->size)
        entry->size = position + size;
    entry->modified = x64i_time_now(kernel, 0);
    return (int64_t)size;
}

int64_t x64i_overlay_truncate(struct x64i_kernel *kernel, uint32_t index, uint64_t size)
{
    static const uint8_t zeroes[X64I_PAGE_SIZE];
    struct x64i_overlay_entry *entry = x64i_overlay_at(kernel, index);
    if (size > X64I_OVERLAY_FILE)
        return -EFBIG;
    if (size < entry->size) {
        uint64_t tail = X64I_PAGE_SIZE - size % X64I_PAGE_SIZE;
        if (size % X64I_PAGE_SIZE)
            (void)x64i_overlay_write(kernel, index, size, zeroes, (size_t)tail);
        forget_data(kernel, index, (size + X64I_PAGE_SIZE - 1) & ~(uint64_t)(X64I_PAGE_SIZE - 1));
    }
    entry->size = size;
    entry->modified = x64i_time_now(kernel, 0);
    return 0;
}

size_t x64i_overlay_list(struct x64i_kernel *kernel, const char *path, char *buffer, size_t size)
{
    static const char types[] = {0, 8, 4, 10, 0, 8, 1}; /* DT_REG, DT_DIR, DT_LNK, DT_FIFO */
    size_t used = 0;
    size_t length = strcmp(path, "/") == 0 ? 0 : strlen(path);
    for (uint32_t i = 0; i < X64I_OVERLAY_MAX; i++) {
        const struct x64i_overlay_entry *entry = x64i_record_read(kernel, kernel->overlay, i);
        if (!types[entry->kind < sizeof types ? entry->kind : 0] || entry->unlinked ||
            strncmp(entry->path, path, length) != 0 || entry->path[length] != '/')
            continue;
        const char *name = entry->path + length + 1;
        size_t bytes = strnlen(name, X64I_PATH_SIZE - length - 2) + 2;
        if (memchr(name, '/', bytes - 2) || bytes > size - used)
            continue;
        buffer[used] = types[entry->kind];
        if (entry->kind == X64I_OVERLAY_SPECIAL && (entry->mode & X64I_S_IFMT) == X64I_S_IFSOCK)
            buffer[used] = 12; /* DT_SOCK */
        memcpy(buffer + used + 1, name, bytes - 2);
        buffer[used + bytes - 1] = '\0';
        used += bytes;
    }
    return used;
}

int64_t x64i_overlay_copy_up(struct x64i_kernel *kernel, const struct x64i_node *node, bool empty,
                             uint32_t *index)
{
    uint8_t bytes[COPY_BYTES];
    uint64_t at = 0;
    int64_t result = x64i_overlay_make(kernel, node->path, X64I_OVERLAY_FILE_KIND,
                                       node->stat.mode & 07777, index);
    while (result == 0 && !empty) {
        int64_t given = x64i_host_read(kernel, node->path, at, bytes, sizeof bytes);
        if (given <= 0)
            return given;
        int64_t done = x64i_overlay_write(kernel, *index, at, bytes, (size_t)given);
        if (done < given)
            return done < 0 ? done : -EFBIG;
        at += (uint64_t)given;
    }
    return result;
}
