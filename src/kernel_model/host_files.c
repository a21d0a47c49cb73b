/* SPDX-License-Identifier: MIT */
/* Questions to the host about files, each through the recorded door. */
#define _GNU_SOURCE /* AT_EMPTY_PATH */
#include "kernel_model/host_mount.h"
#include "kernel_model/kernel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST_BYTES   (256u << 10)
#define READ_BYTES   (64u << 10)
#define NAMES_MAX    16384u
#define NANOSECONDS_ 1000000000

/* What is asked, and where the answer's bytes go. */
struct question {
    struct x64i_kernel *kernel;
    const char *path;
    uint64_t value;
    const void *bytes;
    size_t size;
    enum x64i_host_change change;
    int64_t (*answer)(const struct question *question, uint8_t *bytes, size_t room);
};

static int64_t failure(void)
{
    return -(int64_t)errno;
}

/* The door's side: a result, then bytes. */
static size_t answer_question(void *context, enum x64_input_kind kind, void *buffer, size_t size)
{
    const struct question *question = context;
    int64_t result = -ENOENT;
    (void)kind;
    if (question->kernel->host)
        result =
            question->answer(question, (uint8_t *)buffer + sizeof result, size - sizeof result);
    memcpy(buffer, &result, sizeof result);
    if (result < 0 || question->bytes || question->change)
        return sizeof result;
    return sizeof result + (size_t)result;
}

/* Answers the result; its bytes, as many, are copied out. */
static int64_t ask(const struct question *question, void *buffer, size_t size)
{
    int64_t result = -EIO;
    uint8_t *reply = malloc(sizeof result + size);
    if (!reply)
        return -ENOMEM;
    size_t given = x64i_machine_input_by(question->kernel->machine, X64_INPUT_FILE, reply,
                                         sizeof result + size, answer_question, (void *)question);
    if (given >= sizeof result)
        memcpy(&result, reply, sizeof result);
    size_t bytes = given >= sizeof result ? given - sizeof result : 0;
    if (result > 0 && size && (uint64_t)result > bytes)
        result = (int64_t)bytes;
    if (result > 0 && size)
        memcpy(buffer, reply + sizeof result, (size_t)result);
    free(reply);
    return result;
}

static void fill_time(uint64_t time[2], const struct timespec *from)
{
    time[0] = (uint64_t)from->tv_sec;
    time[1] = (uint64_t)from->tv_nsec;
}

