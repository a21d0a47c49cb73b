/* SPDX-License-Identifier: MIT */
/* Calls that work on paths: links, names, directories, permissions. */
#include "kernel_model/open_file.h"
#include "kernel_model/path.h"
#include "kernel_model/syscall.h"

#include <stdio.h>
#include <string.h>

#define AT_REMOVEDIR_ 0x200
#define AT_NOFOLLOW_  0x100
#define AT_FOLLOW_    0x400u
#define W_OK_         2
#define X_OK_         1
#define NOREPLACE_    1u
#define SYMLINK_MODE  0777u

int64_t x64i_path_get(struct x64i_kernel *kernel, uint64_t linear, char path[X64I_USER_PATH])
{
    int64_t length = x64i_user_string(kernel, linear, path, X64I_USER_PATH);
    return length < 0 ? length : 0;
}

int64_t x64i_path_walk(struct x64i_kernel *kernel, int dfd, uint64_t linear, bool follow,
                       struct x64i_node *node)
{
    char path[X64I_USER_PATH];
    int64_t bad = x64i_path_get(kernel, linear, path);
    return bad ? bad : x64i_vfs_walk(kernel, dfd, path, follow, node);
}

static int64_t give_string(struct x64i_kernel *kernel, uint64_t buffer, uint64_t size,
                           const char *text, uint64_t length)
{
    if (length > size)
        length = size;
    int64_t bad = x64i_user_writable(kernel, buffer, length);
    if (bad)
        return bad;
    x64i_user_write(kernel, buffer, text, length);
    return (int64_t)length;
}

static int64_t read_link(struct x64i_kernel *kernel, int dfd, uint64_t pathname, uint64_t buffer,
                         int size)
{
    char target[X64I_USER_PATH];
    struct x64i_node node;
    if (size <= 0)
        return -EINVAL;
    int64_t bad = x64i_path_walk(kernel, dfd, pathname, false, &node);
    if (bad)
        return bad;
    int64_t length = x64i_vfs_readlink(kernel, &node, target, sizeof target);
    if (length < 0)
        return length;
    return give_string(kernel, buffer, (uint64_t)size, target, (uint64_t)length);
}

SYSCALL_DEFINE3(readlink, const char __user *, path, char __user *, buf, int, bufsiz)
{
    return read_link(kernel, X64I_AT_FDCWD, X64I_USER(path), X64I_USER(buf), bufsiz);
}

SYSCALL_DEFINE4(readlinkat, int, dfd, const char __user *, pathname, char __user *, buf, int,
                bufsiz)
{
    return read_link(kernel, dfd, X64I_USER(pathname), X64I_USER(buf), bufsiz);
}

/* The guest is root: it may read and write everything, and execute what anybody may. */
static int64_t check_access(struct x64i_kernel *kernel, int dfd, uint64_t filename, int mode,
                            int flags)
{
    struct x64i_node node;
    int64_t bad = x64i_path_walk(kernel, dfd, filename, !(flags & AT_NOFOLLOW_), &node);
    if (bad)
        return bad;
    if ((mode & W_OK_) && node.kind == X64I_NODE_PROGRAM)
        return -EACCES;
    if ((mode & X_OK_) && !(node.stat.mode & 0111))
        return -EACCES;
    return 0;
}

SYSCALL_DEFINE2(access, const char __user *, filename, int, mode)
{
    return check_access(kernel, X64I_AT_FDCWD, X64I_USER(filename), mode, 0);
}

SYSCALL_DEFINE3(faccessat, int, dfd, const char __user *, filename, int, mode)
{
    return check_access(kernel, dfd, X64I_USER(filename), mode, 0);
}

SYSCALL_DEFINE4(faccessat2, int, dfd, const char __user *, filename, int, mode, int, flags)
{
    return check_access(kernel, dfd, X64I_USER(filename), mode, flags);
}

SYSCALL_DEFINE2(getcwd, char __user *, buf, unsigned long, size)
{
    uint64_t length = strlen(kernel->process->directory) + 1;
    if (size < length)
        return -ERANGE;
    return give_string(kernel, X64I_USER(buf), size, kernel->process->directory, length);
}

SYSCALL_DEFINE1(chdir, const char __user *, filename)
{
    struct x64i_node node;
    int64_t bad = x64i_path_walk(kernel, X64I_AT_FDCWD, X64I_USER(filename), true, &node);
    if (bad)
        return bad;
    if (!x64i_node_is(&node, X64I_S_IFDIR))
        return -ENOTDIR;
    memcpy(kernel->process->directory, node.path, X64I_PATH_SIZE);
    return 0;
}

