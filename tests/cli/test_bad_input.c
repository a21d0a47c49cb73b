/* SPDX-License-Identifier: MIT */
/* Whatever is wrong: one line on stderr that says what and where, and the right exit status. */
#include "cli/run_program.h"
#include "support/suite.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define USAGE       2
#define INPUT       3
#define OWN         125
#define GUEST(name) X64_TEST_GUESTS "/guest_" name

static const struct {
    const char *words[8];
    const char *said;
} wrong_usage[] = {
    {{NULL}, "no command"},
    {{"frobnicate"}, "no command 'frobnicate'"},
    {{"boot", "--kernel", "x"}, "not yet"},
    {{"cycles"}, "needs --code"},
    {{"cycles", "--frobnicate", "1"}, "does not know --frobnicate"},
    {{"cycles", "--code", "4"}, "not the hex digits"},
    {{"cycles", "--code", "06"}, "no instruction at byte 0"},
    {{"cycles", "--code", "90", "--core", "z80"}, "--core z80"},
    {{"cycles", "--code"}, "--code needs a value"},
    {{"cycles", "--timeline", "65", "--code", "90"}, "64 copies at most"},
    {{"view", "--headless"}, "--script FILE"},
    {{"view", "--size", "9x"}, "write it like 1600x1000"},
    {{"view", "--theme", "pink"}, "use light or dark"},
    {{"bench"}, "not yet"},
    {{"eras", "x"}, "takes no 'x'"},
    {{"trace", "--frobnicate"}, "unknown option --frobnicate"},
    {{"trace", "-s"}, "does not take -s"},
    {{"record"}, "give -o FILE"},
    {{"record", "--format", "text", "-o", "x"}, "does not take --format"},
    {{"trace", "--entry"}, "--entry needs a value"},
    {{"trace", "--entry", "2.4"}, "--entry 2.4: unknown"},
    {{"trace", "--cpu", "z80"}, "--cpu z80: unknown"},
    {{"trace", "--mitigations", "garlic"}, "unknown mitigation 'garlic'"},
    {{"trace", "--mitigations", "pti,"}, "unknown mitigation ''"},
    {{"trace", "--entry", "4.16", "--mitigations", "bhb"}, "has no bhb"},
    {{"trace", "--entry", "6.1", "--kernel", "x"}, "exclude one another"},
    {{"trace", "--format", "xml"}, "--format xml: unknown"},
    {{"trace", "--limit", "many"}, "not a number"},
    {{"trace", "--limit", "-1"}, "not a number"},
    {{"trace", "--limit", "99999999999999999999"}, "not a number"},
    {{"trace", "--memory", "0"}, "not a size"},
    {{"trace", "--memory", "1X"}, "not a size"},
    {{"trace", "--memory", "1K"}, "one page"},
    {{"trace", "--memory", "1000000G"}, "64G at most"},
    {{"trace", "--memory", "99999999999999999G"}, "not a size"},
    {{"trace", "--only", "exit"}, "the only choice is entry"},
    {{"trace", "--color", "blue"}, "use auto, always or never"},
    {{"trace", "--syscall", "frobnicate"}, "no such system call"},
    {{"trace", "--bytes=1"}, "takes no value"},
    {{"trace", "--env", "x"}, "NAME=VALUE"},
    {{"trace", "--compare", "4.9"}, "write it once, as --compare A"},
    {{"trace", "--compare=4.9", "6.1"}, "write it once, as --compare A"},
    {{"trace", "--compare", "4.9", "2.4"}, "--compare 2.4: no such era"},
    {{"trace", "--compare", ":pti", "6.1"}, "write an era or an image's path first"},
    {{"trace", "--compare", "6.1:garlic", "6.1"}, "unknown mitigation 'garlic'"},
    {{"trace", "--compare", "6.1:", "6.1"}, "unknown mitigation ''"},
    {{"trace", "--compare", "4.9:pti", "6.1"}, "entry image 4.9 has no pti"},
    {{"trace", "--bytes", "--compare", "4.9", "6.1"}, "takes no --entry"},
    {{"trace", "--compare", "4.9", "6.1", "--syscall", "fork"}, "makes no such call"},
    {{"record", "--compare", "4.9", "6.1"}, "does not take --compare"},
    {{"trace", "-o", "/nowhere/file"}, "/nowhere/file: cannot be written"},
    {{"trace", "-o", "/dev/full"}, "/dev/full: cannot be written"},
    {{"trace", "-o", "/"}, "cannot be written"},
    {{"record", "-o", "/nowhere/file"}, "/nowhere/file: cannot be written"},
    {{"trace", "--guest-output", "/nowhere/file"}, "/nowhere/file: cannot be written"},
};

