/* SPDX-License-Identifier: MIT */
/*
 * What of the host's files a guest may see. Every question goes through the recorded door, so that
 * a replay asks nobody. Paths are the guest's, absolute and free of links and dots; below a mount
 * they are opened part by part and no link is followed, so that none leads out of it.
 */
#ifndef X64I_KERNEL_MODEL_HOST_VIEW_H
#define X64I_KERNEL_MODEL_HOST_VIEW_H

#include "kernel_model/abi.h"

#include "x64emu/kernel_model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct x64i_kernel;
struct x64i_host_view;

/* From a configuration; X64_ERROR_MEMORY, X64_ERROR_ARGUMENT with a sentence. */
enum x64_status x64i_host_view_create(const struct x64_kernel_config *config,
                                      struct x64i_host_view **out, struct x64_error_text *error);
struct x64i_host_view *x64i_host_view_copy(const struct x64i_host_view *view);
void x64i_host_view_destroy(struct x64i_host_view *view);

/* The mounts as bytes for a saved state, which the caller frees; null without memory. And a view
 * made of them, which has the guest's side alone: all answers come from a recording. */
char *x64i_host_view_describe(const struct x64i_host_view *view, size_t *size);
struct x64i_host_view *x64i_host_view_recorded(const char *bytes, size_t size);

/* The host's own view, unrecorded: where the guest begins, and its program's path there; both have
 * X64I_PATH_SIZE bytes. */
void x64i_host_view_start(const struct x64i_host_view *view, const char *program, char *directory,
                          char *path);

/* Shows one more of the host's files, read-only: the machine's program under its path there, where
 * it is not shown by itself; a file by its absolute path where the view is not a whole tree, which
 * has its own. X64_ERROR_LIMIT. */
enum x64_status x64i_host_view_show_program(struct x64i_host_view *view, const char *program,
                                            struct x64_error_text *error);
enum x64_status x64i_host_view_show(struct x64i_host_view *view, const char *path,
                                    struct x64_error_text *error);

/* Each answers 0 or more, or a negative errno. */
int64_t x64i_host_stat(struct x64i_kernel *kernel, const char *path, struct x64i_abi_stat *stat);
int64_t x64i_host_readlink(struct x64i_kernel *kernel, const char *path, char *buffer, size_t size);
int64_t x64i_host_read(struct x64i_kernel *kernel, const char *path, uint64_t offset, void *buffer,
                       size_t size);
/* Names as x64i_vfs_list has them, in the order of their bytes. */
int64_t x64i_host_list(struct x64i_kernel *kernel, const char *path, char *buffer, size_t size);

/* Whether the guest may change the path on the host. */
bool x64i_host_is_writable(const struct x64i_kernel *kernel, const char *path);

enum x64i_host_change {
    X64I_HOST_CREATE = 1, /* value: mode */
    X64I_HOST_TRUNCATE,
    X64I_HOST_UNLINK,
    X64I_HOST_RMDIR,
    X64I_HOST_MKDIR,
    X64I_HOST_CHMOD,
    X64I_HOST_RENAME,  /* bytes: the other path */
    X64I_HOST_SYMLINK, /* bytes: the target */
    X64I_HOST_WRITE,   /* value: offset */
    X64I_HOST_LINK,    /* bytes: the new path */
    X64I_HOST_TIMES    /* bytes: two struct timespec, as utimensat takes them */
};
int64_t x64i_host_change(struct x64i_kernel *kernel, enum x64i_host_change what, const char *path,
                         uint64_t value, const void *bytes, size_t size);

#endif
