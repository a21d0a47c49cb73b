/* SPDX-License-Identifier: MIT */
/*
 * The registry of everything that affects the guest. Modules register their part once, when the
 * machine is made; from then on snapshot, restore, fork, hash, comparison and save file work on all
 * parts alike and no module has code of its own for them.
 *
 *     struct device device = {0};                     pointer-free, explicit widths, no padding
 *     struct x64i_pages *ram;
 *     x64i_state_create(&state);
 *     x64i_state_add_fixed(state, "uart", 1, &device, sizeof device, 0);
 *     x64i_state_add_paged(state, "ram", 1, UINT64_C(256) << 20, 0, &ram);
 *
 *     x64i_state_snapshot(state, &snapshot);          a copy of this moment ...
 *     x64i_state_restore(state, snapshot);            ... to which to go back
 *     x64i_snapshot_release(snapshot);
 *
 * There are three kinds of parts:
 *
 *   fixed   a plain struct at a stable address, owned by its module. Its bytes are copied, hashed
 *           and saved as they are, padding included: start it from zeroes, write it field by field.
 *   paged   sparse copy-on-write memory (pages.h), owned by the registry.
 *   blob    immutable bytes with a name, for what describes the guest without being part of it
 *           (symbol tables, the machine's configuration): saved, shared by forks, not hashed.
 *
 * A registry belongs to one thread at a time. A snapshot never changes and may be restored into
 * registries of several threads at once; machines that share pages through it do not disturb each
 * other. A fork is a snapshot of one machine restored into another with the same regions.
 */
#ifndef X64I_STATE_STATE_H
#define X64I_STATE_STATE_H

#include "state/pages.h"
#include "x64emu/status.h"

#include <stddef.h>
#include <stdint.h>

#define X64I_STATE_NAME_SIZE 32                     /* of a name, its final zero included */
#define X64I_STATE_REGIONS   128                    /* the most a registry holds */
#define X64I_STATE_BLOBS     64                     /* the most a registry holds */
#define X64I_STATE_LISTENERS 64                     /* the most a registry holds */
#define X64I_STATE_FIXED_MAX (UINT64_C(16) << 20)   /* bytes of a fixed region */
#define X64I_STATE_BLOB_MAX  (UINT64_C(1024) << 20) /* bytes of a blob */

/* Saved and restored, but neither hashed nor compared: what only annotates a run (model cycles). */
#define X64I_REGION_ANNOTATION 1u

struct x64i_heap;
struct x64i_state;
struct x64i_snapshot;

/* Creates an empty registry. X64_ERROR_MEMORY. */
enum x64_status x64i_state_create(struct x64i_state **out);

/* The same with the heap of a family (heap.h), which it holds. Null: libc's. */
enum x64_status x64i_state_create_in(struct x64i_heap *heap, struct x64i_state **out);

/* The heap, for what else hangs off the machine. */
struct x64i_heap *x64i_state_heap(const struct x64i_state *state);

/* Frees the registry and its pages; snapshots taken of it live on. Null is allowed. */
void x64i_state_destroy(struct x64i_state *state);

/*
 * Registers a struct that stays at data for the registry's life. The name is 1 to 31 printable
 * characters without a space; version is the module's own, to be raised when the struct changes.
 * X64_ERROR_ARGUMENT, X64_ERROR_EXISTS, X64_ERROR_LIMIT (too many regions), X64_ERROR_MEMORY.
 */
enum x64_status x64i_state_add_fixed(struct x64i_state *state, const char *name, uint32_t version,
                                     void *data, size_t size, unsigned flags);

/*
 * Registers size_bytes of zeroes, a multiple of X64I_PAGE_SIZE. The pages belong to the registry;
 * the pointer stays the same for its life. Errors as x64i_state_add_fixed.
 */
enum x64_status x64i_state_add_paged(struct x64i_state *state, const char *name, uint32_t version,
                                     uint64_t size_bytes, unsigned flags, struct x64i_pages **out);

/*
 * Sets or replaces a blob; the bytes are copied. Null data with size 0 removes it. Names as those
 * of regions. X64_ERROR_ARGUMENT, X64_ERROR_LIMIT, X64_ERROR_MEMORY.
 */
enum x64_status x64i_state_set_blob(struct x64i_state *state, const char *name, const void *data,
                                    size_t size);

/* A blob's bytes, 16-byte aligned, or null where there is none. Valid until it is replaced or the
 * registry is restored or destroyed. size may be null. */
const void *x64i_state_get_blob(const struct x64i_state *state, const char *name, size_t *size);

/*
 * Has restored(user) called after every restore, in the order of registration, for modules to
 * rebuild what they derive from their regions. X64_ERROR_ARGUMENT, X64_ERROR_LIMIT.
 */
