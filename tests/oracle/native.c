/* SPDX-License-Identifier: MIT */
#include "oracle/native.h"

#include "oracle/states.h"

#include <cpuid.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 10000 /* for one batch: far more than a loaded machine needs */
#define INT3        0xcc

#define HWCAP2_FSGSBASE (1ul << 1)

/* x87, SSE and, where the host's kernel enables them, AVX and AVX-512. */
static uint32_t host_extended_mask(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid_count(0xd, 0, &a, &b, &c, &d))
        return 3;
    return a & ((a & ORACLE_AVX512) == ORACLE_AVX512 ? ORACLE_AVX512 | 7 : 7);
}

static uint32_t component_offset(unsigned component)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(0xd, component, &a, &b, &c, &d) ? b : 0;
}

/* False where the state does not fit. */
static bool find_layout(struct oracle_shared *shared)
{
    if (!(shared->extended_mask & ORACLE_AVX512))
        return true;
    shared->layout = (struct oracle_layout){.opmask = component_offset(5),
                                            .zmm_high = component_offset(6),
                                            .zmm_more = component_offset(7)};
    return shared->layout.opmask + 64 <= ORACLE_EXTENDED_SIZE &&
           shared->layout.zmm_high + 512 <= ORACLE_EXTENDED_SIZE &&
           shared->layout.zmm_more + 1024 <= ORACLE_EXTENDED_SIZE;
}

static void exec_runner(const struct oracle_native *native, int in, int out)
{
    char memory[16];
    snprintf(memory, sizeof memory, "%d", native->memory);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    execl(native->program, native->program, memory, (char *)NULL);
    perror(native->program);
    _exit(127);
}

static bool start_runner(struct oracle_native *native)
{
    int to[2], from[2];
    if (pipe(to) || pipe(from))
        return false;
    native->runner = fork();
    if (native->runner == 0) {
        close(to[1]);
        close(from[0]);
        exec_runner(native, to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
    native->to_runner = to[1];
    native->from_runner = from[0];
    return native->runner > 0;
}

static void stop_runner(struct oracle_native *native)
{
    close(native->to_runner);
    close(native->from_runner);
    if (native->runner > 0) {
        kill(native->runner, SIGKILL);
        waitpid(native->runner, NULL, 0);
    }
    native->runner = -1;
}

struct oracle_native *oracle_native_create(const char *program)
{
    struct oracle_native *native = calloc(1, sizeof *native);
    if (!native)
        return NULL;
    signal(SIGPIPE, SIG_IGN);
    native->program = program;
    native->memory = memfd_create("oracle", 0);
    if (native->memory < 0 || ftruncate(native->memory, sizeof(struct oracle_shared))) {
        perror("oracle: shared memory");
        free(native);
        return NULL;
    }
    native->shared = mmap(NULL, sizeof(struct oracle_shared), PROT_READ | PROT_WRITE, MAP_SHARED,
                          native->memory, 0);
    if (native->shared == MAP_FAILED) {
        perror("oracle: shared memory");
        free(native);
        return NULL;
    }
    oracle_fill_pristine(native->shared->pristine);
    memcpy(native->shared->data, native->shared->pristine, ORACLE_DATA_SIZE);
    native->shared->extended_mask = host_extended_mask();
    if (!find_layout(native->shared))
        native->shared->extended_mask &= ~ORACLE_AVX512;
    native->shared->tame = !(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE);
    if (!start_runner(native)) {
        perror("oracle: cannot start the runner");
        oracle_native_destroy(native);
        return NULL;
    }
    return native;
}

void oracle_native_destroy(struct oracle_native *native)
{
    if (!native)
        return;
    stop_runner(native);
    munmap(native->shared, sizeof(struct oracle_shared));
    close(native->memory);
    free(native);
}

/* The instruction, then a jump through the quadword at ARENA_RETURN. */
static void write_code(struct oracle_shared *shared, const struct oracle_case *c)
{
    size_t at = c->before.rip - ORACLE_ARENA_CODE;
    size_t room = ORACLE_CODE_SIZE - at;
    memcpy(shared->code + at, c->bytes, c->length < room ? c->length : room);
    if (c->length + 6 > room)
        return;
    uint8_t jump[6] = {0xff, 0x25};
    uint32_t distance = (uint32_t)(ORACLE_ARENA_RETURN - (c->before.rip + c->length + sizeof jump));
    memcpy(jump + 2, &distance, sizeof distance);
    memcpy(shared->code + at + c->length, jump, sizeof jump);
}

static bool set_to_work(struct oracle_native *native, uint32_t first, uint32_t count)
{
    native->shared->first = first;
    native->shared->count = count;
    native->shared->current = first;
    return write(native->to_runner, "", 1) == 1;
}

bool oracle_native_start(struct oracle_native *native, unsigned count)
{
    struct oracle_shared *shared = native->shared;
    memset(shared->code, INT3, sizeof shared->code);
    for (unsigned i = 0; i < count; i++) {
        shared->results[i].outcome = ORACLE_NOT_RUN;
        write_code(shared, &shared->cases[i]);
    }
    return set_to_work(native, 0, count);
}

static bool runner_answered(const struct oracle_native *native)
{
    struct pollfd answer = {.fd = native->from_runner, .events = POLLIN};
    int ready;
    do
        ready = poll(&answer, 1, PATIENCE_MS);
    while (ready < 0 && errno == EINTR);
    char byte;
    return ready == 1 && read(native->from_runner, &byte, 1) == 1;
}

bool oracle_native_wait(struct oracle_native *native)
{
    struct oracle_shared *shared = native->shared;
    while (!runner_answered(native)) {
        uint32_t end = shared->first + shared->count;
        uint32_t culprit = shared->current;
        stop_runner(native);
        native->crashes++;
        if (culprit >= end)
            return false;
        shared->results[culprit].outcome = ORACLE_CRASHED;
        memcpy(shared->data, shared->pristine, ORACLE_DATA_SIZE);
        if (!start_runner(native))
            return false;
        if (!set_to_work(native, culprit + 1, end - culprit - 1))
            return false;
    }
    return true;
}

bool oracle_native_repeat(struct oracle_native *native, unsigned number)
{
    native->shared->results[number].outcome = ORACLE_NOT_RUN;
    return set_to_work(native, number, 1) && oracle_native_wait(native);
}
