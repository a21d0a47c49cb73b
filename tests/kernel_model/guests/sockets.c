/* SPDX-License-Identifier: MIT */
/*
 * Sockets with names, open files on their way through them, FIFOs, timers, locks and shared
 * mappings, between processes, in a directory of its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void tell(const char *what, long result)
{
    if (result < 0)
        printf("%s: %s\n", what, strerror(errno));
    else
        printf("%s: %ld\n", what, result);
    fflush(stdout);
}

static struct sockaddr_un name_of(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strncpy(name.sun_path, path, sizeof name.sun_path - 1);
    return name;
}

static int bound(int type, const char *path)
{
    struct sockaddr_un name = name_of(path);
    int fd = socket(AF_UNIX, type, 0);
    tell(path, bind(fd, (struct sockaddr *)&name, sizeof name));
    return fd;
}

static int connected(int type, const char *path)
{
    struct sockaddr_un name = name_of(path);
    int fd = socket(AF_UNIX, type, 0);
    tell("connect", connect(fd, (struct sockaddr *)&name, sizeof name));
    return fd;
}

/* One byte, and a descriptor with it. */
static long send_file(int socket, int fd)
{
    char byte = 'f';
    struct iovec part = {&byte, 1};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {0};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return sendmsg(socket, &message, 0);
}

static int receive_file(int socket)
{
    char bytes[8];
    int fd = -1;
    struct iovec part = {bytes, sizeof bytes};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(4 * sizeof fd)];
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    tell("recvmsg", recvmsg(socket, &message, MSG_CMSG_CLOEXEC));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    printf("flags %x, control %s\n", message.msg_flags, header ? "given" : "none");
    if (header)
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

/* The child connects, sends the writing end of a pipe and some bytes, and ends. */
static void streams(void)
{
    char bytes[32] = "";
    int listener = bound(SOCK_STREAM, "stream");
    int pipes[2];
    tell("bound again", bind(listener, (struct sockaddr *)&(struct sockaddr_un){0}, 110));
    connected(SOCK_STREAM, "stream");
    tell("listen", listen(listener, 3));
    fflush(stdout);
    if (fork() == 0) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        struct sockaddr_un name = name_of("stream");
        if (connect(fd, (struct sockaddr *)&name, sizeof name) != 0 || pipe(pipes) != 0)
            _exit(1);
        send_file(fd, pipes[1]);
        send(fd, "bytes", 5, 0);
        close(pipes[1]);
        long got = read(pipes[0], bytes, sizeof bytes);
        _exit(got == 7 && strcmp(bytes, "through") == 0 ? 7 : 2);
    }
    int fd = accept(listener, NULL, NULL);
    int file = receive_file(fd);
    tell("through the pipe", write(file, "through", 7));
    tell("the bytes", recv(fd, bytes, sizeof bytes, MSG_WAITALL));
    printf("\"%.5s\"\n", bytes);
    int status;
    wait(&status);
    tell("child", WEXITSTATUS(status));
    signal(SIGPIPE, SIG_IGN);
    tell("to nobody", write(fd, "x", 1));
    tell("MSG_NOSIGNAL", send(socket(AF_UNIX, SOCK_STREAM, 0), "x", 1, MSG_NOSIGNAL));
}

static void datagrams(void)
{
    char bytes[16] = "";
    struct sockaddr_un from;
    socklen_t size = sizeof from;
    int to = bound(SOCK_DGRAM, "datagrams");
    int fd = bound(SOCK_DGRAM, "sender");
    struct sockaddr_un name = name_of("datagrams");
    tell("sendto", sendto(fd, "first", 5, 0, (struct sockaddr *)&name, sizeof name));
    tell("connect", connect(fd, (struct sockaddr *)&name, sizeof name));
    tell("send", send(fd, "the second", 10, 0));
    tell("recvfrom", recvfrom(to, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size));
    printf("%.5s from %s\n", bytes, from.sun_path);
    tell("cut", recv(to, bytes, 3, MSG_TRUNC));
    tell("empty", recv(to, bytes, 3, MSG_DONTWAIT));
    close(to);
    tell("to a closed one", send(fd, "x", 1, 0));
    int pair[2];
    tell("seqpacket", socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
    send(pair[0], "ab", 2, 0);
    send(pair[0], "cde", 3, 0);
    tell("packet", read(pair[1], bytes, sizeof bytes));
    tell("packet", read(pair[1], bytes, sizeof bytes));
    close(pair[0]);
    tell("end", read(pair[1], bytes, sizeof bytes));
}

static void fifos(void)
{
    char bytes[16] = "";
    struct stat status;
    tell("mkfifo", mkfifo("fifo", 0640));
    tell("mkfifo again", mkfifo("fifo", 0640));
    stat("fifo", &status);
    printf("mode %o\n", status.st_mode);
    tell("no reader", open("fifo", O_WRONLY | O_NONBLOCK));
    fflush(stdout);
    if (fork() == 0) {
        int fd = open("fifo", O_WRONLY);
        _exit(write(fd, "by name", 7) == 7 ? 0 : 1);
    }
    int fd = open("fifo", O_RDONLY);
    tell("read", read(fd, bytes, sizeof bytes));
    tell("end", read(fd, bytes, sizeof bytes));
    wait(NULL);
    printf("\"%s\"\n", bytes);
    unlink("fifo");
    tell("gone", open("fifo", O_RDONLY));
}

/* Each pair is on its way through itself when it is closed: nobody can have it any more. */
static void circles(void)
{
    int made = 0;
    int ends[2];
    for (; made < 200 && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0; made++) {
        if (send_file(ends[0], ends[1]) < 0 || send_file(ends[1], ends[0]) < 0)
            break;
        close(ends[0]);
        close(ends[1]);
    }
    tell("circles", made);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    alarms += info->si_code == SI_TIMER ? info->si_value.sival_int : 100;
}

static void timers(void)
{
    timer_t timer;
    uint64_t count = 0;
    struct sigaction action = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO};
    struct sigevent event = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 5};
    struct itimerspec once = {.it_value.tv_nsec = 10000000};
    struct itimerspec often = {.it_value.tv_nsec = 1000000, .it_interval.tv_nsec = 1000000};
    sigaction(SIGUSR1, &action, NULL);
    tell("timer_create", timer_create(CLOCK_MONOTONIC, &event, &timer));
    tell("timer_settime", timer_settime(timer, 0, &once, NULL));
    while (!alarms)
        pause();
    tell("value", alarms);
    tell("timer_delete", timer_delete(timer));
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    tell("not armed", read(fd, &count, sizeof count));
    timerfd_settime(fd, 0, &often, NULL);
    struct pollfd poll_for = {.fd = fd, .events = POLLIN};
    tell("poll", poll(&poll_for, 1, 10000));
    tell("read", read(fd, &count, sizeof count));
    printf("expired %s\n", count >= 1 ? "once at least" : "never");
}

