/* SPDX-License-Identifier: MIT */
/* The block engine against the reference path: the same state, however the run is cut up. */
#include "cpu/block.h"
#include "emu.h"
#include "support/suite.h"

#include "x64emu/kernel_model.h"
#include "x64emu/machine.h"

#include <stdint.h>
#include <string.h>

#define CODE  0x10000u
#define STACK 0x20000u

static struct x64_machine *new_machine(enum x64_engine engine)
{
    struct x64_config config = {.struct_size = sizeof config, .engine = engine};
    struct x64_machine *machine;
    ck_assert_int_eq(x64_machine_create(&config, &machine), X64_OK);
    return machine;
}

static uint64_t hash_of(struct x64_machine *machine)
{
    uint64_t hash;
    ck_assert_int_eq(x64_hash(machine, &hash), X64_OK);
    return hash;
}

/* Runs both to the end in pieces of `stride` steps and compares after each. */
static void compare(struct x64_machine *blocks, struct x64_machine *reference, uint64_t stride,
                    uint64_t limit)
{
    struct x64_stop a, b;
    do {
        ck_assert_int_eq(x64_run(blocks, stride, &a), X64_OK);
        ck_assert_int_eq(x64_run(reference, stride, &b), X64_OK);
        ck_assert_uint_eq(a.steps, b.steps);
        ck_assert_int_eq(a.reason, b.reason);
        ck_assert_msg(hash_of(blocks) == hash_of(reference), "stride %u: states differ at n = %u",
                      (unsigned)stride, (unsigned)a.steps);
    } while (a.reason == X64_STOP_BUDGET && a.steps < limit);
    x64_machine_destroy(blocks);
    x64_machine_destroy(reference);
}

static struct x64_machine *new_kernel(enum x64_engine engine, const char *entry,
                                      unsigned mitigations, const char *program,
                                      const char *const *argv)
{
    struct x64_machine *machine = new_machine(engine);
    struct x64_kernel_config config = {.struct_size = sizeof config,
                                       .entry = entry,
                                       .mitigations = mitigations,
                                       .program = program,
                                       .argv = argv};
    struct x64_error_text error;
    ck_assert_msg(x64_kernel_attach(machine, &config, &error) == X64_OK, "%s", error.text);
    return machine;
}

static const uint64_t strides[] = {1, 3, 17, 1000, 100000};

START_TEST(test_engine_eras_are_the_same_on_both)
{
    /* Every step of one era, wider strides of all: hashing each step of all takes minutes. */
    for (size_t i = 0; x64_era_at(i) && (i == 0 || strides[_i] >= 10); i++) {
        const struct x64_era *era = x64_era_at(i);
        const unsigned sets[] = {0, era->mitigations};
        for (size_t j = 0; j < 2; j++)
            compare(new_kernel(X64_ENGINE_BLOCKS, era->name, sets[j], NULL, NULL),
                    new_kernel(X64_ENGINE_REFERENCE, era->name, sets[j], NULL, NULL), strides[_i],
                    UINT64_MAX);
    }
}
END_TEST

START_TEST(test_engine_busybox_is_the_same_on_both)
{
    static const char *const argv[] = {"busybox", "sh", "-c",
                                       "i=0; while [ $i -lt 20 ]; do "
                                       "echo $i $((i * i)); i=$((i + 1)); done",
                                       NULL};
    compare(new_kernel(X64_ENGINE_BLOCKS, "6.1", X64_MITIGATION_PTI | X64_MITIGATION_PCID,
                       "/bin/busybox", argv),
            new_kernel(X64_ENGINE_REFERENCE, "6.1", X64_MITIGATION_PTI | X64_MITIGATION_PCID,
                       "/bin/busybox", argv),
            997, UINT64_MAX);
}
END_TEST

/* Each round: a REP store, a push, and a change of the loop's own first instruction. */
static const uint8_t self_modifying[] = {
    0xb9, 0x05, 0x00, 0x00, 0x00,             /* loop: mov ecx, 5 */
    0xbf, 0x00, 0x00, 0x03, 0x00,             /* mov edi, 0x30000 */
    0xf3, 0xaa,                               /* rep stosb */
    0x50,                                     /* push rax */
    0xff, 0xc0,                               /* inc eax */
    0x80, 0x05, 0xeb, 0xff, 0xff, 0xff, 0x01, /* add byte [rip - 21], 1: the 5 above */
    0x80, 0x25, 0xe4, 0xff, 0xff, 0xff, 0x07, /* and byte [rip - 28], 7 */
    0x5b,                                     /* pop rbx */
    0xeb, 0xe0,                               /* jmp loop */
};

