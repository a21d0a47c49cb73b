/* SPDX-License-Identifier: MIT */
/* What a guest sees of the host, and that it sees nothing else. */
#include "cli/run_program.h"
#include "support/suite.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSYBOX "/usr/bin/busybox"
#define SH(...) run_program(NULL, "run", __VA_ARGS__, NULL)

START_TEST(test_sandbox_shows_only_the_program_and_libraries)
{
    static const char *const hidden[] = {"/etc/passwd",
                                         "/root",
                                         "/home",
                                         "/usr/bin/env",
                                         "/lib/../etc/passwd",
                                         "/proc/self/root/etc/passwd",
                                         "/proc/1/cwd/etc/passwd",
                                         "/sys/kernel",
                                         "/dev/mem"};
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        struct program_run run = SH(BUSYBOX, "ls", "-d", hidden[i]);
        ck_assert_msg(run.status == 1 && strstr(run.err, "No such file"), "%s: %d %s%s", hidden[i],
                      run.status, run.out, run.err);
        program_run_free(&run);
    }
    struct program_run run = SH(BUSYBOX, "ls", "-d", "/lib64", "/usr/bin/busybox");
    ck_assert_str_eq(run.out, "/lib64\n/usr/bin/busybox\n");
    program_run_free(&run);
}
END_TEST

/* A directory of the test's own with a link that leads out of it. */
static const char *make_tree(void)
{
    static char tree[128];
    char path[256];
    (void)snprintf(tree, sizeof tree, "%s", test_path("tree"));
    (void)mkdir(tree, 0755);
    (void)snprintf(path, sizeof path, "%s/file", tree);
    write_file(path, "inside\n", 7);
    (void)snprintf(path, sizeof path, "%s/out", tree);
    (void)symlink("/etc/hostname", path);
    (void)snprintf(path, sizeof path, "%s/up", tree);
    (void)symlink("../../../../../../../etc", path);
    return tree;
}

START_TEST(test_sandbox_links_stay_inside)
{
    const char *tree = make_tree();
    static const char *const paths[] = {"/out", "/up/passwd", "/../etc/passwd",
                                        "/../../../etc/passwd"};
    struct program_run run = SH("--root", tree, "--", BUSYBOX, "cat", "/file");
    ck_assert_str_eq(run.out, "inside\n");
    program_run_free(&run);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        run = SH("--root", tree, "--", BUSYBOX, "cat", paths[i]);
        ck_assert_msg(run.status == 1 && run.out_size == 0, "%s: %s", paths[i], run.out);
        program_run_free(&run);
    }
}
END_TEST

