/* SPDX-License-Identifier: MIT */
/*
 * A registry with regions of every kind, which the tests of src/state share:
 *
 *     struct sample *sample = sample_create();
 *     sample->device.value = 1;
 *     ...
 *     sample_destroy(sample);
 */
#ifndef X64_TESTS_STATE_SAMPLE_H
#define X64_TESTS_STATE_SAMPLE_H

#include "state/heap.h"
#include "state/state.h"
#include "support/suite.h"

/* A whole leaf of pages and half of one. */
#define SAMPLE_RAM_SIZE (UINT64_C(3) << 20)

/* Larger than a page and not a whole number of them. */
struct sample_cpu {
    uint64_t registers[1000];
    uint32_t mode;
    uint32_t pad;
};

struct sample_device {
    uint64_t value;
    uint8_t bytes[13];
    uint8_t pad[3];
};

struct sample {
    struct x64i_state *state;
    struct x64i_pages *ram;
    struct sample_cpu cpu;
    struct sample_device device;
    uint64_t cycles; /* an annotation */
    int restores;    /* how often the listener was called */
};

static inline void sample_count_restore(void *user)
{
    struct sample *sample = user;
    sample->restores++;
}

static inline struct sample *sample_create_in(struct x64i_heap *heap)
{
    struct sample *sample = calloc(1, sizeof *sample);
    ck_assert_ptr_nonnull(sample);
    ck_assert_int_eq(x64i_state_create_in(heap, &sample->state), X64_OK);
    ck_assert_int_eq(
        x64i_state_add_fixed(sample->state, "cpu", 3, &sample->cpu, sizeof sample->cpu, 0), X64_OK);
    ck_assert_int_eq(
        x64i_state_add_paged(sample->state, "ram", 1, SAMPLE_RAM_SIZE, 0, &sample->ram), X64_OK);
    ck_assert_int_eq(
        x64i_state_add_fixed(sample->state, "device", 1, &sample->device, sizeof sample->device, 0),
        X64_OK);
    ck_assert_int_eq(x64i_state_add_fixed(sample->state, "cycles", 1, &sample->cycles,
                                          sizeof sample->cycles, X64I_REGION_ANNOTATION),
                     X64_OK);
    ck_assert_int_eq(x64i_state_on_restored(sample->state, sample_count_restore, sample), X64_OK);
    return sample;
}

static inline struct sample *sample_create(void)
{
    struct x64i_heap *heap = x64i_heap_create();
    struct sample *sample = sample_create_in(heap);
    x64i_heap_release(heap);
    return sample;
}

static inline void sample_destroy(struct sample *sample)
{
    x64i_state_destroy(sample->state);
    free(sample);
}

static inline struct x64i_snapshot *sample_snapshot(struct sample *sample)
{
    struct x64i_snapshot *snapshot = NULL;
    ck_assert_int_eq(x64i_state_snapshot(sample->state, &snapshot), X64_OK);
    return snapshot;
}

static inline void sample_poke(struct sample *sample, uint64_t offset, uint8_t value)
{
    ck_assert_int_eq(x64i_pages_copy_in(sample->ram, offset, &value, 1), X64_OK);
}

static inline uint8_t sample_peek(const struct sample *sample, uint64_t offset)
{
    uint8_t value = 0xa5;
    ck_assert_int_eq(x64i_pages_copy_out(sample->ram, offset, &value, 1), X64_OK);
    return value;
}

#endif
