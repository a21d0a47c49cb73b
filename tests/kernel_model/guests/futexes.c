/* SPDX-License-Identifier: MIT */
/* Whom a futex call reaches: by address and address space, or by the page that is shared. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLAIN   0
#define PRIVATE FUTEX_PRIVATE_FLAG
#define ALL     9

struct waiter {
    pthread_t thread;
    int *word;
    int flag;
};

/* In pages where nothing else is written. */
static struct {
    _Alignas(4096) int word;
} pages[2];
static int *const word = &pages[0].word;
static int *const other = &pages[1].word;

static long futex(int *at, int op, long value, long value2, int *at2)
{
    return syscall(SYS_futex, at, op, value, value2, at2, 0);
}

/* How many wait there: they are moved to where they are. */
static long waiting(int *at, int flag)
{
    return futex(at, FUTEX_REQUEUE | flag, 0, ALL, at);
}

static long wake(int *at, int flag)
{
    __atomic_store_n(at, 1, __ATOMIC_SEQ_CST);
    return futex(at, FUTEX_WAKE | flag, ALL, 0, NULL);
}

static void tell(const char *what, long result)
{
    if (result < 0)
        printf("%s: %s\n", what, strerror(errno));
    else
        printf("%s: %ld\n", what, result);
}

/* Until it is woken, by whatever word. */
static void *sleep_there(void *argument)
{
    const struct waiter *waiter = argument;
    long result;
    do
        result = futex(waiter->word, FUTEX_WAIT | waiter->flag, 0, 0, NULL);
    while (result < 0 && errno == EINTR);
    return NULL;
}

static void start(struct waiter *waiter, int *at, int flag)
{
    *waiter = (struct waiter){.word = at, .flag = flag};
    *at = 0;
    if (pthread_create(&waiter->thread, NULL, sleep_there, waiter) != 0)
        exit(1);
    while (waiting(at, flag) != 1)
        usleep(1000);
}

static void finish(struct waiter *waiter, int *at)
{
    tell("  woken", wake(at, waiter->flag));
    pthread_join(waiter->thread, NULL);
}

/* A child that tells how many wait at a word of its own, then stays until it is let go. */
struct child {
    pid_t pid;
    int begin, told;
};

static void look(int *at, int flag, int writes, int begin, int told)
{
    char byte;
    if (writes)
        *at = 2;
    if (read(begin, &byte, 1) != 1)
        _exit(1);
    byte = (char)waiting(at, flag);
    _exit(write(told, &byte, 1) != 1 || read(begin, &byte, 1) != 0);
}

static struct child fork_child(int *at, int flag, int writes)
{
    int begin[2], told[2];
    if (pipe(begin) != 0 || pipe(told) != 0)
        exit(1);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        close(begin[1]);
        look(at, flag, writes, begin[0], told[1]);
    }
    close(begin[0]);
    close(told[1]);
    return (struct child){pid, begin[1], told[0]};
}

static void hear(struct child child)
{
    char byte;
    if (write(child.begin, "x", 1) != 1 || read(child.told, &byte, 1) != 1)
        exit(1);
    tell("  the child's", byte);
}

static void let_go(struct child child)
{
    int status = -1;
    close(child.begin);
    close(child.told);
    waitpid(child.pid, &status, 0);
    tell("  child", status);
}

/* Who writes first after fork gets a copy of the page; the waiter stays the parent's. */
static void across_fork(const char *what, int flag, int child_writes)
{
    struct waiter waiter;
    printf("%s\n", what);
    start(&waiter, word, flag);
    struct child child = fork_child(word, flag, child_writes);
    if (child_writes)
        hear(child);
    *word = 3;
    tell("  the parent's", waiting(word, flag));
    if (!child_writes)
        hear(child);
    finish(&waiter, word);
    let_go(child);
}

static void moved_across_fork(const char *what, int flag)
{
    struct waiter waiter;
    printf("%s\n", what);
    start(&waiter, word, flag);
    tell("  moved", futex(word, FUTEX_REQUEUE | flag, 0, ALL, other));
    struct child child = fork_child(other, flag, 0);
    *word = *other = 3;
    tell("  where it was", waiting(word, flag));
    tell("  where it is", waiting(other, flag));
    hear(child);
    finish(&waiter, other);
    let_go(child);
}

