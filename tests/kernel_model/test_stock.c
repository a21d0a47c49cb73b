/* SPDX-License-Identifier: MIT */
/* Debian's own entry code, byte for byte: what it must do on the way in, inside, and back. */
#include "kernel_model/kernels.h"
#include "kernel_model/trip.h"

#include "support/suite.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define ALL "pti,pcid,ibrs,retpoline,verw,bhb"

#define LSTAR 0xc0000082u
#define STAR  0xc0000081u
#define FMASK 0xc0000084u

#define FMASK_VALUE 0x257fd5u
#define TF          0x100u
#define IF          0x200u
#define NO_CALL     (UINT64_MAX - 37) /* -ENOSYS */
#define BAD_ADDRESS (UINT64_MAX - 13) /* -EFAULT */

static const char *const sets[] = {"none",      "pti",  "pti,pcid", "ibrs",
                                   "retpoline", "verw", "bhb",      ALL};
static const char *const models[] = {"golden_cove", "skylake", "zen3"};

#define SET_COUNT   (sizeof sets / sizeof sets[0])
#define MODEL_COUNT (sizeof models / sizeof models[0])

struct choice {
    const char *kernel, *cpu, *mitigations;
};

static bool has(const struct choice *choice, const char *mitigation)
{
    return strstr(choice->mitigations, mitigation) != NULL;
}

static void start(struct guest *guest, const struct choice *choice, const char *program)
{
    char path[512];
    x64_test_kernel_path(choice->kernel, path, sizeof path);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s is missing: run tools/fetch-kernels", path);
    ck_assert_int_eq(fclose(file), 0);
    guest_start(guest, &(struct guest_config){.kernel = path,
                                              .cpu = choice->cpu,
                                              .mitigations = choice->mitigations,
                                              .memory_size = UINT64_C(256) << 20,
                                              .program = program});
}

/* SYSCALL itself, and the way to do_syscall_64. */
static void check_way_in(const struct choice *choice, struct guest *guest, const struct trip *trip)
{
    const struct x64_registers *user = &trip->user;
    ck_assert_uint_eq(trip->entered.rip, guest_symbol(guest, "entry_SYSCALL_64"));
    ck_assert_uint_eq(trip->entered.gpr[X64_RCX], user->rip + 2);
    ck_assert_uint_eq(trip->entered.gpr[X64_R11], user->rflags);
    ck_assert_uint_eq(trip->entered.rflags, user->rflags & ~(uint64_t)FMASK_VALUE);
    ck_assert_uint_eq(trip->entered.gpr[X64_RSP], user->gpr[X64_RSP]);
    ck_assert_uint_eq(trip->entered.cr3, user->cr3);
    ck_assert_uint_eq(trip->entered.cpl, 0);
    ck_assert_uint_eq(trip->entered.segment[X64_CS].selector, 0x10);
    ck_assert_uint_eq(trip->entered.segment[X64_SS].selector, 0x18);
    ck_assert_uint_eq(trip->sp2, user->gpr[X64_RSP]);
    ck_assert(trip->came_inside);
    ck_assert_uint_eq(trip->inside_gs, trip->user_kernel_gs);
    ck_assert_uint_eq(trip->inside_kernel_gs, trip->user_gs);
    /* regs and the sign-extended number; what the user had in the others is gone. */
    const uint64_t *gpr = trip->inside.gpr;
    ck_assert_uint_eq(gpr[X64_RDI], gpr[X64_RSP] + 8);
    ck_assert_uint_eq(gpr[X64_RSI], (uint64_t)(int64_t)(int32_t)user->gpr[X64_RAX]);
    ck_assert_uint_eq(gpr[X64_RBX] | gpr[X64_RBP], 0);
    for (unsigned i = X64_R8; i <= X64_R15; i++)
        ck_assert_msg(gpr[i] == 0, "%s is %#llx at do_syscall_64", x64_register_name(i),
                      (unsigned long long)gpr[i]);
    ck_assert_uint_eq(gpr[X64_RDX], 0);
    if (!has(choice, "bhb"))
        ck_assert_uint_eq(gpr[X64_RCX], has(choice, "ibrs") ? 0x48 : 0);
    ck_assert_uint_eq(trip->inside.rflags & IF, 0);
    ck_assert_int_eq(x64_stack_of(guest->machine, gpr[X64_RSP]), X64_STACK_KERNEL);
}

