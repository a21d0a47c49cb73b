/* SPDX-License-Identifier: MIT */
/* Which of the host's files are the guest's: mounts, and safe ways below them. */
#define _GNU_SOURCE /* O_PATH */
#include "kernel_model/host_mount.h"
#include "kernel_model/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BIND_MODE_RW ":rw"

/* What a dynamic program needs; the dynamic loader's search, and what it finds there. */
static const char *const default_paths[] = {"/lib",     "/lib32",     "/lib64",
                                            "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"};

static bool add(struct x64i_host_view *view, const char *host, const char *guest, bool writable)
{
    if (view->count == X64I_MOUNTS_MAX)
        return false;
    struct x64i_mount *mount = &view->mount[view->count];
    char *resolved = realpath(host, NULL);
    size_t length = strlen(guest);
    while (length > 1 && guest[length - 1] == '/')
        length--;
    mount->host = resolved;
    mount->guest = strndup(guest, length);
    mount->writable = writable;
    if (!mount->host || !mount->guest) {
        free(mount->host);
        free(mount->guest);
        *mount = (struct x64i_mount){0};
        return false;
    }
    if (strcmp(mount->guest, "/") == 0)
        mount->guest[0] = '\0';
    view->count++;
    return true;
}

static enum x64_status add_bind(struct x64i_host_view *view, const char *bind,
                                struct x64_error_text *error)
{
    char copy[2 * PATH_MAX];
    size_t length = strlen(bind);
    bool writable = length > 3 && strcmp(bind + length - 3, BIND_MODE_RW) == 0;
    (void)snprintf(copy, sizeof copy, "%.*s", (int)(length - (writable ? 3 : 0)), bind);
    char *guest = strchr(copy, ':');
    if (!guest || guest == copy || guest[1] != '/' || length >= sizeof copy)
        return x64i_refuse(error, X64_ERROR_ARGUMENT,
                           "--bind %s: write it as HOST:GUEST or HOST:GUEST:rw, GUEST absolute",
                           bind);
    *guest++ = '\0';
    if (!add(view, copy, guest, writable))
        return x64i_refuse(error, X64_ERROR_ARGUMENT, "--bind %s: %s cannot be opened: %s", bind,
                           copy, strerror(errno));
    return X64_OK;
}

static enum x64_status fill(struct x64i_host_view *view, const struct x64_kernel_config *config,
                            struct x64_error_text *error)
{
    view->whole = config->root != NULL;
    if (config->root && !add(view, config->root, "/", false))
        return x64i_refuse(error, X64_ERROR_ARGUMENT, "--root %s: %s", config->root,
                           strerror(errno));
    for (size_t i = 0; !config->root && i < sizeof default_paths / sizeof default_paths[0]; i++)
        (void)add(view, default_paths[i], default_paths[i], false);
    for (size_t i = 0; config->binds && config->binds[i]; i++) {
        enum x64_status status = add_bind(view, config->binds[i], error);
        if (status != X64_OK)
            return status;
    }
    return X64_OK;
}

enum x64_status x64i_host_view_create(const struct x64_kernel_config *config,
                                      struct x64i_host_view **out, struct x64_error_text *error)
{
    struct x64i_host_view *view = calloc(1, sizeof *view);
    if (!view)
        return X64_ERROR_MEMORY;
    view->cached_fd = -1;
    enum x64_status status = fill(view, config, error);
    if (status != X64_OK) {
        x64i_host_view_destroy(view);
        return status;
    }
    *out = view;
    return X64_OK;
}

struct x64i_host_view *x64i_host_view_copy(const struct x64i_host_view *view)
{
    struct x64i_host_view *copy = view ? calloc(1, sizeof *copy) : NULL;
    if (!copy)
        return NULL;
    copy->cached_fd = -1;
    copy->whole = view->whole;
    for (unsigned i = 0; i < view->count; i++) {
        copy->mount[i].host = view->mount[i].host ? strdup(view->mount[i].host) : NULL;
        copy->mount[i].guest = strdup(view->mount[i].guest);
        copy->mount[i].writable = view->mount[i].writable;
        copy->count++;
        if ((view->mount[i].host && !copy->mount[i].host) || !copy->mount[i].guest) {
            x64i_host_view_destroy(copy);
            return NULL;
        }
    }
    return copy;
}

/* Each mount: 'w' or 'r', its place, a zero. */
char *x64i_host_view_describe(const struct x64i_host_view *view, size_t *size)
{
    size_t used = 0;
    for (unsigned i = 0; i < view->count; i++)
        used += strlen(view->mount[i].guest) + 2;
    char *bytes = malloc(used + 1);
    if (!bytes)
        return NULL;
    *size = used;
    used = 0;
    for (unsigned i = 0; i < view->count; i++) {
        size_t length = strlen(view->mount[i].guest) + 1;
        bytes[used] = view->mount[i].writable ? 'w' : 'r';
        memcpy(bytes + used + 1, view->mount[i].guest, length);
        used += length + 1;
    }
    return bytes;
}

struct x64i_host_view *x64i_host_view_recorded(const char *bytes, size_t size)
{
    struct x64i_host_view *view = calloc(1, sizeof *view);
    size_t at = 0;
    if (!view)
        return NULL;
    view->cached_fd = -1;
    while (at < size && view->count < X64I_MOUNTS_MAX) {
        const char *end = memchr(bytes + at, '\0', size - at);
        if (!end || end == bytes + at)
            break;
        struct x64i_mount *mount = &view->mount[view->count];
        mount->writable = bytes[at] == 'w';
        mount->guest = strdup(bytes + at + 1);
        if (!mount->guest)
            break;
        view->count++;
        at = (size_t)(end - bytes) + 1;
    }
    return view;
}

