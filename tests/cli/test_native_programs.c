/* SPDX-License-Identifier: MIT */
/*
 * Debian's programs, natively and on the mini-kernel: same output, same exit status. What the
 * machine's CPU cannot do yet is said, and left out.
 */
#include "cli/run_program.h"
#include "support/suite.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS       10
#define BUSYBOX     "/usr/bin/busybox"
#define BASH        "/usr/bin/bash-static"
#define GUEST(name) X64_TEST_GUESTS "/guest_" name

struct row {
    const char *words[WORDS];
    const char *input;
};

static const char lines[] = "pear\napple 3\nfig\n\napple 10\nbanana\tsplit\n";

static const struct row busybox_rows[] = {
    {{BUSYBOX, "awk", "{ n += NF; print NR, $1 } END { print n, length(\"x\") }"}, lines},
    {{BUSYBOX, "base64"}, lines},
    {{BUSYBOX, "basename", "/usr/lib/thing.so", ".so"}, NULL},
    {{BUSYBOX, "cat", "-n"}, lines},
    {{BUSYBOX, "cksum"}, lines},
    {{BUSYBOX, "cmp", "/etc/passwd", "/etc/group"}, NULL},
    {{BUSYBOX, "comm", "/etc/hostname", "/etc/hostname"}, NULL},
    {{BUSYBOX, "cut", "-c2-4"}, lines},
    {{BUSYBOX, "dd", "bs=4", "count=2"}, lines},
    {{BUSYBOX, "diff", "/etc/passwd", "/etc/group"}, NULL},
    {{BUSYBOX, "dirname", "/usr/lib/thing.so"}, NULL},
    {{BUSYBOX, "echo", "-e", "a\\tb"}, NULL},
    {{BUSYBOX, "env"}, NULL},
    {{BUSYBOX, "expand"}, lines},
    {{BUSYBOX, "expr", "6", "*", "7"}, NULL},
    {{BUSYBOX, "factor", "1234567"}, NULL},
    {{BUSYBOX, "false"}, NULL},
    {{BUSYBOX, "find", "/usr/share/doc/base-files", "-name", "*a*"}, NULL},
    {{BUSYBOX, "fold", "-w", "3"}, lines},
    {{BUSYBOX, "grep", "-n", "a"}, lines},
    {{BUSYBOX, "gzip", "-c"}, lines},
    {{BUSYBOX, "head", "-n", "2"}, lines},
    {{BUSYBOX, "hexdump", "-C"}, lines},
    {{BUSYBOX, "id", "-u"}, NULL},
    {{BUSYBOX, "ls", "/usr/share/doc/base-files"}, NULL},
    {{BUSYBOX, "md5sum"}, lines},
    {{BUSYBOX, "nl"}, lines},
    {{BUSYBOX, "od", "-c"}, lines},
    {{BUSYBOX, "paste", "-s"}, lines},
    {{BUSYBOX, "printf", "%05d|%s|%x\\n", "42", "text", "255"}, NULL},
    {{BUSYBOX, "pwd"}, NULL},
    {{BUSYBOX, "readlink", "-f", "/etc/../etc/hostname"}, NULL},
    {{BUSYBOX, "rev"}, lines},
    {{BUSYBOX, "sed", "-e", "s/a/<&>/g", "-e", "2d"}, lines},
    {{BUSYBOX, "seq", "3", "4", "20"}, NULL},
    {{BUSYBOX, "sha256sum"}, lines},
    {{BUSYBOX, "sort", "-k2n"}, lines},
    {{BUSYBOX, "stat", "-c", "%F %s %a", "/etc/passwd"}, NULL},
    {{BUSYBOX, "sum"}, lines},
    {{BUSYBOX, "tac"}, lines},
    {{BUSYBOX, "tail", "-n", "2"}, lines},
    {{BUSYBOX, "tee", "/dev/null"}, lines},
    {{BUSYBOX, "test", "-d", "/etc"}, NULL},
    {{BUSYBOX, "timeout", "5", "busybox", "echo", "in time"}, NULL},
    {{BUSYBOX, "tr", "a-f", "A-F"}, lines},
    {{BUSYBOX, "true"}, NULL},
    {{BUSYBOX, "uniq", "-c"}, lines},
    {{BUSYBOX, "wc"}, lines},
    {{BUSYBOX, "xargs", "-n", "2", "busybox", "echo"}, lines},
    {{BUSYBOX, "sh", "-c", "busybox seq 20 | busybox grep 1 | busybox wc -l; exit 3"}, NULL},
    {{BUSYBOX, "sh", "-c",
      "for i in 1 2 3; do echo $i; done | while read x; do echo \"<$x>\"; done"},
     NULL},
    {{BUSYBOX, "sh", "-c", "(exit 4); echo $?; x=$(echo sub); echo $x; busybox true && echo yes"},
     NULL},
    {{BUSYBOX, "sh", "-c", "busybox sleep 0.05 & wait $!; echo done $?"}, NULL},
    {{BUSYBOX, "sh", "-c", "kill -9 $$"}, NULL},
    {{BUSYBOX, "sh", "-c", "busybox yes | busybox head -n 3"}, NULL},
};

