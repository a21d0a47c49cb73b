/* SPDX-License-Identifier: MIT */
#include "state/sample.h"
#include "state/state.h"

#include <pthread.h>
#include <string.h>

#define RAM_PAGES (SAMPLE_RAM_SIZE / X64I_PAGE_SIZE)

START_TEST(test_restore_brings_every_kind_of_region_back)
{
    struct sample *sample = sample_create();
    sample->cpu.registers[999] = 1;
    sample->device.value = 2;
    sample->cycles = 3;
    sample_poke(sample, 4096, 4);
    ck_assert_int_eq(x64i_state_set_blob(sample->state, "names", "old", 3), X64_OK);
    uint64_t hash = x64i_state_hash(sample->state);
    struct x64i_snapshot *snapshot = sample_snapshot(sample);

    sample->cpu.registers[999] = sample->device.value = sample->cycles = 77;
    sample_poke(sample, 4096, 77);
    sample_poke(sample, 5 << 19, 77);
    ck_assert_int_eq(x64i_state_set_blob(sample->state, "names", "new", 3), X64_OK);
    ck_assert_uint_ne(x64i_state_hash(sample->state), hash);
    ck_assert_int_eq(sample->restores, 0);

    ck_assert_int_eq(x64i_state_restore(sample->state, snapshot), X64_OK);
    ck_assert_int_eq(sample->restores, 1);
    ck_assert_uint_eq(sample->cpu.registers[999], 1);
    ck_assert_uint_eq(sample->device.value, 2);
    ck_assert_uint_eq(sample->cycles, 3);
    ck_assert_uint_eq(sample_peek(sample, 4096), 4);
    ck_assert_uint_eq(sample_peek(sample, 5 << 19), 0);
    ck_assert_mem_eq(x64i_state_get_blob(sample->state, "names", NULL), "old", 3);
    ck_assert_uint_eq(x64i_state_hash(sample->state), hash);
    ck_assert_uint_eq(x64i_snapshot_hash(snapshot), hash);
    x64i_snapshot_release(snapshot);
    sample_destroy(sample);
}
END_TEST

/* What engines go by when they keep host pointers. */
START_TEST(test_generations_follow_snapshot_and_restore)
{
    struct sample *sample = sample_create();
    sample_poke(sample, 0, 1);
    uint64_t generation = sample->ram->write_generation, moves = sample->ram->moves;
    struct x64i_snapshot *snapshot = sample_snapshot(sample);
    ck_assert_uint_ne(sample->ram->write_generation, generation);
    ck_assert_uint_eq(sample->ram->moves, moves);

    generation = sample->ram->write_generation;
    ck_assert_int_eq(x64i_state_restore(sample->state, snapshot), X64_OK);
    ck_assert_uint_ne(sample->ram->write_generation, generation);
    ck_assert_uint_ne(sample->ram->moves, moves);
    x64i_snapshot_release(snapshot);
    sample_destroy(sample);
}
END_TEST

START_TEST(test_snapshot_outlives_its_state)
{
    struct sample *a = sample_create();
    a->device.value = 5;
    sample_poke(a, 100, 6);
    ck_assert_int_eq(x64i_state_set_blob(a->state, "names", "kept", 4), X64_OK);
    struct x64i_snapshot *snapshot = sample_snapshot(a);
    sample_destroy(a);

    struct sample *b = sample_create();
    ck_assert_int_eq(x64i_state_restore(b->state, snapshot), X64_OK);
    x64i_snapshot_release(snapshot);
    ck_assert_uint_eq(b->device.value, 5);
    ck_assert_uint_eq(sample_peek(b, 100), 6);
    ck_assert_mem_eq(x64i_state_get_blob(b->state, "names", NULL), "kept", 4);
    sample_destroy(b);
}
END_TEST

START_TEST(test_snapshot_can_be_read_without_restoring)
{
    struct sample *sample = sample_create();
    sample->cpu.registers[700] = 0x1122334455667788;
    ck_assert_int_eq(x64i_state_set_blob(sample->state, "config", "model", 5), X64_OK);
    struct x64i_snapshot *snapshot = sample_snapshot(sample);
    uint64_t value = 0;
    size_t size = 0;
    ck_assert_int_eq(x64i_snapshot_read(snapshot, "cpu", 5600, &value, 8), X64_OK);
    ck_assert_uint_eq(value, 0x1122334455667788);
    ck_assert_int_eq(x64i_snapshot_read(snapshot, "cpu", sizeof sample->cpu - 7, &value, 8),
                     X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_snapshot_read(snapshot, "fpu", 0, &value, 8), X64_ERROR_NOT_FOUND);
    ck_assert_uint_eq(x64i_snapshot_region_size(snapshot, "ram"), SAMPLE_RAM_SIZE);
    ck_assert_uint_eq(x64i_snapshot_region_size(snapshot, "fpu"), 0);
    ck_assert_mem_eq(x64i_snapshot_get_blob(snapshot, "config", &size), "model", 5);
    ck_assert_uint_eq(size, 5);
    x64i_snapshot_release(snapshot);
    sample_destroy(sample);
}
END_TEST