/* The store changes the instruction right behind it, in the same block. */
static const uint8_t own_block[] = {
    0xb0, 0x90,                               /* loop: mov al, 0x90 */
    0x88, 0x05, 0x00, 0x00, 0x00, 0x00,       /* mov [rip], al: the next byte */
    0xf4,                                     /* hlt, by then a nop */
    0x80, 0x35, 0xf8, 0xff, 0xff, 0xff, 0x6f, /* xor byte [rip - 8], 0x6f: a jump's displacement? */
    0xc6, 0x05, 0xf1, 0xff, 0xff, 0xff, 0xf4, /* mov byte [rip - 15], 0xf4 */
    0xeb, 0xe7,                               /* jmp loop */
};

static struct x64_machine *new_code(enum x64_engine engine, const uint8_t *code, size_t size)
{
    struct x64_machine *machine = new_machine(engine);
    ck_assert_int_eq(x64_memory_write_phys(machine, CODE, code, size), X64_OK);
    ck_assert_int_eq(x64_machine_start(machine, CODE, STACK), X64_OK);
    return machine;
}

START_TEST(test_engine_self_modifying_code_is_seen_at_once)
{
    compare(new_code(X64_ENGINE_BLOCKS, self_modifying, sizeof self_modifying),
            new_code(X64_ENGINE_REFERENCE, self_modifying, sizeof self_modifying), strides[_i],
            300 * strides[_i]);
    compare(new_code(X64_ENGINE_BLOCKS, own_block, sizeof own_block),
            new_code(X64_ENGINE_REFERENCE, own_block, sizeof own_block), strides[_i],
            300 * strides[_i]);
}
END_TEST

START_TEST(test_engine_code_written_from_outside_is_seen)
{
    static const uint8_t count_up[] = {0xff, 0xc0, 0xeb, 0xfc};   /* inc eax; jmp */
    static const uint8_t count_down[] = {0xff, 0xc8, 0xeb, 0xfc}; /* dec eax; jmp */
    struct x64_machine *machine = new_code(X64_ENGINE_BLOCKS, count_up, sizeof count_up);
    ck_assert_int_eq(x64_run(machine, 1000, NULL), X64_OK);
    ck_assert_int_eq(x64_memory_write_phys(machine, CODE, count_down, sizeof count_down), X64_OK);
    ck_assert_int_eq(x64_run(machine, 1000, NULL), X64_OK);
    struct x64_registers registers;
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    ck_assert_uint_eq(registers.gpr[X64_RAX], 0);
    ck_assert_int_eq(x64_goto(machine, 1000), X64_OK);
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    ck_assert_uint_eq(registers.gpr[X64_RAX], 500);
    ck_assert_int_eq(x64_goto(machine, 500), X64_OK);
    ck_assert_int_eq(x64_run(machine, 1500, NULL), X64_OK);
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    ck_assert_uint_eq(registers.gpr[X64_RAX], 0);
    x64_machine_destroy(machine);
}
END_TEST

/* Every moment of a run that writes its own code, gone to out of order, is what it was. */
START_TEST(test_engine_goes_back_to_older_code)
{
    enum { MOMENTS = 60, GAP = 37 };
    struct x64_config config = {.struct_size = sizeof config, .history_interval = 50};
    struct x64_machine *reference =
        new_code(X64_ENGINE_REFERENCE, self_modifying, sizeof self_modifying);
    struct x64_machine *machine = NULL;
    uint64_t hashes[MOMENTS];
    for (unsigned i = 0; i < MOMENTS; i++) {
        hashes[i] = hash_of(reference);
        ck_assert_int_eq(x64_run(reference, GAP, NULL), X64_OK);
    }
    ck_assert_int_eq(x64_machine_create(&config, &machine), X64_OK);
    ck_assert_int_eq(x64_memory_write_phys(machine, CODE, self_modifying, sizeof self_modifying),
                     X64_OK);
    ck_assert_int_eq(x64_machine_start(machine, CODE, STACK), X64_OK);
    ck_assert_int_eq(x64_run(machine, (uint64_t)MOMENTS * GAP, NULL), X64_OK);
    for (unsigned i = 0; i < 10 * MOMENTS; i++) {
        unsigned moment = i * 23 % MOMENTS;
        ck_assert_int_eq(x64_goto(machine, (uint64_t)moment * GAP), X64_OK);
        ck_assert_msg(hash_of(machine) == hashes[moment], "jump %u, to n = %u", i, moment * GAP);
    }
    x64_machine_destroy(machine);
    x64_machine_destroy(reference);
}
END_TEST