static const struct row bash_rows[] = {
    {{BASH, "-c",
      "f() { local n=$1; ((n < 2)) && echo 1 || echo $((n * $(f $((n - 1))))); }; f 5; "
      "for ((i = 0; i < 3; i++)); do printf '%d;' $i; done; echo; exit 6"},
     NULL},
    {{BASH, "-c",
      "trap 'echo bye' EXIT; trap 'echo usr' USR1; kill -USR1 $$; (echo sub; exit 2); "
      "echo $?"},
     NULL},
    {{BASH, "-c",
      "declare -A a=([x]=1 [y]=2); for k in x y; do echo $k ${a[$k]}; done; "
      "s=abcdef; echo ${s:2:3} ${s/cd/-} ${#s}; [[ $s =~ b(.)d ]] && echo "
      "${BASH_REMATCH[1]}"},
     NULL},
    {{BASH, "-c", "while read -r a b; do echo \"$b:$a\"; done; echo $((6 * 7)) | cat"}, lines},
    {{BASH, "-c", "diff <(echo a) <(echo b); cat <<< here; echo x | { read y; echo got $y; }"},
     NULL},
    {{BASH, "-c", "sleep 0.1 & p=$!; kill $p; wait $p; echo $?; nosuchcommand; echo $?"}, NULL},
};

static const struct row guest_rows[] = {
    {{GUEST("tasks")}, NULL},   {{GUEST("tasks"), "/nonexistent"}, NULL},
    {{GUEST("signals")}, NULL}, {{GUEST("files")}, NULL},
    {{GUEST("locks")}, NULL},   {{GUEST("sockets")}, NULL},
    {{GUEST("futexes")}, NULL},
};

static const struct row vector_rows[] = {
    {{GUEST("vectors"), GUEST("initial")}, NULL},
    {{GUEST("vectors_dynamic"), GUEST("initial")}, NULL},
};