/* Registers what the snapshot below has, but for one thing. */
static void check_misfit(struct x64i_state *state, const char *sentence)
{
    struct sample *sample = sample_create();
    struct x64i_snapshot *snapshot = sample_snapshot(sample);
    char message[120] = "untouched";
    ck_assert_int_eq(x64i_state_restore(state, snapshot), X64_ERROR_UNSUPPORTED);
    ck_assert(x64i_state_explain(state, snapshot, message, sizeof message));
    ck_assert_str_eq(message, sentence);
    ck_assert(!x64i_state_explain(sample->state, snapshot, message, sizeof message));
    ck_assert_str_eq(message, "");
    x64i_snapshot_release(snapshot);
    sample_destroy(sample);
}

START_TEST(test_restore_refuses_other_regions_and_says_why)
{
    static struct sample_cpu cpu;
    struct x64i_state *state;
    struct x64i_pages *ram;

    ck_assert_int_eq(x64i_state_create(&state), X64_OK);
    check_misfit(state, "region cpu is unknown to this machine");
    x64i_state_add_fixed(state, "fpu", 1, &cpu, 8, 0);
    check_misfit(state, "region fpu is missing from the snapshot");
    x64i_state_destroy(state);

    ck_assert_int_eq(x64i_state_create(&state), X64_OK);
    x64i_state_add_fixed(state, "cpu", 2, &cpu, sizeof cpu, 0);
    check_misfit(state, "region cpu has version 3 in the snapshot, 2 in this machine");
    x64i_state_destroy(state);

    ck_assert_int_eq(x64i_state_create(&state), X64_OK);
    x64i_state_add_paged(state, "ram", 1, 4096, 0, &ram);
    check_misfit(state, "region ram has 3145728 bytes in the snapshot, 4096 in this machine");
    x64i_state_destroy(state);

    ck_assert_int_eq(x64i_state_create(&state), X64_OK);
    x64i_state_add_fixed(state, "cycles", 1, &cpu, 8, 0);
    check_misfit(state, "region cycles does not have the same flags in the snapshot");
    x64i_state_destroy(state);
}
END_TEST

START_TEST(test_fork_goes_its_own_way)
{
    struct sample *a = sample_create();
    struct sample *b = sample_create();
    a->device.value = 1;
    sample_poke(a, 0, 1);
    ck_assert_int_eq(x64i_state_fork(a->state, b->state), X64_OK);
    ck_assert_int_eq(x64i_state_compare(a->state, b->state, NULL), 0);
    ck_assert_uint_eq(x64i_state_hash(a->state), x64i_state_hash(b->state));
    ck_assert_int_eq(b->restores, 1);
    ck_assert_int_eq(a->restores, 0);

    sample_poke(a, 0, 2);
    b->device.value = 3;
    ck_assert_uint_eq(sample_peek(b, 0), 1);
    ck_assert_uint_eq(a->device.value, 1);
    sample_destroy(a);
    ck_assert_uint_eq(sample_peek(b, 0), 1);
    sample_destroy(b);
}
END_TEST

START_TEST(test_snapshot_of_an_unchanged_machine_shares_everything)
{
    struct sample *sample = sample_create();
    memset(&sample->cpu, 0x5a, sizeof sample->cpu);
    for (uint64_t i = 0; i < RAM_PAGES; i++)
        sample_poke(sample, i * X64I_PAGE_SIZE, 1);
    struct x64i_snapshot *first = sample_snapshot(sample);
    struct x64i_snapshot *second = sample_snapshot(sample);
    ck_assert_uint_lt(x64i_snapshot_bytes(second), 4096);
    ck_assert_uint_lt(x64i_snapshot_bytes_beyond(second, first), 4096);

    sample->cpu.registers[0] = 7;
    sample_poke(sample, 0, 2);
    struct x64i_snapshot *third = sample_snapshot(sample);
    uint64_t bytes = x64i_snapshot_bytes_beyond(third, second);
    ck_assert_uint_gt(bytes, UINT64_C(2) * X64I_PAGE_SIZE); /* a page of each, and a leaf */
    ck_assert_uint_lt(bytes, UINT64_C(6) * X64I_PAGE_SIZE);
    ck_assert_uint_lt(x64i_snapshot_bytes(third), 4096);

    sample_destroy(sample);
    ck_assert_uint_ge(x64i_snapshot_bytes(third), bytes - 4096);
    ck_assert_uint_lt(x64i_snapshot_bytes(third), bytes + 4096);
    x64i_snapshot_release(first);
    x64i_snapshot_release(second);
    ck_assert_uint_gt(x64i_snapshot_bytes(third), SAMPLE_RAM_SIZE);
    x64i_snapshot_release(third);
}
END_TEST