static int64_t answer_stat(const struct question *question, uint8_t *bytes, size_t room)
{
    struct stat host;
    const char *name;
    int parent = x64i_host_open_parent(question->kernel->host, question->path, &name);
    if (parent < 0 || room < sizeof(struct x64i_abi_stat))
        return parent < 0 ? parent : -EIO;
    int result = fstatat(parent, name, &host, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
    int64_t error = result < 0 ? failure() : 0;
    (void)close(parent);
    if (error)
        return error;
    struct x64i_abi_stat stat = {.dev = host.st_dev,
                                 .ino = host.st_ino,
                                 .nlink = host.st_nlink,
                                 .mode = host.st_mode,
                                 .uid = host.st_uid,
                                 .gid = host.st_gid,
                                 .rdev = host.st_rdev,
                                 .size = host.st_size,
                                 .block_size = host.st_blksize,
                                 .blocks = host.st_blocks};
    fill_time(&stat.times[0], &host.st_atim);
    fill_time(&stat.times[2], &host.st_mtim);
    fill_time(&stat.times[4], &host.st_ctim);
    memcpy(bytes, &stat, sizeof stat);
    return sizeof stat;
}

int64_t x64i_host_stat(struct x64i_kernel *kernel, const char *path, struct x64i_abi_stat *stat)
{
    const struct question question = {.kernel = kernel, .path = path, .answer = answer_stat};
    int64_t result = ask(&question, stat, sizeof *stat);
    return result == sizeof *stat ? 0 : (result < 0 ? result : -EIO);
}

static int64_t answer_readlink(const struct question *question, uint8_t *bytes, size_t room)
{
    const char *name;
    int parent = x64i_host_open_parent(question->kernel->host, question->path, &name);
    if (parent < 0)
        return parent;
    ssize_t length = readlinkat(parent, name, (char *)bytes, room);
    int64_t result = length < 0 ? failure() : length;
    (void)close(parent);
    return result;
}

int64_t x64i_host_readlink(struct x64i_kernel *kernel, const char *path, char *buffer, size_t size)
{
    const struct question question = {.kernel = kernel, .path = path, .answer = answer_readlink};
    return ask(&question, buffer, size);
}

/* Only regular files: opening a device or a pipe may do something, or wait. */
static int open_regular(const struct question *question, int flags)
{
    struct stat stat;
    const char *name;
    int parent = x64i_host_open_parent(question->kernel->host, question->path, &name);
    if (parent < 0)
        return parent;
    int result = fstatat(parent, name, &stat, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
    int fd = -1;
    errno = result == 0 && !S_ISREG(stat.st_mode) ? EACCES : errno;
    if (result == 0 && S_ISREG(stat.st_mode)) {
        char self[64];
        (void)snprintf(self, sizeof self, "/proc/self/fd/%d", parent);
        fd = name[0] ? openat(parent, name, flags | O_NOFOLLOW | O_CLOEXEC)
                     : open(self, flags | O_CLOEXEC);
    }
    int error = errno;
    (void)close(parent);
    return fd < 0 ? -error : fd;
}

static int64_t answer_read(const struct question *question, uint8_t *bytes, size_t room)
{
    struct x64i_host_view *view = question->kernel->host;
    if (view->cached_fd < 0 || strcmp(view->cached_path, question->path) != 0) {
        int fd = open_regular(question, O_RDONLY);
        if (fd < 0)
            return fd;
        if (view->cached_fd >= 0)
            (void)close(view->cached_fd);
        view->cached_fd = fd;
        (void)snprintf(view->cached_path, sizeof view->cached_path, "%s", question->path);
    }
    ssize_t given = pread(view->cached_fd, bytes, room, (off_t)question->value);
    return given < 0 ? failure() : given;
}

int64_t x64i_host_read(struct x64i_kernel *kernel, const char *path, uint64_t offset, void *buffer,
                       size_t size)
{
    size_t done = 0;
    if (offset > INT64_MAX)
        return -EINVAL;
    while (done < size) {
        size_t piece = size - done < READ_BYTES ? size - done : READ_BYTES;
        const struct question question = {
            .kernel = kernel, .path = path, .value = offset + done, .answer = answer_read};
        int64_t given = ask(&question, (uint8_t *)buffer + done, piece);
        if (given < 0)
            return done ? (int64_t)done : given;
        done += (size_t)given;
        if ((size_t)given < piece)
            break;
    }
    return (int64_t)done;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a + 1, *(char *const *)b + 1);
}

/* Names with their type in front, sorted, so that the order does not depend on the host's. */
static int64_t collect(DIR *directory, uint8_t *bytes, size_t room)
{
    const struct dirent *entry;
    size_t count = 0;
    size_t used = 0;
    char **names = calloc(NAMES_MAX, sizeof *names);
    if (!names)
        return -ENOMEM;
    while (count < NAMES_MAX && (entry = readdir(directory))) {
        size_t length = strlen(entry->d_name);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        names[count] = malloc(length + 2);
        if (!names[count])
            break;
        names[count][0] = (char)entry->d_type;
        memcpy(names[count++] + 1, entry->d_name, length + 1);
    }
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i] + 1) + 2;
        if (length <= room - used) {
            memcpy(bytes + used, names[i], length);
            used += length;
        }
        free(names[i]);
    }
    free(names);
    return (int64_t)used;
}

static int64_t answer_list(const struct question *question, uint8_t *bytes, size_t room)
{
    const char *name;
    int parent = x64i_host_open_parent(question->kernel->host, question->path, &name);
    if (parent < 0)
        return parent;
    int fd = openat(parent, name[0] ? name : ".",
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC | (name[0] ? O_NOFOLLOW : 0));
    int error = errno;
    (void)close(parent);
    if (fd < 0)
        return -error;
    DIR *directory = fdopendir(fd);
    if (!directory) {
        (void)close(fd);
        return -ENOMEM;
    }
    int64_t result = collect(directory, bytes, room);
    (void)closedir(directory);
    return result;
}

int64_t x64i_host_list(struct x64i_kernel *kernel, const char *path, char *buffer, size_t size)
{
    const struct question question = {.kernel = kernel, .path = path, .answer = answer_list};
    return ask(&question, buffer, size < LIST_BYTES ? size : LIST_BYTES);
}

