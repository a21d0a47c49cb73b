/* SPDX-License-Identifier: MIT */
#include "state/file.h"

#include "state/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How many names for the new file are tried. */
#define ATTEMPTS 100

struct x64i_file {
    FILE *stream;
    char *path;      /* of the wanted file, links followed */
    char *temporary; /* of the new file; null when the wanted one is written to directly */
    int error;       /* errno of the first failure, 0 without */
};

static enum x64_status refuse(const char *path, int error, char *message, size_t message_size)
{
    x64i_message(message, message_size, "%s: cannot be written: %s", path, strerror(error));
    return error == ENOMEM ? X64_ERROR_MEMORY : X64_ERROR_IO;
}

static void file_free(struct x64i_file *file)
{
    if (file->stream)
        (void)fclose(file->stream);
    if (file->temporary)
        (void)unlink(file->temporary);
    free(file->temporary);
    free(file->path);
    free(file);
}

/* Opens a file that did not exist before, with a name of its own next to the wanted one. */
static int open_temporary(struct x64i_file *file, mode_t mode)
{
    size_t size = strlen(file->path) + 40;
    char *name = malloc(size);
    if (!name)
        return -1;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        (void)snprintf(name, size, "%s.%ld-%d.new", file->path, (long)getpid(), attempt);
        int descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (descriptor >= 0) {
            file->temporary = name;
            return descriptor;
        }
        if (errno != EEXIST)
            break;
    }
    int error = errno;
    free(name);
    errno = error;
    return -1;
}

/* Opens what will be written to; errno says why not. */
static int open_target(struct x64i_file *file, const char *path)
{
    struct stat info;
    bool exists = stat(path, &info) == 0;
    bool is_regular = exists && S_ISREG(info.st_mode);

    file->path = is_regular ? realpath(path, NULL) : strdup(path);
    if (!file->path)
        return -1;
    if (exists && !is_regular)
        return open(path, O_WRONLY | O_CLOEXEC);
    /* Replacing a file asks for no right to write to it; a read-only one is to be left alone. */
    if (is_regular && access(path, W_OK) != 0)
        return -1;
    int descriptor = open_temporary(file, 0666);
    if (descriptor >= 0 && is_regular && fchmod(descriptor, info.st_mode & 07777) != 0) {
        (void)close(descriptor);
        return -1;
    }
    return descriptor;
}

enum x64_status x64i_file_create(const char *path, struct x64i_file **out, char *message,
                                 size_t message_size)
{
    struct x64i_file *file = calloc(1, sizeof *file);
    if (!file)
        return refuse(path, ENOMEM, message, message_size);
    int descriptor = open_target(file, path);
    if (descriptor >= 0)
        file->stream = fdopen(descriptor, "wb");
    if (!file->stream) {
        int error = errno;
        if (descriptor >= 0)
            (void)close(descriptor);
        file_free(file);
        return refuse(path, error, message, message_size);
    }
    *out = file;
    return X64_OK;
}

static bool write_bytes(void *user, const void *data, size_t size)
{
    struct x64i_file *file = user;
    if (file->error == 0 && fwrite(data, 1, size, file->stream) != size)
        file->error = errno ? errno : EIO;
    return file->error == 0;
}

struct x64i_sink x64i_file_sink(struct x64i_file *file)
{
    return (struct x64i_sink){.write = write_bytes, .user = file};
}

/* Has the directory's change on the disk too. Not every file system can; the file is safe anyway.
 */
static void sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int descriptor = directory ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(directory);
    if (descriptor < 0)
        return;
    (void)fsync(descriptor);
    (void)close(descriptor);
}

/* The steps of a commit; the first errno, or 0. */
static int complete(struct x64i_file *file)
{
    if (file->error != 0)
        return file->error;
    if (fflush(file->stream) != 0 || (file->temporary && fsync(fileno(file->stream)) != 0))
        return errno;
    int closed = fclose(file->stream);
    file->stream = NULL;
    if (closed != 0)
        return errno;
    if (!file->temporary)
        return 0;
    if (rename(file->temporary, file->path) != 0)
        return errno;
    free(file->temporary);
    file->temporary = NULL;
    sync_directory(file->path);
    return 0;
}

enum x64_status x64i_file_commit(struct x64i_file *file, char *message, size_t message_size)
{
    int error = complete(file);
    enum x64_status status = X64_OK;
    if (error != 0)
        status = refuse(file->path, error, message, message_size);
    file_free(file);
    return status;
}

void x64i_file_abandon(struct x64i_file *file)
{
    if (file)
        file_free(file);
}
