/* SPDX-License-Identifier: MIT */
/*
 * A timer interrupt and an NMI at every step of a system call, from the user's instruction to the
 * one it returns to, on every era and its sets of mitigations: the program sees nothing of it. The
 * interrupt waits while IF is clear; the NMI does not, and comes with the user's RSP, GS and CR3
 * still there. The calls are the demo's: a getpid, and a write, which faults its buffer in while it
 * is made; 32-bit eras make them in compatibility mode, by INT 0x80 and by SYSENTER.
 */
#include "kernel_model/guest.h"
#include "kernel_model/kernels.h"
#include "machine.h"

#include "support/suite.h"

#include <string.h>

#define IF             0x200u
#define SPEC_CTRL      0x48u
#define KERNEL_GS_BASE 0xc0000102u

/* No call takes as many steps, no handler either. */
#define STEPS_MAX   1000u
#define HANDLER_MAX 1000u

static const struct row {
    const char *entry;
    const char *mitigations;
} rows[] = {
    {"int80", "none"},
    {"sysenter", "none"},
    {"4.9", "none"},
    {"4.15", "none"},
    {"4.15", "pti,pcid,retpoline"},
    {"4.16", "none"},
    {"4.16", "pti,pcid,retpoline"},
    {"4.18", "none"},
    {"4.18", "pti,pcid,retpoline"},
    {"5.4", "none"},
    {"5.4", "pti,pcid,retpoline,verw"},
    {"6.1", "none"},
    {"6.1", "pti"},
    {"6.1", "pti,pcid,ibrs,retpoline,verw"},
};

/* What the program sees when the call is done. */
struct result {
    struct x64_registers registers;
    uint64_t kernel_gs_base, spec_ctrl;
};

static void raise_timer(struct x64_machine *machine)
{
    x64i_pic_set_line(&machine->platform.pic, 0, false);
    x64i_pic_set_line(&machine->platform.pic, 0, true);
}

static void raise_nmi(struct x64_machine *machine)
{
    machine->cpu.s.nmi_pending = 1;
}

static bool timer_waits(const struct x64_machine *machine)
{
    return x64i_pic_output(&machine->platform.pic);
}

static bool nmi_waits(const struct x64_machine *machine)
{
    return machine->cpu.s.nmi_pending;
}

/* What comes in between. */
static const struct kind {
    const char *name;
    void (*raise)(struct x64_machine *machine);
    bool (*waits)(const struct x64_machine *machine);
    bool masked; /* by IF */
    unsigned jiffies;
} kinds[] = {
    {"timer interrupt", raise_timer, timer_waits, true, 1},
    {"NMI", raise_nmi, nmi_waits, false, 0},
};

static struct x64_registers registers_of(struct x64_machine *machine)
{
    struct x64_registers registers;
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    return registers;
}

static void run(struct x64_machine *machine, unsigned steps)
{
    ck_assert_int_eq(x64_run(machine, steps, NULL), X64_OK);
}

static struct x64_machine *fork_of(struct x64_machine *machine)
{
    struct x64_machine *fork;
    ck_assert_int_eq(x64_fork(machine, NULL, &fork), X64_OK);
    return fork;
}

static struct result result_of(struct x64_machine *machine)
{
    struct result result = {.registers = registers_of(machine)};
    ck_assert_int_eq(x64_msr_read(machine, KERNEL_GS_BASE, &result.kernel_gs_base), X64_OK);
    ck_assert_int_eq(x64_msr_read(machine, SPEC_CTRL, &result.spec_ctrl), X64_OK);
    return result;
}

static bool same_segments(const struct x64_registers *a, const struct x64_registers *b)
{
    for (unsigned i = 0; i < X64_SEGMENT_COUNT; i++)
        if (a->segment[i].selector != b->segment[i].selector ||
            a->segment[i].attributes != b->segment[i].attributes ||
            a->segment[i].limit != b->segment[i].limit || a->segment[i].base != b->segment[i].base)
            return false;
    return true;
}

