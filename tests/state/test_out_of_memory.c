/* SPDX-License-Identifier: MIT */
/*
 * Every allocation of every operation fails once: in a state without a heap, whose pieces all come
 * from libc. The allocator's functions are replaced at link time; AddressSanitizer's build finds
 * what a failing path leaks.
 */
#include "state/sample.h"
#include "state/save.h"

#include <string.h>

/* How many allocations still succeed; -1: all of them. */
static int allowed = -1;

static bool may_allocate(void)
{
    if (allowed < 0)
        return true;
    if (allowed == 0)
        return false;
    allowed--;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *old, size_t size)
{
    return may_allocate() ? __real_realloc(old, size) : NULL;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return may_allocate() ? __real_aligned_alloc(alignment, size) : NULL;
}

/* Tries an operation with 0, 1, 2 ... allocations until it succeeds; answers how many it needed. */
static int fail_everywhere(struct sample *sample, enum x64_status (*operation)(struct sample *))
{
    for (int count = 0;; count++) {
        uint64_t hash = x64i_state_hash(sample->state);
        allowed = count;
        enum x64_status status = operation(sample);
        allowed = -1;
        if (status == X64_OK)
            return count;
        ck_assert_int_eq(status, X64_ERROR_MEMORY);
        ck_assert_uint_eq(x64i_state_hash(sample->state), hash);
        ck_assert_int_lt(count, 100);
    }
}

static struct sample *sample_with_content(void)
{
    struct sample *sample = sample_create_in(NULL);
    sample->cpu.registers[0] = 1;
    sample->cpu.registers[900] = 1;
    sample_poke(sample, 0, 1);
    sample_poke(sample, 5 << 19, 1);
    ck_assert_int_eq(x64i_state_set_blob(sample->state, "names", "abc", 3), X64_OK);
    return sample;
}

static enum x64_status create_a_state(struct sample *sample)
{
    struct x64i_state *state = NULL;
    struct x64i_pages *pages;
    (void)sample;
    enum x64_status status = x64i_state_create_in(NULL, &state);
    if (status == X64_OK)
        status = x64i_state_add_paged(state, "ram", 1, 4096, 0, &pages);
    if (status == X64_OK)
        status = x64i_state_set_blob(state, "names", "abc", 3);
    x64i_state_destroy(state);
    return status;
}

static enum x64_status take_a_snapshot(struct sample *sample)
{
    struct x64i_snapshot *snapshot;
    enum x64_status status = x64i_state_snapshot(sample->state, &snapshot);
    if (status == X64_OK)
        x64i_snapshot_release(snapshot);
    return status;
}

static enum x64_status write_a_page(struct sample *sample)
{
    return x64i_pages_write(sample->ram, 0) ? X64_OK : X64_ERROR_MEMORY;
}

/* More than the pool of pages has at hand; the pages stay all zero, so the hash stays too. */
static enum x64_status write_absent_pages(struct sample *sample)
{
    for (unsigned i = 0; i < 160; i++)
        if (!x64i_pages_write(sample->ram, 256 + i))
            return X64_ERROR_MEMORY;
    return X64_OK;
}

static enum x64_status discard_a_page(struct sample *sample)
{
    return x64i_pages_discard(sample->ram, 0);
}

static struct {
    uint8_t bytes[65536];
    size_t size;
} saved;

static bool append_saved(void *user, const void *data, size_t size)
{
    (void)user;
    ck_assert_uint_le(size, sizeof saved.bytes - saved.size);
    memcpy(saved.bytes + saved.size, data, size);
    saved.size += size;
    return true;
}

static enum x64_status load_saved(struct sample *sample)
{
    struct x64i_memory_source memory = {.bytes = saved.bytes, .left = saved.size};
    struct x64i_source source = {.read = x64i_memory_source_read, .user = &memory};
    struct x64i_snapshot *snapshot;
    char message[100] = "";
    enum x64_status status = x64i_snapshot_load(&source, &snapshot, message, sizeof message);
    allowed = -1; /* Check's assertions allocate */
    if (status == X64_OK) {
        ck_assert_uint_eq(x64i_snapshot_hash(snapshot), x64i_state_hash(sample->state));
        x64i_snapshot_release(snapshot);
    } else {
        ck_assert_str_eq(message, "no memory left for the snapshot");
    }
    return status;
}

START_TEST(test_out_of_memory_changes_nothing)
{
    struct sample *sample = sample_with_content();
    ck_assert_int_ge(fail_everywhere(sample, create_a_state), 3);
    ck_assert_int_ge(fail_everywhere(sample, take_a_snapshot), 5);

    struct x64i_snapshot *snapshot = sample_snapshot(sample);
    ck_assert_int_ge(fail_everywhere(sample, discard_a_page), 1);
    ck_assert_int_eq(x64i_state_restore(sample->state, snapshot), X64_OK);
    ck_assert_int_ge(fail_everywhere(sample, write_a_page), 1);
    ck_assert_int_ge(fail_everywhere(sample, write_absent_pages), 2);
    x64i_snapshot_release(snapshot);
    sample_destroy(sample);
}
END_TEST

/* Where there is no memory left, going back must still work. */
START_TEST(test_out_of_memory_does_not_keep_from_restoring)
{
    struct sample *sample = sample_with_content();
    uint64_t hash = x64i_state_hash(sample->state);
    struct x64i_snapshot *snapshot = sample_snapshot(sample);
    sample_poke(sample, 0, 2);
    sample->cpu.registers[1] = 2;
    allowed = 0;
    enum x64_status status = x64i_state_restore(sample->state, snapshot);
    uint64_t restored = x64i_state_hash(sample->state);
    allowed = -1;
    ck_assert_int_eq(status, X64_OK);
    ck_assert_uint_eq(restored, hash);
    x64i_snapshot_release(snapshot);
    sample_destroy(sample);
}
END_TEST

START_TEST(test_out_of_memory_while_loading_is_reported)
{
    struct sample *sample = sample_with_content();
    struct x64i_snapshot *snapshot = sample_snapshot(sample);
    struct x64i_sink sink = {.write = append_saved};
    saved.size = 0;
    ck_assert_int_eq(x64i_snapshot_save(snapshot, &sink), X64_OK);
    ck_assert_int_ge(fail_everywhere(sample, load_saved), 12);
    x64i_snapshot_release(snapshot);
    sample_destroy(sample);
}
END_TEST

static Suite *out_of_memory_suite(void)
{
    Suite *suite = suite_create("out of memory");
    TCase *tcase = tcase_create("state");
    tcase_add_test(tcase, test_out_of_memory_changes_nothing);
    tcase_add_test(tcase, test_out_of_memory_does_not_keep_from_restoring);
    tcase_add_test(tcase, test_out_of_memory_while_loading_is_reported);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(out_of_memory_suite())