static const struct row dynamic_rows[] = {
    {{"/bin/ls", "/usr/share/doc/base-files"}, NULL},
    {{"/bin/ls", "-l", "/usr/share/doc/base-files"}, NULL},
    {{"/usr/bin/sort", "-r"}, lines},
    {{"/bin/sed", "s/a\\(.\\)/\\1/"}, lines},
    {{"/usr/bin/awk", "BEGIN { for (i = 1; i < 4; i++) printf \"%d %.3f\\n\", i, i / 3 }"}, NULL},
    {{"/bin/grep", "-c", "apple"}, lines},
    {{"/bin/gzip", "-cn"}, lines},
    {{"/usr/bin/sha256sum"}, lines},
    {{"/bin/sh", "-c", "ls /lib64 | wc -l"}, NULL},
    {{"/bin/bash", "-c", "echo a | sed s/a/b/; exit 3"}, NULL},
    {{"/usr/bin/perl", "-e", "print join(',', map { $_ * 2 } 1 .. 5), qq(\\n); exit 4"}, NULL},
    {{"/usr/bin/python3", "-c", "print(6*7)"}, NULL},
    {{"/usr/bin/python3", "-c",
      "import json, re, math; print(json.dumps({'a': [1, 2.5]}), re.sub('a+', 'b', 'caat'), "
      "math.sqrt(2))"},
     NULL},
    {{"/usr/bin/python3", "-c",
      "import subprocess; print(subprocess.run(['echo', 'hi'], capture_output=True).stdout)"},
     NULL},
    {{"/usr/bin/python3", "-c", "import asyncio; print(asyncio.run(asyncio.sleep(0.01, 'done')))"},
     NULL},
    {{"/bin/tar", "-cf", "-", "--sort=name", "-C", "/usr/share/doc", "base-files"}, NULL},
    {{"/usr/bin/zcat", "--version"}, NULL}, /* scripts */
    {{"/usr/bin/which", "ls", "cat", "nothing"}, NULL},
    {{"/usr/bin/shasum", "-a", "256"}, lines},
    {{"/usr/bin/json_pp"}, "{\"a\": [1, 2.5, null]}"},
    {{"/bin/sh", "-c",
      "d=$(mktemp -d); printf '#!/bin/cat /proc/self/comm\\n' > $d/script; chmod +x $d/script; "
      "$d/script; rm -r $d"},
     NULL},
    /* not installed everywhere */
    {{"/usr/bin/xz", "-c"}, lines},
    {{"/usr/bin/bc", "-q"}, "scale = 20\n4 * a(1)\nquit\n"},
    {{"/usr/bin/sqlite3", ":memory:",
      "create table t(a); insert into t values (1), (3); "
      "select sum(a), avg(a) from t;"},
     NULL},
    {{"/usr/bin/openssl", "dgst", "-sha256"}, lines},
    {{"/usr/bin/git", "hash-object", "--stdin"}, lines},
    {{"/usr/bin/make", "-s", "-j2", "-f", "-"}, "all: a b\na b:\n\t@echo $(words a b c)\n"},
    {{"/usr/bin/gcc", "-x", "c", "-O2", "-S", "-o", "-", "-"},
     "int power(int x, int n) { return n ? x * power(x, n - 1) : 1; }\n"},
    {{"/usr/bin/diff", "-u", "/etc/passwd", "/etc/group"}, NULL},
    {{"/usr/bin/find", "/usr/share/doc/base-files", "-name", "copy*", "-exec", "wc", "{}", ";"},
     NULL},
    {{"/usr/bin/bzip2", "-c"}, lines},
    {{"/usr/bin/jq", "-c", "-n", "{a: [1, 2.5] | map(. * 2)}"}, NULL},
    {{"/usr/bin/file", "-b", "/bin/ls", "/etc/passwd"}, NULL},
    {{"/usr/bin/tclsh"}, "puts [exec echo [expr 6*7]]; after 10; puts [lsort {c a b}]\n"},
    {{"/usr/bin/m4"}, "define(`x', `<$1>')x(y) syscmd(`echo hi')\n"},
    {{"/usr/bin/perl", "-MIO::Socket::UNIX", "-e",
      "$p = qq(/tmp/x64emu-$$); $s = IO::Socket::UNIX->new(Local => $p, Listen => 1) or die; "
      "if (!fork) { $c = IO::Socket::UNIX->new(Peer => $p) or die; print $c qq(hello\n); exit } "
      "print scalar readline $s->accept; wait; unlink $p"},
     NULL},
    {{"/bin/bash", "-c",
      "coproc { read x; echo \"<$x>\"; }; echo hi >&${COPROC[1]}; read y <&${COPROC[0]}; echo $y; "
      "p=/tmp/x64emu-$$; mkfifo $p; echo through > $p & cat $p; rm $p; diff <(echo a) <(echo b)"},
     NULL},
    {{"/usr/bin/python3", "-c",
      "import threading, queue; q = queue.Queue(); t = [threading.Thread(target=q.put, args=(i,)) "
      "for i in range(4)]; [x.start() for x in t]; [x.join() for x in t]; print(q.qsize())"},
     NULL},
    {{"/usr/bin/erl", "-noshell", "-eval", "io:format(\"~p~n\", [6*7]), halt()."}, NULL},
};

/* Our own lines are not the guest's. */
static void drop_own_lines(char *text)
{
    char *to = text;
    for (char *line = text; *line;) {
        char *end = strchr(line, '\n');
        size_t length = end ? (size_t)(end - line) + 1 : strlen(line);
        if (strncmp(line, "x64emu: ", 8) != 0) {
            memmove(to, line, length);
            to += length;
        }
        line += length;
    }
    *to = '\0';
}