START_TEST(test_sandbox_root_is_read_only)
{
    const char *tree = make_tree();
    char path[256];
    struct program_run run =
        SH("--root", tree, "--", BUSYBOX, "sh", "-c",
           "echo changed > /file; echo new > /new; mkdir /d; mv /file /d/moved; cat /d/moved /new; "
           "rm /up; ls /");
    ck_assert_str_eq(run.err, "");
    ck_assert_str_eq(run.out, "changed\nnew\nd\ndev\nnew\nout\nproc\ntmp\n");
    program_run_free(&run);
    (void)snprintf(path, sizeof path, "%s/file", tree);
    char *content = read_file(path, NULL);
    ck_assert_str_eq(content, "inside\n");
    free(content);
    (void)snprintf(path, sizeof path, "%s/new", tree);
    ck_assert_int_ne(access(path, F_OK), 0);
    (void)snprintf(path, sizeof path, "%s/up", tree);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

/* A name's bytes are those of the file that has it now. */
START_TEST(test_sandbox_bind_renames)
{
    const char *tree = make_tree();
    char bind[256];
    (void)snprintf(bind, sizeof bind, "%s:/data:rw", tree);
    struct program_run run =
        SH("--bind", bind, BUSYBOX, "sh", "-c",
           "cd /data; echo old > n; cat n; echo renamed over > m; mv m n; cat n; rm n; echo new > "
           "n; cat n; "
           "ln n m; ln -s m s; rm n; cat m; chmod 600 s; stat -c %a m; rm m s");
    ck_assert_str_eq(run.out, "old\nrenamed over\nnew\nnew\n600\n");
    ck_assert_int_eq(run.status, 0);
    program_run_free(&run);
}
END_TEST

START_TEST(test_sandbox_binds)
{
    const char *tree = make_tree();
    char bind[256], path[256];
    (void)snprintf(bind, sizeof bind, "%s:/data:rw", tree);
    struct program_run run =
        SH("--bind", bind, BUSYBOX, "sh", "-c",
           "cd /data && echo more >> file && cat file && echo x > made && mv made moved && "
           "mkdir sub && rmdir sub && ls");
    ck_assert_str_eq(run.err, "");
    ck_assert_str_eq(run.out, "inside\nmore\nfile\nmoved\nout\nup\n");
    program_run_free(&run);
    (void)snprintf(path, sizeof path, "%s/file", tree);
    char *content = read_file(path, NULL);
    ck_assert_str_eq(content, "inside\nmore\n");
    free(content);
    (void)snprintf(bind, sizeof bind, "%s:/data", tree);
    run = SH("--bind", bind, BUSYBOX, "sh", "-c", "echo hidden > /data/file; cat /data/file");
    ck_assert_str_eq(run.out, "hidden\n");
    program_run_free(&run);
    content = read_file(path, NULL);
    ck_assert_str_eq(content, "inside\nmore\n");
    free(content);
}
END_TEST

/* A script is a program like any other: it sees itself, its interpreter and libraries. */
START_TEST(test_sandbox_scripts)
{
    static const char text[] =
        "#!" BUSYBOX " sh\necho $0, $1, $#\ncat /etc/passwd\nls -d " BUSYBOX " $0; exit 7\n";
    char script[256], wanted[1024];
    (void)snprintf(script, sizeof script, "%s", test_path("script"));
    write_file(script, text, strlen(text));
    struct program_run run = SH(script, "a b", "c");
    ck_assert_int_eq(run.status, 125);
    ck_assert_ptr_nonnull(strstr(run.err, "Permission denied"));
    program_run_free(&run);
    ck_assert_int_eq(chmod(script, 0755), 0);
    run = SH(script, "a b", "c");
    (void)snprintf(wanted, sizeof wanted, "%s, a b, 2\n%s\n" BUSYBOX "\n", script, script);
    ck_assert_int_eq(run.status, 7);
    ck_assert_str_eq(run.out, wanted);
    ck_assert_ptr_nonnull(strstr(run.err, "/etc/passwd': No such file"));
    program_run_free(&run);
}
END_TEST

/* With a whole tree the interpreter is the tree's, not the host's. */
START_TEST(test_sandbox_scripts_in_a_tree)
{
    static const char text[] = "#!/interpreter\n";
    char script[256], path[300];
    const char *tree = make_tree();
    (void)snprintf(script, sizeof script, "%s/script", tree);
    write_file(script, text, strlen(text));
    ck_assert_int_eq(chmod(script, 0755), 0);
    struct program_run run = SH("--root", tree, script);
    ck_assert_int_eq(run.status, 125);
    ck_assert_ptr_nonnull(strstr(run.err, "/interpreter cannot be executed: No such file"));
    program_run_free(&run);
    size_t size;
    char *busybox = read_file(BUSYBOX, &size);
    (void)snprintf(path, sizeof path, "%s/interpreter", tree);
    write_file(path, busybox, size);
    free(busybox);
    ck_assert_int_eq(chmod(path, 0755), 0);
    run = SH("--root", tree, script);
    ck_assert_ptr_nonnull(strstr(run.err, "applet not found")); /* "interpreter" is none */
    program_run_free(&run);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(unlink(script), 0);
}
END_TEST

START_TEST(test_sandbox_limits)
{
    struct program_run run = SH("--tasks", "8", X64_TEST_GUESTS "/guest_fork_bomb");
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.out, "7: Resource temporarily unavailable\n");
    ck_assert_ptr_nonnull(strstr(run.err, "--tasks"));
    program_run_free(&run);
    run = SH("--output", "8K", X64_TEST_GUESTS "/guest_endless");
    program_run_refused(&run, 128 + 9, "8192 bytes of --output");
    ck_assert_uint_eq(run.out_size, 8192);
    program_run_free(&run);
    run = SH("--memory", "32M", X64_TEST_GUESTS "/guest_endless", "map");
    program_run_refused(&run, 128 + 9, "out of memory");
    program_run_free(&run);
    run = SH("--tasks", "0", BUSYBOX, "true");
    program_run_refused(&run, 125, "--tasks 0");
    program_run_free(&run);
    run = SH("--root", "/nonexistent", BUSYBOX, "true");
    program_run_refused(&run, 125, "--root /nonexistent");
    program_run_free(&run);
}
END_TEST