enum x64_status x64i_state_on_restored(struct x64i_state *state, void (*restored)(void *user),
                                       void *user);

/*
 * The hash over names, versions, sizes and bytes of all regions but annotations, in whatever order
 * they were registered. Equal states have equal hashes, shared or not. Page hashes are remembered:
 * the cost is that of the fixed regions and the pages written since the last time. Bumps
 * write_generation of all paged regions.
 */
uint64_t x64i_state_hash(struct x64i_state *state);

/*
 * Takes a snapshot, to be released by the caller. What did not change since the previous snapshot
 * or restore is shared with it. Bumps write_generation of all paged regions. X64_ERROR_MEMORY.
 */
enum x64_status x64i_state_snapshot(struct x64i_state *state, struct x64i_snapshot **out);

/* For a run that takes snapshots: has memory at hand for the pages that going back to them will
 * write. Where there is none the pages come one by one later. */
void x64i_state_prepare(struct x64i_state *state);

/*
 * Goes back (or forth) to a snapshot, of this registry or of one with the same regions, and
 * notifies the listeners. X64_ERROR_UNSUPPORTED when the regions differ (x64i_state_explain says
 * how), and nothing has changed then.
 */
enum x64_status x64i_state_restore(struct x64i_state *state, const struct x64i_snapshot *snapshot);

/* Puts a copy of source, which keeps running, into target. Errors of snapshot and restore. */
enum x64_status x64i_state_fork(struct x64i_state *source, struct x64i_state *target);

/* Writes into message, of size bytes, why the snapshot does not fit the registry; false and an
 * empty message when it fits. */
bool x64i_state_explain(const struct x64i_state *state, const struct x64i_snapshot *snapshot,
                        char *message, size_t size);

/* One more holder of a snapshot, in any thread. Answers with the snapshot. */
struct x64i_snapshot *x64i_snapshot_retain(struct x64i_snapshot *snapshot);

/* One holder less; the last one frees it. Null is allowed. */
void x64i_snapshot_release(struct x64i_snapshot *snapshot);

/* What x64i_state_hash answered, or would have, when the snapshot was taken. */
uint64_t x64i_snapshot_hash(const struct x64i_snapshot *snapshot);

/*
 * An estimate of the bytes that releasing the last reference now would give back: pages, tables and
 * blobs that no registry and no other snapshot shares. What two snapshots share counts in neither.
 */
uint64_t x64i_snapshot_bytes(const struct x64i_snapshot *snapshot);

/*
 * An estimate of the bytes the snapshot holds that other, of the same regions, does not. Summed
 * over the neighbours of a list it bounds what the list holds. X64I_STATE_REGIONS regions at the
 * most are walked; those that other lacks count whole.
 */
uint64_t x64i_snapshot_bytes_beyond(const struct x64i_snapshot *snapshot,
                                    const struct x64i_snapshot *other);

/* A blob of a snapshot, valid as long as the snapshot; else as x64i_state_get_blob. */
const void *x64i_snapshot_get_blob(const struct x64i_snapshot *snapshot, const char *name,
                                   size_t *size);

/* The size in bytes of a region in a snapshot, 0 where there is none of that name. */
uint64_t x64i_snapshot_region_size(const struct x64i_snapshot *snapshot, const char *name);

/* Copies bytes of a region out of a snapshot, without restoring it. X64_ERROR_NOT_FOUND,
 * X64_ERROR_ARGUMENT when they are not all inside. */
enum x64_status x64i_snapshot_read(const struct x64i_snapshot *snapshot, const char *name,
                                   uint64_t offset, void *data, size_t size);

/* The first place where two states differ. */
struct x64i_difference {
    char region[X64I_STATE_NAME_SIZE];
    const char
        *layout;     /* what is unlike when it is not a value, else null: "version", "size" ... */
    uint64_t offset; /* in bytes into the region, of the first byte that differs, rounded down */
    unsigned size;   /* of the values in bytes: 8, or what is left at the region's end */
    uint64_t a, b;   /* the values, little-endian */
};

/*
 * Compares all regions but annotations. Answers 0 when they are equal, 1 when not, and then
 * describes the first difference, in a's order of regions. difference may be null.
 */
int x64i_state_compare(const struct x64i_state *a, const struct x64i_state *b,
                       struct x64i_difference *difference);
int x64i_snapshot_compare(const struct x64i_snapshot *a, const struct x64i_snapshot *b,
                          struct x64i_difference *difference);

/* Writes a difference as text: "cpu+0x18: 0x1 != 0x2". Answers with text. */
const char *x64i_difference_format(const struct x64i_difference *difference, char *text,
                                   size_t size);

#endif
