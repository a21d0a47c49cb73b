/* SPDX-License-Identifier: MIT */
/* Hooks: what they may do to the machine that calls them. */
#include "hook_calls.h"

#include "x64emu/hooks.h"

struct stopper {
    int code;
    int calls;
};

static void stop_before(struct x64_machine *machine, void *user, uint64_t rip)
{
    struct stopper *stopper = user;
    (void)rip;
    stopper->calls++;
    ck_assert_int_eq(x64_hook_stop(machine, stopper->code), X64_OK);
    struct x64_step step;
    ck_assert_int_eq(x64_run(machine, 1, NULL), X64_ERROR_STATE);
    ck_assert_int_eq(x64_step_observed(machine, &step, NULL), X64_ERROR_STATE);
    ck_assert_int_eq(x64_goto(machine, 0), X64_ERROR_STATE);
    ck_assert_int_eq(x64_restore(machine, "/nowhere"), X64_ERROR_STATE);
    x64_machine_destroy(machine); /* refused */
}

START_TEST(test_hooks_stop_the_run_and_say_who)
{
    struct x64_machine *machine =
        hook_machine(hook_counter, sizeof hook_counter, (enum x64_engine)_i);
    struct stopper stopper = {.code = 42};
    struct x64_stop stop;
    uint64_t handle;
    const struct x64_range loop = {CODE + 5, CODE + 5};
    ck_assert_int_eq(x64_hook_stop(machine, 1), X64_ERROR_STATE);
    ck_assert_int_eq(
        x64_hook_add_instruction_before(machine, &loop, stop_before, &stopper, &handle), X64_OK);
    for (uint64_t i = 0; i < 3; i++) {
        ck_assert_int_eq(x64_run(machine, 100, &stop), X64_OK);
        ck_assert_int_eq(stop.reason, X64_STOP_HOOK);
        ck_assert_int_eq(stop.code, 42);
        ck_assert_uint_eq(stop.hook, handle);
        ck_assert_uint_eq(stop.rip, CODE + 5);
        ck_assert_uint_eq(stop.steps, 1 + 2 * i);
        ck_assert_int_eq(stopper.calls, (int)i + 1);
    }
    ck_assert_int_eq(x64_goto(machine, 1), X64_OK);
    ck_assert_int_eq(x64_run(machine, 100, &stop), X64_OK); /* arrives anew: is asked anew */
    ck_assert_uint_eq(stop.steps, 1);
    ck_assert_int_eq(x64_hook_remove(machine, handle), X64_OK);
    ck_assert_int_eq(x64_hook_remove(machine, handle), X64_ERROR_NOT_FOUND);
    ck_assert_int_eq(x64_hook_remove(machine, 0), X64_ERROR_NOT_FOUND);
    hook_run(machine, 100, X64_STOP_BUDGET);
    x64_machine_destroy(machine);
}
END_TEST

/* Adds one to RSI. */
static void add_one(struct x64_machine *machine, void *user, uint64_t rip)
{
    (void)rip;
    ++*(int *)user;
    hook_set_register(machine, X64_RSI, hook_registers(machine).gpr[X64_RSI] + 1);
}

static void add_one_after(struct x64_machine *machine, void *user, const struct x64_step *step)
{
    add_one(machine, user, step->rip);
}

START_TEST(test_hooks_change_state_once_whatever_the_way)
{
    struct x64_machine *machine =
        hook_machine(hook_counter, sizeof hook_counter, X64_ENGINE_BLOCKS);
    const struct x64_range jump = {CODE + 7, CODE + 7};
    int count = 0;
    if (_i)
        x64_hook_add_instruction_after(machine, &jump, add_one_after, &count, NULL);
    else
        x64_hook_add_instruction_before(machine, &jump, add_one, &count, NULL);
    uint64_t hashes[13];
    for (size_t i = 0; i < 13; i++) {
        hashes[i] = hook_hash(machine);
        hook_run(machine, 1, X64_STOP_BUDGET);
    }
    ck_assert_int_eq(count, 5);
    ck_assert_uint_eq(hook_registers(machine).gpr[X64_RSI], 5);
    for (uint64_t n = 13; n-- > 1;) { /* replays call no hooks, and change as was recorded */
        ck_assert_int_eq(x64_goto(machine, n), X64_OK);
        uint64_t rsi = hook_registers(machine).gpr[X64_RSI];
        ck_assert_msg(_i ? hook_hash(machine) == hashes[n] : rsi <= n / 2 + 1, "n %llu", LL(n));
    }
    ck_assert_int_eq(count, 5);
    ck_assert_int_eq(x64_goto(machine, 13), X64_OK);
    ck_assert_uint_eq(hook_registers(machine).gpr[X64_RSI], 5);
    ck_assert_int_eq(x64_goto(machine, 1), X64_OK);
    hook_run(machine, 12, X64_STOP_BUDGET); /* the recorded past again, with hooks: the same */
    ck_assert_uint_eq(hook_registers(machine).gpr[X64_RSI], 5);
    x64_machine_destroy(machine);
}
END_TEST

