/* SPDX-License-Identifier: MIT */
/* The public machine: what it refuses, what it reads and writes, why runs end, threads, the TLB. */
#include "support/suite.h"

#include "x64emu/kernel_model.h"

#include <pthread.h>
#include <string.h>

#define CODE   0x10000u
#define STACK  0x20000u
#define MEMORY (UINT64_C(4) << 20)
#define LSTAR  0xc0000082u

/* What an output holds before a call that must leave it alone. */
#define UNTOUCHED 0x5a

static struct x64_machine *new_machine(const uint8_t *code, size_t size)
{
    struct x64_config config = {.struct_size = sizeof config, .memory_size = MEMORY};
    struct x64_machine *machine;
    ck_assert_int_eq(x64_machine_create(&config, &machine), X64_OK);
    ck_assert_int_eq(x64_memory_write_phys(machine, CODE, code, size), X64_OK);
    ck_assert_int_eq(x64_machine_start(machine, CODE, STACK), X64_OK);
    return machine;
}

static uint64_t hash_of(struct x64_machine *machine)
{
    uint64_t hash;
    ck_assert_int_eq(x64_hash(machine, &hash), X64_OK);
    return hash;
}

static void check_untouched(const void *output, size_t size)
{
    const uint8_t *bytes = output;
    for (size_t i = 0; i < size; i++)
        ck_assert_uint_eq(bytes[i], UNTOUCHED);
}

static const uint8_t idle[] = {0x90, 0xeb, 0xfd}; /* nop; jmp back */

static const struct config_row {
    struct x64_config config;
    enum x64_status status;
} config_rows[] = {
    {{.struct_size = 0}, X64_ERROR_ARGUMENT},
    {{.struct_size = sizeof(size_t) - 1}, X64_ERROR_ARGUMENT},
    {{.struct_size = sizeof(struct x64_config) + 1}, X64_ERROR_ARGUMENT},
    {{.struct_size = SIZE_MAX}, X64_ERROR_ARGUMENT},
    {{.struct_size = sizeof(struct x64_config), .cpu_model = "z80"}, X64_ERROR_NOT_FOUND},
    {{.struct_size = sizeof(struct x64_config), .memory_size = 4095}, X64_ERROR_ARGUMENT},
    {{.struct_size = sizeof(struct x64_config), .memory_size = (UINT64_C(64) << 30) + 4096},
     X64_ERROR_ARGUMENT},
    {{.struct_size = sizeof(struct x64_config), .memory_size = UINT64_MAX - 4095},
     X64_ERROR_ARGUMENT},
};

START_TEST(test_machine_create_refuses)
{
    int mark;
    void *before = &mark;
    struct x64_machine *machine = before;
    ck_assert_int_eq(x64_machine_create(&config_rows[_i].config, &machine), config_rows[_i].status);
    ck_assert_ptr_eq(machine, before);
}
END_TEST

START_TEST(test_machine_create_takes_an_older_struct)
{
    struct x64_config config = {.struct_size = sizeof config.struct_size, .cpu_model = "z80"};
    struct x64_machine *machine;
    ck_assert_int_eq(x64_machine_create(&config, NULL), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64_machine_create(NULL, &machine), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64_machine_create(&config, &machine), X64_OK);
    x64_machine_destroy(machine);
    x64_machine_destroy(NULL);
}
END_TEST

