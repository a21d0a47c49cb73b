/* SPDX-License-Identifier: MIT */
/* Names, links, pairs of sockets, epoll, mremap and limits, in a directory of its own. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

static void tell(const char *what, long result)
{
    if (result < 0)
        printf("%s: %s\n", what, strerror(errno));
    else
        printf("%s: %ld\n", what, result);
}

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    tell(path, write(fd, text, strlen(text)));
    close(fd);
}

static void show(const char *path)
{
    char text[64] = "";
    struct stat status;
    int fd = open(path, O_RDONLY);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    tell(path, size);
    if (fd >= 0 && fstat(fd, &status) == 0)
        printf("  \"%s\", %ld names\n", text, (long)status.st_nlink);
    close(fd);
}

static void names(void)
{
    struct stat status;
    char target[16] = "";
    put("a", "one");
    tell("link", link("a", "b"));
    tell("link again", link("a", "b"));
    put("b", "of both");
    show("a");
    tell("unlink", unlink("a"));
    show("b");
    show("a");
    put("c", "other");
    tell("rename over", rename("c", "b"));
    show("b");
    tell("symlink", symlink("b", "s"));
    tell("readlink", readlink("s", target, sizeof target));
    tell("lstat", lstat("s", &status));
    printf("link %d\n", S_ISLNK(status.st_mode));
    tell("mkdir", mkdir("d", 0700));
    tell("mkdir again", mkdir("d", 0700));
    put("d/f", "inside");
    tell("rmdir", rmdir("d"));
    tell("rename directory", rename("d", "e"));
    show("e/f");
    tell("unlink directory", unlink("e"));
    tell("link directory", link("e", "g"));
    tell("O_DIRECTORY", open("b", O_RDONLY | O_DIRECTORY));
    tell("O_PATH and O_DIRECTORY", open("b", O_PATH | O_DIRECTORY));
    tell("O_NOFOLLOW", open("s", O_RDONLY | O_NOFOLLOW));
    int fd = open("s", O_PATH | O_NOFOLLOW);
    tell("read O_PATH", read(fd, target, 1));
    tell("fstat", fstat(fd, &status));
    printf("link %d\n", S_ISLNK(status.st_mode));
    close(fd);
    fd = open("b", O_RDWR);
    tell("unlink open file", unlink("b"));
    tell("write it", write(fd, "still", 5));
    tell("fstat it", fstat(fd, &status));
    printf("%ld names, %ld bytes\n", (long)status.st_nlink, (long)status.st_size);
    close(fd);
    show("s");
    tell("unlink", unlink("s") + unlink("e/f") + rmdir("e"));
}

static void sockets(void)
{
    int fd[2], type = 0;
    char text[16] = "";
    socklen_t size = sizeof type;
    struct stat status;
    tell("another family", socketpair(AF_INET, SOCK_STREAM, 0, fd));
    tell("pair", socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
    fstat(fd[0], &status);
    printf("socket %d, close on exec %d\n", S_ISSOCK(status.st_mode), fcntl(fd[1], F_GETFD));
    getsockopt(fd[0], SOL_SOCKET, SO_TYPE, &type, &size);
    tell("type", type);
    tell("nothing", recv(fd[0], text, 4, MSG_DONTWAIT));
    struct pollfd poll_fd = {fd[0], POLLIN | POLLOUT, 0};
    poll(&poll_fd, 1, 0);
    tell("poll", poll_fd.revents);
    fflush(stdout);
    if (fork() == 0) {
        close(fd[0]);
        tell("child reads", read(fd[1], text, sizeof text));
        tell("child sends", send(fd[1], "back", 4, 0));
        exit(0);
    }
    close(fd[1]);
    tell("send", send(fd[0], "forth", 5, MSG_NOSIGNAL));
    wait(NULL);
    tell("recv", recv(fd[0], text, sizeof text, 0));
    tell("end", read(fd[0], text, sizeof text));
    tell("broken", send(fd[0], "x", 1, MSG_NOSIGNAL));
    poll(&poll_fd, 1, 0);
    tell("poll", poll_fd.revents);
    close(fd[0]);
    socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
    tell("shutdown", shutdown(fd[0], SHUT_WR));
    tell("other end", read(fd[1], text, 1));
    tell("other way", write(fd[1], "ok", 2));
    tell("other way", read(fd[0], text, sizeof text));
    tell("not a socket", shutdown(1, SHUT_WR));
    tell("not open", send(99, "x", 1, 0));
    struct epoll_event event = {.events = EPOLLIN, .data.fd = 7}, got = {0};
    int epoll = epoll_create1(0);
    tell("epoll_ctl", epoll_ctl(epoll, EPOLL_CTL_ADD, fd[0], &event));
    tell("epoll_wait", epoll_wait(epoll, &got, 1, 0));
    tell("write", write(fd[1], "x", 1));
    tell("epoll_wait", epoll_wait(epoll, &got, 1, 100));
    tell("its data", got.data.fd);
    close(epoll);
    close(fd[0]);
    close(fd[1]);
}

static void mappings(void)
{
    char *base = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(base, "moved", sizeof "moved");
    base[PAGE] = 'n';
    char *to = base + 4 * PAGE;
    memcpy(to, "overwritten", sizeof "overwritten");
    void *moved = mremap(base, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    printf("mremap to the place %d: %s, %d\n", moved == to, to, to[PAGE]);
    tell("old place is gone", msync(base, PAGE, MS_ASYNC));
    moved = mremap(to, PAGE, PAGE, MREMAP_FIXED, base);
    tell("without MAYMOVE", moved == MAP_FAILED ? -1 : 0);
    moved = mremap(to, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE);
    tell("overlapping", moved == MAP_FAILED ? -1 : 0);
    moved = mremap(base, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    tell("from nowhere", moved == MAP_FAILED ? -1 : 0);
}

static void limit(int which, rlim_t value)
{
    struct rlimit limit;
    getrlimit(which, &limit);
    limit.rlim_cur = value;
    tell("setrlimit", setrlimit(which, &limit));
    getrlimit(which, &limit);
    printf("now %ld\n", (long)limit.rlim_cur);
}

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

static void limits(void)
{
    limit(RLIMIT_NOFILE, 5);
    int fd[4];
    for (int i = 0; i < 4; i++) {
        fd[i] = open("/dev/null", O_RDONLY);
        tell("open", fd[i]);
    }
    tell("dup2", dup2(0, 5));
    for (int i = 0; i < 4; i++)
        close(fd[i]);
    limit(RLIMIT_NOFILE, 64);
    signal(SIGXFSZ, on_signal);
    limit(RLIMIT_FSIZE, 10);
    fd[0] = open("big", O_WRONLY | O_CREAT, 0600);
    tell("write to the limit", write(fd[0], "0123456789abcdef", 16));
    tell("write beyond", write(fd[0], "x", 1));
    printf("signal %d\n", (int)caught);
    caught = 0;
    tell("ftruncate", ftruncate(fd[0], 11));
    printf("signal %d\n", (int)caught);
    close(fd[0]);
    tell("unlink", unlink("big"));
    limit(RLIMIT_FSIZE, RLIM_INFINITY);
    limit(RLIMIT_AS, 64 << 20);
    void *map = mmap(NULL, 128 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    tell("mmap", map == MAP_FAILED ? -1 : 0);
    limit(RLIMIT_AS, RLIM_INFINITY);
    struct rlimit more = {20, 10};
    tell("cur beyond max", setrlimit(RLIMIT_NOFILE, &more));
}

int main(void)
{
    char directory[] = "/tmp/filesXXXXXX";
    close_range(3, ~0U, 0); /* whatever came from the parent */
    if (!mkdtemp(directory) || chdir(directory) != 0)
        return 1;
    names();
    sockets();
    mappings();
    limits();
    tell("rmdir", rmdir(directory));
    return 4;
}