static void leave_out(struct x64_machine *machine, void *user, uint64_t rip)
{
    (void)user;
    struct x64_registers registers = hook_registers(machine);
    registers.rip = rip + 2; /* leaves the DEC out */
    registers.gpr[X64_RAX] = 77;
    ck_assert_int_eq(x64_registers_write(machine, &registers), X64_OK);
}

START_TEST(test_hooks_move_rip)
{
    struct x64_machine *machine =
        hook_machine(hook_counter, sizeof hook_counter, (enum x64_engine)_i);
    const struct x64_range dec = {CODE + 5, CODE + 5};
    uint64_t handle;
    ck_assert_int_eq(x64_hook_add_instruction_before(machine, &dec, leave_out, NULL, &handle),
                     X64_OK);
    hook_run(machine, 2, X64_STOP_BUDGET);
    ck_assert_uint_eq(hook_registers(machine).gpr[X64_RAX], 77);
    ck_assert_uint_eq(hook_registers(machine).rip, CODE + 5); /* ZF was 0 */
    x64_machine_destroy(machine);
}
END_TEST

struct juggler {
    uint64_t own, other;
    struct hook_calls calls;
    int left;
};

static void juggled(struct x64_machine *machine, void *user, uint64_t rip)
{
    struct juggler *juggler = user;
    (void)rip;
    hook_note(&juggler->calls, "%llu ", LL(x64_steps(machine)));
    ck_assert_int_eq(x64_hook_remove(machine, juggler->own), X64_OK);
    if (juggler->left--)
        ck_assert_int_eq(
            x64_hook_add_instruction_before(machine, NULL, juggled, juggler, &juggler->own),
            X64_OK);
    if (juggler->other)
        ck_assert_int_eq(x64_hook_remove(machine, juggler->other), X64_OK);
    juggler->other = 0;
}

START_TEST(test_hooks_add_and_remove_each_other)
{
    struct x64_machine *machine =
        hook_machine(hook_counter, sizeof hook_counter, (enum x64_engine)_i);
    struct juggler juggler = {.left = 3};
    struct hook_calls never = {.length = 0};
    ck_assert_int_eq(
        x64_hook_add_instruction_before(machine, NULL, juggled, &juggler, &juggler.own), X64_OK);
    ck_assert_int_eq(
        x64_hook_add_instruction_before(machine, NULL, hook_note_before, &never, &juggler.other),
        X64_OK);
    hook_run(machine, 10, X64_STOP_BUDGET);
    ck_assert_str_eq(juggler.calls.text, "0 1 2 3 ");
    ck_assert_int_eq(never.count, 0);
    x64_machine_destroy(machine);
}
END_TEST

/* Maps 1 GiB by hand: the identity map has no entry for it. */
struct mapper {
    int calls;
    bool map, retry, stop;
};

static enum x64_unmapped_answer map_it(struct x64_machine *machine, void *user,
                                       const struct x64_unmapped_event *event)
{
    struct mapper *mapper = user;
    mapper->calls++;
    ck_assert_uint_eq(event->linear, UINT64_C(1) << 30);
    ck_assert_uint_eq(event->rip, hook_registers(machine).rip);
    ck_assert_uint_eq(event->number, x64_steps(machine));
    if (mapper->map) {
        /* CR3 -> entry 0 -> the table of page directory pointers: entry 1 becomes entry 0 */
        uint64_t root = hook_registers(machine).cr3, table, entry;
        ck_assert_int_eq(x64_memory_read_phys(machine, root, &table, 8), X64_OK);
        table &= ~UINT64_C(0xfff);
        ck_assert_int_eq(x64_memory_read_phys(machine, table, &entry, 8), X64_OK);
        ck_assert_int_eq(x64_memory_write_phys(machine, table + 8, &entry, 8), X64_OK);
    }
    if (mapper->stop)
        ck_assert_int_eq(x64_hook_stop(machine, 3), X64_OK);
    return mapper->retry ? X64_UNMAPPED_RETRY : X64_UNMAPPED_FAULT;
}

/* mov eax, [0x40000000]; jmp here */
static const uint8_t touches[] = {0x8b, 0x04, 0x25, 0, 0, 0, 0x40, 0xeb, 0xfe};