static void locks_and_memory(void)
{
    int fd = open("file", O_RDWR | O_CREAT, 0600);
    int other = open("file", O_RDWR);
    char bytes[8] = "";
    tell("lock", flock(fd, LOCK_EX));
    tell("another", flock(other, LOCK_SH | LOCK_NB));
    close(fd);
    tell("then", flock(other, LOCK_SH | LOCK_NB));
    tell("pwrite", pwrite(other, "0123456789", 10, 0));
    char *first = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
    char *second = mmap(NULL, 4096, PROT_READ, MAP_SHARED, other, 0);
    first[1] = 'A';
    pread(other, bytes, 4, 0);
    printf("\"%.4s\" \"%.4s\"\n", second, bytes);
    pwrite(other, "zz", 2, 2);
    printf("\"%.5s\" \"%.5s\"\n", first, second);
    int unnamed = memfd_create("unnamed", MFD_CLOEXEC);
    tell("ftruncate", ftruncate(unnamed, 4096));
    char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, unnamed, 0);
    memory[0] = 'm';
    tell("read", read(unnamed, bytes, 1));
    printf("\"%c\"\n", bytes[0]);
}

/* A file that becomes longer and shorter under a mapping, and one that may not be written to. */
static void lengths_and_modes(void)
{
    char text[9] = {0};
    int fd = open("length", O_RDWR | O_CREAT, 0600);
    int other = open("length", O_RDONLY);
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    tell("longer", ftruncate(fd, 8));
    memset(page, 'l', 8);
    tell("mprotect", mprotect(page, 8192, PROT_READ));
    tell(text, pread(other, text, 8, 0));
    tell("shorter", ftruncate(fd, 4));
    tell("munmap", munmap(page, 8192));
    tell("end", lseek(fd, 0, SEEK_END));
    tell("pwrite", pwrite(other, "x", 1, 0));
    page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, other, 0);
    tell("mprotect", mprotect(page, 4096, PROT_READ | PROT_WRITE));
    tell("ftruncate", ftruncate(open("length", O_PATH | O_RDWR), 0));
    int named = open("#unnamed", O_RDWR | O_CREAT, 0600);
    tell("named", write(named, "name", 4));
    tell("O_TMPFILE", open(".", O_TMPFILE | O_RDWR, 0600) >= 0);
    tell("its length", lseek(open("#unnamed", O_RDONLY), 0, SEEK_END));
}

static void *wait_for_ever(void *unused)
{
    (void)unused;
    for (;;)
        pause();
}

/* A process with threads becomes another program, under its own number. */
static void exec_with_threads(char *self)
{
    pthread_t thread;
    char number[16];
    (void)snprintf(number, sizeof number, "%d", getpid());
    fflush(stdout);
    pthread_create(&thread, NULL, wait_for_ever, NULL);
    execl("/proc/self/exe", self, number, (char *)NULL);
    tell("execl", -1);
}

int main(int argc, char **argv)
{
    char place[] = "/tmp/socketsXXXXXX";
    if (argc > 1) {
        printf("the same process: %d\n", strtol(argv[1], NULL, 10) == getpid());
        return 3;
    }
    if (!mkdtemp(place) || chdir(place) != 0)
        return 1;
    alarm(60);
    tell("AF_INET pair", socketpair(AF_INET, SOCK_STREAM, 0, (int[2]){0}));
    streams();
    datagrams();
    circles();
    fifos();
    timers();
    locks_and_memory();
    lengths_and_modes();
    exec_with_threads(argv[0]);
    return 2;
}
