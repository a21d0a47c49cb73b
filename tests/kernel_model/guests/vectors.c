/* SPDX-License-Identifier: MIT */
/* AVX2 and FMA in a program: results, registers across signals, preemption, fork and execve. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <immintrin.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define MAGIC1    0x46505853u
#define MAGIC2    0x46505845u
#define SOFTWARE  464
#define YMM_HIGH  576
#define SPINS     400000u
#define ROUND_UP  0x5f80u
#define ROUNDS_UP 0xb7fu

static volatile int handled;

static uint32_t word_at(const uint8_t *bytes, size_t offset)
{
    uint32_t word;
    memcpy(&word, bytes + offset, sizeof word);
    return word;
}

/* All sixteen registers := `value` in every byte. */
static void clobber(uint8_t value)
{
    const __m256i v = _mm256_set1_epi8((char)value);
    __asm__ volatile(
        "vmovdqa %0, %%ymm0\n\t"
        "vmovdqa %%ymm0, %%ymm1\n\tvmovdqa %%ymm0, %%ymm2\n\tvmovdqa %%ymm0, %%ymm3\n\t"
        "vmovdqa %%ymm0, %%ymm4\n\tvmovdqa %%ymm0, %%ymm5\n\tvmovdqa %%ymm0, %%ymm6\n\t"
        "vmovdqa %%ymm0, %%ymm7\n\tvmovdqa %%ymm0, %%ymm8\n\tvmovdqa %%ymm0, %%ymm9\n\t"
        "vmovdqa %%ymm0, %%ymm10\n\tvmovdqa %%ymm0, %%ymm11\n\tvmovdqa %%ymm0, %%ymm12\n\t"
        "vmovdqa %%ymm0, %%ymm13\n\tvmovdqa %%ymm0, %%ymm14\n\tvmovdqa %%ymm0, %%ymm15"
        :
        : "m"(v)
        : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
          "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

/* Looks at the frame, changes YMM7's high half in it, and ruins every register. */
static void on_usr(int number, siginfo_t *info, void *context)
{
    ucontext_t *user = context;
    uint8_t *area = (uint8_t *)user->uc_mcontext.fpregs;
    uint16_t control;
    uint32_t extended = word_at(area, SOFTWARE + 4);
    __asm__ volatile("fnstcw %0" : "=m"(control));
    (void)number;
    (void)info;
    printf("uc_flags %lx, magic %d %d, aligned %d\n", user->uc_flags,
           word_at(area, SOFTWARE) == MAGIC1, word_at(area, extended - 4) == MAGIC2,
           (uintptr_t)area % 64 == 0);
    printf("components %x, in use %x, saved control %x, mxcsr %x\n",
           word_at(area, SOFTWARE + 8) & 7, word_at(area, 512) & 7, word_at(area, 0) & 0xffff,
           word_at(area, 24));
    printf("in the handler: control %x, mxcsr %x\n", control, _mm_getcsr());
    memset(area + YMM_HIGH + 7 * 16, 0x77, 16);
    handled++;
    clobber(0xff);
}

static void on_alarm(int number)
{
    (void)number;
    handled++;
    clobber(0xaa);
    _mm_setcsr(0x1f80);
}

/* Registers set, `number` sent to ourselves by a bare system call, registers stored. */
static void across_signal(int number, uint8_t stored[16][32])
{
    uint8_t value[16][32];
    long result = SIGUSR1;
    for (int i = 0; i < 16; i++)
        for (int k = 0; k < 32; k++)
            value[i][k] = (uint8_t)(16 * i + k);
    pid_t self = getpid();
#define EACH(x) \
    x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7) x(8) x(9) x(10) x(11) x(12) x(13) x(14) x(15)
#define LOAD(n)  "vmovdqu 32*" #n "(%[from]), %%ymm" #n "\n\t"
#define STORE(n) "vmovdqu %%ymm" #n ", 32*" #n "(%[to])\n\t"
    __asm__ volatile(EACH(LOAD) "mov $62, %%eax\n\tsyscall\n\t" EACH(STORE)
                     : "=&a"(result)
                     : [from] "r"(value), [to] "r"(stored), "D"((long)self), "S"((long)number)
                     : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
                       "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
                       "xmm15");
}

static void signals(void)
{
    uint8_t stored[16][32];
    struct sigaction action;
    uint16_t control = ROUNDS_UP;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_usr;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGUSR1, &action, NULL);
    _mm_setcsr(ROUND_UP);
    __asm__ volatile("fldcw %0" : : "m"(control));
    across_signal(SIGUSR1, stored);
    __asm__ volatile("fnstcw %0\n\tfninit" : "=m"(control));
    printf("afterwards: control %x, mxcsr %x\n", control, _mm_getcsr());
    _mm_setcsr(0x1f80);
    for (int i = 0; i < 16; i++)
        printf("ymm%d %02x%02x %02x%02x\n", i, stored[i][0], stored[i][15], stored[i][16],
               stored[i][31]);
}

