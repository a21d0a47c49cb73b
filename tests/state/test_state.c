/* SPDX-License-Identifier: MIT */
#include "state/sample.h"
#include "state/state.h"

#include <stdio.h>
#include <string.h>

START_TEST(test_state_refuses_bad_regions)
{
    struct sample *sample = sample_create();
    struct x64i_state *state = sample->state;
    uint64_t data = 0;
    struct x64i_pages *pages = NULL;

    ck_assert_int_eq(x64i_state_add_fixed(state, "cpu", 1, &data, 8, 0), X64_ERROR_EXISTS);
    ck_assert_int_eq(x64i_state_add_paged(state, "cpu", 1, 4096, 0, &pages), X64_ERROR_EXISTS);
    ck_assert_int_eq(x64i_state_add_fixed(state, "", 1, &data, 8, 0), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_state_add_fixed(state, NULL, 1, &data, 8, 0), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_state_add_fixed(state, "a b", 1, &data, 8, 0), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(
        x64i_state_add_fixed(state, "a-name-of-thirty-two-characters.", 1, &data, 8, 0),
        X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_state_add_fixed(state, "x", 1, NULL, 8, 0), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_state_add_fixed(state, "x", 1, &data, 0, 0), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_state_add_fixed(state, "x", 1, &data, 8, 2), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_state_add_paged(state, "x", 1, 4097, 0, &pages), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_state_add_paged(state, "x", 1, 0, 0, &pages), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_state_add_fixed(state, "a-name-of-thirty-one-characters", 1, &data, 8, 0),
                     X64_OK);
    sample_destroy(sample);
}
END_TEST

START_TEST(test_state_holds_a_limited_number_of_everything)
{
    struct x64i_state *state;
    uint64_t data = 0;
    char name[16];
    ck_assert_int_eq(x64i_state_create(&state), X64_OK);
    for (int i = 0; i <= X64I_STATE_REGIONS; i++) {
        (void)snprintf(name, sizeof name, "r%d", i);
        ck_assert_int_eq(x64i_state_add_fixed(state, name, 1, &data, 8, 0),
                         i < X64I_STATE_REGIONS ? X64_OK : X64_ERROR_LIMIT);
    }
    for (int i = 0; i <= X64I_STATE_BLOBS; i++) {
        (void)snprintf(name, sizeof name, "b%d", i);
        ck_assert_int_eq(x64i_state_set_blob(state, name, "x", 1),
                         i < X64I_STATE_BLOBS ? X64_OK : X64_ERROR_LIMIT);
    }
    for (int i = 0; i <= X64I_STATE_LISTENERS; i++)
        ck_assert_int_eq(x64i_state_on_restored(state, sample_count_restore, NULL),
                         i < X64I_STATE_LISTENERS ? X64_OK : X64_ERROR_LIMIT);
    x64i_state_destroy(state);
}
END_TEST

START_TEST(test_blob_is_set_replaced_and_removed)
{
    struct sample *sample = sample_create();
    size_t size = 77;
    ck_assert_ptr_null(x64i_state_get_blob(sample->state, "symbols", &size));
    ck_assert_int_eq(x64i_state_set_blob(sample->state, "symbols", "first", 5), X64_OK);
    ck_assert_int_eq(x64i_state_set_blob(sample->state, "config", "c", 1), X64_OK);
    ck_assert_int_eq(x64i_state_set_blob(sample->state, "symbols", "second", 6), X64_OK);
    ck_assert_mem_eq(x64i_state_get_blob(sample->state, "symbols", &size), "second", 6);
    ck_assert_uint_eq(size, 6);
    ck_assert_int_eq(x64i_state_set_blob(sample->state, "symbols", NULL, 0), X64_OK);
    ck_assert_ptr_null(x64i_state_get_blob(sample->state, "symbols", &size));
    ck_assert_mem_eq(x64i_state_get_blob(sample->state, "config", NULL), "c", 1);
    ck_assert_int_eq(x64i_state_set_blob(sample->state, "x", NULL, 1), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_state_set_blob(sample->state, "", "a", 1), X64_ERROR_ARGUMENT);
    sample_destroy(sample);
}
END_TEST

START_TEST(test_state_hash_follows_every_byte)
{
    struct sample *sample = sample_create();
    uint64_t empty = x64i_state_hash(sample->state);
    uint8_t *cpu = (uint8_t *)&sample->cpu;
    for (size_t i = 0; i < sizeof sample->cpu; i += 37) {
        cpu[i] ^= 0x40;
        ck_assert_msg(x64i_state_hash(sample->state) != empty, "byte %zu is not hashed", i);
        cpu[i] ^= 0x40;
    }
    for (uint64_t i = 0; i < SAMPLE_RAM_SIZE; i += 12347) {
        sample_poke(sample, i, 1);
        ck_assert_uint_ne(x64i_state_hash(sample->state), empty);
        sample_poke(sample, i, 0);
        ck_assert_uint_eq(x64i_state_hash(sample->state), empty);
    }
    sample->cycles = 99;
    ck_assert_uint_eq(x64i_state_hash(sample->state), empty);
    ck_assert_int_eq(x64i_state_set_blob(sample->state, "b", "b", 1), X64_OK);
    ck_assert_uint_eq(x64i_state_hash(sample->state), empty);
    sample_destroy(sample);
}
END_TEST

/* Writing through a pointer is allowed until the generation changes, and hashing changes it. */
START_TEST(test_state_hash_ends_the_life_of_write_pointers)
{
    struct sample *sample = sample_create();
    uint8_t *page = x64i_pages_write(sample->ram, 5);
    page[0] = 1;
    uint64_t generation = sample->ram->write_generation;
    uint64_t hash = x64i_state_hash(sample->state);
    ck_assert_uint_ne(sample->ram->write_generation, generation);
    x64i_pages_write(sample->ram, 5)[0] = 2;
    ck_assert_uint_ne(x64i_state_hash(sample->state), hash);
    sample_destroy(sample);
}
END_TEST

static uint64_t hash_of_one(const char *name, uint32_t version, size_t size)
{
    struct x64i_state *state;
    uint64_t data[4] = {0};
    ck_assert_int_eq(x64i_state_create(&state), X64_OK);
    ck_assert_int_eq(x64i_state_add_fixed(state, name, version, data, size, 0), X64_OK);
    uint64_t hash = x64i_state_hash(state);
    x64i_state_destroy(state);
    return hash;
}

START_TEST(test_state_hash_covers_name_version_and_size)
{
    uint64_t hash = hash_of_one("a", 1, 16);
    ck_assert_uint_eq(hash_of_one("a", 1, 16), hash);
    ck_assert_uint_ne(hash_of_one("b", 1, 16), hash);
    ck_assert_uint_ne(hash_of_one("a", 2, 16), hash);
    ck_assert_uint_ne(hash_of_one("a", 1, 24), hash);
}
END_TEST

START_TEST(test_state_hash_does_not_care_for_the_order_of_regions)
{
    uint64_t one = 1, two = 2, hashes[2];
    for (int turn = 0; turn < 2; turn++) {
        struct x64i_state *state;
        ck_assert_int_eq(x64i_state_create(&state), X64_OK);
        x64i_state_add_fixed(state, turn ? "a" : "b", 1, turn ? &one : &two, 8, 0);
        x64i_state_add_fixed(state, turn ? "b" : "a", 1, turn ? &two : &one, 8, 0);
        hashes[turn] = x64i_state_hash(state);
        x64i_state_destroy(state);
    }
    ck_assert_uint_eq(hashes[0], hashes[1]);
}
END_TEST

static void check_difference(const struct sample *a, const struct sample *b, const char *expected)
{
    struct x64i_difference difference;
    ck_assert_int_eq(x64i_state_compare(a->state, b->state, &difference), expected ? 1 : 0);
    ck_assert_int_eq(x64i_state_compare(a->state, b->state, NULL), expected ? 1 : 0);
    if (expected) {
        char text[120];
        ck_assert_str_eq(x64i_difference_format(&difference, text, sizeof text), expected);
    }
}

START_TEST(test_compare_names_the_first_difference)
{
    struct sample *a = sample_create();
    struct sample *b = sample_create();
    check_difference(a, b, NULL);
    b->cycles = 5;
    check_difference(a, b, NULL);
    b->device.bytes[12] = 7;
    check_difference(a, b, "device+0x10: 0x0 != 0x700000000");
    sample_poke(a, 0x200003, 0x11);
    check_difference(a, b, "ram+0x200000: 0x11000000 != 0x0");
    a->cpu.registers[600] = 0xabc;
    b->cpu.registers[600] = 0xdef;
    check_difference(a, b, "cpu+0x12c0: 0xabc != 0xdef");
    sample_destroy(a);
    sample_destroy(b);
}
END_TEST

START_TEST(test_compare_sees_other_layouts)
{
    struct sample *a = sample_create();
    struct sample *b = sample_create();
    uint64_t more = 0;
    ck_assert_int_eq(x64i_state_add_fixed(b->state, "more", 1, &more, 8, 0), X64_OK);
    check_difference(a, b, "more: not of the same presence");
    check_difference(b, a, "more: not of the same presence");
    ck_assert_int_eq(x64i_state_add_fixed(a->state, "more", 2, &more, 8, 0), X64_OK);
    check_difference(a, b, "more: not of the same version");
    sample_destroy(a);
    sample_destroy(b);
}
END_TEST

static Suite *state_suite(void)
{
    Suite *suite = suite_create("state");
    TCase *tcase = tcase_create("registry");
    tcase_add_test(tcase, test_state_refuses_bad_regions);
    tcase_add_test(tcase, test_state_holds_a_limited_number_of_everything);
    tcase_add_test(tcase, test_blob_is_set_replaced_and_removed);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("hash");
    tcase_add_test(tcase, test_state_hash_follows_every_byte);
    tcase_add_test(tcase, test_state_hash_ends_the_life_of_write_pointers);
    tcase_add_test(tcase, test_state_hash_covers_name_version_and_size);
    tcase_add_test(tcase, test_state_hash_does_not_care_for_the_order_of_regions);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("compare");
    tcase_add_test(tcase, test_compare_names_the_first_difference);
    tcase_add_test(tcase, test_compare_sees_other_layouts);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(state_suite())