/* Every function, without a machine. */
START_TEST(test_machine_refuses_no_machine)
{
    uint8_t bytes[8] = {0};
    struct x64_step step;
    struct x64_stop stop;
    struct x64_registers registers = {0};
    void *before = bytes;
    struct x64_machine *fork = before;
    uint64_t a, b;
    memset(&step, UNTOUCHED, sizeof step);
    memset(&stop, UNTOUCHED, sizeof stop);
    memset(&a, UNTOUCHED, sizeof a);
    memset(&b, UNTOUCHED, sizeof b);
    const enum x64_status statuses[] = {
        x64_machine_start(NULL, 0, 0),
        x64_run(NULL, 1, &stop),
        x64_step_observed(NULL, &step, &stop),
        x64_goto(NULL, 0),
        x64_step_back(NULL),
        x64_history_range(NULL, &a, &b),
        x64_hash(NULL, &a),
        x64_fork(NULL, NULL, &fork),
        x64_save(NULL, "/tmp/x64emu-never"),
        x64_restore(NULL, "/tmp/x64emu-never"),
        x64_registers_read(NULL, &registers),
        x64_registers_write(NULL, &registers),
        x64_msr_read(NULL, LSTAR, &a),
        x64_msr_write(NULL, LSTAR, 0),
        x64_memory_read_phys(NULL, 0, bytes, 1),
        x64_memory_write_phys(NULL, 0, bytes, 1),
        x64_memory_read_virt(NULL, 0, bytes, 1),
        x64_memory_write_virt(NULL, 0, bytes, 1),
        x64_translate(NULL, 0, &a),
        x64_tlb_visit(NULL, NULL, NULL),
    };
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        ck_assert_msg(statuses[i] == X64_ERROR_ARGUMENT, "call %zu: %d", i, statuses[i]);
    check_untouched(&step, sizeof step);
    check_untouched(&stop, sizeof stop);
    ck_assert_ptr_eq(fork, before);
    check_untouched(&a, sizeof a);
    check_untouched(&b, sizeof b);
    ck_assert_uint_eq(x64_steps(NULL), 0);
    x64_stop_request(NULL);
}
END_TEST

/* Every function, without what it reads or writes. */
START_TEST(test_machine_refuses_null_pointers)
{
    struct x64_machine *machine = new_machine(idle, sizeof idle);
    ck_assert_int_eq(x64_run(machine, 10, NULL), X64_OK);
    uint64_t hash = hash_of(machine);
    uint64_t a;
    const enum x64_status statuses[] = {
        x64_step_observed(machine, NULL, NULL),
        x64_history_range(machine, NULL, &a),
        x64_history_range(machine, &a, NULL),
        x64_hash(machine, NULL),
        x64_fork(machine, NULL, NULL),
        x64_save(machine, NULL),
        x64_restore(machine, NULL),
        x64_registers_read(machine, NULL),
        x64_registers_write(machine, NULL),
        x64_msr_read(machine, LSTAR, NULL),
        x64_memory_read_phys(machine, 0, NULL, 1),
        x64_memory_write_phys(machine, 0, NULL, 1),
        x64_memory_read_virt(machine, 0, NULL, 1),
        x64_memory_write_virt(machine, 0, NULL, 1),
        x64_translate(machine, 0, NULL),
        x64_tlb_visit(machine, NULL, NULL),
    };
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        ck_assert_msg(statuses[i] == X64_ERROR_ARGUMENT, "call %zu: %d", i, statuses[i]);
    ck_assert_uint_eq(x64_steps(machine), 10);
    ck_assert(hash_of(machine) == hash);
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_machine_registers_written_and_read)
{
    struct x64_machine *machine = new_machine(idle, sizeof idle);
    struct x64_registers written, read;
    ck_assert_int_eq(x64_registers_read(machine, &written), X64_OK);
    ck_assert_uint_eq(written.rip, CODE);
    ck_assert_uint_eq(written.gpr[X64_RSP], STACK);
    ck_assert_uint_eq(written.rflags, 2);
    for (unsigned i = 0; i < 16; i++)
        written.gpr[i] = 0x1111111111111111u * i;
    written.rip = CODE + 1;
    written.cr2 = 0x1234;
    written.dr[0] = 0x5678;
    written.segment[X64_FS].base = 0x9abc;
    written.segment[X64_FS].limit = 0xdef0;
    written.gdtr_base = 0x3000;
    written.gdtr_limit = 0x7f;
    ck_assert_int_eq(x64_registers_write(machine, &written), X64_OK);
    memset(&read, 0, sizeof read);
    ck_assert_int_eq(x64_registers_read(machine, &read), X64_OK);
    ck_assert_mem_eq(read.gpr, written.gpr, sizeof read.gpr);
    ck_assert_uint_eq(read.rip, written.rip);
    ck_assert_uint_eq(read.cr2, written.cr2);
    ck_assert_uint_eq(read.dr[0], written.dr[0]);
    ck_assert_uint_eq(read.segment[X64_FS].base, 0x9abc);
    ck_assert_uint_eq(read.segment[X64_FS].limit, 0xdef0);
    ck_assert_uint_eq(read.gdtr_base, 0x3000);
    ck_assert_uint_eq(read.gdtr_limit, 0x7f);
    written.cpl = 4;
    written.rip = 0;
    ck_assert_int_eq(x64_registers_write(machine, &written), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64_registers_read(machine, &read), X64_OK);
    ck_assert_uint_eq(read.rip, CODE + 1);
    x64_machine_destroy(machine);
}
END_TEST

