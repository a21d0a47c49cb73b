/* SPDX-License-Identifier: MIT */
/* Hooks: when each kind is called, and with what. */
#include "hook_calls.h"

#include "x64emu/hooks.h"
#include "x64emu/kernel_model.h"

#include <stdlib.h>
#include <string.h>

#define LSTAR 0xc0000082u

static void block(struct x64_machine *machine, void *user, uint64_t rip)
{
    hook_note(user, "%llu:block %llx\n", LL(x64_steps(machine)), LL(rip - CODE));
}

static void after(struct x64_machine *machine, void *user, const struct x64_step *step)
{
    hook_note(user, "%llu:after %llx\n", LL(x64_steps(machine)), LL(step->rip - CODE));
}

static void memory(struct x64_machine *machine, void *user, const struct x64_memory_event *event)
{
    hook_note(user, "%llu:%llx size %u old %llx value %llx\n", LL(x64_steps(machine)),
              LL(event->linear), event->size, LL(event->old), LL(event->value));
}

static void fetch(struct x64_machine *machine, void *user, const struct x64_fetch_event *event)
{
    hook_note(user, "%llu:fetch %llx size %u first %02x\n", LL(x64_steps(machine)),
              LL(event->linear), event->size, event->bytes[0]);
}

static void interrupt(struct x64_machine *machine, void *user,
                      const struct x64_interrupt_event *event)
{
    hook_note(user, "%llu:int %u cause %d\n", LL(x64_steps(machine)), event->vector,
              (int)event->cause);
}

static void transfer(struct x64_machine *machine, void *user,
                     const struct x64_transfer_event *event)
{
    (void)machine;
    hook_note(user, "%u->%u %llx\n", event->step->cpl, event->cpl, LL(event->target));
}

static void msr(struct x64_machine *machine, void *user, const struct x64_msr_event *event)
{
    (void)machine;
    hook_note(user, "%x %llx->%llx\n", event->index, LL(event->old), LL(event->value));
}

static void control(struct x64_machine *machine, void *user, const struct x64_control_event *event)
{
    (void)machine;
    hook_note(user, "cr%u changed %d\n", event->index, event->old != event->value);
}

static void swapgs(struct x64_machine *machine, void *user, const struct x64_swapgs_event *event)
{
    ck_assert_uint_eq(hook_registers(machine).segment[X64_GS].base, event->new_base);
    hook_note(user, "gs %llx->%llx\n", LL(event->old_base), LL(event->new_base));
}

static void port(struct x64_machine *machine, void *user, const struct x64_port_event *event)
{
    (void)machine;
    hook_note(user, "port %x write %d size %u value %x\n", event->port, event->write, event->size,
              event->value);
}

static void stack_switch(struct x64_machine *machine, void *user,
                         const struct x64_stack_switch_event *event)
{
    (void)machine;
    hook_note(user, "slot %u\n", event->slot);
    (void)event;
}

static void walk(struct x64_machine *machine, void *user, const struct x64_walk_event *event)
{
    (void)machine;
    hook_note(user, "walk %llx level %u\n", LL(event->linear), event->level);
}

static void tlb_fill(struct x64_machine *machine, void *user,
                     const struct x64_tlb_fill_event *event)
{
    (void)machine;
    hook_note(user, "fill %llx size %llx\n", LL(event->linear), LL(event->size));
}

static enum x64_unmapped_answer no_answer(struct x64_machine *machine, void *user,
                                          const struct x64_unmapped_event *event)
{
    hook_note(user, "%llu:unmapped %llx error %x\n", LL(x64_steps(machine)), LL(event->linear),
              event->error_code);
    return X64_UNMAPPED_FAULT;
}