bool x64i_host_is_writable(const struct x64i_kernel *kernel, const char *path)
{
    bool writable = false;
    return x64i_host_view_covers(kernel->host, path, &writable) && writable;
}

static int64_t write_file(const struct question *question)
{
    int fd = open_regular(question, O_WRONLY);
    if (fd < 0)
        return fd;
    ssize_t done = pwrite(fd, question->bytes, question->size, (off_t)question->value);
    int64_t result = done < 0 ? failure() : done;
    (void)close(fd);
    return result;
}

static int64_t truncate_file(const struct question *question)
{
    int fd = open_regular(question, O_WRONLY);
    if (fd < 0)
        return fd;
    int64_t result = ftruncate(fd, (off_t)question->value) < 0 ? failure() : 0;
    (void)close(fd);
    return result;
}

/* RENAME or LINK: another path in `bytes`. */
static int64_t name_again(const struct question *question, int parent, const char *name)
{
    const char *other_name;
    int other = x64i_host_open_parent(question->kernel->host, question->bytes, &other_name);
    if (other < 0)
        return other;
    bool link = question->change == X64I_HOST_LINK;
    int done = link ? linkat(parent, name, other, other_name, 0)
                    : renameat(parent, name, other, other_name);
    int64_t result = done < 0 ? failure() : 0;
    (void)close(other);
    return result;
}

static int set_times(const struct question *question, int parent, const char *name)
{
    struct timespec times[2];
    if (question->size != sizeof times) {
        errno = EINVAL;
        return -1;
    }
    memcpy(times, question->bytes, sizeof times);
    return utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW);
}

static int64_t change_name(const struct question *question, int parent, const char *name)
{
    mode_t mode = (mode_t)(question->value & 07777);
    int result = -1;
    switch (question->change) {
    case X64I_HOST_CREATE:
        result = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, mode);
        return result < 0 ? failure() : (close(result), 0);
    case X64I_HOST_UNLINK:
        result = unlinkat(parent, name, 0);
        break;
    case X64I_HOST_RMDIR:
        result = unlinkat(parent, name, AT_REMOVEDIR);
        break;
    case X64I_HOST_MKDIR:
        result = mkdirat(parent, name, mode);
        break;
    case X64I_HOST_SYMLINK:
        result = symlinkat(question->bytes, parent, name);
        break;
    case X64I_HOST_CHMOD:
        result = fchmodat(parent, name, mode, AT_SYMLINK_NOFOLLOW);
        break;
    case X64I_HOST_TIMES:
        result = set_times(question, parent, name);
        break;
    case X64I_HOST_RENAME:
    case X64I_HOST_LINK:
        return name_again(question, parent, name);
    default:
        errno = EINVAL;
        break;
    }
    return result < 0 ? failure() : 0;
}

/* A path may name another file now. */
static void forget_cached(struct x64i_host_view *view)
{
    if (view->cached_fd >= 0)
        (void)close(view->cached_fd);
    view->cached_fd = -1;
}

static int64_t answer_change(const struct question *question, uint8_t *bytes, size_t room)
{
    const char *name;
    (void)bytes;
    (void)room;
    forget_cached(question->kernel->host);
    if (question->change == X64I_HOST_WRITE)
        return write_file(question);
    if (question->change == X64I_HOST_TRUNCATE)
        return truncate_file(question);
    int parent = x64i_host_open_parent(question->kernel->host, question->path, &name);
    if (parent < 0)
        return parent;
    bool in_place = question->change == X64I_HOST_CHMOD || question->change == X64I_HOST_TIMES;
    int64_t result = -EBUSY;
    if (name[0] || in_place)
        result = change_name(question, parent, name[0] ? name : "."); /* "": the mount itself */
    (void)close(parent);
    return result;
}

int64_t x64i_host_change(struct x64i_kernel *kernel, enum x64i_host_change what, const char *path,
                         uint64_t value, const void *bytes, size_t size)
{
    const struct question question = {.kernel = kernel,
                                      .path = path,
                                      .value = value,
                                      .bytes = bytes ? bytes : "",
                                      .size = size,
                                      .change = what,
                                      .answer = answer_change};
    if (!x64i_host_is_writable(kernel, path) ||
        ((what == X64I_HOST_RENAME || what == X64I_HOST_LINK) &&
         !x64i_host_is_writable(kernel, bytes)))
        return -EROFS;
    return ask(&question, NULL, 0);
}
