/* SPDX-License-Identifier: MIT */
/* Opening what a path led to, and listing directories. */
#include "kernel_model/host_mount.h"
#include "kernel_model/open_file.h"
#include "kernel_model/open_flags.h"
#include "kernel_model/vfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool wants_to_write(unsigned flags)
{
    return (flags & O_ACCMODE_) != 0;
}

/* A host's file to be written: on the host where it is bound so, else a copy of it. */
static int64_t open_host(struct x64i_kernel *kernel, struct x64i_node *node, unsigned flags,
                         struct x64i_open_file *file)
{
    uint32_t index;
    if (!x64i_node_is(node, X64I_S_IFREG))
        return -ENXIO;
    file->kind = X64I_FILE_HOST;
    if (!wants_to_write(flags))
        return 0;
    if (x64i_host_is_writable(kernel, node->path))
        return flags & O_TRUNC_
                   ? x64i_host_change(kernel, X64I_HOST_TRUNCATE, node->path, 0, NULL, 0)
                   : 0;
    int64_t bad = x64i_overlay_copy_up(kernel, node, flags & O_TRUNC_, &index);
    if (bad)
        return bad;
    node->kind = X64I_NODE_OVERLAY;
    node->object = index;
    return 0;
}

static int64_t open_overlay(struct x64i_kernel *kernel, const struct x64i_node *node,
                            unsigned flags, struct x64i_open_file *file)
{
    if (x64i_node_is(node, X64I_S_IFLNK))
        return -ELOOP;
    if (x64i_node_is(node, X64I_S_IFSOCK))
        return -ENXIO;
    if (wants_to_write(flags) && (flags & O_TRUNC_)) {
        int64_t bad = x64i_overlay_truncate(kernel, node->object, 0);
        if (bad)
            return bad;
    }
    file->kind = X64I_FILE_OVERLAY;
    file->object = node->object;
    x64i_overlay_at(kernel, node->object)->open++;
    return 0;
}

static int64_t open_node(struct x64i_kernel *kernel, struct x64i_node *node, unsigned flags,
                         struct x64i_open_file *file)
{
    if ((flags & O_DIRECTORY_) && !x64i_node_is(node, X64I_S_IFDIR))
        return -ENOTDIR;
    if (flags & O_PATH_) {
        file->kind = x64i_node_is(node, X64I_S_IFDIR) ? X64I_FILE_DIRECTORY : X64I_FILE_HOST;
        return 0;
    }
    if (x64i_node_is(node, X64I_S_IFDIR)) {
        if (wants_to_write(flags))
            return -EISDIR;
        file->kind = X64I_FILE_DIRECTORY;
        return 0;
    }
    if (node->kind == X64I_NODE_HOST) {
        int64_t bad = open_host(kernel, node, flags, file);
        if (bad || node->kind == X64I_NODE_HOST)
            return bad;
    }
    if (node->kind == X64I_NODE_OVERLAY)
        return open_overlay(kernel, node, flags, file);
    if (node->kind == X64I_NODE_SYNTHETIC)
        return x64i_synthetic_open(kernel, node, file);
    if (wants_to_write(flags))
        return -EACCES;
    file->kind = X64I_FILE_PROGRAM;
    return 0;
}

int64_t x64i_vfs_open(struct x64i_kernel *kernel, struct x64i_node *node, unsigned flags)
{
    uint32_t index;
    struct x64i_open_file *file = x64i_file_make(kernel, &index);
    if (!file)
        return -ENFILE;
    int64_t bad = open_node(kernel, node, flags, file);
    if (bad) {
        *file = (struct x64i_open_file){0};
        return bad;
    }
    file->flags = flags;
    (void)snprintf(file->path, sizeof file->path, "%s", node->path);
    return index;
}

static bool has_name(const char *buffer, size_t used, const char *name)
{
    for (size_t at = 0; at < used; at += strlen(buffer + at + 1) + 2)
        if (strcmp(buffer + at + 1, name) == 0)
            return true;
    return false;
}

static size_t put_name(char *buffer, size_t size, size_t used, const char *name, size_t length)
{
    if (length + 2 > size - used)
        return used;
    buffer[used] = 4;
    memcpy(buffer + used + 1, name, length);
    buffer[used + 1 + length] = '\0';
    if (has_name(buffer, used, buffer + used + 1))
        return used;
    return used + length + 2;
}

/* Names of the host that the overlay has too, or hides, are taken out. */
static size_t merge(struct x64i_kernel *kernel, const char *path, char *buffer, size_t used,
                    size_t added)
{
    char full[2 * X64I_PATH_SIZE];
    uint32_t index;
    size_t kept = used;
    for (size_t at = used; at < used + added;) {
        size_t length = strlen(buffer + at + 1) + 2;
        (void)snprintf(full, sizeof full, "%s/%s", path[1] ? path : "", buffer + at + 1);
        if (!x64i_overlay_find(kernel, full, &index)) {
            memmove(buffer + kept, buffer + at, length);
            kept += length;
        }
        at += length;
    }
    return kept;
}

int64_t x64i_vfs_list(struct x64i_kernel *kernel, const char *path, char *buffer, size_t size)
{
    struct x64i_node node = {0};
    if (x64i_synthetic_look(kernel, path, &node) && strcmp(path, "/dev/shm") != 0)
        return (int64_t)x64i_synthetic_list(kernel, path, buffer, size);
    size_t used = x64i_overlay_list(kernel, path, buffer, size);
    uint32_t index;
    bool own = x64i_overlay_find(kernel, path, &index) || x64i_overlay_hides(kernel, path);
    if (!own && x64i_host_view_covers(kernel->host, path, NULL)) {
        int64_t added = x64i_host_list(kernel, path, buffer + used, size - used);
        /* The reply's end may cut a name: only whole ones count. */
        while (added > 0 && buffer[used + (size_t)added - 1] != '\0')
            added--;
        if (added > 0)
            used = merge(kernel, path, buffer, used, (size_t)added);
    }
    const char *child;
    size_t length;
    for (unsigned i = 0; (child = x64i_host_view_child(kernel->host, i, path, &length)); i++)
        if (length)
            used = put_name(buffer, size, used, child, length);
    if (strcmp(path, "/") == 0) {
        used = put_name(buffer, size, used, "dev", 3);
        used = put_name(buffer, size, used, "proc", 4);
        used = put_name(buffer, size, used, "tmp", 3);
    }
    return (int64_t)used;
}