/* struct pt_regs at the top of the task's stack, all 21 words of it. */
static void check_frame(struct guest *guest, const struct trip *trip)
{
    static const char *const names[TRIP_FRAME] = {
        "r15", "r14", "r13", "r12", "bp",      "bx", "r11", "r10",   "r9", "r8", "ax",
        "cx",  "dx",  "si",  "di",  "orig_ax", "ip", "cs",  "flags", "sp", "ss",
    };
    const uint64_t *gpr = trip->user.gpr;
    const uint64_t flags = trip->user.rflags;
    const uint64_t next = trip->user.rip + 2;
    const uint64_t expected[TRIP_FRAME] = {
        gpr[X64_R15], gpr[X64_R14], gpr[X64_R13], gpr[X64_R12], gpr[X64_RBP], gpr[X64_RBX],
        flags,        gpr[X64_R10], gpr[X64_R9],  gpr[X64_R8],  NO_CALL,      next,
        gpr[X64_RDX], gpr[X64_RSI], gpr[X64_RDI], gpr[X64_RAX], next,         0x33,
        flags,        gpr[X64_RSP], 0x2b};
    for (unsigned i = 0; i < TRIP_FRAME; i++) {
        char name[64] = "";
        char wanted[64];
        uint64_t linear = trip->inside.gpr[X64_RDI] + 8 * i;
        ck_assert_msg(trip->frame[i] == expected[i], "pt_regs.%s is %#llx instead of %#llx",
                      names[i], (unsigned long long)trip->frame[i],
                      (unsigned long long)expected[i]);
        (void)snprintf(wanted, sizeof wanted, "pt_regs.%s", names[i]);
        x64_slot_name(guest->machine, linear, name, sizeof name);
        ck_assert_str_eq(name, wanted);
    }
}

/* The user is where it was, with the answer in rax and SYSCALL's traces in rcx and r11. */
static void check_way_back(const struct trip *trip, uint64_t answer)
{
    ck_assert_uint_eq(trip->back.cpl, 3);
    ck_assert_uint_eq(trip->back.rip, trip->user.rip + 2);
    ck_assert_uint_eq(trip->back.rflags, trip->user.rflags);
    ck_assert_uint_eq(trip->back.cr3, trip->user.cr3);
    ck_assert_uint_eq(trip->back_gs, trip->user_gs);
    ck_assert_uint_eq(trip->back_kernel_gs, trip->user_kernel_gs);
    ck_assert_uint_eq(trip->back.segment[X64_CS].selector, 0x33);
    ck_assert_uint_eq(trip->back.segment[X64_SS].selector, 0x2b);
    for (unsigned i = 0; i < 16; i++) {
        uint64_t wanted = trip->user.gpr[i];
        if (i == X64_RAX)
            wanted = answer;
        else if (i == X64_RCX)
            wanted = trip->user.rip + 2;
        else if (i == X64_R11)
            wanted = trip->user.rflags;
        ck_assert_msg(trip->back.gpr[i] == wanted, "%s is %#llx instead of %#llx",
                      x64_register_name(i), (unsigned long long)trip->back.gpr[i],
                      (unsigned long long)wanted);
    }
}