/* The bits of RFLAGS that do not exist stay as on hardware (SDM vol. 1, 3.4.3). */
START_TEST(test_machine_registers_reserved_flags)
{
    struct x64_machine *machine = new_machine(idle, sizeof idle);
    struct x64_registers registers;
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    registers.rflags = UINT64_MAX;
    ck_assert_int_eq(x64_registers_write(machine, &registers), X64_OK);
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    ck_assert_uint_eq(registers.rflags & ~UINT64_C(0x3f7fd7), 0);
    ck_assert_uint_eq(registers.rflags & 2, 2);
    registers.rflags = 0;
    ck_assert_int_eq(x64_registers_write(machine, &registers), X64_OK);
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    ck_assert_uint_eq(registers.rflags, 2);
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_machine_msrs)
{
    struct x64_machine *machine = new_machine(idle, sizeof idle);
    uint64_t value;
    ck_assert_int_eq(x64_msr_write(machine, LSTAR, 0xffffffff81000000u), X64_OK);
    ck_assert_int_eq(x64_msr_read(machine, LSTAR, &value), X64_OK);
    ck_assert_uint_eq(value, 0xffffffff81000000u);
    ck_assert_int_eq(x64_msr_write(machine, LSTAR, UINT64_C(1) << 63), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64_msr_write(machine, 0x12345678, 0), X64_ERROR_NOT_FOUND);
    memset(&value, UNTOUCHED, sizeof value);
    ck_assert_int_eq(x64_msr_read(machine, 0x12345678, &value), X64_ERROR_NOT_FOUND);
    check_untouched(&value, sizeof value);
    ck_assert_int_eq(x64_msr_read(machine, LSTAR, &value), X64_OK);
    ck_assert_uint_eq(value, 0xffffffff81000000u);
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_machine_memory_at_its_ends)
{
    struct x64_machine *machine = new_machine(idle, sizeof idle);
    const uint64_t outside[] = {MEMORY - 7, MEMORY, UINT64_MAX - 7, UINT64_MAX, UINT64_C(1) << 63};
    uint64_t word = 0x0123456789abcdefu;
    uint64_t read = 0;
    ck_assert_int_eq(x64_memory_write_phys(machine, 0x3ffc, &word, sizeof word), X64_OK);
    ck_assert_int_eq(x64_memory_read_virt(machine, 0x3ffc, &read, sizeof read), X64_OK);
    ck_assert_uint_eq(read, word);
    ck_assert_int_eq(x64_memory_write_virt(machine, 0x7ffd, &word, sizeof word), X64_OK);
    ck_assert_int_eq(x64_memory_read_phys(machine, 0x7ffd, &read, sizeof read), X64_OK);
    ck_assert_uint_eq(read, word);
    ck_assert_int_eq(x64_memory_read_phys(machine, MEMORY - 8, &read, sizeof read), X64_OK);
    ck_assert_int_eq(x64_memory_read_phys(machine, MEMORY, &read, 0), X64_OK);
    memset(&read, UNTOUCHED, sizeof read);
    uint64_t hash = hash_of(machine);
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        ck_assert_int_eq(x64_memory_read_phys(machine, outside[i], &read, 8), X64_ERROR_UNMAPPED);
        ck_assert_int_eq(x64_memory_write_phys(machine, outside[i], &word, 8), X64_ERROR_UNMAPPED);
        ck_assert_int_eq(x64_memory_read_virt(machine, outside[i], &read, 8), X64_ERROR_UNMAPPED);
        ck_assert_int_eq(x64_memory_write_virt(machine, outside[i], &word, 8), X64_ERROR_UNMAPPED);
    }
    ck_assert_int_eq(x64_memory_read_phys(machine, 8, &read, SIZE_MAX), X64_ERROR_UNMAPPED);
    ck_assert_int_eq(x64_translate(machine, MEMORY, &read), X64_ERROR_UNMAPPED);
    ck_assert_int_eq(x64_translate(machine, UINT64_C(1) << 47, &read), X64_ERROR_UNMAPPED);
    check_untouched(&read, sizeof read);
    ck_assert(hash_of(machine) == hash);
    ck_assert_int_eq(x64_translate(machine, 0x12345, &read), X64_OK);
    ck_assert_uint_eq(read, 0x12345);
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_machine_start_needs_room_for_tables)
{
    struct x64_config config = {.struct_size = sizeof config, .memory_size = 3 * 4096};
    struct x64_machine *machine;
    ck_assert_int_eq(x64_machine_create(&config, &machine), X64_OK);
    ck_assert_int_eq(x64_machine_start(machine, 0, 0), X64_ERROR_LIMIT);
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_machine_budgets)
{
    struct x64_machine *machine = new_machine(idle, sizeof idle);
    struct x64_stop stop;
    const uint64_t budgets[] = {0, 1, 2, 999, 0, 100000};
    uint64_t n = 0;
    for (size_t i = 0; i < sizeof budgets / sizeof budgets[0]; i++) {
        ck_assert_int_eq(x64_run(machine, budgets[i], &stop), X64_OK);
        n += budgets[i];
        ck_assert_int_eq(stop.reason, X64_STOP_BUDGET);
        ck_assert_int_eq(stop.fault, X64_FAULT_NONE);
        ck_assert_uint_eq(stop.steps, n);
        ck_assert_uint_eq(x64_steps(machine), n);
        ck_assert_uint_eq(stop.rip, CODE + n % 2);
    }
    x64_machine_destroy(machine);
}
END_TEST