SYSCALL_DEFINE1(fchdir, unsigned int, fd)
{
    const struct x64i_open_file *file = x64i_file_of(kernel, fd);
    if (!file)
        return -EBADF;
    if (file->kind != X64I_FILE_DIRECTORY)
        return -ENOTDIR;
    memcpy(kernel->process->directory, file->path, X64I_PATH_SIZE);
    return 0;
}

static bool is_empty(struct x64i_kernel *kernel, const char *path)
{
    char names[4096];
    return x64i_vfs_list(kernel, path, names, sizeof names) == 0;
}

/* What the host has under a name that the overlay would uncover. */
static bool is_below(struct x64i_kernel *kernel, const char *path)
{
    struct x64i_abi_stat stat;
    return !x64i_overlay_hides(kernel, path) && x64i_host_stat(kernel, path, &stat) == 0;
}

static int64_t remove_path(struct x64i_kernel *kernel, int dfd, uint64_t pathname, bool directory)
{
    struct x64i_node node;
    int64_t bad = x64i_path_walk(kernel, dfd, pathname, false, &node);
    if (bad)
        return bad;
    if (directory != x64i_node_is(&node, X64I_S_IFDIR))
        return directory ? -ENOTDIR : -EISDIR;
    if (node.kind != X64I_NODE_HOST && node.kind != X64I_NODE_OVERLAY)
        return -EPERM;
    if (directory && !is_empty(kernel, node.path))
        return -ENOTEMPTY;
    if (node.kind == X64I_NODE_HOST && x64i_host_is_writable(kernel, node.path))
        return x64i_host_change(kernel, directory ? X64I_HOST_RMDIR : X64I_HOST_UNLINK, node.path,
                                0, NULL, 0);
    return x64i_overlay_remove(kernel, node.path, is_below(kernel, node.path));
}

SYSCALL_DEFINE1(unlink, const char __user *, pathname)
{
    return remove_path(kernel, X64I_AT_FDCWD, X64I_USER(pathname), false);
}

SYSCALL_DEFINE3(unlinkat, int, dfd, const char __user *, pathname, int, flag)
{
    return remove_path(kernel, dfd, X64I_USER(pathname), flag & AT_REMOVEDIR_);
}

SYSCALL_DEFINE1(rmdir, const char __user *, pathname)
{
    return remove_path(kernel, X64I_AT_FDCWD, X64I_USER(pathname), true);
}

/* Finds the place of a name that must be new. */
static int64_t find_new(struct x64i_kernel *kernel, int dfd, uint64_t pathname,
                        struct x64i_node *node)
{
    *node = (struct x64i_node){0};
    int64_t bad = x64i_path_walk(kernel, dfd, pathname, false, node);
    if (!bad)
        return -EEXIST;
    return bad == -ENOENT && node->parent ? 0 : bad;
}

int64_t x64i_path_make_special(struct x64i_kernel *kernel, int dfd, const char *path, uint32_t mode,
                               uint32_t *entry)
{
    struct x64i_node node;
    int64_t bad = x64i_vfs_walk(kernel, dfd, path, false, &node);
    if (!bad)
        return -EEXIST;
    if (bad != -ENOENT || !node.parent)
        return bad;
    return x64i_overlay_make(kernel, node.path, X64I_OVERLAY_SPECIAL,
                             mode & ~kernel->process->umask, entry);
}

/* Devices cannot be made: those that there are, are there. */
static int64_t make_node(struct x64i_kernel *kernel, int dfd, uint64_t filename, unsigned mode)
{
    char path[X64I_USER_PATH];
    struct x64i_node node;
    uint32_t index;
    int64_t bad = x64i_path_get(kernel, filename, path);
    if (bad)
        return bad;
    switch (mode & X64I_S_IFMT) {
    case X64I_S_IFIFO:
    case X64I_S_IFSOCK:
        return x64i_path_make_special(kernel, dfd, path, mode, &index);
    case X64I_S_IFREG:
    case 0:
        break;
    default:
        return -EPERM;
    }
    bad = find_new(kernel, dfd, filename, &node);
    if (bad)
        return bad;
    mode &= 07777 & ~kernel->process->umask;
    return x64i_host_is_writable(kernel, node.path)
               ? x64i_host_change(kernel, X64I_HOST_CREATE, node.path, mode, NULL, 0)
               : x64i_overlay_make(kernel, node.path, X64I_OVERLAY_FILE_KIND, mode, &index);
}

SYSCALL_DEFINE3(mknod, const char __user *, filename, unsigned short, mode, unsigned, dev)
{
    return make_node(kernel, X64I_AT_FDCWD, X64I_USER(filename), mode);
}

SYSCALL_DEFINE4(mknodat, int, dfd, const char __user *, filename, unsigned short, mode, unsigned,
                dev)
{
    return make_node(kernel, dfd, X64I_USER(filename), mode);
}