/* Code that is the same before and after is not translated again. */
START_TEST(test_engine_keeps_blocks_across_a_restore)
{
    static const uint8_t count_up[] = {0xff, 0xc0, 0x89, 0x05, 0xf8, 0x00,
                                       0x00, 0x00, 0xeb, 0xf6}; /* inc eax; mov [rip+248], eax */
    struct x64_machine *machine = new_code(X64_ENGINE_BLOCKS, count_up, sizeof count_up);
    ck_assert_int_eq(x64_run(machine, 5000, NULL), X64_OK);
    const struct x64i_engine *engine = x64i_machine_cpu(machine)->engine;
    ck_assert_ptr_nonnull(engine);
    for (uint64_t n = 500; n < 5000; n += 500) {
        ck_assert_int_eq(x64_goto(machine, n), X64_OK);
        ck_assert_int_eq(x64_run(machine, 600, NULL), X64_OK);
    }
    ck_assert_uint_eq(engine->slab_count, 1);
    ck_assert_uint_le(engine->block_count, 3); /* one for every instruction to begin at */
    x64_machine_destroy(machine);
}
END_TEST

/* SplitMix64. */
static uint64_t next_random(uint64_t *seed)
{
    uint64_t value = *seed += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

/* Random instructions of a few frequent shapes, registers that point into RAM, and whatever faults
 * come of it: without an IDT the first one shuts the machine down. */
static void make_random_code(uint64_t seed, uint8_t *code, size_t size)
{
    static const uint8_t openings[][3] = {{0x48, 0x01}, {0x29},       {0x31}, {0x88, 0x84},
                                          {0x8b},       {0x89},       {0xff}, {0x0f, 0xaf},
                                          {0x75, 0x02}, {0xf3, 0xaa}, {0x80}, {0xc1},
                                          {0x0f, 0xb6}, {0x50},       {0x58}};
    size_t at = 0;
    while (at + 8 < size) {
        uint64_t random = next_random(&seed);
        const uint8_t *opening = openings[random % (sizeof openings / sizeof openings[0])];
        for (size_t i = 0; i < 3 && opening[i]; i++)
            code[at++] = opening[i];
        for (unsigned i = 0; i < (random >> 8 & 3); i++)
            code[at++] = (uint8_t)(random >> (16 + 8 * i));
    }
    memset(code + at, 0xf4, size - at);
}

START_TEST(test_engine_random_code_is_the_same_on_both)
{
    uint8_t code[256];
    for (uint64_t seed = 0; seed < 300; seed++) {
        make_random_code(seed, code, sizeof code);
        struct x64_machine *machines[2];
        for (int engine = 0; engine < 2; engine++) {
            struct x64_registers registers;
            machines[engine] = new_code((enum x64_engine)engine, code, sizeof code);
            ck_assert_int_eq(x64_registers_read(machines[engine], &registers), X64_OK);
            for (unsigned i = 0; i < 16; i++)
                registers.gpr[i] = CODE + (i * 0x51 + seed) % 0x400;
            registers.gpr[X64_RSP] = STACK;
            ck_assert_int_eq(x64_registers_write(machines[engine], &registers), X64_OK);
        }
        compare(machines[0], machines[1], 1 + seed % 50, 2000);
    }
}
END_TEST

static Suite *engine_suite(void)
{
    Suite *suite = suite_create("engine");
    TCase *tcase = tcase_create("engine");
    tcase_set_timeout(tcase, 300);
    const int count = sizeof strides / sizeof strides[0];
    tcase_add_loop_test(tcase, test_engine_eras_are_the_same_on_both, 0, count);
    tcase_add_test(tcase, test_engine_busybox_is_the_same_on_both);
    tcase_add_loop_test(tcase, test_engine_self_modifying_code_is_seen_at_once, 0, count - 1);
    tcase_add_test(tcase, test_engine_code_written_from_outside_is_seen);
    tcase_add_test(tcase, test_engine_goes_back_to_older_code);
    tcase_add_test(tcase, test_engine_keeps_blocks_across_a_restore);
    tcase_add_test(tcase, test_engine_random_code_is_the_same_on_both);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(engine_suite())
