/* SPDX-License-Identifier: MIT */
/* Signals of every kind: sent, blocked, from exceptions, on another stack, interrupting calls. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int hits;
static volatile int alarms;
static sigjmp_buf back;
static char *volatile page;

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    hits++;
    printf("signal %d, code %d\n", number, info->si_code);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_addr == page) {
        mprotect(page, 4096, PROT_READ | PROT_WRITE);
        printf("repaired\n");
        return;
    }
    siglongjmp(back, number);
}

static void on_alarm(int number)
{
    (void)number;
    alarms++;
}

static void set(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | flags;
    sigaction(number, &action, NULL);
}

static void set_alarm(int flags)
{
    struct sigaction action;
    const struct itimerval timer = {{0, 0}, {0, 20000}};
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm;
    action.sa_flags = flags;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void send_and_block(void)
{
    sigset_t mask, old;
    set(SIGUSR1, on_signal, 0);
    set(SIGUSR2, on_signal, 0);
    raise(SIGUSR1);
    kill(getpid(), SIGUSR2);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigprocmask(SIG_BLOCK, &mask, &old);
    raise(SIGUSR1);
    printf("%d while blocked\n", hits);
    sigprocmask(SIG_SETMASK, &old, NULL);
    printf("%d afterwards\n", hits);
}

static void fault(void)
{
    static const int numbers[] = {SIGSEGV, SIGFPE, SIGILL, SIGTRAP};
    const stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
    volatile double kept = 1.5;
    sigaltstack(&stack, NULL);
    for (unsigned i = 0; i < 4; i++)
        set(numbers[i], on_fault, SA_ONSTACK);
    page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    page[0] = 'x';
    printf("page '%c'\n", page[0]);
    int number = sigsetjmp(back, 1);
    if (!number)
        *(volatile int *)8 = 1;
    printf("write to 8: signal %d\n", number);
    number = sigsetjmp(back, 1);
    if (!number)
        __asm__ volatile("xor %%ecx, %%ecx; mov $1, %%eax; cltd; idiv %%ecx" ::
                             : "eax", "ecx", "edx");
    printf("division by zero: signal %d\n", number);
    number = sigsetjmp(back, 1);
    if (!number)
        __asm__ volatile("ud2");
    printf("ud2: signal %d\n", number);
    number = sigsetjmp(back, 1);
    if (!number)
        __asm__ volatile("int3");
    printf("int3: signal %d; %d\n", number, (int)(kept * 2));
}

static void interrupt(void)
{
    int pipes[2];
    char byte = 0;
    if (pipe(pipes) != 0)
        exit(1);
    set_alarm(0);
    pause();
    printf("%d alarm\n", alarms);
    set_alarm(0);
    long size = read(pipes[0], &byte, 1);
    printf("read: %ld, %s\n", size, strerror(errno));
    pid_t child = fork();
    if (child == 0) {
        usleep(60000);
        _exit(write(pipes[1], "q", 1) != 1);
    }
    set_alarm(SA_RESTART);
    size = read(pipes[0], &byte, 1);
    printf("restarted read: %ld '%c', %d alarms\n", size, byte, alarms);
    waitpid(child, NULL, 0);
    close(pipes[0]);
    signal(SIGPIPE, SIG_IGN);
    size = write(pipes[1], "x", 1);
    printf("write to nobody: %ld, %s\n", size, strerror(errno));
}

static void end_children(void)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    kill(child, SIGTERM);
    waitpid(child, &status, 0);
    printf("ended by %d\n", WTERMSIG(status));
    child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        *(volatile int *)4 = 1;
    }
    waitpid(child, &status, 0);
    printf("ended by %d\n", WTERMSIG(status));
    child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        _exit(7);
    }
    waitpid(child, &status, WUNTRACED);
    printf("stopped %d\n", WIFSTOPPED(status));
    kill(child, SIGCONT);
    waitpid(child, &status, 0);
    printf("exit status %d\n", WEXITSTATUS(status));
}

int main(void)
{
    sigset_t mask;
    int number = 0;
    setvbuf(stdout, NULL, _IONBF, 0);
    send_and_block();
    fault();
    interrupt();
    end_children();
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    kill(getpid(), SIGUSR2);
    sigwait(&mask, &number);
    printf("waited for %d\n", number);
    kill(getpid(), SIGTERM);
    return 0;
}