START_TEST(test_snapshots_by_the_thousand_cost_little_memory)
{
    enum { COUNT = 1000 };
    static struct x64i_snapshot *snapshots[COUNT];
    struct sample *sample = sample_create();
    memset(&sample->cpu, 0x5a, sizeof sample->cpu);
    for (uint64_t i = 0; i < RAM_PAGES; i++)
        sample_poke(sample, i * X64I_PAGE_SIZE, 1);

    for (int i = 0; i < COUNT; i++) {
        sample->device.value = (uint64_t)i;
        snapshots[i] = sample_snapshot(sample);
    }
    uint64_t total = 0;
    for (int i = 1; i < COUNT; i++)
        total += x64i_snapshot_bytes_beyond(snapshots[i], snapshots[i - 1]);
    ck_assert_uint_lt(total, (uint64_t)COUNT * 4096);

    for (int i = 0; i < COUNT; i += 111) {
        ck_assert_int_eq(x64i_state_restore(sample->state, snapshots[i]), X64_OK);
        ck_assert_uint_eq(sample->device.value, (uint64_t)i);
    }
    for (int i = 0; i < COUNT; i++)
        x64i_snapshot_release(snapshots[i]);
    sample_destroy(sample);
}
END_TEST

/* A generator of its own, so that a failure comes back with its seed. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* What the property test believes: the first byte of each page, and the device's value. */
struct model {
    uint8_t ram[RAM_PAGES];
    uint64_t device;
};

static void check_model(const struct sample *sample, const struct model *model, int seed, int step)
{
    for (uint64_t i = 0; i < RAM_PAGES; i++)
        ck_assert_msg(sample_peek(sample, i * X64I_PAGE_SIZE) == model->ram[i],
                      "seed %d, step %d, page %u", seed, step, (unsigned)i);
    ck_assert_uint_eq(sample->device.value, model->device);
}

/* The same content built from nothing, without any sharing. */
static uint64_t hash_from_scratch(const struct model *model)
{
    struct sample *sample = sample_create();
    for (uint64_t i = 0; i < RAM_PAGES; i++)
        sample_poke(sample, i * X64I_PAGE_SIZE, model->ram[i]);
    sample->device.value = model->device;
    uint64_t hash = x64i_state_hash(sample->state);
    sample_destroy(sample);
    return hash;
}

static void change_something(struct sample *sample, struct model *model, uint32_t *random)
{
    uint64_t page = next_random(random) % RAM_PAGES;
    if (next_random(random) % 8 == 0) {
        ck_assert_int_eq(x64i_pages_discard(sample->ram, page), X64_OK);
        model->ram[page] = 0;
        return;
    }
    uint8_t value = (uint8_t)(next_random(random) % 3);
    x64i_pages_write(sample->ram, page)[0] = value;
    model->ram[page] = value;
    sample->device.value = model->device = next_random(random) % 4;
}

START_TEST(test_random_writes_snapshots_and_restores_agree_with_a_model)
{
    enum { KEPT = 5, STEPS = 600 };
    static struct model model, models[KEPT];
    struct x64i_snapshot *snapshots[KEPT] = {NULL};
    struct sample *sample = sample_create();
    uint32_t random = (uint32_t)_i;
    model = (struct model){0};

    for (int step = 0; step < STEPS; step++) {
        unsigned kept = next_random(&random) % KEPT;
        unsigned action = next_random(&random) % 40;
        if (action == 0) {
            x64i_snapshot_release(snapshots[kept]);
            snapshots[kept] = sample_snapshot(sample);
            models[kept] = model;
        } else if (action == 1 && snapshots[kept]) {
            ck_assert_int_eq(x64i_state_restore(sample->state, snapshots[kept]), X64_OK);
            model = models[kept];
            check_model(sample, &model, _i, step);
        } else if (action == 2) {
            ck_assert_msg(x64i_state_hash(sample->state) == hash_from_scratch(&model),
                          "seed %d, step %d", _i, step);
        } else {
            change_something(sample, &model, &random);
        }
    }
    check_model(sample, &model, _i, STEPS);
    for (int i = 0; i < KEPT; i++) {
        if (!snapshots[i])
            continue;
        ck_assert_int_eq(x64i_state_restore(sample->state, snapshots[i]), X64_OK);
        check_model(sample, &models[i], _i, STEPS);
        ck_assert_uint_eq(x64i_snapshot_hash(snapshots[i]), hash_from_scratch(&models[i]));
        x64i_snapshot_release(snapshots[i]);
    }
    sample_destroy(sample);
}
END_TEST

