/* SPDX-License-Identifier: MIT */
/* Programs: what they print and how they end, and what becomes of bad ones. */
#include "kernel_model/guest.h"

#include "support/suite.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXIT_0 0xb8, 231, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05

static const char *const eras[] = {"6.1", "4.16"};

START_TEST(test_program_static_glibc)
{
    const char *const argv[] = {"hello", "one", "two words", NULL};
    const char *const envp[] = {"PATH=/", "NAME=world", NULL};
    for (size_t i = 0; i < 2; i++) {
        struct guest guest;
        guest_start(&guest, &(struct guest_config){.entry = eras[i],
                                                   .mitigations = "pti,pcid",
                                                   .program = X64_TEST_GUEST_HELLO,
                                                   .argv = argv,
                                                   .envp = envp,
                                                   .input = "typed\n"});
        struct x64_stop stop = guest_run(&guest);
        ck_assert_msg(stop.reason == X64_STOP_EXIT, "reason %d: %s", stop.reason, guest.log);
        ck_assert_int_eq(stop.code, 43);
        /* Its stdout is no terminal: what it writes there comes at the end. */
        ck_assert_str_eq(guest.output, "write: Bad address\n"
                                       "hello, world: 3 arguments\n"
                                       " 1: one       |\n"
                                       " 2: two words |\n"
                                       "0 25009 50020\n"
                                       "16843009\n"
                                       "read typed\n"
                                       "atexit\n");
        guest_end(&guest);
    }
}
END_TEST

/* Code, how it ends, and a part of the line that says so. */
static void check_end(const char *entry, const void *code, size_t size, int status,
                      const char *line)
{
    struct guest guest;
    guest_start(&guest, &(struct guest_config){.entry = entry,
                                               .mitigations = "pti",
                                               .program = guest_program(1, code, size)});
    struct x64_stop stop = guest_run(&guest);
    ck_assert_msg(stop.reason == X64_STOP_EXIT && stop.code == status,
                  "entry %s: wanted %d '%s': reason %d, code %d, log %s", entry, status, line,
                  stop.reason, stop.code, guest.log);
    ck_assert_msg(strstr(guest.log, line) != NULL, "no '%s' in: %s", line, guest.log);
    guest_end(&guest);
}

START_TEST(test_program_faults_become_signals)
{
    static const struct {
        uint8_t code[32];
        int signal;
        const char *line;
    } rows[] = {
        {{0x31, 0xc0, 0x89, 0x00}, SIGSEGV, "cannot write 0: nothing is mapped"},
        {{0x31, 0xc0, 0x8b, 0x40, 0x08}, SIGSEGV, "cannot read 0x8"},
        {{0x31, 0xc0, 0xff, 0xe0}, SIGSEGV, "cannot execute 0"},
        {{0x0f, 0x0b}, SIGILL, "#UD at 0x400000"},
        {{0x31, 0xc9, 0xf7, 0xf1}, SIGFPE, "#DE at 0x400002"},
        {{0xcc}, SIGTRAP, "#BP at 0x400001"},
        {{0xf4}, SIGSEGV, "#GP at 0x400000"},
        {{0xcd, 0x81}, SIGSEGV, "#GP at 0x400000, error code 0x40a"},
        {{0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0xe0}, SIGSEGV, "#GP"},
        {{0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x8b, 0x00}, SIGSEGV, "#GP"},
        {{0x48, 0xc7, 0xc0, 0, 0, 0, 0x81, 0x8b, 0x00}, SIGSEGV, "cannot read 0xffffffff81000000"},
        {{0x9c, 0x81, 0x0c, 0x24, 0, 1, 0, 0, 0x9d, 0x90, 0x90}, SIGTRAP, "#DB at"},
        {{0x50, 0xeb, 0xfd}, SIGSEGV, "cannot write 0x7fff"},
        {{0xfa}, SIGSEGV, "#GP at 0x400000"},
    };
    for (size_t e = 0; e < 2; e++)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            check_end(eras[e], rows[i].code, sizeof rows[i].code, 128 + rows[i].signal,
                      rows[i].line);
}
END_TEST

