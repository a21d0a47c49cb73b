/* SPDX-License-Identifier: MIT */
/*
 * The inside of a host view, for host_view.c and host_files.c.
 */
#ifndef X64I_KERNEL_MODEL_HOST_MOUNT_H
#define X64I_KERNEL_MODEL_HOST_MOUNT_H

#include "kernel_model/host_view.h"

#define X64I_MOUNTS_MAX 32u

struct x64i_mount {
    char *guest; /* "" for the root */
    char *host;
    bool writable;
};

struct x64i_host_view {
    bool whole; /* mount 0 is the root */
    unsigned count;
    struct x64i_mount mount[X64I_MOUNTS_MAX];
    int cached_fd; /* of the file that was read last */
    char cached_path[1024];
};

bool x64i_host_view_covers(const struct x64i_host_view *view, const char *path, bool *writable);
bool x64i_host_view_leads(const struct x64i_host_view *view, const char *path);

/* The part of mount `index` below a directory, of length 0 when it is not there; null behind the
 * last. */
const char *x64i_host_view_child(const struct x64i_host_view *view, unsigned index,
                                 const char *path, size_t *length);

/* A descriptor of the directory a path lies in, and the path's last part, "" for a mount itself; or
 * a negative errno. */
int x64i_host_open_parent(const struct x64i_host_view *view, const char *path, const char **name);

#endif
