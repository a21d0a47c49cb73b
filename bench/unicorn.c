/* SPDX-License-Identifier: MIT */
/*
 * The peer: the same guests in Unicorn, as a program of its own, for Unicorn's licence is the GPL.
 *
 *     x64emu_bench_unicorn run GUEST ROUNDS     from the first instruction to the HLT
 *     x64emu_bench_unicorn step GUEST STEPS     one instruction a call
 *     x64emu_bench_unicorn hook GUEST STEPS     a hook of every instruction counts and then stops
 * it x64emu_bench_unicorn version
 *
 * Prints the nanoseconds that it took.
 */
#include "guests.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unicorn/unicorn.h>

static uint64_t now_ns(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Code, stack and data apart, with no more rights than they need. */
static const struct {
    uint64_t begin, size;
    uint32_t rights;
} mappings[] = {
    {BENCH_CODE, 0x1000, UC_PROT_READ | UC_PROT_EXEC},
    {BENCH_STACK - 0x10000, 0x10000, UC_PROT_READ | UC_PROT_WRITE},
    {BENCH_DATA, 0x100000, UC_PROT_READ | UC_PROT_WRITE},
};

static uc_err set_up(const struct bench_guest *guest, uint64_t rounds, uc_engine **out)
{
    uint64_t stack = BENCH_STACK;
    uc_err error = uc_open(UC_ARCH_X86, UC_MODE_64, out);
    for (size_t i = 0; error == UC_ERR_OK && i < sizeof mappings / sizeof mappings[0]; i++)
        error = uc_mem_map(*out, mappings[i].begin, mappings[i].size, mappings[i].rights);
    if (error == UC_ERR_OK)
        error = uc_mem_write(*out, BENCH_CODE, guest->begin, (size_t)(guest->end - guest->begin));
    if (error == UC_ERR_OK)
        error = uc_reg_write(*out, UC_X86_REG_RSP, &stack);
    if (error == UC_ERR_OK)
        error = uc_reg_write(*out, UC_X86_REG_RDI, &rounds);
    return error;
}

static uc_err run(const struct bench_guest *guest, uint64_t rounds, uint64_t *ns)
{
    uc_engine *engine;
    uc_err error = set_up(guest, rounds, &engine);
    if (error != UC_ERR_OK)
        return error;
    uint64_t halt = BENCH_CODE + (uint64_t)(guest->end - guest->begin) - 1;
    uint64_t rip = 0, left = rounds;
    uint64_t begin = now_ns();
    error = uc_emu_start(engine, BENCH_CODE, halt, 0, 0);
    *ns = now_ns() - begin;
    if (error == UC_ERR_OK)
        error = uc_reg_read(engine, UC_X86_REG_RIP, &rip);
    if (error == UC_ERR_OK)
        error = uc_reg_read(engine, UC_X86_REG_RDI, &left);
    if (error == UC_ERR_OK && (rip != halt || left != 0))
        error = UC_ERR_EXCEPTION; /* it did not do what it was measured for */
    (void)uc_close(engine);
    return error;
}

static uc_err step(const struct bench_guest *guest, uint64_t steps, uint64_t *ns)
{
    uc_engine *engine;
    uint64_t rip = BENCH_CODE;
    uc_err error = set_up(guest, UINT32_MAX, &engine);
    if (error != UC_ERR_OK)
        return error;
    uint64_t begin = now_ns();
    for (uint64_t i = 0; i < steps && error == UC_ERR_OK; i++) {
        error = uc_emu_start(engine, rip, 0, 0, 1);
        if (error == UC_ERR_OK)
            error = uc_reg_read(engine, UC_X86_REG_RIP, &rip);
    }
    *ns = now_ns() - begin;
    (void)uc_close(engine);
    return error;
}

struct counter {
    uint64_t left;
};

static void count_down(uc_engine *engine, uint64_t address, uint32_t size, void *user)
{
    struct counter *counter = user;
    (void)address;
    (void)size;
    if (--counter->left == 0)
        (void)uc_emu_stop(engine);
}

static uc_err hook(const struct bench_guest *guest, uint64_t steps, uint64_t *ns)
{
    uc_engine *engine;
    uc_hook handle;
    struct counter counter = {steps};
    uc_err error = set_up(guest, UINT32_MAX, &engine);
    if (error == UC_ERR_OK)
        error = uc_hook_add(engine, &handle, UC_HOOK_CODE, (void *)(uintptr_t)count_down, &counter,
                            1, 0);
    uint64_t begin = now_ns();
    if (error == UC_ERR_OK)
        error = uc_emu_start(engine, BENCH_CODE, 0, 0, 0);
    *ns = now_ns() - begin;
    (void)uc_close(engine);
    return error;
}

static const struct {
    const char *name;
    uc_err (*measure)(const struct bench_guest *guest, uint64_t count, uint64_t *ns);
} modes[] = {{"run", run}, {"step", step}, {"hook", hook}};

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        unsigned major, minor;
        (void)uc_version(&major, &minor);
        (void)printf("Unicorn %u.%u\n", major, minor);
        return 0;
    }
    const struct bench_guest *guest = argc == 4 ? bench_guest_find(argv[2]) : NULL;
    uint64_t ns = 0;
    for (size_t i = 0; guest && i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(modes[i].name, argv[1]) != 0)
            continue;
        uc_err error = modes[i].measure(guest, strtoull(argv[3], NULL, 10), &ns);
        if (error == UC_ERR_OK)
            (void)printf("%" PRIu64 "\n", ns);
        else
            (void)fprintf(stderr, "%s %s: %s\n", argv[1], argv[2], uc_strerror(error));
        return error == UC_ERR_OK ? 0 : 1;
    }
    (void)fprintf(stderr, "usage: %s run|step|hook GUEST COUNT\n", argv[0]);
    return 2;
}