/* With PTI the user's table is the next page and PCID 0x801, the kernel's has PCID 1. */
static void check_page_tables(const struct choice *choice, const struct trip *trip)
{
    bool pti = has(choice, "pti");
    bool pcid = has(choice, "pcid");
    uint64_t kernel = (trip->inside.cr3 & ~UINT64_C(0xfff)) | (pcid ? 1 : 0);
    uint64_t user = pti ? kernel | 0x1000 | (pcid ? 0x800 : 0) : kernel;
    ck_assert_uint_eq(kernel & 0x1000, 0);
    ck_assert_uint_eq(trip->inside.cr3, kernel);
    ck_assert_uint_eq(trip->user.cr3, user);
    ck_assert_uint_eq(trip->cr3_count, pti ? 2 : 0);
    for (unsigned i = 0; i < trip->cr3_count; i++) {
        ck_assert_uint_eq(trip->cr3[i].value, i == 0 ? kernel : user);
        ck_assert_int_eq(trip->cr3[i].no_flush, pcid);
        ck_assert_int_eq(trip->cr3[i].flushed, !pcid);
    }
}

static void check_mitigations(const struct choice *choice, const struct trip *trip)
{
    ck_assert_uint_eq(trip->spec_ctrl_count, has(choice, "ibrs") ? 2 : 0);
    if (has(choice, "ibrs")) {
        ck_assert_uint_eq(trip->spec_ctrl[0].value, 1);
        ck_assert_uint_eq(trip->spec_ctrl[1].value, 0);
    }
    ck_assert_uint_eq(trip->verw, has(choice, "verw") ? 1 : 0);
    if (has(choice, "bhb"))
        ck_assert_uint_gt(trip->bhb_loop, 50);
    else
        ck_assert_uint_eq(trip->bhb_loop, 0);
    ck_assert_uint_eq(trip->swapgs, 2);
}

static void check_call(const struct choice *choice, struct guest *guest, const char *label,
                       uint64_t answer, unsigned faults)
{
    struct trip trip;
    trip_take(guest, label, &trip);
    check_way_in(choice, guest, &trip);
    check_frame(guest, &trip);
    check_page_tables(choice, &trip);
    check_mitigations(choice, &trip);
    check_way_back(&trip, answer);
    ck_assert_uint_eq(trip.sysret, 1);
    ck_assert_uint_eq(trip.iret_to_user, 0);
    ck_assert_uint_eq(trip.user_entry, 0);
    ck_assert_uint_eq(trip.kernel_page_faults, faults);
}

/* User memory that is not there yet: in by asm_exc_page_fault, back to the same instruction. */
static void check_demand_paging(const struct choice *choice, struct guest *guest)
{
    struct trip trip;
    trip_take(guest, "touch_page", &trip);
    ck_assert_uint_eq(trip.vector, X64_FAULT_PF);
    ck_assert_uint_eq(trip.user_entry, 1);
    ck_assert_uint_eq(trip.handler, guest_symbol(guest, "asm_exc_page_fault"));
    ck_assert_uint_eq(trip.native, 1);
    ck_assert_uint_eq(trip.iret_to_user, 1);
    ck_assert_uint_eq(trip.sysret, 0);
    ck_assert_uint_eq(trip.back.cpl, 3);
    ck_assert_uint_eq(trip.back.rip, trip.user.rip);
    ck_assert_uint_eq(trip.back.cr3, trip.user.cr3);
    ck_assert_uint_eq(trip.cr3_count, has(choice, "pti") ? 2 : 0);
    ck_assert_uint_eq(trip.verw, has(choice, "verw") ? 1 : 0);
    ck_assert_uint_eq(trip.spec_ctrl_count, has(choice, "ibrs") ? 2 : 0);
    ck_assert_uint_eq(trip.back_gs, trip.user_gs);
    for (unsigned i = 0; i < 16; i++)
        ck_assert_uint_eq(trip.back.gpr[i], trip.user.gpr[i]);
}