static const struct stop_row {
    const char *what;
    uint8_t code[8];
    enum x64_stop_reason reason;
    uint64_t steps;
} stop_rows[] = {
    {"cli; hlt", {0xfa, 0xf4}, X64_STOP_HALT, 2},
    {"ud2 with no IDT", {0x0f, 0x0b}, X64_STOP_SHUTDOWN, 1},
    {"nop; int3 with no IDT", {0x90, 0xcc}, X64_STOP_SHUTDOWN, 2},
    {"mov $0xfe, %al; out %al, $0x64", {0xb0, 0xfe, 0xe6, 0x64}, X64_STOP_RESET, 2},
};

/* A run that ended ends again at once, with nothing changed; the past can still be reached. */
START_TEST(test_machine_stops)
{
    const struct stop_row *row = &stop_rows[_i];
    struct x64_machine *machine = new_machine(row->code, sizeof row->code);
    struct x64_stop stop, again;
    uint64_t start = hash_of(machine);
    ck_assert_int_eq(x64_run(machine, 100, &stop), X64_OK);
    ck_assert_msg(stop.reason == row->reason && stop.steps <= row->steps, "%s: reason %d, n = %u",
                  row->what, stop.reason, (unsigned)stop.steps);
    uint64_t hash = hash_of(machine);
    ck_assert_int_eq(x64_run(machine, 100, &again), X64_OK);
    ck_assert_int_eq(again.reason, stop.reason);
    ck_assert_uint_eq(again.steps, stop.steps);
    ck_assert(hash_of(machine) == hash);
    struct x64_step step;
    memset(&step, UNTOUCHED, sizeof step);
    ck_assert_int_eq(x64_step_observed(machine, &step, &again), X64_ERROR_STATE);
    check_untouched(&step, sizeof step);
    ck_assert_int_eq(x64_goto(machine, stop.steps + 1), X64_ERROR_NOT_FOUND);
    ck_assert_uint_eq(x64_steps(machine), stop.steps);
    ck_assert_int_eq(x64_goto(machine, 0), X64_OK);
    ck_assert(hash_of(machine) == start);
    x64_machine_destroy(machine);
}
END_TEST