static bool same(const struct result *x, const struct result *y)
{
    const struct x64_registers *a = &x->registers;
    const struct x64_registers *b = &y->registers;
    return memcmp(a->gpr, b->gpr, sizeof a->gpr) == 0 && a->rip == b->rip &&
           a->rflags == b->rflags && a->cr0 == b->cr0 && a->cr2 == b->cr2 && a->cr3 == b->cr3 &&
           a->cr4 == b->cr4 && a->efer == b->efer && memcmp(a->dr, b->dr, sizeof a->dr) == 0 &&
           same_segments(a, b) && a->cpl == b->cpl && x->kernel_gs_base == y->kernel_gs_base &&
           x->spec_ctrl == y->spec_ctrl;
}

static bool makes_call(struct x64_machine *machine)
{
    static const uint8_t calls[][2] = {{0x0f, 0x05}, {0x0f, 0x34}, {0xcd, 0x80}};
    struct x64_registers registers = registers_of(machine);
    uint8_t code[2];
    if (registers.cpl != 3 ||
        x64_memory_read_virt(machine, registers.rip, code, sizeof code) != X64_OK)
        return false;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (memcmp(code, calls[i], sizeof code) == 0)
            return true;
    return false;
}

static void run_to_call(struct x64_machine *machine)
{
    while (!makes_call(machine))
        run(machine, 1);
}

/* A call under test: the machine at its instruction, and how it goes undisturbed. */
struct call {
    const struct row *row;
    struct x64_machine *machine;
    uint64_t jiffies; /* physical: under PTI the user's table does not map it */
    unsigned steps;
    bool shadow[STEPS_MAX]; /* of STI or MOV SS, before a step */
    bool masked[STEPS_MAX]; /* IF is clear */
    struct result back;
};

static uint64_t jiffies_of(const struct call *call, struct x64_machine *machine)
{
    uint64_t value;
    ck_assert_int_eq(x64_memory_read_phys(machine, call->jiffies, &value, sizeof value), X64_OK);
    return value;
}

static void note_step(struct call *call, struct x64_machine *machine)
{
    ck_assert_uint_lt(call->steps, STEPS_MAX);
    call->shadow[call->steps] = machine->cpu.s.shadow != X64I_SHADOW_NONE;
    call->masked[call->steps] = !(registers_of(machine).rflags & IF);
}

static void measure(struct call *call)
{
    struct x64_machine *machine = fork_of(call->machine);
    call->steps = 0;
    do {
        note_step(call, machine);
        run(machine, 1);
        call->steps++;
    } while (registers_of(machine).cpl != 3);
    note_step(call, machine);
    call->back = result_of(machine);
    x64_machine_destroy(machine);
}

/* The first step from `at` on before which it can be delivered. */
static unsigned opening(const struct call *call, const struct kind *kind, unsigned at)
{
    while (at < call->steps && (call->shadow[at] || (kind->masked && call->masked[at])))
        at++;
    return at;
}

/* Raised when `at` of the call's steps are made. */
static void check_step(const struct call *call, const struct kind *kind,
                       struct x64_machine *machine, unsigned at)
{
    unsigned open = opening(call, kind, at);
    unsigned handler = 0;
    uint64_t jiffies = jiffies_of(call, machine);
    struct x64_machine *fork = fork_of(machine);
    kind->raise(fork);
    run(fork, open - at);
    ck_assert(kind->waits(fork));
    run(fork, 1);
    ck_assert_msg(!kind->waits(fork) && registers_of(fork).cpl == 0,
                  "--entry %s --mitigations %s: %s after %u steps is not delivered %u later",
                  call->row->entry, call->row->mitigations, kind->name, at, open - at);
    run(fork, call->steps - open);
    while (registers_of(fork).cpl != 3 || registers_of(fork).rip != call->back.registers.rip) {
        ck_assert_uint_lt(handler++, HANDLER_MAX);
        run(fork, 1);
    }
    struct result result = result_of(fork);
    ck_assert_msg(same(&result, &call->back),
                  "--entry %s --mitigations %s: %s after %u steps, rip %#llx: the program comes "
                  "back with other registers",
                  call->row->entry, call->row->mitigations, kind->name, at,
                  (unsigned long long)registers_of(machine).rip);
    ck_assert_uint_eq(jiffies_of(call, fork), jiffies + kind->jiffies);
    x64_machine_destroy(fork);
}

