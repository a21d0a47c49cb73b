/* SPDX-License-Identifier: MIT */
/*
 * The native runner: a program of its own, so that neither a sanitizer's memory nor the test's heap
 * stands where a case's wild address may point. Argument: the file descriptor of the shared memory.
 * Executes each case of a batch on the host CPU and survives whatever exception it raises.
 */
#include "oracle/protocol.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define HWCAP2_FSGSBASE (1ul << 1)
#define VECTOR_DB       1u
#define VECTOR_BP       3u
#define VECTOR_PF       14u
#define PF_INSTRUCTION  0x10u
#define USER_CS         0x33u
#define USER_DS         0x2bu
#define RESUME_FLAG     (UINT64_C(1) << 16)
#define STATE_SIZE      2880u

_Static_assert(offsetof(struct oracle_state, rip) == 128, "native_run.S knows the offsets");
_Static_assert(offsetof(struct oracle_state, fs_base) == 144, "native_run.S knows the offsets");
_Static_assert(offsetof(struct oracle_state, extended) == 192, "native_run.S knows the offsets");
_Static_assert(sizeof(struct oracle_state) == STATE_SIZE, "native_run.S knows the size");

/* native_run.S */
void native_run(void);
void native_return(void);
void native_finish(void);
void native_signal_entry(int number, siginfo_t *info, void *context);
void native_signal(int number, siginfo_t *info, void *context);
extern struct oracle_state native_in;
extern struct oracle_state native_out;
extern uint64_t native_host_rsp;
extern uint64_t native_host_fs;
extern uint64_t native_extended_mask;
extern bool native_keep_books; /* tell the kernel of FS and GS bases */

static struct oracle_result *result; /* of the case being run; null between cases */
static uint64_t case_rip;
static uint64_t case_end;
static bool kernel_keeps_books;

static void copy_registers(struct oracle_state *state, const greg_t *saved)
{
    static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                  REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15};
    for (unsigned i = 0; i < 16; i++)
        state->gpr[i] = (uint64_t)saved[order[i]];
    state->rflags = (uint64_t)saved[REG_EFL];
    state->selector[1] = (uint16_t)saved[REG_CSGSFS];
    state->selector[2] = (uint16_t)((uint64_t)saved[REG_CSGSFS] >> 48);
}

/* Says what the exception means: the instruction's own, or the trap behind a completed one. */
static void note_exception(const greg_t *saved)
{
    uint64_t rip = (uint64_t)saved[REG_RIP];
    uint32_t vector = (uint32_t)saved[REG_TRAPNO];
    uint32_t error_code = (uint32_t)saved[REG_ERR];
    bool own = rip == case_rip;
    result->vector = ORACLE_NO_VECTOR;
    native_out.rip = rip;
    if (vector == VECTOR_BP && rip != case_end) {
        native_out.rip = rip - 1; /* landed on a pad */
    } else if (vector == VECTOR_DB && rip == (uint64_t)(uintptr_t)native_return) {
        native_out.rip = case_end; /* TF was loaded: the trap follows the jump behind the case */
    } else if (vector == VECTOR_PF && (error_code & PF_INSTRUCTION) && !own) {
        native_out.rflags &= ~RESUME_FLAG; /* branched to where nothing can be fetched */
    } else {
        result->vector = vector;
        result->error_code = error_code;
        result->cr2 = vector == VECTOR_PF ? (uint64_t)saved[REG_CR2] : 0;
    }
}

void native_signal(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    ucontext_t *interrupted = context;
    greg_t *saved = interrupted->uc_mcontext.gregs;
    if (!result)
        _exit(3);
    copy_registers(&native_out, saved);
    note_exception(saved);
    saved[REG_RIP] = (greg_t)(uintptr_t)native_finish;
    saved[REG_RSP] = (greg_t)native_host_rsp;
    saved[REG_EFL] = 0x202;
    /* A far branch may have left 64-bit mode: CS and SS as Linux gives them to a process. */
    saved[REG_CSGSFS] = (greg_t)(USER_CS | (uint64_t)USER_DS << 48);
}

static void apply_patches(struct oracle_shared *shared, const struct oracle_case *c)
{
    for (unsigned i = 0; i < ORACLE_PATCHES; i++)
        memcpy(shared->data + c->patch[i].offset, c->patch[i].bytes, c->patch[i].size);
}

/* Keeps the lines that differ from the pristine data and makes them pristine again. */
static void collect_changes(struct oracle_shared *shared, struct oracle_result *r)
{
    r->changed_count = 0;
    for (uint32_t page = 0; page < ORACLE_DATA_PAGES; page++) {
        uint32_t start = page * ORACLE_PAGE;
        if (memcmp(shared->data + start, shared->pristine + start, ORACLE_PAGE) == 0)
            continue;
        for (uint32_t at = start; at < start + ORACLE_PAGE; at += ORACLE_LINE) {
            if (memcmp(shared->data + at, shared->pristine + at, ORACLE_LINE) == 0)
                continue;
            if (r->changed_count < ORACLE_CHANGED_LINES) {
                r->changed[r->changed_count] = (uint16_t)(at / ORACLE_LINE);
                memcpy(r->line[r->changed_count], shared->data + at, ORACLE_LINE);
            }
            r->changed_count++;
            memcpy(shared->data + at, shared->pristine + at, ORACLE_LINE);
        }
    }
}

