/* SPDX-License-Identifier: MIT */
/*
 * Each mechanism of the core by a few instructions that show it alone. "Measured" rows are figures
 * of a Golden Cove core. Try one: printf 'HEX\t100\t300\n' | x64emu cycles --batch --core NAME
 */
#include "support/suite.h"
#include "timing/replay.h"
#include "timing/timing.h"

#include <math.h>
#include <string.h>

struct row {
    const char *core;
    const char *what;
    const char *hex;
    double cycles;
    double tolerance; /* cycles */
};

static const struct row rows[] = {
    /* Dependences and latencies. Measured: 1.00, 2.99, 4.99, 1.00, 2.99. */
    {"golden_cove", "dependent add", "4801c8", 1, 0.02},
    {"golden_cove", "dependent imul", "480fafc1", 3, 0.02},
    {"golden_cove", "load-use chain", "488b00", 5, 0.02},
    {"golden_cove", "popcnt has no false dependence", "f3480fb8c1", 1, 0.02},
    {"golden_cove", "bsf keeps its destination", "480fbcc1", 3, 0.02},
    {"golden_cove", "address of three parts", "488d440801", 1, 0.02},
    {"golden_cove", "scaled address", "488d04d8", 2, 0.02},
    {"skylake", "dependent add", "4801c8", 1, 0.02},
    {"skylake", "load-use chain", "488b00", 5, 0.02},

    /* Done by rename. Measured: 0.20, 1.00 (32 bits), 0.19, 0.17. Optimization Reference Manual
     * 3.5.1.7 on zeroing, 2.6 on Skylake's four slots. */
    {"golden_cove", "add of an immediate", "4883c001", 0.2, 0.01},
    {"golden_cove", "... not of 32 bits", "83c606", 1, 0.02},
    {"golden_cove", "... not of a large one", "4805000f0000", 1, 0.02},
    {"golden_cove", "move", "4889c8", 0.1875, 0.01},
    {"golden_cove", "... not to itself", "89f6", 1, 0.02},
    {"golden_cove", "zeroing", "31c0", 1.0 / 6, 0.01},
    {"golden_cove", "nop", "90", 1.0 / 6, 0.01},
    {"golden_cove", "eliminated vector move", "c5f828c8c5f828d9", 1.0 / 3, 0.02},
    {"skylake", "add of an immediate is none", "4883c001", 1, 0.02},
    {"skylake", "four slots", "90", 0.25, 0.01},

    /* Front end. Measured: 3.1, 0.25 (32 bytes a cycle), 0.4375 (more than 8 in a block). */
    {"golden_cove", "length-changing prefix", "66813f5301", 3.1, 0.15},
    {"golden_cove", "long instructions", "488dbc2480000000", 0.25, 0.01},
    {"golden_cove", "many instructions in a block", "4889df4883c320", 0.4375, 0.01},
    {"golden_cove", "only one decoder makes two micro-ops", "31ff400f95c7", 1, 0.02},

    /* Memory. Measured: 1.00, 0.67, 1.00, 0.50, 1.00, 5.00 (push, pop), 2.98 (across pages). */
    {"golden_cove", "two loads of one bank", "488b03488b0b", 1, 0.02},
    {"golden_cove", "three loads of different banks", "488b03488b4b08", 2.0 / 3, 0.02},
    {"golden_cove", "banks repeat every 64 bytes", "488b03488b4b40", 1, 0.02},
    {"golden_cove", "two stores of one line", "488903", 0.5, 0.01},
    {"golden_cove", "stores of two lines", "488903488983c0000000", 2, 0.1},
    {"golden_cove", "register taken over from a store", "48830301", 1, 0.02},
    {"golden_cove", "... not of 16 bits", "66834b1204", 7.33, 0.4},
    {"golden_cove", "a load across pages", "4c8b4010b8eaffffff41f6c008", 3, 0.2},
    {"golden_cove", "a page each load, in the second TLB", "486314984801d0", 13, 1},
    {"golden_cove", "locked addition", "f00fc103", 18, 1},
    {"golden_cove", "locked 16 bytes", "f0480fc70b", 29, 2},
    {"golden_cove", "rep movsb of 1 KiB", "b900040000f3a4", 50, 7.5},
    {"golden_cove", "push, pop: a store forwarded", "5058", 5, 0.1},
    {"golden_cove", "mulss through memory", "f30f1009f30f59c8f30f1109", 10, 0.1},

    /* Execution. Measured: 1.00, 0.50, 13.0, 15.0. */
    {"golden_cove", "setcc makes two micro-ops", "0f94c0", 1, 0.02},
    {"golden_cove", "independent vector additions", "c5f458c1", 0.5, 0.05},
    {"golden_cove", "division chain", "f20f5ec1", 13, 0.1},
    {"golden_cove", "integer division", "4831d248f7f1", 15, 0.2},
};