START_TEST(test_bad_input_usage_is_explained)
{
    const char *const *w = wrong_usage[_i].words;
    struct program_run run = run_program(NULL, w[0], w[1], w[2], w[3], w[4], w[5], NULL);
    /* The guest's own output comes before a failure to write the trace. */
    const char *own = strstr(run.err, "x64emu: ");
    ck_assert_msg(own != NULL, "%s", run.err);
    memmove(run.err, own, strlen(own) + 1);
    program_run_refused(&run, USAGE, wrong_usage[_i].said);
    ck_assert_uint_eq(run.out_size, w[0] && strcmp(w[0], "trace") == 0 ? run.out_size : 0);
    program_run_free(&run);
}
END_TEST

START_TEST(test_bad_input_run_answers_125)
{
    static const char *const cases[][2] = {{"--frobnicate", "unknown option"},
                                           {"/nowhere/program", "/nowhere/program"},
                                           {"/", "/"},
                                           {"--cpu=z80", "z80"}};
    struct program_run run = run_program(NULL, "run", cases[_i][0], NULL);
    program_run_refused(&run, OWN, cases[_i][1]);
    program_run_free(&run);
}
END_TEST

static void refuse_file(const char *path, const char *words)
{
    static const char *const commands[] = {"trace", "record"};
    for (size_t i = 0; i < 2; i++) {
        struct program_run run = run_program(NULL, commands[i], i ? "-o" : "--bytes",
                                             i ? test_path("out") : "--", path, NULL);
        program_run_refused(&run, INPUT, words);
        ck_assert_int_ne(access(test_path("out"), F_OK), 0);
        program_run_free(&run);
    }
}

START_TEST(test_bad_input_programs_are_refused)
{
    static const char text[] = "#!/nowhere/interpreter\n";
    char path[128];
    size_t size;
    char *elf = read_file(GUEST("exit"), &size);
    ck_assert(elf && size > sizeof(Elf64_Ehdr));
    Elf64_Ehdr header;
    memcpy(&header, elf, sizeof header);
    (void)snprintf(path, sizeof path, "%s", test_path("bad"));
    refuse_file("/nowhere/program", "/nowhere/program");
    refuse_file("/", "/");
    refuse_file("/dev/null", "/dev/null");
    write_file(path, "", 0);
    refuse_file(path, path);
    write_file(path, text, sizeof text - 1); /* not executable, then without an interpreter */
    refuse_file(path, path);
    ck_assert_int_eq(chmod(path, 0755), 0);
    refuse_file(path, "/nowhere/interpreter");
    for (size_t length = 1; length < sizeof header + sizeof(Elf64_Phdr); length += 9) {
        write_file(path, elf, length);
        refuse_file(path, path);
    }
    header.e_machine = EM_AARCH64;
    memcpy(elf, &header, sizeof header);
    write_file(path, elf, size);
    refuse_file(path, path);
    free(elf);
}
END_TEST