struct asker {
    struct x64_machine *machine;
    enum x64_status nested;
    unsigned shown;
};

/* A callback may ask the run to end, and may not run the machine. */
static void show(void *user, int stream, const void *bytes, size_t size)
{
    struct asker *asker = user;
    (void)stream;
    (void)bytes;
    asker->shown += (unsigned)size;
    asker->nested = x64_run(asker->machine, 1, NULL);
    x64_stop_request(asker->machine);
}

START_TEST(test_machine_stops_when_asked)
{
    static const uint8_t code[] = {0x66, 0xba, 0xf8, 0x03,
                                   0xee, 0x90, 0xeb, 0xfc}; /* out %al, $0x3f8 */
    struct asker asker = {.nested = X64_OK};
    struct x64_stop stop;
    struct x64_config config = {.struct_size = sizeof config,
                                .memory_size = MEMORY,
                                .host = {.user = &asker, .output = show}};
    ck_assert_int_eq(x64_machine_create(&config, &asker.machine), X64_OK);
    ck_assert_int_eq(x64_memory_write_phys(asker.machine, CODE, code, sizeof code), X64_OK);
    ck_assert_int_eq(x64_machine_start(asker.machine, CODE, STACK), X64_OK);
    ck_assert_int_eq(x64_run(asker.machine, 1000, &stop), X64_OK);
    ck_assert_int_eq(stop.reason, X64_STOP_REQUEST);
    ck_assert_uint_eq(stop.steps, 2);
    ck_assert_uint_eq(asker.shown, 1);
    ck_assert_int_eq(asker.nested, X64_ERROR_STATE);
    ck_assert_int_eq(x64_run(asker.machine, 2, &stop), X64_OK);
    ck_assert_int_eq(stop.reason, X64_STOP_BUDGET);
    x64_stop_request(asker.machine);
    ck_assert_int_eq(x64_run(asker.machine, 2, &stop), X64_OK);
    ck_assert_int_eq(stop.reason, X64_STOP_REQUEST);
    x64_machine_destroy(asker.machine);
}
END_TEST

START_TEST(test_machine_refuses_bad_files)
{
    struct x64_machine *machine = new_machine(idle, sizeof idle);
    uint64_t hash = hash_of(machine);
    ck_assert_int_eq(x64_restore(machine, "/nonexistent/x64emu"), X64_ERROR_IO);
    ck_assert_int_eq(x64_save(machine, "/nonexistent/x64emu"), X64_ERROR_IO);
    ck_assert_int_eq(x64_restore(machine, "/dev/null"), X64_ERROR_FORMAT);
    ck_assert(hash_of(machine) == hash);
    x64_machine_destroy(machine);
}
END_TEST

static struct x64_machine *new_demo(void)
{
    struct x64_machine *machine;
    struct x64_config config = {.struct_size = sizeof config, .cpu_model = "skylake"};
    struct x64_kernel_config kernel = {.struct_size = sizeof kernel,
                                       .entry = "6.1",
                                       .mitigations = X64_MITIGATION_PTI | X64_MITIGATION_PCID};
    ck_assert_int_eq(x64_machine_create(&config, &machine), X64_OK);
    ck_assert_int_eq(x64_kernel_attach(machine, &kernel, NULL), X64_OK);
    return machine;
}

struct demo_result {
    enum x64_stop_reason reason;
    uint64_t hash;
};