void x64i_host_view_destroy(struct x64i_host_view *view)
{
    if (!view)
        return;
    for (unsigned i = 0; i < view->count; i++) {
        free(view->mount[i].host);
        free(view->mount[i].guest);
    }
    if (view->cached_fd >= 0)
        (void)close(view->cached_fd);
    free(view);
}

/* Where a path of the host lies in the whole tree that the guest is shown; null outside of it. */
static const char *in_tree(const struct x64i_host_view *view, const char *host)
{
    if (!view || !view->whole)
        return NULL;
    const char *root = strcmp(view->mount[0].host, "/") == 0 ? "" : view->mount[0].host;
    size_t length = strlen(root);
    if (strncmp(host, root, length) != 0 || (host[length] && host[length] != '/') ||
        strlen(host + length) >= X64I_PATH_SIZE)
        return NULL;
    return host[length] ? host + length : "/";
}

/* The guest's path of a file that it is shown by itself, without links; false for others. */
static bool is_shown(const struct x64i_host_view *view, const char *program, char *path)
{
    char *resolved = realpath(program, NULL);
    const char *shown = resolved ? in_tree(view, resolved) : NULL;
    if (shown)
        (void)snprintf(path, X64I_PATH_SIZE, "%s", shown);
    free(resolved);
    return shown != NULL;
}

void x64i_host_view_start(const struct x64i_host_view *view, const char *program, char *directory,
                          char *path)
{
    char here[PATH_MAX];
    const char *shown = getcwd(here, sizeof here) ? in_tree(view, here) : NULL;
    (void)snprintf(directory, X64I_PATH_SIZE, "%s", shown ? shown : "/");
    if (is_shown(view, program, path))
        return;
    const char *name = program;
    while (strncmp(name, "./", 2) == 0 || strncmp(name, "../", 3) == 0 || *name == '/')
        name += *name == '/' ? 1 : (name[1] == '/' ? 2 : 3);
    (void)snprintf(path, X64I_PATH_SIZE, "/%.1000s", name);
}

static enum x64_status show(struct x64i_host_view *view, const char *host, const char *guest,
                            struct x64_error_text *error)
{
    return add(view, host, guest, false)
               ? X64_OK
               : x64i_refuse(error, X64_ERROR_LIMIT, "%s cannot be shown to the guest", host);
}

enum x64_status x64i_host_view_show_program(struct x64i_host_view *view, const char *program,
                                            struct x64_error_text *error)
{
    char directory[X64I_PATH_SIZE], path[X64I_PATH_SIZE];
    if (is_shown(view, program, path))
        return X64_OK;
    x64i_host_view_start(view, program, directory, path);
    return show(view, program, path, error);
}

enum x64_status x64i_host_view_show(struct x64i_host_view *view, const char *path,
                                    struct x64_error_text *error)
{
    return view->whole || access(path, F_OK) != 0 ? X64_OK : show(view, path, path, error);
}

/* The last mount whose place is above the path: later ones lie on earlier ones. */
static const struct x64i_mount *find_mount(const struct x64i_host_view *view, const char *path,
                                           const char **below)
{
    const struct x64i_mount *best = NULL;
    size_t best_length = 0;
    for (unsigned i = 0; view && i < view->count; i++) {
        const struct x64i_mount *mount = &view->mount[i];
        size_t length = strlen(mount->guest);
        if (strncmp(path, mount->guest, length) != 0 || (path[length] && path[length] != '/') ||
            (best && length < best_length))
            continue;
        best = mount;
        best_length = length;
    }
    if (best)
        *below = path + best_length + strspn(path + best_length, "/");
    return best;
}

bool x64i_host_view_covers(const struct x64i_host_view *view, const char *path, bool *writable)
{
    const char *below;
    const struct x64i_mount *mount = find_mount(view, path, &below);
    if (mount && writable)
        *writable = mount->writable;
    return mount != NULL;
}

/* A directory that leads to a mount and is not itself on the host's side. */
bool x64i_host_view_leads(const struct x64i_host_view *view, const char *path)
{
    size_t length = strcmp(path, "/") == 0 ? 0 : strlen(path);
    for (unsigned i = 0; view && i < view->count; i++)
        if (strncmp(view->mount[i].guest, path, length) == 0 && view->mount[i].guest[length] == '/')
            return true;
    return false;
}

const char *x64i_host_view_child(const struct x64i_host_view *view, unsigned index,
                                 const char *path, size_t *length)
{
    size_t prefix = strcmp(path, "/") == 0 ? 0 : strlen(path);
    if (!view || index >= view->count)
        return NULL;
    const char *guest = view->mount[index].guest;
    if (strncmp(guest, path, prefix) != 0 || guest[prefix] != '/') {
        *length = 0;
        return "";
    }
    *length = strcspn(guest + prefix + 1, "/");
    return guest + prefix + 1;
}

int x64i_host_open_parent(const struct x64i_host_view *view, const char *path, const char **name)
{
    char part[NAME_MAX + 1];
    const char *below;
    const struct x64i_mount *mount = find_mount(view, path, &below);
    if (!mount || !mount->host)
        return -ENOENT;
    int fd = open(mount->host, O_PATH | O_CLOEXEC);
    while (fd >= 0) {
        size_t length = strcspn(below, "/");
        if (!below[length])
            break;
        if (length > NAME_MAX) {
            (void)close(fd);
            return -ENAMETOOLONG;
        }
        (void)snprintf(part, sizeof part, "%.*s", (int)length, below);
        int next = openat(fd, part, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
        int error = errno;
        (void)close(fd);
        errno = error;
        fd = next;
        below += length + 1;
    }
    *name = below;
    return fd < 0 ? -errno : fd;
}