START_TEST(test_program_loops_until_the_budget)
{
    static const uint8_t code[] = {0xeb, 0xfe};
    struct guest guest;
    struct x64_stop stop;
    guest_start(&guest, &(struct guest_config){.program = guest_program(1, code, sizeof code)});
    ck_assert_int_eq(x64_run(guest.machine, 100000, &stop), X64_OK);
    ck_assert_int_eq(stop.reason, X64_STOP_BUDGET);
    ck_assert_uint_eq(stop.steps, 100000);
    guest_end(&guest);
}
END_TEST

START_TEST(test_program_fills_memory)
{
    static const uint8_t code[] = {
        0xb8, 9,    0,    0,    0,                         /* mov $9, %eax (mmap) */
        0x31, 0xff,                                        /* xor %edi, %edi */
        0x48, 0xbe, 0,    0,    0,    0,    1,    0, 0, 0, /* mov $4G, %rsi */
        0xba, 3,    0,    0,    0,                         /* mov $3, %edx */
        0x41, 0xba, 0x22, 0,    0,    0,                   /* mov $0x22, %r10d */
        0x49, 0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff,          /* mov $-1, %r8 */
        0x45, 0x31, 0xc9,                                  /* xor %r9d, %r9d */
        0x0f, 0x05,                                        /* syscall */
        0xc6, 0x00, 1,                                     /* movb $1, (%rax) */
        0x48, 0x05, 0,    0x10, 0,    0,                   /* add $4096, %rax */
        0xeb, 0xf5,                                        /* jmp -11 */
    };
    check_end("6.1", code, sizeof code, 128 + SIGKILL, "out of memory");
}
END_TEST

START_TEST(test_program_reads_the_console)
{
    static const uint8_t code[] = {
        0x31, 0xc0, 0x31, 0xff, 0xbe, 0x00, 0x20, 0x40,   0x00, /* read(0, 0x402000, ... */
        0xba, 10,   0,    0,    0,    0x0f, 0x05,               /* ... 10) */
        0x89, 0xc2, 0xb8, 1,    0,    0,    0,                  /* write(1, 0x402000, n) */
        0xbf, 1,    0,    0,    0,    0x0f, 0x05, EXIT_0,
    };
    struct guest guest;
    guest_start(&guest, &(struct guest_config){.program = guest_program(1, code, sizeof code),
                                               .input = "some words"});
    ck_assert_int_eq(guest_run(&guest).reason, X64_STOP_EXIT);
    ck_assert_str_eq(guest.output, "some words");
    guest_end(&guest);
}
END_TEST

