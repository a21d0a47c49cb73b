/* SPDX-License-Identifier: MIT */
/* Locks on files: flock, and record locks of processes and of open files, between two processes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(const char *what, long result)
{
    if (result < 0)
        printf("%s: %s\n", what, strerror(errno));
    else
        printf("%s: %ld\n", what, result);
}

static struct flock range(short type, short whence, off_t start, off_t length)
{
    return (struct flock){.l_type = type, .l_whence = whence, .l_start = start, .l_len = length};
}

static int lock(int fd, int command, short type, off_t start, off_t length)
{
    struct flock wanted = range(type, SEEK_SET, start, length);
    return fcntl(fd, command, &wanted);
}

/* In a process of its own: what stands in the way of a lock of all the file. */
static void look(int fd, short type)
{
    fflush(stdout);
    if (fork() == 0) {
        struct flock found = range(type, SEEK_SET, 0, 0);
        tell("F_GETLK", fcntl(fd, F_GETLK, &found));
        printf("  type %d, %ld + %ld, the parent's %d\n", found.l_type, (long)found.l_start,
               (long)found.l_len, found.l_pid == getppid());
        exit(0);
    }
    wait(NULL);
}

/* In a process of its own: which of the first bytes another may lock. */
static void draw(const char *what, const char *path)
{
    fflush(stdout);
    if (fork() == 0) {
        int fd = open(path, O_RDWR);
        printf("%-10s", what);
        for (off_t at = 0; at < 24; at++) {
            int write = lock(fd, F_SETLK, F_WRLCK, at, 1);
            int read = write ? lock(fd, F_SETLK, F_RDLCK, at, 1) : 0;
            putchar(!write ? '.' : !read ? 'r' : 'w');
        }
        putchar('\n');
        exit(0);
    }
    wait(NULL);
}

static void ranges(int fd, const char *path)
{
    tell("lock", lock(fd, F_SETLK, F_WRLCK, 4, 12));
    draw("4 + 12", path);
    look(fd, F_RDLCK);
    tell("unlock the middle", lock(fd, F_SETLK, F_UNLCK, 8, 2));
    draw("split", path);
    tell("weaken", lock(fd, F_SETLK, F_RDLCK, 12, 20));
    draw("weaker", path);
    look(fd, F_WRLCK);
    tell("close the gap", lock(fd, F_SETLK, F_WRLCK, 8, 4));
    look(fd, F_RDLCK);
    struct flock back = range(F_UNLCK, SEEK_END, 0, -6);
    tell("the last six", fcntl(fd, F_SETLK, &back));
    draw("from end", path);
    lseek(fd, 2, SEEK_SET);
    back = range(F_WRLCK, SEEK_CUR, 0, 0);
    tell("from here on", fcntl(fd, F_SETLK, &back));
    draw("endless", path);
    look(fd, F_RDLCK);
    tell("before the file", lock(fd, F_SETLK, F_RDLCK, -1, 1));
    tell("before its start", lock(fd, F_SETLK, F_RDLCK, 2, -3));
    tell("no such type", lock(fd, F_SETLK, 7, 0, 0));
    close(open(path, O_RDONLY));
    draw("closed", path);
}

static void modes(const char *path)
{
    int reader = open(path, O_RDONLY);
    int writer = open(path, O_WRONLY);
    tell("write lock of a reader", lock(reader, F_SETLK, F_WRLCK, 0, 1));
    tell("read lock of a writer", lock(writer, F_SETLK, F_RDLCK, 0, 1));
    tell("its own", lock(reader, F_SETLK, F_RDLCK, 0, 1));
    close(reader);
    close(writer);
}

/* The child waits for the parent's lock, then the parent for the child's end. */
static void waits(int fd, const char *path)
{
    int ready[2], go[2];
    char byte;
    if (pipe(ready) != 0 || pipe(go) != 0)
        return;
    tell("lock", lock(fd, F_SETLK, F_WRLCK, 0, 10));
    fflush(stdout);
    if (fork() == 0) {
        int mine = open(path, O_RDWR);
        tell("child at once", lock(mine, F_SETLK, F_WRLCK, 9, 2));
        fflush(stdout);
        (void)!write(ready[1], "x", 1);
        tell("child waited", lock(mine, F_SETLKW, F_WRLCK, 9, 2));
        fflush(stdout);
        (void)!write(ready[1], "x", 1);
        (void)!read(go[0], &byte, 1);
        exit(0); /* which unlocks */
    }
    (void)!read(ready[0], &byte, 1);
    int freed = lock(fd, F_SETLK, F_UNLCK, 0, 10);
    (void)!read(ready[0], &byte, 1);
    tell("unlock", freed);
    tell("taken", lock(fd, F_SETLK, F_RDLCK, 10, 1));
    (void)!write(go[1], "x", 1);
    tell("free again", lock(fd, F_SETLKW, F_RDLCK, 10, 1));
    wait(NULL);
}

/* Locks of open files: two of one process are in each other's way; a copy is the same one. */
static void open_files(const char *path)
{
    int a = open(path, O_RDWR);
    int b = open(path, O_RDWR);
    int copy = dup(a);
    tell("a", lock(a, F_OFD_SETLK, F_WRLCK, 0, 4));
    tell("b", lock(b, F_OFD_SETLK, F_RDLCK, 3, 4));
    tell("copy of a", lock(copy, F_OFD_SETLK, F_RDLCK, 0, 4));
    tell("b shares", lock(b, F_OFD_SETLK, F_RDLCK, 3, 4));
    tell("the process's", lock(b, F_SETLK, F_WRLCK, 0, 1));
    struct flock found = range(F_WRLCK, SEEK_SET, 0, 1);
    tell("F_GETLK", fcntl(b, F_GETLK, &found));
    printf("  type %d, pid %d\n", found.l_type, (int)found.l_pid);
    close(a);
    tell("the copy holds it", lock(b, F_OFD_SETLK, F_WRLCK, 0, 1));
    close(copy);
    tell("gone with it", lock(b, F_OFD_SETLK, F_WRLCK, 0, 1));
    close(b);
}

static void whole_files(const char *path)
{
    int a = open(path, O_RDWR);
    int b = open(path, O_RDONLY);
    tell("flock shared", flock(a, LOCK_SH));
    tell("shared beside it", flock(b, LOCK_SH | LOCK_NB));
    tell("exclusive", flock(a, LOCK_EX | LOCK_NB));
    tell("unlock", flock(b, LOCK_UN));
    tell("exclusive", flock(a, LOCK_EX | LOCK_NB));
    tell("shared", flock(b, LOCK_SH | LOCK_NB));
    tell("record lock", lock(b, F_SETLK, F_RDLCK, 0, 0)); /* another kind */
    close(a);
    tell("shared", flock(b, LOCK_SH | LOCK_NB));
    tell("no such", flock(b, 3));
    close(b);
}

int main(void)
{
    char path[] = "/tmp/locksXXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || ftruncate(fd, 24) != 0)
        return 1;
    ranges(fd, path);
    modes(path);
    waits(fd, path);
    close(fd);
    open_files(path);
    whole_files(path);
    tell("closed", lock(fd, F_SETLK, F_RDLCK, 0, 1));
    tell("unlink", unlink(path));
    return 6;
}