struct worker {
    pthread_t thread;
    pthread_barrier_t *start;
    const struct x64i_snapshot *snapshot;
    uint8_t mark;
    uint64_t shared_hash;
    int errors; /* Check's assertions belong to the main thread */
};

/* Forks, writes, hashes and forgets, over and over, in a machine that shares all its pages. */
static void *run_worker(void *user)
{
    struct worker *worker = user;
    struct sample *sample = sample_create();
    (void)pthread_barrier_wait(worker->start);
    for (int turn = 0; turn < 60; turn++) {
        struct x64i_snapshot *mine;
        worker->errors += x64i_state_restore(sample->state, worker->snapshot) != X64_OK;
        worker->errors += x64i_state_hash(sample->state) != worker->shared_hash;
        for (uint64_t i = (uint64_t)turn % 3; i < RAM_PAGES; i += 3) {
            uint8_t *page = x64i_pages_write(sample->ram, i);
            worker->errors += page[0] != 1;
            page[0] = worker->mark;
        }
        worker->errors += x64i_state_snapshot(sample->state, &mine) != X64_OK;
        x64i_pages_write(sample->ram, (uint64_t)turn)[1] = 9;
        for (uint64_t i = 0; i < RAM_PAGES; i++) {
            uint8_t expected = i % 3 == (uint64_t)turn % 3 ? worker->mark : 1;
            worker->errors += x64i_pages_read(sample->ram, i)[0] != expected;
        }
        worker->errors += x64i_state_restore(sample->state, mine) != X64_OK;
        worker->errors += x64i_pages_read(sample->ram, (uint64_t)turn)[1] != 0;
        x64i_snapshot_release(mine);
    }
    sample_destroy(sample);
    return NULL;
}

START_TEST(test_forks_in_two_threads_do_not_disturb_each_other)
{
    struct sample *sample = sample_create();
    for (uint64_t i = 0; i < RAM_PAGES; i++)
        sample_poke(sample, i * X64I_PAGE_SIZE, 1);
    uint64_t hash = x64i_state_hash(sample->state);
    for (uint64_t i = 0; i < RAM_PAGES; i++)
        (void)x64i_pages_write(sample->ram, i); /* no digests: the two fill them in at once */
    struct x64i_snapshot *snapshot = sample_snapshot(sample);
    sample_destroy(sample); /* the two may become sole holders of a page */

    pthread_barrier_t start;
    ck_assert_int_eq(pthread_barrier_init(&start, NULL, 2), 0);
    struct worker workers[2];
    for (int i = 0; i < 2; i++) {
        workers[i] = (struct worker){
            .start = &start, .snapshot = snapshot, .mark = (uint8_t)(10 + i), .shared_hash = hash};
        ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
        ck_assert_int_eq(workers[i].errors, 0);
    }
    ck_assert_uint_eq(x64i_snapshot_hash(snapshot), hash);
    ck_assert_int_eq(pthread_barrier_destroy(&start), 0);
    x64i_snapshot_release(snapshot);
}
END_TEST

static Suite *snapshot_suite(void)
{
    Suite *suite = suite_create("snapshot");
    TCase *tcase = tcase_create("snapshot");
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, test_restore_brings_every_kind_of_region_back);
    tcase_add_test(tcase, test_generations_follow_snapshot_and_restore);
    tcase_add_test(tcase, test_snapshot_outlives_its_state);
    tcase_add_test(tcase, test_snapshot_can_be_read_without_restoring);
    tcase_add_test(tcase, test_restore_refuses_other_regions_and_says_why);
    tcase_add_test(tcase, test_fork_goes_its_own_way);
    tcase_add_test(tcase, test_snapshot_of_an_unchanged_machine_shares_everything);
    tcase_add_test(tcase, test_snapshots_by_the_thousand_cost_little_memory);
    tcase_add_loop_test(tcase, test_random_writes_snapshots_and_restores_agree_with_a_model, 0, 12);
    tcase_add_test(tcase, test_forks_in_two_threads_do_not_disturb_each_other);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(snapshot_suite())