START_TEST(test_sandbox_calls_are_printed)
{
    static const char *const wanted[] = {
        "openat(AT_FDCWD, \"/nonexistent\", O_RDONLY, 0) = -1 ENOENT (2)\n",
        "PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x",
        "[pid 2] ",
        "write(1, \"hi\\n\", 3) = 3\n",
        "exit_group(1) = ?\n",
    };
    struct program_run run =
        SH("-s", "--", BUSYBOX, "sh", "-c", "echo hi | busybox cat; busybox cat /nonexistent");
    ck_assert_int_eq(run.status, 1);
    ck_assert_str_eq(run.out, "hi\n");
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        ck_assert_msg(strstr(run.err, wanted[i]) != NULL, "no '%s' in:\n%s", wanted[i], run.err);
    program_run_free(&run);
    run = SH("-c", "--", BUSYBOX, "echo", "hi");
    ck_assert_ptr_nonnull(strstr(run.err, "calls    errors  system call\n"));
    ck_assert_ptr_nonnull(strstr(run.err, "         1         0  write\n"));
    ck_assert_ptr_null(strstr(run.err, "write("));
    program_run_free(&run);
}
END_TEST

/* A replay asks nobody: the file may be gone. */
START_TEST(test_sandbox_recordings_know_the_files)
{
    const char *tree = make_tree();
    char recording[128], path[256];
    (void)snprintf(recording, sizeof recording, "%s", test_path("recording"));
    (void)snprintf(path, sizeof path, "%s/file", tree);
    struct program_run run = run_program(NULL, "record", "-o", recording, "--root", tree, "--",
                                         BUSYBOX, "cat", "/file", NULL);
    ck_assert_str_eq(run.err, "guest: inside\n");
    program_run_free(&run);
    ck_assert_int_eq(unlink(path), 0);
    run = run_program(NULL, "trace", "--syscall", "write", recording, NULL);
    ck_assert_str_eq(run.err, "guest: inside\n");
    program_run_free(&run);
}
END_TEST

static Suite *sandbox_suite(void)
{
    Suite *suite = suite_create("sandbox");
    TCase *tcase = tcase_create("sandbox");
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, test_sandbox_shows_only_the_program_and_libraries);
    tcase_add_test(tcase, test_sandbox_links_stay_inside);
    tcase_add_test(tcase, test_sandbox_root_is_read_only);
    tcase_add_test(tcase, test_sandbox_bind_renames);
    tcase_add_test(tcase, test_sandbox_binds);
    tcase_add_test(tcase, test_sandbox_scripts);
    tcase_add_test(tcase, test_sandbox_scripts_in_a_tree);
    tcase_add_test(tcase, test_sandbox_limits);
    tcase_add_test(tcase, test_sandbox_calls_are_printed);
    tcase_add_test(tcase, test_sandbox_recordings_know_the_files);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(sandbox_suite())