static size_t parse(const char *hex, uint8_t *code)
{
    size_t size = 0;
    for (; hex[0] && hex[1]; hex += 2) {
        hex += *hex == ' ';
        const char pair[3] = {hex[0], hex[1], '\0'};
        code[size++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return size;
}

static double cycles_of(const char *core, const char *hex, bool loop)
{
    struct x64i_replay *replay;
    struct x64i_replay_result result;
    uint8_t code[64];
    size_t size = parse(hex, code);
    ck_assert_int_eq(x64i_replay_create(core, &replay), X64_OK);
    const struct x64i_replay_request request = {.first = 100, .last = 340, .loop = loop};
    enum x64_status status = x64i_replay_run(replay, code, size, &request, &result);
    ck_assert_msg(status == X64_OK, "%s: %s", hex, result.problem);
    x64i_replay_destroy(replay);
    return result.cycles;
}

START_TEST(test_mechanism_takes_its_cycles)
{
    const struct row *row = &rows[_i];
    double cycles = cycles_of(row->core, row->hex, false);
    ck_assert_msg(fabs(cycles - row->cycles) <= row->tolerance,
                  "%s, %s: %.3f cycles, not %.3f: printf '%s\\t100\\t340\\n' | x64emu cycles "
                  "--batch --core %s",
                  row->core, row->what, cycles, row->cycles, row->hex, row->core);
}
END_TEST

START_TEST(test_mechanism_loop_comes_from_the_micro_op_cache)
{
    ck_assert_double_gt(cycles_of("golden_cove", "66813f5301", false), 3);
    ck_assert_double_le(cycles_of("golden_cove", "66813f5301", true), 1);
}
END_TEST

/* Optimization Reference Manual 3.4.2.2: CMP and JCC are one micro-op, so five instructions take
 * four slots; CMP of memory with an immediate keeps its own, and INC does not fuse with JC. */
START_TEST(test_mechanism_compare_and_jump_fuse)
{
    ck_assert_double_eq_tol(cycles_of("skylake", "909090 4839c9 7400", true), 1, 0.02);
    ck_assert_double_eq_tol(cycles_of("skylake", "909090 48ffc1 7400", true), 1, 0.02);
    ck_assert_double_eq_tol(cycles_of("skylake", "909090 48ffc1 7200", true), 1.25, 0.02);
    ck_assert_double_eq_tol(cycles_of("skylake", "909090 48833b00 7400", true), 1.25, 0.02);
}
END_TEST

/* Plans as the planner makes them, but for ports and operands. */
static const struct x64i_plan nop = {.length = 1, .slots = 1, .elimination = X64I_ELIMINATED_NOP};
static const struct x64i_plan load = {
    .length = 4,
    .slots = 1,
    .uop_count = 1,
    .uops = {{.kind = X64I_UOP_LOAD, .ports = 1 << 2 | 1 << 3, .latency = 5}},
};
static const struct x64i_plan store = {
    .length = 4,
    .slots = 1,
    .stores = 1,
    .uop_count = 2,
    .uops = {{.kind = X64I_UOP_STORE_ADDRESS, .ports = 1 << 7, .latency = 1},
             {.kind = X64I_UOP_STORE_DATA, .ports = 1 << 4, .latency = 1, .fused = true}},
};

/* The same loop with a queue that keeps it: the micro-op cache starts each iteration in a cycle of
 * its own, the loop buffer does not (Optimization Reference Manual 2.6.2 and E.2.2.4). */
START_TEST(test_mechanism_loop_buffer_joins_iterations)
{
    static struct x64i_core core;
    uint64_t cycles[2];
    struct x64i_core_model model = *x64i_core_model_find("skylake");
    const struct x64i_accesses none = {0};
    model.cached_uops = 4;
    for (unsigned with = 0; with < 2; with++) {
        model.loop_buffer = with ? 64 : 0;
        x64i_core_init(&core, &model);
        for (unsigned i = 0; i < 6 * 1000; i++)
            cycles[with] = x64i_core_execute(&core, &nop, 0x1000 + i % 6, &none, NULL);
    }
    ck_assert_uint_ge(cycles[0], 1990); /* 4 and 2 micro-ops by turns */
    ck_assert_uint_le(cycles[1], 1520); /* 4 in every cycle */
    model.loop_buffer = 5;              /* too small for six */
    x64i_core_init(&core, &model);
    for (unsigned i = 0; i < 6 * 1000; i++)
        cycles[1] = x64i_core_execute(&core, &nop, 0x1000 + i % 6, &none, NULL);
    ck_assert_uint_eq(cycles[1], cycles[0]);
}
END_TEST

/* The first decoder makes up to four micro-ops of an instruction; more come from the microcode
 * sequencer, four a cycle, while the other decoders wait (Optimization Reference Manual, "Legacy
 * Decode Pipeline"). How many cycles the next instruction is behind. */
START_TEST(test_mechanism_many_micro_ops_come_from_the_sequencer)
{
    static const struct {
        uint8_t micro_ops, behind;
    } cases[] = {{4, 0}, {5, 2}, {8, 2}, {9, 3}};
    static struct x64i_frontend frontend;
    const struct x64i_core_model *model = x64i_core_model_find("golden_cove");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct x64i_plan plan = {.length = 4, .slots = cases[i].micro_ops};
        memset(&frontend, 0, sizeof frontend);
        uint64_t first = x64i_frontend_deliver(&frontend, model, &plan, 0x1000);
        ck_assert_uint_eq(x64i_frontend_deliver(&frontend, model, &nop, 0x1004) - first,
                          cases[i].behind);
    }
}
END_TEST

/* A load behind a store of the same low 12 bits at another address waits for the store's address
 * and some cycles more (Optimization Reference Manual 11.8); one of other bits does not. */
START_TEST(test_mechanism_4k_alias_delays_a_load)
{
    static struct x64i_memory memory;
    const struct x64i_core_model *model = x64i_core_model_find("golden_cove");
    const struct x64i_touch stored = {.linear = 0x10100, .physical = 0x20100, .size = 8};
    const struct x64i_touch alias = {.linear = 0x31100, .physical = 0x41100, .size = 8};
    const struct x64i_touch other = {.linear = 0x31200, .physical = 0x41200, .size = 8};
    memset(&memory, 0, sizeof memory);
    (void)x64i_memory_store(&memory, &stored, 100, 100, 200);
    ck_assert_uint_eq(x64i_memory_load(&memory, model, &other, 100, 5, false, false), 105);
    ck_assert_uint_eq(x64i_memory_load(&memory, model, &alias, 100, 5, false, false),
                      105u + model->alias);
    ck_assert_uint_eq(x64i_memory_load(&memory, model, &alias, 300, 5, false, false), 305);
}
END_TEST

/* Instructions that are renamed while the load before them is not there yet. Golden Cove: "Popping
 * the Hood on Golden Cove", Chips and Cheese, 2021; Skylake: Optimization Reference Manual,
 * "Skylake Client Microarchitecture". The load takes an entry of the first two buffers itself. */
struct buffer {
    const char *core, *what;
    const struct x64i_plan *plan;
    unsigned fit;
};

static const struct buffer buffers[] = {
    {"golden_cove", "reorder buffer", &nop, 512 - 1},
    {"golden_cove", "load buffer", &load, 192 - 1},
    {"golden_cove", "store buffer", &store, 114},
    {"skylake", "reorder buffer", &nop, 224 - 1},
    {"skylake", "load buffer", &load, 72 - 1},
    {"skylake", "store buffer", &store, 56},
};

/* How many times the plan is renamed before a load of 400 cycles retires; `wait` is why the first
 * one that was not had to. All retire at once, so that none waits for retirement's width. */
static unsigned count_renamed(struct x64i_core_model model, const struct x64i_plan *plan,
                              uint8_t *wait)
{
    static struct x64i_core core;
    struct x64i_instruction_times head, times;
    struct x64i_touch touch = {.linear = 0x10000, .physical = 0x10000, .size = 8, .extra = 400};
    const struct x64i_accesses accesses = {
        .reads = &touch, .writes = &touch, .read_count = 1, .write_count = 1};
    model.retire_width = UINT8_MAX;
    x64i_core_init(&core, &model);
    (void)x64i_core_execute(&core, &load, 0x1000, &accesses, &head);
    touch.extra = 0;
    for (unsigned i = 0;; i++) {
        touch.linear = touch.physical = 0x20000 + i % 8 * 8; /* of all banks, by turns */
        (void)x64i_core_execute(&core, plan, 0x1000 + load.length + i * plan->length, &accesses,
                                &times);
        *wait = times.wait;
        if (core.renamed >= head.retired)
            return i;
    }
}

START_TEST(test_mechanism_full_buffer_stops_rename)
{
    const struct buffer *buffer = &buffers[_i];
    uint8_t wait;
    unsigned renamed = count_renamed(*x64i_core_model_find(buffer->core), buffer->plan, &wait);
    ck_assert_msg(renamed == buffer->fit, "%s, %s: %u renamed, not %u", buffer->core, buffer->what,
                  renamed, buffer->fit);
    if (buffer->plan->uop_count)
        ck_assert_str_eq(x64i_wait_name(wait), "buffers");
}
END_TEST

START_TEST(test_mechanism_core_without_a_load_buffer_fills_the_reorder_buffer)
{
    struct x64i_core_model model = *x64i_core_model_find("skylake");
    uint8_t wait;
    model.load_buffer = 0;
    ck_assert_uint_eq(count_renamed(model, &load, &wait), model.reorder_buffer - 1u);
}
END_TEST

START_TEST(test_mechanism_same_input_same_cycles)
{
    const char *hex = "488b034801c84889034883c008480fafc1";
    ck_assert(cycles_of("golden_cove", hex, false) == cycles_of("golden_cove", hex, false));
}
END_TEST

START_TEST(test_mechanism_bad_code_is_refused)
{
    /* No instruction, half of one, one that faults, one with 36 million repetitions. */
    static const char *const bad[] = {"06", "488b", "0f0b", "f3a4"};
    struct x64i_replay *replay;
    struct x64i_replay_result result;
    const struct x64i_replay_request request = {.first = 1, .last = 2};
    ck_assert_int_eq(x64i_replay_create("golden_cove", &replay), X64_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t code[64];
        size_t size = parse(bad[i], code);
        ck_assert_int_eq(x64i_replay_run(replay, code, size, &request, &result),
                         X64_ERROR_ARGUMENT);
        ck_assert_uint_gt(strlen(result.problem), 0);
    }
    ck_assert_int_eq(x64i_replay_run(replay, (const uint8_t *)"", 0, &request, &result),
                     X64_ERROR_ARGUMENT);
    x64i_replay_destroy(replay);
    ck_assert_int_eq(x64i_replay_create("z80", &replay), X64_ERROR_NOT_FOUND);
}
END_TEST

static bool is_power_of_two(unsigned value)
{
    return value && !(value & (value - 1));
}

/* Sets, blocks of code and banks are found by masks and fields: what cores.h asks of a row. */
START_TEST(test_mechanism_masks_fit_every_core)
{
    const struct x64i_core_model *core;
    for (size_t i = 0; (core = x64i_core_model_at(i)); i++) {
        const struct x64i_tlb_shape tlbs[] = {core->data_tlb, core->code_tlb, core->second_tlb,
                                              core->data_large_tlb, core->code_large_tlb};
        for (unsigned level = 0; level < X64I_LEVEL_MAX; level++)
            ck_assert(is_power_of_two(core->caches[level].sets));
        for (size_t k = 0; k < sizeof tlbs / sizeof tlbs[0]; k++)
            ck_assert(is_power_of_two(tlbs[k].sets));
        ck_assert(is_power_of_two(core->code_cache.sets));
        ck_assert(is_power_of_two(core->fetch_bytes));
        ck_assert(is_power_of_two(core->cached_blocks));
        ck_assert_uint_le(core->cached_blocks, X64I_BLOCKS_MAX);
        ck_assert_uint_le(core->queue, X64I_QUEUE_MAX);
        ck_assert_uint_le(core->reorder_buffer, X64I_ENTRIES_MAX);
        ck_assert_uint_le(core->load_buffer, X64I_ENTRIES_MAX);
        ck_assert_uint_le(core->store_buffer, X64I_STORE_MAX);
        ck_assert(core->same_bank >= 1 && core->same_bank <= 7);
    }
}
END_TEST

static Suite *mechanism_suite(void)
{
    Suite *suite = suite_create("mechanisms");
    TCase *tcase = tcase_create("mechanisms");
    tcase_add_loop_test(tcase, test_mechanism_takes_its_cycles, 0,
                        (int)(sizeof rows / sizeof rows[0]));
    tcase_add_test(tcase, test_mechanism_loop_comes_from_the_micro_op_cache);
    tcase_add_test(tcase, test_mechanism_compare_and_jump_fuse);
    tcase_add_test(tcase, test_mechanism_loop_buffer_joins_iterations);
    tcase_add_test(tcase, test_mechanism_many_micro_ops_come_from_the_sequencer);
    tcase_add_test(tcase, test_mechanism_4k_alias_delays_a_load);
    tcase_add_loop_test(tcase, test_mechanism_full_buffer_stops_rename, 0,
                        (int)(sizeof buffers / sizeof buffers[0]));
    tcase_add_test(tcase, test_mechanism_core_without_a_load_buffer_fills_the_reorder_buffer);
    tcase_add_test(tcase, test_mechanism_masks_fit_every_core);
    tcase_add_test(tcase, test_mechanism_same_input_same_cycles);
    tcase_add_test(tcase, test_mechanism_bad_code_is_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(mechanism_suite())
