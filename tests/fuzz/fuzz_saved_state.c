/* SPDX-License-Identifier: MIT */
/*
 * Saved states from an enemy. The checksum at a section's end is made right first, so that what the
 * fuzzer finds is what somebody who can compute it would find.
 */
#include "state/save.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool discard(void *user, const void *data, size_t size)
{
    (void)user;
    (void)data;
    (void)size;
    return true;
}

static void load(const uint8_t *data, size_t size)
{
    struct x64i_memory_source memory = {.bytes = data, .left = size};
    struct x64i_source source = {.read = x64i_memory_source_read, .user = &memory};
    struct x64i_sink sink = {.write = discard};
    struct x64i_snapshot *snapshot = NULL;
    char message[160];

    if (x64i_snapshot_load(&source, &snapshot, message, sizeof message) != X64_OK)
        return;
    (void)x64i_snapshot_hash(snapshot);
    (void)x64i_snapshot_save(snapshot, &sink);
    x64i_snapshot_release(snapshot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *signed_data = malloc(size + sizeof(uint64_t));
    if (!signed_data)
        return 0;
    if (size > 0)
        memcpy(signed_data, data, size);
    uint64_t checksum = x64i_hash(signed_data, size, 0);
    memcpy(signed_data + size, &checksum, sizeof checksum);
    load(signed_data, size + sizeof checksum);
    free(signed_data);
    return 0;
}