/* The same on the interrupt gate's own stack switch, and what INT 0x80's era has not: SYSCALL. */
START_TEST(test_program_faults_on_int80)
{
    static const struct {
        uint8_t code[16];
        int signal;
        const char *line;
    } rows[] = {
        {{0x31, 0xc0, 0x89, 0x00}, SIGSEGV, "cannot write 0: nothing is mapped"},
        {{0x0f, 0x05}, SIGILL, "#UD at 0x400000"},
        {{0x0f, 0x0b}, SIGILL, "#UD at 0x400000"},
        {{0xcc}, SIGTRAP, "#BP at 0x400001"},
        {{0x31, 0xc9, 0xf7, 0xf1}, SIGFPE, "#DE at 0x400002"},
        {{0x9c, 0x80, 0x4c, 0x24, 0x01, 0x01, 0x9d, 0x90, 0x90}, SIGTRAP, "#DB at"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct guest guest;
        guest_start(&guest, &(struct guest_config){
                                .entry = "int80",
                                .program = guest_program(3, rows[i].code, sizeof rows[i].code)});
        struct x64_stop stop = guest_run(&guest);
        ck_assert_msg(stop.reason == X64_STOP_EXIT && stop.code == 128 + rows[i].signal,
                      "row %zu: reason %d, code %d: %s", i, stop.reason, stop.code, guest.log);
        ck_assert_msg(strstr(guest.log, rows[i].line) != NULL, "row %zu: %s", i, guest.log);
        guest_end(&guest);
    }
}
END_TEST

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t random_argument(uint64_t *random)
{
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      8,
                                      3,
                                      0x22,
                                      4096,
                                      0x402000,
                                      0x402ff8,
                                      0x403fff,
                                      0x10000,
                                      0x7fffffffe000,
                                      0x7fffffffeff8,
                                      0x7ffffffff000,
                                      0x800000000000,
                                      0xffffffff81000000,
                                      0xffff888000000000,
                                      UINT32_MAX,
                                      INT64_MAX,
                                      UINT64_MAX,
                                      UINT64_MAX - 4095,
                                      0x100000000};
    uint64_t value = values[next_random(random) % (sizeof values / sizeof values[0])];
    return next_random(random) % 8 ? value : next_random(random);
}

/* Calls with random arguments: whatever the guest asks for, the host and the guest's kernel live.
 */
static void run_random_calls(uint64_t seed, const char *entry)
{
    enum { CALLS = 40, REGISTERS = 6 };
    static const uint8_t opcodes_64[REGISTERS][2] = {{0x48, 0xbf}, {0x48, 0xbe}, {0x48, 0xba},
                                                     {0x49, 0xba}, {0x49, 0xb8}, {0x49, 0xb9}};
    static const uint8_t opcodes_32[REGISTERS][2] = {{0x48, 0xbb}, {0x48, 0xb9}, {0x48, 0xba},
                                                     {0x48, 0xbe}, {0x48, 0xbf}, {0x48, 0xbd}};
    bool int80 = strcmp(entry, "int80") == 0;
    const uint8_t(*opcodes)[2] = int80 ? opcodes_32 : opcodes_64;
    uint8_t code[CALLS * (5 + 10 * REGISTERS + 2) + 16];
    static const uint8_t last[] = {EXIT_0};
    uint64_t random = seed * 0x9e3779b97f4a7c15u + 1;
    size_t size = 0;
    struct guest guest;
    struct x64_stop stop;
    for (unsigned i = 0; i < CALLS; i++) {
        uint32_t number = (uint32_t)(next_random(&random) % 460);
        code[size++] = 0xb8;
        memcpy(code + size, &number, 4);
        size += 4;
        for (unsigned j = 0; j < REGISTERS; j++) {
            uint64_t value = random_argument(&random);
            memcpy(code + size, opcodes[j], 2);
            memcpy(code + size + 2, &value, 8);
            size += 10;
        }
        code[size++] = int80 ? 0xcd : 0x0f;
        code[size++] = int80 ? 0x80 : 0x05;
    }
    memcpy(code + size, last, sizeof last);
    size += sizeof last;
    guest_start(&guest, &(struct guest_config){.entry = entry,
                                               .mitigations = int80 ? "none" : "pti,pcid",
                                               .program = guest_program(2, code, size)});
    ck_assert_int_eq(x64_run(guest.machine, 60000, &stop), X64_OK);
    ck_assert_msg(stop.reason == X64_STOP_EXIT || stop.reason == X64_STOP_BUDGET,
                  "seed %llu, entry %s: reason %d: %s", (unsigned long long)seed, entry,
                  stop.reason, guest.log);
    guest_end(&guest);
}

START_TEST(test_program_random_calls)
{
    for (uint64_t seed = 1; seed <= 100; seed++)
        run_random_calls(seed, seed % 3 == 2 ? "int80" : eras[seed % 3]);
}
END_TEST

