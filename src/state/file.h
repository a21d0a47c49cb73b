/* SPDX-License-Identifier: MIT */
/*
 * Files that are written whole or not at all. The bytes go to a new file beside the wanted one, are
 * forced to the disk, and only then does the new file take the old one's name: whatever fails, and
 * whenever, the path holds either the old content or the new.
 *
 *     x64i_file_create(path, &file, message, sizeof message);
 *     struct x64i_sink sink = x64i_file_sink(file);
 *     ... write through sink ...
 *     return x64i_file_commit(file, message, sizeof message);      or x64i_file_abandon(file)
 *
 * A symbolic link is followed, the permissions of an existing file are kept. What is no regular
 * file (a pipe, /dev/stdout) is written to directly.
 */
#ifndef X64I_STATE_FILE_H
#define X64I_STATE_FILE_H

#include "state/stream.h"

struct x64i_file;

/* Begins a file. X64_ERROR_IO, with a message, or X64_ERROR_MEMORY. */
enum x64_status x64i_file_create(const char *path, struct x64i_file **out, char *message,
                                 size_t message_size);

/* The sink into the file, valid until commit or abandon. */
struct x64i_sink x64i_file_sink(struct x64i_file *file);

/* Completes the file and frees the handle. X64_ERROR_IO, with a message, when any write or this
 * step failed; the old file is still there then. */
enum x64_status x64i_file_commit(struct x64i_file *file, char *message, size_t message_size);

/* Gives the new file up and frees the handle. Null is allowed. */
void x64i_file_abandon(struct x64i_file *file);

#endif