static void *run_demo(void *user)
{
    struct demo_result *result = user;
    struct x64_stop stop = {0};
    struct x64_machine *machine = new_demo();
    x64_run(machine, UINT64_MAX, &stop);
    x64_hash(machine, &result->hash);
    result->reason = stop.reason;
    x64_machine_destroy(machine);
    return NULL;
}

START_TEST(test_machine_runs_in_two_threads)
{
    pthread_t threads[2];
    struct demo_result alone, together[2];
    run_demo(&alone);
    ck_assert_int_eq(alone.reason, X64_STOP_EXIT);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_demo, &together[i]), 0);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_int_eq(together[i].reason, X64_STOP_EXIT);
        ck_assert(together[i].hash == alone.hash);
    }
}
END_TEST

struct tlb_count {
    unsigned total;
    unsigned kernel_pcid;
    unsigned user_pcid;
    unsigned global;
    unsigned strange; /* another PCID, or an entry that cannot be */
    unsigned user_text;
};

static void count_translation(void *user, const struct x64_tlb_translation *translation)
{
    struct tlb_count *count = user;
    bool aligned = translation->linear % translation->size == 0 &&
                   translation->physical % translation->size == 0;
    count->total++;
    count->global += translation->global;
    count->kernel_pcid += !translation->global && translation->pcid == 1;
    count->user_pcid += !translation->global && translation->pcid == 0x801;
    count->strange += !aligned || (!translation->global && translation->pcid != 1 &&
                                   translation->pcid != 0x801 && translation->pcid != 0);
    count->user_text += translation->pcid == 0x801 && translation->linear == 0x401000 &&
                        translation->user && translation->executable && !translation->writable;
}

/* Under PTI with PCIDs the task's translations stay in the TLB under two numbers (asm/tlbflush.h).
 */
START_TEST(test_machine_shows_the_tlb)
{
    struct x64_machine *machine = new_demo();
    struct tlb_count count = {0};
    struct x64_stop stop;
    ck_assert_int_eq(x64_tlb_visit(machine, count_translation, &count), X64_OK);
    ck_assert_uint_eq(count.total, 0);
    ck_assert_int_eq(x64_run(machine, UINT64_MAX, &stop), X64_OK);
    ck_assert_int_eq(stop.reason, X64_STOP_EXIT);
    uint64_t hash = hash_of(machine);
    ck_assert_int_eq(x64_tlb_visit(machine, count_translation, &count), X64_OK);
    ck_assert_uint_ge(count.global, 3);
    ck_assert_uint_ge(count.kernel_pcid, 3);
    ck_assert_uint_ge(count.user_pcid, 2);
    ck_assert_uint_eq(count.strange, 0);
    ck_assert_uint_eq(count.user_text, 1);
    ck_assert(hash_of(machine) == hash);
    x64_machine_destroy(machine);
}
END_TEST

#define ROWS(rows) ((int)(sizeof(rows) / sizeof(rows)[0]))

static Suite *machine_suite(void)
{
    Suite *suite = suite_create("emu/machine");
    TCase *tests = tcase_create("machine");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, test_machine_create_refuses, 0, ROWS(config_rows));
    tcase_add_test(tests, test_machine_create_takes_an_older_struct);
    tcase_add_test(tests, test_machine_refuses_no_machine);
    tcase_add_test(tests, test_machine_refuses_null_pointers);
    tcase_add_test(tests, test_machine_registers_written_and_read);
    tcase_add_test(tests, test_machine_registers_reserved_flags);
    tcase_add_test(tests, test_machine_msrs);
    tcase_add_test(tests, test_machine_memory_at_its_ends);
    tcase_add_test(tests, test_machine_start_needs_room_for_tables);
    tcase_add_test(tests, test_machine_budgets);
    tcase_add_loop_test(tests, test_machine_stops, 0, ROWS(stop_rows));
    tcase_add_test(tests, test_machine_stops_when_asked);
    tcase_add_test(tests, test_machine_refuses_bad_files);
    tcase_add_test(tests, test_machine_runs_in_two_threads);
    tcase_add_test(tests, test_machine_shows_the_tlb);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(machine_suite())
