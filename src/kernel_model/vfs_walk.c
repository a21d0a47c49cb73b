/* SPDX-License-Identifier: MIT */
/* From a path to what it names, part by part, within the guest's own root. */
#include "kernel_model/host_mount.h"
#include "kernel_model/open_file.h"
#include "kernel_model/vfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINKS_MAX   40u
#define WALK_BYTES  4096u
#define ROOT_INODE  2u
#define PROGRAM_INO 3u

/* A path on its way: what is resolved so far, and what is still to be walked. */
struct walk {
    char rest[WALK_BYTES];
    unsigned links;
    bool follow;
};

static void made_up_directory(struct x64i_node *node)
{
    node->kind = X64I_NODE_SYNTHETIC;
    node->object = UINT32_MAX;
    node->stat = (struct x64i_abi_stat){.dev = 1,
                                        .ino = ROOT_INODE,
                                        .nlink = 2,
                                        .mode = X64I_S_IFDIR | 0755,
                                        .size = X64I_PAGE_SIZE,
                                        .block_size = X64I_PAGE_SIZE};
}

static bool is_the_program(const struct x64i_kernel *kernel, const char *path)
{
    return kernel->process->program && strcmp(path, kernel->process->path) == 0;
}

/* Directories on the way to the program, where nothing else shows them. */
static bool leads_to_program(const struct x64i_kernel *kernel, const char *path)
{
    size_t length = strcmp(path, "/") == 0 ? 0 : strlen(path);
    return strncmp(kernel->process->path, path, length) == 0 &&
           kernel->process->path[length] == '/';
}

static bool look_at_program(struct x64i_kernel *kernel, struct x64i_node *node)
{
    node->kind = X64I_NODE_PROGRAM;
    node->stat = (struct x64i_abi_stat){.dev = 1,
                                        .ino = PROGRAM_INO,
                                        .nlink = 1,
                                        .mode = X64I_S_IFREG | 0755,
                                        .size = (int64_t)kernel->program_size,
                                        .block_size = X64I_PAGE_SIZE,
                                        .blocks = (int64_t)(kernel->program_size + 511) / 512};
    return true;
}

int64_t x64i_vfs_look(struct x64i_kernel *kernel, const char *path, struct x64i_node *node)
{
    uint32_t index;
    *node = (struct x64i_node){0};
    (void)snprintf(node->path, sizeof node->path, "%s", path);
    if (x64i_synthetic_look(kernel, path, node))
        return node->kind == X64I_NODE_NONE ? -ENOENT : 0;
    if (x64i_overlay_find(kernel, path, &index)) {
        const struct x64i_overlay_entry *entry = x64i_overlay_at(kernel, index);
        if (entry->kind == X64I_OVERLAY_WHITEOUT)
            return -ENOENT;
        node->kind = X64I_NODE_OVERLAY;
        node->object = index;
        x64i_overlay_stat(entry, &node->stat);
        return 0;
    }
    if (x64i_overlay_hides(kernel, path))
        return -ENOENT;
    if (x64i_host_view_covers(kernel->host, path, NULL) &&
        x64i_host_stat(kernel, path, &node->stat) == 0) {
        node->kind = X64I_NODE_HOST;
        return 0;
    }
    if (is_the_program(kernel, path) && look_at_program(kernel, node))
        return 0;
    if (strcmp(path, "/") != 0 && strcmp(path, "/tmp") != 0 &&
        !x64i_host_view_leads(kernel->host, path) && !leads_to_program(kernel, path))
        return -ENOENT;
    made_up_directory(node);
    return 0;
}

int64_t x64i_vfs_readlink(struct x64i_kernel *kernel, const struct x64i_node *node, char *buffer,
                          size_t size)
{
    if (node->kind == X64I_NODE_DESCRIPTOR)
        return x64i_synthetic_link(kernel, node, buffer, size);
    if (!x64i_node_is(node, X64I_S_IFLNK))
        return -EINVAL;
    if (node->kind == X64I_NODE_HOST)
        return x64i_host_readlink(kernel, node->path, buffer, size);
    if (node->kind == X64I_NODE_SYNTHETIC)
        return x64i_synthetic_link(kernel, node, buffer, size);
    const char *target = x64i_overlay_at(kernel, node->object)->target;
    size_t length = strlen(target);
    memcpy(buffer, target, length < size ? length : size);
    return (int64_t)(length < size ? length : size);
}