static void check_call(struct call *call, const struct kind *kind)
{
    struct x64_machine *machine = fork_of(call->machine);
    for (unsigned at = 0; at <= call->steps; at++) {
        /* Raised at one masked step or at the next, it is delivered at the same one. */
        if (!kind->masked || at == 0 || !call->masked[at] || !call->masked[at - 1])
            check_step(call, kind, machine, at);
        run(machine, 1);
    }
    x64_machine_destroy(machine);
}

/* The entry and the way out are closed to interrupts, what is between is open. */
static void check_mask(const struct call *call)
{
    unsigned first = opening(call, &kinds[0], 1);
    unsigned last = call->steps - 1;
    while (call->masked[last] || call->shadow[last])
        last--;
    ck_assert(!call->masked[0] && !call->masked[call->steps]);
    ck_assert_uint_gt(first, 20);
    ck_assert_uint_lt(first, last);
    ck_assert_uint_lt(last + 10, call->steps);
}

START_TEST(test_entry_interrupted_at_every_step)
{
    struct guest guest;
    static struct call call;
    bool plain = strcmp(rows[_i].mitigations, "none") == 0;
    call = (struct call){.row = &rows[_i]};
    guest_start(&guest, &(struct guest_config){.entry = rows[_i].entry,
                                               .mitigations = rows[_i].mitigations});
    guest_run_to(&guest, "ret_from_fork");
    ck_assert_int_eq(x64_translate(guest.machine, guest_symbol(&guest, "jiffies"), &call.jiffies),
                     X64_OK);
    /* Thousands of forks would each decode blocks anew: one row does, for all. */
    if (strcmp(rows[_i].entry, "4.9") != 0)
        guest.machine->config.engine = X64_ENGINE_REFERENCE;
    call.machine = guest.machine;
    for (unsigned calls = 0; calls < 2; calls++) {
        run_to_call(guest.machine);
        measure(&call);
        check_mask(&call);
        /* What happens while a write faults its buffer in is the same under all mitigations. */
        for (size_t i = 0; (calls == 1 || plain) && i < sizeof kinds / sizeof kinds[0]; i++)
            check_call(&call, &kinds[i]);
        run(guest.machine, call.steps);
    }
    guest_end(&guest);
}
END_TEST

/* Debian's own bytes for the worst moment: an NMI while RSP, GS and CR3 are the user's. */
static const struct row stock_rows[] = {
    {"6.1-cloud", "pti,pcid"},
    {"6.12-cloud", "pti,pcid"},
};

START_TEST(test_entry_interrupted_on_stock_kernels)
{
    struct guest guest;
    char path[512];
    static struct call call;
    call = (struct call){.row = &stock_rows[_i]};
    x64_test_kernel_path(stock_rows[_i].entry, path, sizeof path);
    guest_start(&guest, &(struct guest_config){.kernel = path,
                                               .mitigations = stock_rows[_i].mitigations,
                                               .memory_size = UINT64_C(256) << 20});
    guest.machine->config.engine = X64_ENGINE_REFERENCE;
    call.machine = guest.machine;
    run_to_call(guest.machine);
    run(guest.machine, 1);
    run_to_call(guest.machine);
    measure(&call);
    check_call(&call, &kinds[1]);
    guest_end(&guest);
}
END_TEST

static Suite *entry_interrupted_suite(void)
{
    Suite *suite = suite_create("entry interrupted");
    TCase *tests = tcase_create("entry interrupted");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, test_entry_interrupted_at_every_step, 0,
                        sizeof rows / sizeof rows[0]);
    tcase_add_loop_test(tests, test_entry_interrupted_on_stock_kernels, 0,
                        sizeof stock_rows / sizeof stock_rows[0]);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(entry_interrupted_suite())