static double horizontal(__m256d v)
{
    double lane[4];
    _mm256_storeu_pd(lane, v);
    return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

/* A sum whose registers live across many interrupts. */
static double spin(double seed)
{
    __m256d sum = _mm256_setr_pd(seed, seed + 1, seed + 2, seed + 3);
    const __m256d scale = _mm256_set1_pd(0.999999), step = _mm256_set1_pd(seed / 3);
    for (unsigned i = 0; i < SPINS; i++)
        sum = _mm256_fmadd_pd(sum, scale, step);
    return horizontal(sum);
}

static void preempted(void)
{
    int ends[2];
    double sum = 0;
    const struct itimerval timer = {{0, 1000}, {0, 1000}}, none = {{0, 0}, {0, 0}};
    if (pipe(ends) != 0)
        exit(1);
    fflush(stdout);
    if (fork() == 0) {
        sum = spin(2.5);
        exit(write(ends[1], &sum, sizeof sum) != (ssize_t)sizeof sum);
    }
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm;
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
    double own = spin(1.25);
    setitimer(ITIMER_REAL, &none, NULL);
    for (size_t have = 0; have < sizeof sum;) {
        ssize_t got = read(ends[0], (char *)&sum + have, sizeof sum - have);
        have += got > 0 ? (size_t)got : 0;
    }
    wait(NULL);
    printf("%a %a\n", own, sum);
}

/* The upper halves as fork hands them on. */
static void forked(void)
{
    const __m256i before = _mm256_set1_epi16(0x5aa5);
    __m256i after;
    long pid;
    fflush(stdout);
    __asm__ volatile("vmovdqa %2, %%ymm9\n\tsyscall\n\tvmovdqa %%ymm9, %1"
                     : "=a"(pid), "=m"(after)
                     : "m"(before), "0"(57L)
                     : "rcx", "r11", "memory", "xmm9");
    int same = _mm256_movemask_epi8(_mm256_cmpeq_epi8(before, after)) == -1;
    if (pid == 0)
        _exit(same ? 11 : 12);
    int status = 0;
    waitpid((pid_t)pid, &status, 0);
    printf("fork: parent %d, child %d\n", same, WEXITSTATUS(status));
}

static void strings(void)
{
    static char from[5000], to[5000];
    for (unsigned i = 0; i < sizeof from - 1; i++)
        from[i] = (char)('a' + i * 7 % 26);
    for (size_t size = 1; size < sizeof from; size = size * 3 + 5) {
        memset(to, 0, sizeof to);
        memcpy(to + size % 7, from + size % 5, sizeof from - 1 - size);
        memmove(to + 3, to, size);
        printf("%zu %zu %d\n", size, strlen(to + 8), memcmp(to, from, size) > 0);
    }
}

static void enabled(void)
{
    unsigned a, b, c, d, low, high;
    __cpuid(1, a, b, c, d);
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    printf("osxsave %d, avx %d, fma %d, xcr0 %x\n", (c & bit_OSXSAVE) != 0, (c & bit_AVX) != 0,
           (c & bit_FMA) != 0, low & 7);
}

/* The next program tells by its status whether it began with nothing of ours. */
static void replaced(const char *program)
{
    fflush(stdout);
    clobber(0x42);
    _mm_setcsr(ROUND_UP);
    execl(program, program, (char *)NULL);
}

int main(int argc, char **argv)
{
    enabled();
    signals();
    forked();
    preempted();
    strings();
    if (argc > 1)
        replaced(argv[1]);
    return 3;
}