/* Where a relative path begins. */
static int64_t start(struct x64i_kernel *kernel, int dfd, const char *path, struct x64i_node *node)
{
    const char *directory = kernel->process->directory;
    if (path[0] == '/') {
        directory = "/";
    } else if (dfd != X64I_AT_FDCWD) {
        const struct x64i_open_file *file = x64i_file_of(kernel, (unsigned)dfd);
        if (!file)
            return -EBADF;
        if (file->kind != X64I_FILE_DIRECTORY)
            return -ENOTDIR;
        directory = file->path;
    }
    return x64i_vfs_look(kernel, directory, node);
}

static void go_up(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash)
        slash[slash == path ? 1 : 0] = '\0';
}

/* Puts a link's target in front of what is left. */
static int64_t follow_link(struct x64i_kernel *kernel, struct walk *walk, struct x64i_node *node)
{
    char target[X64I_PATH_SIZE];
    char rest[WALK_BYTES + X64I_PATH_SIZE + 2];
    if (++walk->links > LINKS_MAX)
        return -ELOOP;
    int64_t length = x64i_vfs_readlink(kernel, node, target, sizeof target - 1);
    if (length < 0)
        return length;
    target[length] = '\0';
    (void)snprintf(rest, sizeof rest, "%s%s%s", target, walk->rest[0] ? "/" : "", walk->rest);
    if (strlen(rest) >= sizeof walk->rest)
        return -ENAMETOOLONG;
    memcpy(walk->rest, rest, strlen(rest) + 1);
    go_up(node->path);
    if (target[0] == '/')
        (void)snprintf(node->path, sizeof node->path, "/");
    char parent[X64I_PATH_SIZE];
    memcpy(parent, node->path, sizeof parent);
    return x64i_vfs_look(kernel, parent, node);
}

/* Takes the next part off the front; false when there is none. */
static bool next_part(struct walk *walk, char *part, size_t size, bool *last, bool *slash)
{
    size_t skip = strspn(walk->rest, "/");
    size_t length = strcspn(walk->rest + skip, "/");
    if (length == 0)
        return false;
    (void)snprintf(part, size, "%.*s", (int)length, walk->rest + skip);
    const char *after = walk->rest + skip + length;
    size_t slashes = strspn(after, "/");
    *slash = slashes > 0;
    *last = after[slashes] == '\0';
    memmove(walk->rest, after + slashes, strlen(after + slashes) + 1);
    return true;
}

/* One part further. */
static int64_t step(struct x64i_kernel *kernel, struct walk *walk, struct x64i_node *node,
                    const char *part, bool last, bool slash)
{
    char path[X64I_PATH_SIZE + 260];
    if (!x64i_node_is(node, X64I_S_IFDIR))
        return -ENOTDIR;
    if (strcmp(part, ".") == 0)
        return 0;
    (void)snprintf(path, sizeof path, "%s%s%s", node->path, node->path[1] ? "/" : "", part);
    if (strcmp(part, "..") == 0) {
        (void)snprintf(path, sizeof path, "%s", node->path);
        go_up(path);
    }
    if (strlen(path) >= X64I_PATH_SIZE)
        return -ENAMETOOLONG;
    int64_t bad = x64i_vfs_look(kernel, path, node);
    if (bad) {
        node->kind = X64I_NODE_NONE;
        node->parent = last;
        node->wants_directory = slash;
        return bad;
    }
    bool link = x64i_node_is(node, X64I_S_IFLNK) && node->kind != X64I_NODE_DESCRIPTOR;
    if (link && (walk->follow || !last || slash))
        return follow_link(kernel, walk, node);
    return last && slash && !x64i_node_is(node, X64I_S_IFDIR) ? -ENOTDIR : 0;
}

int64_t x64i_vfs_walk(struct x64i_kernel *kernel, int dfd, const char *path, bool follow,
                      struct x64i_node *node)
{
    struct walk walk = {.follow = follow};
    char part[256];
    bool last, slash;
    *node = (struct x64i_node){0};
    if (!path[0])
        return -ENOENT;
    if (strlen(path) >= sizeof walk.rest)
        return -ENAMETOOLONG;
    (void)snprintf(walk.rest, sizeof walk.rest, "%s", path);
    int64_t bad = start(kernel, dfd, path, node);
    while (!bad && next_part(&walk, part, sizeof part, &last, &slash))
        bad = step(kernel, &walk, node, part, last, slash);
    return bad;
}

void x64i_vfs_init(struct x64i_kernel *kernel, const char *path)
{
    x64i_host_view_start(kernel->host, path, kernel->process->directory, kernel->process->path);
}