START_TEST(test_hooks_of_unmapped_map_and_retry)
{
    struct x64_machine *machine = hook_machine(touches, sizeof touches, (enum x64_engine)_i);
    struct mapper mapper = {.map = true, .retry = true};
    const uint32_t value = 0xabcd;
    ck_assert_int_eq(x64_memory_write_phys(machine, 0, &value, sizeof value), X64_OK);
    ck_assert_int_eq(x64_hook_add_unmapped(machine, NULL, map_it, &mapper, NULL), X64_OK);
    hook_run(machine, 10, X64_STOP_BUDGET);
    ck_assert_int_eq(mapper.calls, 1);
    ck_assert_uint_eq(hook_registers(machine).gpr[X64_RAX], value);
    uint64_t hash = hook_hash(machine);
    ck_assert_int_eq(x64_goto(machine, 0), X64_OK);
    ck_assert_int_eq(x64_goto(machine, 10), X64_OK); /* without hooks: the mapping is recorded */
    ck_assert_uint_eq(hook_hash(machine), hash);
    ck_assert_int_eq(mapper.calls, 1);
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_hooks_of_unmapped_that_do_not_map_end_in_the_fault)
{
    struct x64_machine *machine = hook_machine(touches, sizeof touches, (enum x64_engine)_i);
    struct mapper mapper = {.retry = true};
    struct hook_calls calls = {.length = 0};
    hook_make_idt(machine);
    ck_assert_int_eq(x64_hook_add_unmapped(machine, NULL, map_it, &mapper, NULL), X64_OK);
    ck_assert_int_eq(x64_hook_add_exception(machine, NULL, hook_note_exception, &calls, NULL),
                     X64_OK);
    hook_run(machine, 1, X64_STOP_BUDGET);
    ck_assert_int_eq(mapper.calls, 1);
    ck_assert_str_eq(calls.text, "1:#PF cause 0 error 0 linear 40000000 at 10000\n");
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_hooks_of_unmapped_stop_before_the_step)
{
    struct x64_machine *machine = hook_machine(touches, sizeof touches, (enum x64_engine)_i);
    struct mapper mapper = {.stop = true};
    uint64_t handle;
    struct x64_stop stop;
    ck_assert_int_eq(x64_hook_add_unmapped(machine, NULL, map_it, &mapper, &handle), X64_OK);
    for (int i = 1; i < 3; i++) {
        ck_assert_int_eq(x64_run(machine, 10, &stop), X64_OK);
        ck_assert_int_eq(stop.reason, X64_STOP_HOOK);
        ck_assert_int_eq(stop.code, 3);
        ck_assert_uint_eq(stop.hook, handle);
        ck_assert_uint_eq(stop.steps, 0);
        ck_assert_int_eq(mapper.calls, i);
    }
    x64_machine_destroy(machine);
}
END_TEST

/* More changes than the history has room for: it begins later, and the run goes on. */
START_TEST(test_hooks_change_more_often_than_the_history_remembers)
{
    static const uint8_t spin[] = {0xeb, 0xfe};
    const struct x64_config little = {
        .struct_size = sizeof little, .memory_size = MEMORY, .history_bytes = 1u << 20};
    struct x64_machine *machine = hook_machine_of(&little, spin, sizeof spin);
    int count = 0;
    uint64_t first, last;
    ck_assert_int_eq(x64_hook_add_instruction_before(machine, NULL, add_one, &count, NULL), X64_OK);
    hook_run(machine, 3000, X64_STOP_BUDGET);
    ck_assert_int_eq(count, 3000);
    ck_assert_uint_eq(hook_registers(machine).gpr[X64_RSI], 3000);
    ck_assert_int_eq(x64_history_range(machine, &first, &last), X64_OK);
    ck_assert_uint_gt(first, 0);
    ck_assert_int_eq(x64_goto(machine, first + 10), X64_OK);
    ck_assert_uint_eq(hook_registers(machine).gpr[X64_RSI], first + 11);
    x64_machine_destroy(machine);
}
END_TEST

static Suite *hooks_change_suite(void)
{
    Suite *suite = suite_create("emu/hooks_change");
    TCase *tcase = tcase_create("hooks_change");
    const int engines = X64_ENGINE_REFERENCE + 1;
    tcase_add_loop_test(tcase, test_hooks_stop_the_run_and_say_who, 0, engines);
    tcase_add_loop_test(tcase, test_hooks_change_state_once_whatever_the_way, 0, 2);
    tcase_add_loop_test(tcase, test_hooks_move_rip, 0, engines);
    tcase_add_loop_test(tcase, test_hooks_add_and_remove_each_other, 0, engines);
    tcase_add_loop_test(tcase, test_hooks_of_unmapped_map_and_retry, 0, engines);
    tcase_add_loop_test(tcase, test_hooks_of_unmapped_that_do_not_map_end_in_the_fault, 0, engines);
    tcase_add_loop_test(tcase, test_hooks_of_unmapped_stop_before_the_step, 0, engines);
    tcase_add_test(tcase, test_hooks_change_more_often_than_the_history_remembers);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(hooks_change_suite())