static int64_t make_directory(struct x64i_kernel *kernel, int dfd, uint64_t pathname, unsigned mode)
{
    struct x64i_node node;
    uint32_t index;
    int64_t bad = find_new(kernel, dfd, pathname, &node);
    if (bad)
        return bad;
    mode &= 07777 & ~kernel->process->umask;
    if (x64i_host_is_writable(kernel, node.path))
        return x64i_host_change(kernel, X64I_HOST_MKDIR, node.path, mode, NULL, 0);
    return x64i_overlay_make(kernel, node.path, X64I_OVERLAY_DIRECTORY, mode, &index);
}

SYSCALL_DEFINE2(mkdir, const char __user *, pathname, unsigned short, mode)
{
    return make_directory(kernel, X64I_AT_FDCWD, X64I_USER(pathname), mode);
}

SYSCALL_DEFINE3(mkdirat, int, dfd, const char __user *, pathname, unsigned short, mode)
{
    return make_directory(kernel, dfd, X64I_USER(pathname), mode);
}

static int64_t make_symlink(struct x64i_kernel *kernel, uint64_t oldname, int dfd, uint64_t newname)
{
    char target[X64I_USER_PATH];
    struct x64i_node node;
    uint32_t index;
    int64_t bad = x64i_path_get(kernel, oldname, target);
    if (!bad)
        bad = find_new(kernel, dfd, newname, &node);
    if (bad)
        return bad;
    if (strlen(target) >= X64I_PATH_SIZE)
        return -ENAMETOOLONG;
    if (x64i_host_is_writable(kernel, node.path))
        return x64i_host_change(kernel, X64I_HOST_SYMLINK, node.path, 0, target, strlen(target));
    bad = x64i_overlay_make(kernel, node.path, X64I_OVERLAY_LINK, SYMLINK_MODE, &index);
    if (!bad)
        (void)snprintf(x64i_overlay_at(kernel, index)->target, X64I_PATH_SIZE, "%.1023s", target);
    return bad;
}

SYSCALL_DEFINE2(symlink, const char __user *, oldname, const char __user *, newname)
{
    return make_symlink(kernel, X64I_USER(oldname), X64I_AT_FDCWD, X64I_USER(newname));
}

SYSCALL_DEFINE3(symlinkat, const char __user *, oldname, int, newdfd, const char __user *, newname)
{
    return make_symlink(kernel, X64I_USER(oldname), newdfd, X64I_USER(newname));
}

/* A second name, on the host or in the overlay, where a file of the host is copied to first. */
static int64_t make_link(struct x64i_kernel *kernel, const struct x64i_node *from, const char *to)
{
    uint32_t index;
    bool host = from->kind == X64I_NODE_HOST && x64i_host_is_writable(kernel, from->path);
    if (x64i_node_is(from, X64I_S_IFDIR))
        return -EPERM;
    if (host != x64i_host_is_writable(kernel, to))
        return -EXDEV;
    if (host)
        return x64i_host_change(kernel, X64I_HOST_LINK, from->path, 0, to, strlen(to) + 1);
    if (from->kind == X64I_NODE_OVERLAY)
        return x64i_overlay_link(kernel, from->object, to);
    if (from->kind != X64I_NODE_HOST || !x64i_node_is(from, X64I_S_IFREG))
        return -EXDEV;
    int64_t bad = x64i_overlay_copy_up(kernel, from, false, &index);
    return bad ? bad : x64i_overlay_link(kernel, index, to);
}

static int64_t do_link(struct x64i_kernel *kernel, int olddfd, uint64_t oldname, int newdfd,
                       uint64_t newname, unsigned flags)
{
    struct x64i_node from = {0};
    struct x64i_node to;
    if (flags & ~AT_FOLLOW_)
        return -EINVAL;
    int64_t bad = x64i_path_walk(kernel, olddfd, oldname, flags & AT_FOLLOW_, &from);
    if (!bad)
        bad = find_new(kernel, newdfd, newname, &to);
    return bad ? bad : make_link(kernel, &from, to.path);
}

SYSCALL_DEFINE2(link, const char __user *, oldname, const char __user *, newname)
{
    return do_link(kernel, X64I_AT_FDCWD, X64I_USER(oldname), X64I_AT_FDCWD, X64I_USER(newname), 0);
}

SYSCALL_DEFINE5(linkat, int, olddfd, const char __user *, oldname, int, newdfd, const char __user *,
                newname, int, flags)
{
    return do_link(kernel, olddfd, X64I_USER(oldname), newdfd, X64I_USER(newname), (unsigned)flags);
}

