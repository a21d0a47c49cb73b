/* SPDX-License-Identifier: MIT */
/*
 * What the guest sees as its file system, from top to bottom: /proc and /dev made up here; the
 * overlay, which holds what the guest made or changed and lives in the machine's state; the host's
 * files that were opened for it (host_view.h).
 */
#ifndef X64I_KERNEL_MODEL_VFS_H
#define X64I_KERNEL_MODEL_VFS_H

#include "kernel_model/abi.h"
#include "kernel_model/kernel.h"

#define X64I_AT_FDCWD (-100)

struct x64i_open_file;

enum x64i_node_kind {
    X64I_NODE_NONE,
    X64I_NODE_HOST,
    X64I_NODE_PROGRAM,
    X64I_NODE_OVERLAY,
    X64I_NODE_SYNTHETIC,
    X64I_NODE_DESCRIPTOR /* /proc/self/fd/N */
};

struct x64i_node {
    uint32_t kind;
    uint32_t object; /* overlay entry, row of the synthetic table, descriptor */
    uint32_t process;
    bool parent;          /* of nothing: its directory is there */
    bool wants_directory; /* the path ended in a slash */
    struct x64i_abi_stat stat;
    char path[X64I_PATH_SIZE]; /* absolute, without links and dots */
};

#define X64I_S_IFMT   0170000u
#define X64I_S_IFDIR  0040000u
#define X64I_S_IFREG  0100000u
#define X64I_S_IFLNK  0120000u
#define X64I_S_IFCHR  0020000u
#define X64I_S_IFIFO  0010000u
#define X64I_S_IFSOCK 0140000u

static inline bool x64i_node_is(const struct x64i_node *node, uint32_t type)
{
    return node->kind != X64I_NODE_NONE && (node->stat.mode & X64I_S_IFMT) == type;
}

/* The running process's first directory and the path of its program. */
void x64i_vfs_init(struct x64i_kernel *kernel, const char *path);

/* Finds what a path names, from a directory's descriptor on. -ENOENT with node->parent set when
 * only the last part is missing. */
int64_t x64i_vfs_walk(struct x64i_kernel *kernel, int dfd, const char *path, bool follow,
                      struct x64i_node *node);

/* One path without links, absolute; 0 or -ENOENT. */
int64_t x64i_vfs_look(struct x64i_kernel *kernel, const char *path, struct x64i_node *node);

/* The target of a link; its length or -EINVAL. */
int64_t x64i_vfs_readlink(struct x64i_kernel *kernel, const struct x64i_node *node, char *buffer,
                          size_t size);

/* Opens a node that exists: the index of an open file without a reference, or a negative errno. */
int64_t x64i_vfs_open(struct x64i_kernel *kernel, struct x64i_node *node, unsigned flags);

/* Names in a directory, each a type byte (DT_*) and a zero-terminated name. Answers the bytes. */
int64_t x64i_vfs_list(struct x64i_kernel *kernel, const char *path, char *buffer, size_t size);

/* vfs_synthetic.c. True when the path lies in /proc, /dev or /sys; node->kind says whether there is
 * something. */
bool x64i_synthetic_look(struct x64i_kernel *kernel, const char *path, struct x64i_node *node);
int64_t x64i_synthetic_link(struct x64i_kernel *kernel, const struct x64i_node *node, char *buffer,
                            size_t size);
int64_t x64i_synthetic_open(struct x64i_kernel *kernel, const struct x64i_node *node,
                            struct x64i_open_file *file);
size_t x64i_synthetic_list(struct x64i_kernel *kernel, const char *path, char *buffer, size_t size);

/* vfs_text.c: the bytes of a file of /proc; answers how many. */
size_t x64i_proc_text(struct x64i_kernel *kernel, uint64_t which, uint32_t process, char *buffer,
                      size_t size);