/* TF cannot come back through SYSRET: IRET loads it, and #DB follows the next instruction. */
static void check_traced(const struct choice *choice, struct guest *guest)
{
    struct trip trip;
    trip_take(guest, "call_traced", &trip);
    ck_assert_uint_eq(trip.user.rflags & TF, TF);
    check_way_in(choice, guest, &trip);
    check_frame(guest, &trip);
    check_page_tables(choice, &trip);
    check_mitigations(choice, &trip);
    check_way_back(&trip, 1);
    ck_assert_uint_eq(trip.sysret, 0);
    ck_assert_uint_eq(trip.iret_to_user, 1);
    ck_assert_uint_eq(trip.back.rip, guest_symbol(guest, "after_traced"));
    trip_take(guest, "trap_point", &trip);
    ck_assert_uint_eq(trip.vector, X64_FAULT_DB);
    ck_assert_uint_eq(trip.user_entry, 1);
    ck_assert_uint_eq(trip.handler, guest_symbol(guest, "asm_exc_debug"));
    struct x64_stop stop = guest_run(guest);
    ck_assert_int_eq(stop.reason, X64_STOP_EXIT);
    ck_assert_int_eq(stop.signal, SIGTRAP);
}

static void check_all_calls(const struct choice *choice)
{
    struct guest guest;
    start(&guest, choice, X64_TEST_GUEST_STOCK);
    trip_go_to(&guest, "touch_page");
    ck_assert_uint_eq(trip_msr(&guest, LSTAR), guest_symbol(&guest, "entry_SYSCALL_64"));
    ck_assert_uint_eq(trip_msr(&guest, STAR), UINT64_C(0x0023001000000000));
    ck_assert_uint_eq(trip_msr(&guest, FMASK), FMASK_VALUE);
    check_demand_paging(choice, &guest);
    check_call(choice, &guest, "call_getpid", 1, 0);
    check_call(choice, &guest, "call_high_half", 1, 0);
    check_call(choice, &guest, "call_negative", NO_CALL, 0);
    check_call(choice, &guest, "call_hole", NO_CALL, 0);
    check_call(choice, &guest, "call_beyond", NO_CALL, 0);
    check_call(choice, &guest, "call_minus_one", NO_CALL, 0);
    check_call(choice, &guest, "call_efault", BAD_ADDRESS, 1);
    check_traced(choice, &guest);
    guest_end(&guest);
}

START_TEST(test_stock_calls)
{
    size_t set = (size_t)_i % SET_COUNT;
    const char *kernel = x64_test_kernel_name((int)((size_t)_i / SET_COUNT));
    bool on_all = set == 0 || set == SET_COUNT - 1;
    for (size_t m = 0; m < (on_all ? MODEL_COUNT : 1); m++)
        check_all_calls(&(struct choice){kernel, models[m], sets[set]});
}
END_TEST

START_TEST(test_stock_demo)
{
    struct guest guest;
    const struct choice choice = {x64_test_kernel_name(_i / (int)MODEL_COUNT),
                                  models[_i % (int)MODEL_COUNT], ALL};
    start(&guest, &choice, NULL);
    struct x64_stop stop = guest_run(&guest);
    ck_assert_int_eq(stop.reason, X64_STOP_EXIT);
    ck_assert_int_eq(stop.code, 0);
    ck_assert_str_eq(guest.output, "hello, world\n");
    ck_assert_str_eq(guest.log, "");
    guest_end(&guest);
}
END_TEST

/* Back over one system call, step by step: the same state at each. */
START_TEST(test_stock_goes_back)
{
    enum { STEPS = 512 };
    static uint64_t hashes[STEPS];
    struct guest guest;
    struct x64_registers now;
    size_t count = 0;
    start(&guest, &(struct choice){x64_test_kernel_name(_i), "golden_cove", "pti,pcid,ibrs,verw"},
          X64_TEST_GUEST_STOCK);
    trip_go_to(&guest, "call_efault");
    do {
        ck_assert_uint_lt(count, STEPS);
        ck_assert_int_eq(x64_hash(guest.machine, &hashes[count++]), X64_OK);
        ck_assert_int_eq(x64_run(guest.machine, 1, NULL), X64_OK);
        now = trip_registers(&guest);
    } while (now.cpl == 0);
    ck_assert_uint_gt(count, 100);
    while (count-- > 0) {
        uint64_t hash;
        ck_assert_int_eq(x64_step_back(guest.machine), X64_OK);
        ck_assert_int_eq(x64_hash(guest.machine, &hash), X64_OK);
        ck_assert_msg(hash == hashes[count], "step %zu of the call differs", count);
    }
    ck_assert_uint_eq(trip_registers(&guest).rip, guest_symbol(&guest, "call_efault"));
    guest_end(&guest);
}
END_TEST