/* Within one place: on the host, or in the overlay, where a file of the host is copied to first. */
static int64_t move(struct x64i_kernel *kernel, struct x64i_node *from, const char *to)
{
    uint32_t index;
    bool host = from->kind == X64I_NODE_HOST && x64i_host_is_writable(kernel, from->path);
    if (host)
        return x64i_host_is_writable(kernel, to)
                   ? x64i_host_change(kernel, X64I_HOST_RENAME, from->path, 0, to, strlen(to) + 1)
                   : -EXDEV;
    if (x64i_host_is_writable(kernel, to))
        return -EXDEV;
    if (from->kind == X64I_NODE_HOST) {
        if (!x64i_node_is(from, X64I_S_IFREG))
            return -EXDEV;
        int64_t bad = x64i_overlay_copy_up(kernel, from, false, &index);
        if (bad)
            return bad;
    } else if (from->kind != X64I_NODE_OVERLAY) {
        return -EPERM;
    }
    bool below = is_below(kernel, from->path);
    (void)x64i_overlay_remove(kernel, to, false);
    int64_t bad = x64i_overlay_rename(kernel, from->path, to);
    return bad || !below ? bad
                         : x64i_overlay_make(kernel, from->path, X64I_OVERLAY_WHITEOUT, 0, &index);
}

static int64_t do_rename(struct x64i_kernel *kernel, int olddfd, uint64_t oldname, int newdfd,
                         uint64_t newname, unsigned flags)
{
    struct x64i_node from = {0};
    struct x64i_node to = {0};
    int64_t bad = x64i_path_walk(kernel, olddfd, oldname, false, &from);
    if (bad)
        return bad;
    bad = x64i_path_walk(kernel, newdfd, newname, false, &to);
    if (bad && !(bad == -ENOENT && to.parent))
        return bad;
    if (!bad && (flags & NOREPLACE_))
        return -EEXIST;
    if (flags & ~NOREPLACE_)
        return -EINVAL;
    if (strcmp(from.path, to.path) == 0)
        return 0;
    size_t length = strlen(from.path);
    if (strncmp(from.path, to.path, length) == 0 && to.path[length] == '/')
        return -EINVAL;
    bool directory = x64i_node_is(&from, X64I_S_IFDIR);
    if (!bad && directory != x64i_node_is(&to, X64I_S_IFDIR))
        return directory ? -ENOTDIR : -EISDIR;
    if (!bad && directory && !is_empty(kernel, to.path))
        return -ENOTEMPTY;
    return move(kernel, &from, to.path);
}

SYSCALL_DEFINE2(rename, const char __user *, oldname, const char __user *, newname)
{
    return do_rename(kernel, X64I_AT_FDCWD, X64I_USER(oldname), X64I_AT_FDCWD, X64I_USER(newname),
                     0);
}

SYSCALL_DEFINE4(renameat, int, olddfd, const char __user *, oldname, int, newdfd,
                const char __user *, newname)
{
    return do_rename(kernel, olddfd, X64I_USER(oldname), newdfd, X64I_USER(newname), 0);
}

SYSCALL_DEFINE5(renameat2, int, olddfd, const char __user *, oldname, int, newdfd,
                const char __user *, newname, unsigned int, flags)
{
    return do_rename(kernel, olddfd, X64I_USER(oldname), newdfd, X64I_USER(newname), flags);
}

/* There are no attributes, as on a filesystem that does not know them: ls -l asks each file. */
SYSCALL_DEFINE4(getxattr, const char __user *, pathname, const char __user *, name, void __user *,
                value, size_t, size)
{
    return -EOPNOTSUPP;
}

SYSCALL_DEFINE4(lgetxattr, const char __user *, pathname, const char __user *, name, void __user *,
                value, size_t, size)
{
    return -EOPNOTSUPP;
}

SYSCALL_DEFINE4(fgetxattr, int, fd, const char __user *, name, void __user *, value, size_t, size)
{
    return -EOPNOTSUPP;
}

SYSCALL_DEFINE3(listxattr, const char __user *, pathname, char __user *, list, size_t, size)
{
    return -EOPNOTSUPP;
}

SYSCALL_DEFINE3(llistxattr, const char __user *, pathname, char __user *, list, size_t, size)
{
    return -EOPNOTSUPP;
}

SYSCALL_DEFINE3(flistxattr, int, fd, char __user *, list, size_t, size)
{
    return -EOPNOTSUPP;
}

SYSCALL_DEFINE5(setxattr, const char __user *, pathname, const char __user *, name,
                const void __user *, value, size_t, size, int, flags)
{
    return -EOPNOTSUPP;
}

SYSCALL_DEFINE5(lsetxattr, const char __user *, pathname, const char __user *, name,
                const void __user *, value, size_t, size, int, flags)
{
    return -EOPNOTSUPP;
}

SYSCALL_DEFINE5(fsetxattr, int, fd, const char __user *, name, const void __user *, value, size_t,
                size, int, flags)
{
    return -EOPNOTSUPP;
}