/* The same page at two addresses. */
static void two_mappings(int flag)
{
    struct waiter waiter;
    int file = memfd_create("page", 0);
    if (file < 0 || ftruncate(file, 4096) != 0)
        exit(1);
    int *a = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    int *b = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    printf("two mappings, %s\n", flag == PRIVATE ? "private" : "plain");
    start(&waiter, a + 3, flag);
    tell("  here, plain", waiting(a + 3, PLAIN));
    tell("  here, private", waiting(a + 3, PRIVATE));
    tell("  there, plain", waiting(b + 3, PLAIN));
    tell("  there, private", waiting(b + 3, PRIVATE));
    tell("  beside it", waiting(b + 2, PLAIN));
    finish(&waiter, flag == PRIVATE ? a + 3 : b + 3);
    close(file);
}

/* One page of two processes. */
static void two_processes(void)
{
    int status = -1;
    int *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    printf("two processes\n");
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(futex(page, FUTEX_WAIT, 0, 0, NULL) != 0);
    while (waiting(page, PLAIN) != 1)
        usleep(1000);
    tell("  private", waiting(page, PRIVATE));
    tell("  woken", wake(page, PLAIN));
    waitpid(pid, &status, 0);
    tell("  child", status);
}

static void refusals(void)
{
    static const struct {
        const char *name;
        int flag;
    } kinds[] = {{"plain", PLAIN}, {"private", PRIVATE}};
    int *closed = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int *readable = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int *odd = (int *)((char *)word + 1);
    int *kernels = (int *)0xffff800000000000;
    int file = memfd_create("page", 0);
    if (file < 0 || ftruncate(file, 4096) != 0)
        exit(1);
    int *of_file = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0);
    int *shared = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
    *readable = 0; /* there is a page, not the one of zeroes */
    mprotect(readable, 4096, PROT_READ);
    for (int i = 0; i < 2; i++) {
        int flag = kinds[i].flag;
        *other = 1;
        printf("%s\n", kinds[i].name);
        tell("  wake, no access", futex(closed, FUTEX_WAKE | flag, 1, 0, NULL));
        tell("  wait, no access", futex(closed, FUTEX_WAIT | flag, 0, 0, NULL));
        tell("  wake, readable", futex(readable, FUTEX_WAKE | flag, 1, 0, NULL));
        tell("  wait, readable", futex(readable, FUTEX_WAIT | flag, 1, 0, NULL));
        tell("  wake, readable file", futex(of_file, FUTEX_WAKE | flag, 1, 0, NULL));
        tell("  wake, readable shared", futex(shared, FUTEX_WAKE | flag, 1, 0, NULL));
        tell("  wake, odd", futex(odd, FUTEX_WAKE | flag, 1, 0, NULL));
        tell("  wake, kernel's", futex(kernels, FUTEX_WAKE | flag, 1, 0, NULL));
        tell("  requeue to no access", futex(word, FUTEX_REQUEUE | flag, 0, 1, closed));
        tell("  requeue to odd", futex(word, FUTEX_REQUEUE | flag, 0, 1, odd));
        tell("  compare, no access", futex(closed, FUTEX_CMP_REQUEUE | flag, 0, 1, word));
        tell("  other value", futex(other, FUTEX_CMP_REQUEUE | flag, 0, 1, word));
        tell("  wake op, readable", futex(word, FUTEX_WAKE_OP | flag, 1, 1, readable));
        tell("  wake op", futex(word, FUTEX_WAKE_OP | flag, 1, 1, other));
        tell("  its result", *other);
    }
}

int main(void)
{
    across_fork("private, the parent writes", PRIVATE, 0);
    across_fork("private, the child writes", PRIVATE, 1);
    across_fork("plain, the parent writes", PLAIN, 0);
    across_fork("plain, the child writes", PLAIN, 1);
    moved_across_fork("private, moved", PRIVATE);
    moved_across_fork("plain, moved", PLAIN);
    two_mappings(PLAIN);
    two_mappings(PRIVATE);
    two_processes();
    refusals();
    return 7;
}