START_TEST(test_bad_input_kernels_are_refused)
{
    char path[128];
    char junk[8192];
    (void)snprintf(path, sizeof path, "%s", test_path("kernel"));
    memset(junk, 0x5a, sizeof junk);
    write_file(path, junk, sizeof junk);
    const char *const paths[] = {"/nowhere/vmlinuz", "/", path, GUEST("exit")};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct program_run run = run_program(NULL, "trace", "--kernel", paths[i], NULL);
        program_run_refused(&run, INPUT, paths[i]);
        ck_assert_uint_eq(run.out_size, 0);
        program_run_free(&run);
    }
}
END_TEST

static const struct {
    const char *guest;
    const char *said;
    int trace_status;
    int run_status;
} guests[] = {
    {GUEST("fault"), "SIGSEGV", 1, 139},
    {GUEST("jump"), "SIGSEGV", 1, 139},
    {GUEST("loop"), "--limit 5000", 0, 125},
};

START_TEST(test_bad_input_guests_that_fail_are_reported)
{
    struct program_run run =
        run_program(NULL, "trace", "--limit", "5000", "--only=entry", guests[_i].guest, NULL);
    program_run_refused(&run, guests[_i].trace_status, guests[_i].said);
    ck_assert_ptr_nonnull(strstr(run.out, "# x64emu trace"));
    program_run_free(&run);
    run = run_program(NULL, "run", "--limit", "5000", guests[_i].guest, NULL);
    program_run_refused(&run, guests[_i].run_status, guests[_i].said);
    program_run_free(&run);
}
END_TEST

START_TEST(test_bad_input_output_survives_a_refusal)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s", test_path("precious"));
    write_file(path, "precious", 8);
    const char *const programs[] = {"/nowhere/program", "/"};
    for (size_t i = 0; i < 2; i++) {
        struct program_run run = run_program(NULL, "trace", "-o", path, programs[i], NULL);
        ck_assert_int_eq(run.status, INPUT);
        char *content = read_file(path, NULL);
        ck_assert_str_eq(content, "precious");
        free(content);
        program_run_free(&run);
    }
    struct program_run run = run_program(NULL, "trace", "-o", path, "--syscall=none", NULL);
    ck_assert_int_eq(run.status, USAGE);
    char *content = read_file(path, NULL);
    ck_assert_str_eq(content, "precious");
    free(content);
    program_run_free(&run);
}
END_TEST

START_TEST(test_bad_input_full_disk_under_stdout_is_an_error)
{
    const char *const command = X64_TEST_PROGRAM " trace >/dev/full 2>/dev/null";
    int status = system(command);
    ck_assert_int_eq(WEXITSTATUS(status), USAGE);
}
END_TEST

START_TEST(test_bad_input_closed_pipe_ends_the_trace_quietly)
{
    const char *const command =
        "( " X64_TEST_PROGRAM
        " trace --limit 2000000 " GUEST("loop") " 2>&1 >&3 | cat >&2; "
                                                "exit ${PIPESTATUS[0]} ) 3>&1 | head -1 >/dev/null";
    char shell[1024];
    (void)snprintf(shell, sizeof shell, "bash -c '%s'", command);
    ck_assert_int_eq(system(shell), 0);
}
END_TEST

static Suite *bad_input_suite(void)
{
    Suite *suite = suite_create("bad input");
    TCase *tcase = tcase_create("bad input");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, test_bad_input_usage_is_explained, 0,
                        sizeof wrong_usage / sizeof wrong_usage[0]);
    tcase_add_loop_test(tcase, test_bad_input_run_answers_125, 0, 4);
    tcase_add_test(tcase, test_bad_input_programs_are_refused);
    tcase_add_test(tcase, test_bad_input_kernels_are_refused);
    tcase_add_loop_test(tcase, test_bad_input_guests_that_fail_are_reported, 0, 3);
    tcase_add_test(tcase, test_bad_input_output_survives_a_refusal);
    tcase_add_test(tcase, test_bad_input_full_disk_under_stdout_is_an_error);
    tcase_add_test(tcase, test_bad_input_closed_pipe_ends_the_trace_quietly);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(bad_input_suite())