static void print_command(char *text, size_t size, const struct row *row)
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < WORDS && row->words[i] && used < size; i++) {
        int length = snprintf(text + used, size - used, " '%s'", row->words[i]);
        used += length > 0 ? (size_t)length : 0;
    }
}

static void check_row(const struct row *row)
{
    char command[1024];
    char *native[WORDS + 1] = {NULL};
    char *emulated[WORDS + 8] = {NULL, "run", "--root", "/", "--memory", "256M", "--"};
    for (unsigned i = 0; i < WORDS && row->words[i]; i++)
        native[i] = emulated[7 + i] = (char *)row->words[i];
    print_command(command, sizeof command, row);
    struct program_run wanted = run_words(row->input, native);
    struct program_run run = run_words(row->input, emulated);
    int status = wanted.status >= 1000 ? 128 + wanted.status - 1000 : wanted.status;
    drop_own_lines(run.err);
    bool same = run.status == status && run.out_size == wanted.out_size &&
                memcmp(run.out, wanted.out, run.out_size) == 0 && strcmp(run.err, wanted.err) == 0;
    ck_assert_msg(same,
                  "x64emu run --root / --%s\nstatus %d, natively %d\n--- output\n%s--- natively\n"
                  "%s--- errors\n%s--- natively\n%s",
                  command, run.status, status, run.out, wanted.out, run.err, wanted.err);
    program_run_free(&run);
    program_run_free(&wanted);
}

/* X64_PROGRAM_STRIDE=N asks for every N-th row alone: sanitizers make the others take minutes. */
static bool is_wanted(const struct row *row, int index)
{
    const char *text = getenv("X64_PROGRAM_STRIDE");
    unsigned long stride = text ? strtoul(text, NULL, 10) : 1;
    if (stride > 1 && (unsigned long)index % stride != 0) {
        (void)fprintf(stderr, "left out by X64_PROGRAM_STRIDE: %s\n", row->words[0]);
        return false;
    }
    if (access(row->words[0], X_OK) == 0)
        return true;
    (void)fprintf(stderr, "left out, not installed: %s\n", row->words[0]);
    return false;
}

START_TEST(test_native_busybox)
{
    if (is_wanted(&busybox_rows[_i], _i))
        check_row(&busybox_rows[_i]);
}
END_TEST

START_TEST(test_native_bash)
{
    if (is_wanted(&bash_rows[_i], _i))
        check_row(&bash_rows[_i]);
}
END_TEST

START_TEST(test_native_guests)
{
    check_row(&guest_rows[_i]);
}
END_TEST

START_TEST(test_native_vectors)
{
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        check_row(&vector_rows[_i]);
    else
        (void)fprintf(stderr, "left out, the host has no AVX2 and FMA: %s\n",
                      vector_rows[_i].words[0]);
}
END_TEST

/* What glibc thinks of the CPU: it chooses its functions by that. */
START_TEST(test_native_loader_finds_v3)
{
    static const char loader[] = "/lib64/ld-linux-x86-64.so.2";
    char *words[] = {NULL, "run", "--root", "/", "--", (char *)loader, "--help", NULL};
    struct program_run run = run_words(NULL, words);
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.out, "x86-64-v3 (supported"));
    program_run_free(&run);
}
END_TEST

START_TEST(test_native_dynamic)
{
    if (is_wanted(&dynamic_rows[_i], _i))
        check_row(&dynamic_rows[_i]);
}
END_TEST

#define COUNT(rows) ((int)(sizeof(rows) / sizeof(rows)[0]))

static Suite *native_programs_suite(void)
{
    Suite *suite = suite_create("native programs");
    TCase *tcase = tcase_create("native programs");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, test_native_busybox, 0, COUNT(busybox_rows));
    tcase_add_loop_test(tcase, test_native_bash, 0, COUNT(bash_rows));
    tcase_add_loop_test(tcase, test_native_guests, 0, COUNT(guest_rows));
    tcase_add_loop_test(tcase, test_native_vectors, 0, COUNT(vector_rows));
    tcase_add_test(tcase, test_native_loader_finds_v3);
    tcase_add_loop_test(tcase, test_native_dynamic, 0, COUNT(dynamic_rows));
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(native_programs_suite())