/* What the entry touches has a name, found by the image's own types. */
START_TEST(test_stock_names)
{
    static const struct {
        const char *variable;
        uint64_t offset;
        const char *name;
    } slots[] = {
        {"cpu_tss_rw", 4, "cpu_tss_rw.sp0"},
        {"cpu_tss_rw", 0x14, "cpu_tss_rw.sp2"},
        {"cpu_tlbstate", 0x16, "cpu_tlbstate.user_pcid_flush_mask"},
        {"x86_spec_ctrl_current", 0, "x86_spec_ctrl_current"},
    };
    struct guest guest;
    char name[64] = "";
    start(&guest, &(struct choice){x64_test_kernel_name(_i), "golden_cove", ALL},
          X64_TEST_GUEST_STOCK);
    trip_go_to(&guest, "do_syscall_64");
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        x64_slot_name(guest.machine, guest_symbol(&guest, slots[i].variable) + slots[i].offset,
                      name, sizeof name);
        ck_assert_str_eq(name, slots[i].name);
    }
    const char *function = "";
    uint64_t offset;
    ck_assert_int_eq(
        x64_symbol_at(guest.machine, guest_symbol(&guest, "__x64_sys_getpid"), &function, &offset),
        X64_OK);
    ck_assert_str_eq(function, "__x64_sys_getpid");
    if (_i == 1) {
        x64_slot_name(guest.machine, guest_symbol(&guest, "pcpu_hot") + 0x18, name, sizeof name);
        ck_assert_str_eq(name, "pcpu_hot.top_of_stack");
        uint64_t task = guest_word(&guest, guest_symbol(&guest, "pcpu_hot"));
        x64_slot_name(guest.machine, task + 8, name, sizeof name);
        ck_assert_str_eq(name, "task_struct.thread_info.syscall_work");
    }
    guest_end(&guest);
}
END_TEST

/* A sentence, and nothing is run. */
START_TEST(test_stock_refuses_what_is_no_kernel)
{
    struct x64_error_text error = {{0}};
    ck_assert_int_ne(guest_refused(&(struct guest_config){.kernel = X64_TEST_GUEST_STOCK}, &error),
                     X64_OK);
    ck_assert_ptr_nonnull(strstr(error.text, X64_TEST_GUEST_STOCK));
    ck_assert_int_eq(guest_refused(&(struct guest_config){.kernel = "/nowhere/vmlinuz"}, &error),
                     X64_ERROR_IO);
    ck_assert_ptr_nonnull(strstr(error.text, "/nowhere/vmlinuz"));
}
END_TEST

static Suite *stock_suite(void)
{
    Suite *suite = suite_create("stock");
    TCase *tests = tcase_create("stock");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, test_stock_calls, 0, X64_TEST_KERNEL_COUNT * (int)SET_COUNT);
    tcase_add_loop_test(tests, test_stock_demo, 0, X64_TEST_KERNEL_COUNT * (int)MODEL_COUNT);
    tcase_add_loop_test(tests, test_stock_goes_back, 0, X64_TEST_KERNEL_COUNT);
    tcase_add_loop_test(tests, test_stock_names, 0, X64_TEST_KERNEL_COUNT);
    tcase_add_test(tests, test_stock_refuses_what_is_no_kernel);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(stock_suite())