START_TEST(test_program_refusals)
{
    const struct {
        struct guest_config config;
        enum x64_status status;
        const char *word;
    } rows[] = {
        {{.program = "/nonexistent/program"}, X64_ERROR_IO, "No such file"},
        {{.program = "/"}, X64_ERROR_IO, "/: not a regular file"},
        {{.program = X64_TEST_GUEST_SOURCE}, X64_ERROR_FORMAT, "not an ELF"},
        {{.program = "/", .root = "/nonexistent"}, X64_ERROR_ARGUMENT, "--root /nonexistent"},
        {{.bind = "/tmp"}, X64_ERROR_ARGUMENT, "HOST:GUEST"},
        {{.bind = "/nonexistent:/x"}, X64_ERROR_ARGUMENT, "/nonexistent"},
        {{.entry = "2.4"}, X64_ERROR_NOT_FOUND, "2.4"},
        {{.entry = "int80", .mitigations = "pti"}, X64_ERROR_UNSUPPORTED, "does not know"},
        {{.entry = "4.16", .mitigations = "ibrs"}, X64_ERROR_UNSUPPORTED, "does not know"},
        {{.memory_size = 4096}, X64_ERROR_LIMIT, "memory"},
        {{.memory_size = (16u << 20) + 0x8000}, X64_ERROR_LIMIT, "memory"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct x64_error_text error = {{0}};
        enum x64_status status = guest_refused(&rows[i].config, &error);
        ck_assert_msg(status == rows[i].status, "row %zu: %s, %s", i, x64_status_string(status),
                      error.text);
        ck_assert_msg(strstr(error.text, rows[i].word) != NULL, "row %zu: %s", i, error.text);
        ck_assert_ptr_null(strchr(error.text, '\n'));
    }
}
END_TEST

START_TEST(test_program_too_many_arguments)
{
    enum { COUNT = 30000 };
    static const char *argv[COUNT + 1];
    struct x64_error_text error = {{0}};
    for (size_t i = 0; i < COUNT; i++)
        argv[i] = "argument";
    ck_assert_int_eq(guest_refused(&(struct guest_config){.argv = argv}, &error), X64_ERROR_LIMIT);
    ck_assert_ptr_nonnull(strstr(error.text, "arguments"));
}
END_TEST

START_TEST(test_mitigations_parse)
{
    unsigned mitigations = 99;
    struct x64_error_text error = {{0}};
    ck_assert_int_eq(x64_mitigations_parse("none", &mitigations, &error), X64_OK);
    ck_assert_uint_eq(mitigations, 0);
    ck_assert_int_eq(x64_mitigations_parse("pti,bhb", &mitigations, NULL), X64_OK);
    ck_assert_uint_eq(mitigations, X64_MITIGATION_PTI | X64_MITIGATION_BHB);
    static const char *const bad[] = {"", "pti,", ",pti", "pti,none", "PTI", "pt", "pti pcid"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mitigations = 7;
        ck_assert_msg(x64_mitigations_parse(bad[i], &mitigations, &error) == X64_ERROR_ARGUMENT,
                      "'%s' was accepted", bad[i]);
        ck_assert_uint_eq(mitigations, 7);
        ck_assert_ptr_nonnull(strstr(error.text, "mitigation"));
    }
}
END_TEST

static Suite *program_suite(void)
{
    Suite *suite = suite_create("program");
    TCase *tests = tcase_create("program");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, test_program_static_glibc);
    tcase_add_test(tests, test_program_faults_become_signals);
    tcase_add_test(tests, test_program_loops_until_the_budget);
    tcase_add_test(tests, test_program_fills_memory);
    tcase_add_test(tests, test_program_reads_the_console);
    tcase_add_test(tests, test_program_faults_on_int80);
    tcase_add_test(tests, test_program_random_calls);
    tcase_add_test(tests, test_program_refusals);
    tcase_add_test(tests, test_program_too_many_arguments);
    tcase_add_test(tests, test_mitigations_parse);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(program_suite())