enum x64i_proc_text {
    X64I_TEXT_MAPS,
    X64I_TEXT_STAT,
    X64I_TEXT_STATUS,
    X64I_TEXT_COMM,
    X64I_TEXT_COMMAND_LINE,
    X64I_TEXT_MEMORY,
    X64I_TEXT_CPU,
    X64I_TEXT_VERSION,
    X64I_TEXT_UPTIME,
    X64I_TEXT_MOUNTS,
    X64I_TEXT_MOUNT_INFO,
    X64I_TEXT_MEMORY_SIZE,
    X64I_TEXT_CGROUP,
    X64I_TEXT_SYSTEM_STAT,
    X64I_TEXT_LOAD,
    X64I_TEXT_FILESYSTEMS,
    X64I_TEXT_HOSTNAME,
    X64I_TEXT_RELEASE,
    X64I_TEXT_SYSTEM_NAME,
    X64I_TEXT_PID_MAX,
    X64I_TEXT_GROUPS_MAX,
    X64I_TEXT_ZERO,
    X64I_TEXT_ONE,
    X64I_TEXT_EMPTY
};

/* overlay.c */
#define X64I_OVERLAY_MAX  512u
#define X64I_OVERLAY_FILE (UINT64_C(16) << 20) /* bytes of a file at the most */

enum x64i_overlay_kind {
    X64I_OVERLAY_NONE,
    X64I_OVERLAY_FILE_KIND,
    X64I_OVERLAY_DIRECTORY,
    X64I_OVERLAY_LINK,
    X64I_OVERLAY_WHITEOUT,
    X64I_OVERLAY_HARD_LINK, /* another name of entry `same_as` */
    X64I_OVERLAY_SPECIAL    /* a FIFO or a socket, as its mode's S_IFMT says */
};

struct x64i_overlay_entry {
    uint32_t kind; /* enum x64i_overlay_kind */
    uint32_t mode;
    uint32_t open; /* open files */
    uint32_t unlinked;
    uint32_t uid, gid;
    uint64_t size;
    uint64_t inode;
    uint64_t modified; /* nanoseconds since 1970 */
    char path[X64I_PATH_SIZE];
    char target[X64I_PATH_SIZE];
    uint32_t links; /* other names */
    uint32_t same_as;
    uint32_t pipe; /* of a FIFO that is open: + 1 */
};
_Static_assert(sizeof(struct x64i_overlay_entry) <= 4096, "an overlay entry takes one page");

struct x64i_overlay_entry *x64i_overlay_at(struct x64i_kernel *kernel, uint32_t index);
/* The entry of that path, of which it may be one of several names; false when there is none.
 * Whiteouts are entries. */
bool x64i_overlay_find(struct x64i_kernel *kernel, const char *path, uint32_t *index);
/* Whether a directory above the path hides what the host has below it. */
bool x64i_overlay_hides(struct x64i_kernel *kernel, const char *path);
int64_t x64i_overlay_make(struct x64i_kernel *kernel, const char *path, uint32_t kind,
                          uint32_t mode, uint32_t *index);
/* Gives an entry another name. */
int64_t x64i_overlay_link(struct x64i_kernel *kernel, uint32_t index, const char *path);
/* Removes a path from the guest's sight; `below`: the host has one of that name. */
int64_t x64i_overlay_remove(struct x64i_kernel *kernel, const char *path, bool below);
int64_t x64i_overlay_rename(struct x64i_kernel *kernel, const char *from, const char *to);
void x64i_overlay_stat(const struct x64i_overlay_entry *entry, struct x64i_abi_stat *stat);
void x64i_overlay_release(struct x64i_kernel *kernel, uint32_t index);
int64_t x64i_overlay_read(struct x64i_kernel *kernel, uint32_t index, uint64_t position,
                          void *buffer, size_t size);
int64_t x64i_overlay_write(struct x64i_kernel *kernel, uint32_t index, uint64_t position,
                           const void *bytes, size_t size);
int64_t x64i_overlay_truncate(struct x64i_kernel *kernel, uint32_t index, uint64_t size);
size_t x64i_overlay_list(struct x64i_kernel *kernel, const char *path, char *buffer, size_t size);
/* Copies a host's file up, so that it can be changed. */
int64_t x64i_overlay_copy_up(struct x64i_kernel *kernel, const struct x64i_node *node, bool empty,
                             uint32_t *index);

#endif