START_TEST(test_hooks_around_instructions_and_blocks)
{
    struct x64_machine *machine =
        hook_machine(hook_counter, sizeof hook_counter, (enum x64_engine)_i);
    struct hook_calls calls = {.length = 0};
    const struct x64_range loop = {CODE + 5, CODE + 8};
    ck_assert_int_eq(
        x64_hook_add_instruction_before(machine, &loop, hook_note_before, &calls, NULL), X64_OK);
    ck_assert_int_eq(x64_hook_add_block(machine, NULL, block, &calls, NULL), X64_OK);
    hook_run(machine, 4, X64_STOP_BUDGET);
    ck_assert_str_eq(calls.text, "0:block 0\n1:before 5\n2:before 7\n3:block 5\n3:before 5\n");
    calls.length = 0;
    ck_assert_int_eq(x64_hook_add_instruction_after(machine, NULL, after, &calls, NULL), X64_OK);
    hook_run(machine, 2, X64_STOP_BUDGET);
    ck_assert_str_eq(calls.text, "4:before 7\n5:after 7\n5:block 5\n5:before 5\n6:after 5\n");
    calls.length = 0;
    hook_run(machine, 7, X64_STOP_BUDGET); /* the last jnz is not taken: a block starts behind it */
    ck_assert_ptr_nonnull(strstr(calls.text, "11:after 7\n11:block 9\n"));
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_hooks_of_memory_mean_their_range)
{
    static const struct {
        uint64_t first, last;
        bool met;
    } rows[] = {{DATA, DATA, true},   {DATA + 7, DATA + 7, true},   {DATA + 8, UINT64_MAX, false},
                {0, DATA - 1, false}, {DATA - 4, DATA + 100, true}, {0, UINT64_MAX, true},
                {0, 0, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct x64_machine *machine =
            hook_machine(hook_counter, sizeof hook_counter, X64_ENGINE_BLOCKS);
        struct hook_calls reads = {.length = 0}, writes = {.length = 0};
        const struct x64_range range = {rows[i].first, rows[i].last};
        ck_assert_int_eq(x64_hook_add_memory_read(machine, &range, memory, &reads, NULL), X64_OK);
        ck_assert_int_eq(x64_hook_add_memory_write(machine, &range, memory, &writes, NULL), X64_OK);
        hook_run(machine, 20, X64_STOP_BUDGET);
        ck_assert_str_eq(writes.text, rows[i].met ? "12:30000 size 8 old 0 value 0\n" : "");
        ck_assert_str_eq(reads.text, rows[i].met ? "13:30000 size 8 old 0 value 0\n" : "");
        x64_machine_destroy(machine);
    }
}
END_TEST

START_TEST(test_hooks_of_fetches_and_translations)
{
    struct x64_machine *machine =
        hook_machine(hook_counter, sizeof hook_counter, X64_ENGINE_BLOCKS);
    struct hook_calls calls = {.length = 0};
    const struct x64_range fetched = {CODE + 3, CODE + 5}; /* bytes of two instructions */
    ck_assert_int_eq(x64_hook_add_memory_fetch(machine, &fetched, fetch, &calls, NULL), X64_OK);
    ck_assert_int_eq(x64_hook_add_page_walk(machine, NULL, walk, &calls, NULL), X64_OK);
    ck_assert_int_eq(x64_hook_add_tlb_fill(machine, NULL, tlb_fill, &calls, NULL), X64_OK);
    hook_run(machine, 3, X64_STOP_BUDGET);
    ck_assert_str_eq(calls.text, "1:fetch 10000 size 5 first b8\n"
                                 "walk 10000 level 4\nwalk 10000 level 3\nwalk 10000 level 2\n"
                                 "fill 0 size 200000\n"
                                 "2:fetch 10005 size 2 first ff\n");
    x64_machine_destroy(machine);
}
END_TEST

static const struct event_row {
    const char *name;
    uint8_t code[16];
    const char *expected;
} event_rows[] = {
    {"ud2", {0x0f, 0x0b}, "1:#UD cause 0 error 0 linear 0 at 10000\n"},
    {"int3", {0xcc}, "1:#BP cause 2 error 0 linear 0 at 10000\n"},
    {"int 0x80", {0xcd, 0x80}, "1:int 128 cause 2\n"},
    {"mov rax,[-8]",
     {0x48, 0x8b, 0x04, 0x25, 0xf8, 0xff, 0xff, 0xff},
     "0:unmapped fffffffffffffff8 error 0\n"
     "1:#PF cause 0 error 0 linear fffffffffffffff8 at 10000\ncr2 changed 1\n"},
    {"xor ecx,ecx; rdmsr", /* no such MSR: #GP */
     {0xb9, 0xff, 0xff, 0, 0, 0x0f, 0x32},
     "2:#GP cause 0 error 0 linear 0 at 10005\n"},
    {"mov ecx,0xc0000082; rdmsr; inc eax; wrmsr",
     {0xb9, 0x82, 0, 0, 0xc0, 0x0f, 0x32, 0xff, 0xc0, 0x0f, 0x30},
     "c0000082 0->0\nc0000082 0->1\n"},
    {"mov rax,cr4; mov cr4,rax", {0x0f, 0x20, 0xe0, 0x0f, 0x22, 0xe0}, "cr4 changed 0\n"},
    {"swapgs", {0x0f, 0x01, 0xf8}, "c0000102 0->0\ngs 0->0\n"},
    {"out 0x80,al; in al,0x80",
     {0xe6, 0x80, 0xe4, 0x80},
     "port 80 write 1 size 1 value 0\nport 80 write 0 size 1 value "},
};

START_TEST(test_hooks_of_events)
{
    const struct event_row *row = &event_rows[_i];
    struct x64_machine *machine = hook_machine(row->code, sizeof row->code, X64_ENGINE_BLOCKS);
    struct hook_calls calls = {.length = 0};
    hook_make_idt(machine);
    ck_assert_int_eq(x64_hook_add_unmapped(machine, NULL, no_answer, &calls, NULL), X64_OK);
    ck_assert_int_eq(x64_hook_add_exception(machine, NULL, hook_note_exception, &calls, NULL),
                     X64_OK);
    ck_assert_int_eq(x64_hook_add_interrupt(machine, NULL, interrupt, &calls, NULL), X64_OK);
    ck_assert_int_eq(x64_hook_add_msr_read(machine, NULL, msr, &calls, NULL), X64_OK);
    ck_assert_int_eq(x64_hook_add_msr_write(machine, NULL, msr, &calls, NULL), X64_OK);
    ck_assert_int_eq(x64_hook_add_control_write(machine, NULL, control, &calls, NULL), X64_OK);
    ck_assert_int_eq(x64_hook_add_swapgs(machine, swapgs, &calls, NULL), X64_OK);
    ck_assert_int_eq(x64_hook_add_port(machine, NULL, port, &calls, NULL), X64_OK);
    ck_assert_int_eq(x64_hook_add_stack_switch(machine, stack_switch, &calls, NULL), X64_OK);
    struct x64_stop stop;
    ck_assert_int_eq(x64_run(machine, 4, &stop), X64_OK);
    ck_assert_msg(strncmp(calls.text, row->expected, strlen(row->expected)) == 0, "%s:\n%s",
                  row->name, calls.text);
    x64_machine_destroy(machine);
}
END_TEST

/* Each call comes in through LSTAR and goes out by SYSRET, but for the last, which does not return.
 */
START_TEST(test_hooks_of_a_system_call)
{
    struct x64_config config = {.struct_size = sizeof config, .memory_size = UINT64_C(64) << 20};
    struct x64_kernel_config kernel = {.struct_size = sizeof kernel};
    struct hook_calls in = {.length = 0}, out = {.length = 0}, lstar = {.length = 0};
    struct x64_machine *machine;
    struct x64_stop stop;
    ck_assert_int_eq(x64_machine_create(&config, &machine), X64_OK);
    const struct x64_range only = {LSTAR, LSTAR};
    ck_assert_int_eq(x64_hook_add_syscall(machine, transfer, &in, NULL), X64_OK);
    ck_assert_int_eq(x64_hook_add_sysret(machine, transfer, &out, NULL), X64_OK);
    ck_assert_int_eq(x64_hook_add_msr_read(machine, &only, msr, &lstar, NULL), X64_OK);
    ck_assert_int_eq(x64_kernel_attach(machine, &kernel, NULL), X64_OK);
    ck_assert_int_eq(x64_run(machine, 100000, &stop), X64_OK);
    ck_assert_int_eq(stop.reason, X64_STOP_EXIT);
    ck_assert_int_gt(in.count, 0);
    ck_assert_int_eq(in.count, lstar.count);
    ck_assert_int_eq(out.count, in.count - 1); /* exit does not come back */
    ck_assert_int_eq(strncmp(in.text, "3->0 ffffffff", 13), 0);
    ck_assert_int_eq(strncmp(out.text, "0->3 ", 5), 0);
    x64_machine_destroy(machine);
}
END_TEST

/* Watching changes nothing: the same hashes with every kind of hook as without. */
START_TEST(test_hooks_that_look_change_nothing)
{
    struct x64_machine *plain = hook_machine(hook_counter, sizeof hook_counter, X64_ENGINE_BLOCKS);
    struct x64_machine *hooked = hook_machine(hook_counter, sizeof hook_counter, X64_ENGINE_BLOCKS);
    struct hook_calls *calls = calloc(1, sizeof *calls);
    x64_hook_add_memory_write(hooked, NULL, memory, calls, NULL);
    x64_hook_add_block(hooked, NULL, block, calls, NULL);
    x64_hook_add_unmapped(hooked, NULL, no_answer, calls, NULL);
    for (unsigned i = 0; i < 20; i++) {
        hook_run(plain, 1, X64_STOP_BUDGET);
        hook_run(hooked, 1, X64_STOP_BUDGET);
        ck_assert_uint_eq(hook_hash(plain), hook_hash(hooked));
    }
    free(calls);
    x64_machine_destroy(plain);
    x64_machine_destroy(hooked);
}
END_TEST

START_TEST(test_hooks_refuse)
{
    struct x64_machine *machine =
        hook_machine(hook_counter, sizeof hook_counter, X64_ENGINE_BLOCKS);
    const struct x64_range empty = {2, 1};
    uint64_t handle = 77;
    ck_assert_int_eq(x64_hook_add_block(machine, &empty, block, NULL, &handle), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64_hook_add_block(machine, NULL, NULL, NULL, &handle), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64_hook_add_block(NULL, NULL, block, NULL, &handle), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64_hook_add_syscall(machine, NULL, NULL, &handle), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64_hook_remove(NULL, 1), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64_hook_stop(NULL, 1), X64_ERROR_ARGUMENT);
    ck_assert_uint_eq(handle, 77);
    x64_machine_destroy(machine);
}
END_TEST

static Suite *hooks_suite(void)
{
    Suite *suite = suite_create("emu/hooks");
    TCase *tcase = tcase_create("hooks");
    const int engines = X64_ENGINE_REFERENCE + 1;
    tcase_add_loop_test(tcase, test_hooks_around_instructions_and_blocks, 0, engines);
    tcase_add_test(tcase, test_hooks_of_memory_mean_their_range);
    tcase_add_test(tcase, test_hooks_of_fetches_and_translations);
    tcase_add_loop_test(tcase, test_hooks_of_events, 0,
                        (int)(sizeof event_rows / sizeof event_rows[0]));
    tcase_add_test(tcase, test_hooks_of_a_system_call);
    tcase_add_test(tcase, test_hooks_that_look_change_nothing);
    tcase_add_test(tcase, test_hooks_refuse);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(hooks_suite())
