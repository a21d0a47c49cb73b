/* SPDX-License-Identifier: MIT */
/* One process waits for the console, in read, poll and select, while another goes on. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void say(const char *text)
{
    if (write(1, text, strlen(text)) < 0)
        _exit(9);
}

/* Something to do that takes some ticks. */
static void count(void)
{
    for (int i = 0; i < 3; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        say("tick\n");
    }
    _exit(0);
}

int main(void)
{
    char text[32];
    char line[64];
    struct pollfd input = {.fd = 0, .events = POLLIN};
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(0);
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event);
    (void)snprintf(line, sizeof line, "poll %d\n", poll(&input, 1, 20));
    say(line);
    fcntl(0, F_SETFL, O_NONBLOCK);
    ssize_t size = read(0, text, sizeof text);
    (void)snprintf(line, sizeof line, "read %zd %s\n", size, errno == EAGAIN ? "EAGAIN" : "");
    say(line);
    fcntl(0, F_SETFL, 0);
    if (fork() == 0)
        count();
    size = read(0, text, sizeof text);
    (void)snprintf(line, sizeof line, "got %.*s\n", (int)size, text);
    say(line);
    wait(NULL);
    (void)snprintf(line, sizeof line, "epoll %d\n", epoll_wait(epoll, &event, 1, -1));
    say(line);
    size = read(0, text, sizeof text);
    (void)snprintf(line, sizeof line, "then %.*s\n", (int)size, text);
    say(line);
    return 4;
}