static void run_once(struct oracle_shared *shared, uint32_t number)
{
    const struct oracle_case *c = &shared->cases[number];
    struct oracle_result *r = &shared->results[number];
    apply_patches(shared, c);
    memcpy(&native_in, &c->before, sizeof native_in);
    case_rip = c->before.rip;
    case_end = case_rip + c->length;
    r->vector = ORACLE_NO_VECTOR;
    r->error_code = 0;
    r->cr2 = 0;
    native_out.rip = case_end;
    result = r;
    native_run();
    result = NULL;
    memcpy(&r->after, &native_out, sizeof native_out);
    collect_changes(shared, r);
}

/* Where the kernel keeps books of FS and GS bases, to tell it of them takes longer than the case.
 * So it is told only when a base is not what it was: the instruction changed it, or a switch of
 * tasks did, and nothing of that run counts. */
static void run_case(struct oracle_shared *shared, uint32_t number)
{
    const struct oracle_case *c = &shared->cases[number];
    struct oracle_result *r = &shared->results[number];
    shared->current = number;
    native_keep_books = false;
    run_once(shared, number);
    if (kernel_keeps_books &&
        (r->after.fs_base != c->before.fs_base || r->after.gs_base != c->before.gs_base)) {
        native_keep_books = true;
        run_once(shared, number);
    }
    r->outcome = ORACLE_RAN;
}

static void *map_at(uint64_t address, size_t size, int protection, int fd, size_t offset)
{
    /* A fixed linear address is what the arena is about. */
    void *wanted = (void *)(uintptr_t)address;
    void *got =
        mmap(wanted, size, protection,
             MAP_SHARED | MAP_POPULATE | (address ? MAP_FIXED_NOREPLACE : 0), fd, (off_t)offset);
    if (got == MAP_FAILED || (address && got != wanted)) {
        perror("oracle_native: cannot map the arena");
        exit(EXIT_FAILURE);
    }
    return got;
}

static struct oracle_shared *map_arena(int fd)
{
    const int rw = PROT_READ | PROT_WRITE;
    const size_t code = offsetof(struct oracle_shared, code);
    const size_t trampoline = offsetof(struct oracle_shared, trampoline);
    map_at(ORACLE_ARENA_DATA, 2 * ORACLE_PAGE, rw, fd, 0);
    map_at(ORACLE_ARENA_DATA + 2 * ORACLE_PAGE, ORACLE_PAGE, PROT_READ, fd, 2 * ORACLE_PAGE);
    map_at(ORACLE_ARENA_HIGH, ORACLE_PAGE, rw, fd, 3 * ORACLE_PAGE);
    map_at(ORACLE_ARENA_CODE, ORACLE_CODE_SIZE, PROT_READ | PROT_EXEC, fd, code);
    map_at(ORACLE_ARENA_RETURN, ORACLE_PAGE, PROT_READ | PROT_EXEC, fd, trampoline);
    return map_at(0, sizeof(struct oracle_shared), rw, fd, 0);
}

static void catch_signals(void)
{
    static uint8_t stack[1 << 17] __attribute__((aligned(64)));
    static const int caught[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternate, NULL);
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++) {
        struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
        action.sa_sigaction = native_signal_entry;
        sigaction(caught[i], &action, NULL);
    }
}

/* The kernel says so; or it hides the bit in CR4 that it, or a hypervisor below it, has set. */
static bool has_fsgsbase(void)
{
    if (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE)
        return true;
    kernel_keeps_books = true;
    pid_t child = fork();
    if (child == 0) {
        __asm__ volatile("rdfsbase %%rax" ::: "rax");
        _exit(0);
    }
    int status = 1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int main(int argc, char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc != 2 || !has_fsgsbase()) {
        fprintf(stderr, "oracle_native: started by the oracle only; needs FSGSBASE and XSAVE\n");
        return EXIT_FAILURE;
    }
    struct oracle_shared *shared = map_arena((int)strtol(argv[1], NULL, 10));
    const uint64_t landing = (uint64_t)(uintptr_t)native_return;
    memcpy(shared->trampoline, &landing, sizeof landing);
    native_extended_mask = shared->extended_mask;
    __asm__ volatile("rdfsbase %0" : "=r"(native_host_fs));
    catch_signals();
    char byte;
    while (read(STDIN_FILENO, &byte, 1) == 1) {
        for (uint32_t i = 0; i < shared->count; i++)
            run_case(shared, shared->first + i);
        if (write(STDOUT_FILENO, &byte, 1) != 1)
            break;
    }
    return EXIT_SUCCESS;
}
