/* SPDX-License-Identifier: MIT */
/*
 * Snapshots in files: docs/save-format.md. A snapshot is written as a section of a stream, or as a
 * file of its own; loading makes a snapshot, which touches no machine until it is restored.
 *
 *     status = x64i_snapshot_save_file(snapshot, "machine.x64s", message, sizeof message);
 *     status = x64i_snapshot_load_file("machine.x64s", &snapshot, message, sizeof message);
 *     if (status != X64_OK)
 *         report(message);
 *
 * A file is taken as hostile: every name, size, count and index is checked, memory grows only with
 * the bytes that really arrive, and a checksum covers all of it. What the bytes of a region mean is
 * for its module to check when it is told of the restore.
 */
#ifndef X64I_STATE_SAVE_H
#define X64I_STATE_SAVE_H

#include "state/state.h"
#include "state/stream.h"

#define X64I_SAVE_MAGIC   "X64STATE"
#define X64I_SAVE_VERSION 1u

/* In place of a page number: no more pages of this region. */
#define X64I_SAVE_END_OF_PAGES UINT64_MAX

/* Writes a snapshot as one section. X64_ERROR_IO when the sink fails. */
enum x64_status x64i_snapshot_save(const struct x64i_snapshot *snapshot,
                                   const struct x64i_sink *sink);

/*
 * Reads one section, and not a byte beyond it. The caller releases the snapshot. X64_ERROR_FORMAT
 * for what is damaged or is no snapshot, X64_ERROR_UNSUPPORTED for another version,
 * X64_ERROR_MEMORY; the message then says what and where. message may be null.
 */
enum x64_status x64i_snapshot_load(const struct x64i_source *source, struct x64i_snapshot **out,
                                   char *message, size_t message_size);

/* Writes a snapshot to a file, atomically as of file.h. X64_ERROR_IO with a message. */
enum x64_status x64i_snapshot_save_file(const struct x64i_snapshot *snapshot, const char *path,
                                        char *message, size_t message_size);

/* Reads a file that holds one snapshot and nothing else. Errors as x64i_snapshot_load, and
 * X64_ERROR_IO. */
enum x64_status x64i_snapshot_load_file(const char *path, struct x64i_snapshot **out, char *message,
                                        size_t message_size);

#endif
