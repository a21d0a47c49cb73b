/* SPDX-License-Identifier: MIT */
/* Hooks: when each kind is called, with what, and what it may do. */
#include "support/suite.h"

#include "x64emu/hooks.h"
#include "x64emu/kernel_model.h"
#include "x64emu/machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CODE   0x10000u
#define STACK  0x20000u
#define DATA   0x30000u
#define IDT    0x40000u
#define MEMORY (UINT64_C(4) << 20)
#define LSTAR  0xc0000082u

static struct x64_machine *started(const struct x64_config *config, const uint8_t *code,
                                   size_t size)
{
    struct x64_machine *machine;
    ck_assert_int_eq(x64_machine_create(config, &machine), X64_OK);
    ck_assert_int_eq(x64_memory_write_phys(machine, CODE, code, size), X64_OK);
    ck_assert_int_eq(x64_machine_start(machine, CODE, STACK), X64_OK);
    return machine;
}

static struct x64_machine *new_machine(const uint8_t *code, size_t size, enum x64_engine engine)
{
    const struct x64_config config = {
        .struct_size = sizeof config, .memory_size = MEMORY, .engine = engine};
    return started(&config, code, size);
}

static struct x64_registers registers_of(struct x64_machine *machine)
{
    struct x64_registers registers;
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    return registers;
}

static void set_register(struct x64_machine *machine, unsigned number, uint64_t value)
{
    struct x64_registers registers = registers_of(machine);
    registers.gpr[number] = value;
    ck_assert_int_eq(x64_registers_write(machine, &registers), X64_OK);
}

static uint64_t hash_of(struct x64_machine *machine)
{
    uint64_t hash;
    ck_assert_int_eq(x64_hash(machine, &hash), X64_OK);
    return hash;
}

/* A log of calls as text, to compare with what is expected. */
struct calls {
    char text[4096];
    size_t length;
    int count;
};

__attribute__((format(printf, 2, 3))) static void note(struct calls *calls, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    calls->length += (size_t)vsnprintf(calls->text + calls->length,
                                       sizeof calls->text - calls->length, format, arguments);
    va_end(arguments);
    ck_assert_uint_lt(calls->length, sizeof calls->text);
    calls->count++;
}

#define LL(x) ((unsigned long long)(x))

static void before(struct x64_machine *machine, void *user, uint64_t rip)
{
    ck_assert_uint_eq(registers_of(machine).rip, rip);
    note(user, "%llu:before %llx\n", LL(x64_steps(machine)), LL(rip - CODE));
}

static void block(struct x64_machine *machine, void *user, uint64_t rip)
{
    note(user, "%llu:block %llx\n", LL(x64_steps(machine)), LL(rip - CODE));
}

static void after(struct x64_machine *machine, void *user, const struct x64_step *step)
{
    note(user, "%llu:after %llx\n", LL(x64_steps(machine)), LL(step->rip - CODE));
}

static void memory(struct x64_machine *machine, void *user, const struct x64_memory_event *event)
{
    note(user, "%llu:%llx size %u old %llx value %llx\n", LL(x64_steps(machine)), LL(event->linear),
         event->size, LL(event->old), LL(event->value));
}

static void fetch(struct x64_machine *machine, void *user, const struct x64_fetch_event *event)
{
    note(user, "%llu:fetch %llx size %u first %02x\n", LL(x64_steps(machine)), LL(event->linear),
         event->size, event->bytes[0]);
}

static void exception(struct x64_machine *machine, void *user,
                      const struct x64_exception_event *event)
{
    note(user, "%llu:%s cause %d error %x linear %llx at %llx\n", LL(x64_steps(machine)),
         x64_fault_name(event->fault), (int)event->cause, event->error_code, LL(event->linear),
         LL(event->step->rip));
}

static void interrupt(struct x64_machine *machine, void *user,
                      const struct x64_interrupt_event *event)
{
    note(user, "%llu:int %u cause %d\n", LL(x64_steps(machine)), event->vector, (int)event->cause);
}

static void transfer(struct x64_machine *machine, void *user,
                     const struct x64_transfer_event *event)
{
    (void)machine;
    note(user, "%u->%u %llx\n", event->step->cpl, event->cpl, LL(event->target));
}

static void msr(struct x64_machine *machine, void *user, const struct x64_msr_event *event)
{
    (void)machine;
    note(user, "%x %llx->%llx\n", event->index, LL(event->old), LL(event->value));
}

static void control(struct x64_machine *machine, void *user, const struct x64_control_event *event)
{
    (void)machine;
    note(user, "cr%u changed %d\n", event->index, event->old != event->value);
}

static void swapgs(struct x64_machine *machine, void *user, const struct x64_swapgs_event *event)
{
    ck_assert_uint_eq(registers_of(machine).segment[X64_GS].base, event->new_base);
    note(user, "gs %llx->%llx\n", LL(event->old_base), LL(event->new_base));
}

static void port(struct x64_machine *machine, void *user, const struct x64_port_event *event)
{
    (void)machine;
    note(user, "port %x write %d size %u value %x\n", event->port, event->write, event->size,
         event->value);
}

static void stack_switch(struct x64_machine *machine, void *user,
                         const struct x64_stack_switch_event *event)
{
    (void)machine;
    note(user, "slot %u\n", event->slot);
    (void)event;
}

static void walk(struct x64_machine *machine, void *user, const struct x64_walk_event *event)
{
    (void)machine;
    note(user, "walk %llx level %u\n", LL(event->linear), event->level);
}

static void tlb_fill(struct x64_machine *machine, void *user,
                     const struct x64_tlb_fill_event *event)
{
    (void)machine;
    note(user, "fill %llx size %llx\n", LL(event->linear), LL(event->size));
}

static enum x64_unmapped_answer no_answer(struct x64_machine *machine, void *user,
                                          const struct x64_unmapped_event *event)
{
    note(user, "%llu:unmapped %llx error %x\n", LL(x64_steps(machine)), LL(event->linear),
         event->error_code);
    return X64_UNMAPPED_FAULT;
}

static void run(struct x64_machine *machine, uint64_t budget, enum x64_stop_reason reason)
{
    struct x64_stop stop;
    ck_assert_int_eq(x64_run(machine, budget, &stop), X64_OK);
    ck_assert_int_eq(stop.reason, reason);
}

/* 0: mov eax,5; 5: dec eax; 7: jnz 5; 9: mov [0x30000],rax; 11: mov rbx,[0x30000]; 19: jmp here */
static const uint8_t counter[] = {0xb8, 0x05, 0,    0,    0, 0xff, 0xc8, 0x75, 0xfc,
                                  0x48, 0x89, 0x04, 0x25, 0, 0,    0x03, 0,    0x48,
                                  0x8b, 0x1c, 0x25, 0,    0, 0x03, 0,    0xeb, 0xfe};

START_TEST(test_hooks_around_instructions_and_blocks)
{
    struct x64_machine *machine = new_machine(counter, sizeof counter, (enum x64_engine)_i);
    struct calls calls = {.length = 0};
    const struct x64_range loop = {CODE + 5, CODE + 8};
    ck_assert_int_eq(x64_hook_add_instruction_before(machine, &loop, before, &calls, NULL), X64_OK);
    ck_assert_int_eq(x64_hook_add_block(machine, NULL, block, &calls, NULL), X64_OK);
    run(machine, 4, X64_STOP_BUDGET);
    ck_assert_str_eq(calls.text, "0:block 0\n1:before 5\n2:before 7\n3:block 5\n3:before 5\n");
    calls.length = 0;
    ck_assert_int_eq(x64_hook_add_instruction_after(machine, NULL, after, &calls, NULL), X64_OK);
    run(machine, 2, X64_STOP_BUDGET);
    ck_assert_str_eq(calls.text, "4:before 7\n5:after 7\n5:block 5\n5:before 5\n6:after 5\n");
    calls.length = 0;
    run(machine, 7, X64_STOP_BUDGET); /* the last jnz is not taken: a block starts behind it */
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
        struct x64_machine *machine = new_machine(counter, sizeof counter, X64_ENGINE_BLOCKS);
        struct calls reads = {.length = 0}, writes = {.length = 0};
        const struct x64_range range = {rows[i].first, rows[i].last};
        ck_assert_int_eq(x64_hook_add_memory_read(machine, &range, memory, &reads, NULL), X64_OK);
        ck_assert_int_eq(x64_hook_add_memory_write(machine, &range, memory, &writes, NULL), X64_OK);
        run(machine, 20, X64_STOP_BUDGET);
        ck_assert_str_eq(writes.text, rows[i].met ? "12:30000 size 8 old 0 value 0\n" : "");
        ck_assert_str_eq(reads.text, rows[i].met ? "13:30000 size 8 old 0 value 0\n" : "");
        x64_machine_destroy(machine);
    }
}
END_TEST

START_TEST(test_hooks_of_fetches_and_translations)
{
    struct x64_machine *machine = new_machine(counter, sizeof counter, X64_ENGINE_BLOCKS);
    struct calls calls = {.length = 0};
    const struct x64_range fetched = {CODE + 3, CODE + 5}; /* bytes of two instructions */
    ck_assert_int_eq(x64_hook_add_memory_fetch(machine, &fetched, fetch, &calls, NULL), X64_OK);
    ck_assert_int_eq(x64_hook_add_page_walk(machine, NULL, walk, &calls, NULL), X64_OK);
    ck_assert_int_eq(x64_hook_add_tlb_fill(machine, NULL, tlb_fill, &calls, NULL), X64_OK);
    run(machine, 3, X64_STOP_BUDGET);
    ck_assert_str_eq(calls.text, "1:fetch 10000 size 5 first b8\n"
                                 "walk 10000 level 4\nwalk 10000 level 3\nwalk 10000 level 2\n"
                                 "fill 0 size 200000\n"
                                 "2:fetch 10005 size 2 first ff\n");
    x64_machine_destroy(machine);
}
END_TEST

/* An IDT whose every gate leads to CODE + 0x800, where HLT stands. */
static void make_idt(struct x64_machine *machine)
{
    static const uint8_t hlt = 0xf4;
    struct x64_registers registers = registers_of(machine);
    const uint64_t gate[2] = {(uint64_t)((CODE + 0x800) & 0xffff) |
                                  (uint64_t)registers.segment[X64_CS].selector << 16 |
                                  UINT64_C(0x8e) << 40 | (uint64_t)((CODE + 0x800) >> 16) << 48,
                              0};
    for (unsigned i = 0; i < 256; i++)
        ck_assert_int_eq(x64_memory_write_phys(machine, IDT + 16 * i, gate, sizeof gate), X64_OK);
    const uint64_t code = UINT64_C(0x00af9b000000ffff);
    ck_assert_int_eq(x64_memory_write_phys(machine, 0x50000 + registers.segment[X64_CS].selector,
                                           &code, sizeof code),
                     X64_OK);
    ck_assert_int_eq(x64_memory_write_phys(machine, CODE + 0x800, &hlt, 1), X64_OK);
    registers.idtr_base = IDT;
    registers.idtr_limit = 0xfff;
    registers.gdtr_base = 0x50000;
    registers.gdtr_limit = 0xff;
    ck_assert_int_eq(x64_registers_write(machine, &registers), X64_OK);
}

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
    struct x64_machine *machine = new_machine(row->code, sizeof row->code, X64_ENGINE_BLOCKS);
    struct calls calls = {.length = 0};
    make_idt(machine);
    ck_assert_int_eq(x64_hook_add_unmapped(machine, NULL, no_answer, &calls, NULL), X64_OK);
    ck_assert_int_eq(x64_hook_add_exception(machine, NULL, exception, &calls, NULL), X64_OK);
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
    struct calls in = {.length = 0}, out = {.length = 0}, lstar = {.length = 0};
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
    struct x64_machine *machine = new_machine(counter, sizeof counter, (enum x64_engine)_i);
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
    run(machine, 100, X64_STOP_BUDGET);
    x64_machine_destroy(machine);
}
END_TEST

/* Adds one to RSI. */
static void add_one(struct x64_machine *machine, void *user, uint64_t rip)
{
    (void)rip;
    ++*(int *)user;
    set_register(machine, X64_RSI, registers_of(machine).gpr[X64_RSI] + 1);
}

static void add_one_after(struct x64_machine *machine, void *user, const struct x64_step *step)
{
    add_one(machine, user, step->rip);
}

START_TEST(test_hooks_change_state_once_whatever_the_way)
{
    struct x64_machine *machine = new_machine(counter, sizeof counter, X64_ENGINE_BLOCKS);
    const struct x64_range jump = {CODE + 7, CODE + 7};
    int count = 0;
    if (_i)
        x64_hook_add_instruction_after(machine, &jump, add_one_after, &count, NULL);
    else
        x64_hook_add_instruction_before(machine, &jump, add_one, &count, NULL);
    uint64_t hashes[13];
    for (size_t i = 0; i < 13; i++) {
        hashes[i] = hash_of(machine);
        run(machine, 1, X64_STOP_BUDGET);
    }
    ck_assert_int_eq(count, 5);
    ck_assert_uint_eq(registers_of(machine).gpr[X64_RSI], 5);
    for (uint64_t n = 13; n-- > 1;) { /* replays call no hooks, and change as was recorded */
        ck_assert_int_eq(x64_goto(machine, n), X64_OK);
        uint64_t rsi = registers_of(machine).gpr[X64_RSI];
        ck_assert_msg(_i ? hash_of(machine) == hashes[n] : rsi <= n / 2 + 1, "n %llu", LL(n));
    }
    ck_assert_int_eq(count, 5);
    ck_assert_int_eq(x64_goto(machine, 13), X64_OK);
    ck_assert_uint_eq(registers_of(machine).gpr[X64_RSI], 5);
    ck_assert_int_eq(x64_goto(machine, 1), X64_OK);
    run(machine, 12, X64_STOP_BUDGET); /* the recorded past again, with hooks: the same */
    ck_assert_uint_eq(registers_of(machine).gpr[X64_RSI], 5);
    x64_machine_destroy(machine);
}
END_TEST

static void leave_out(struct x64_machine *machine, void *user, uint64_t rip)
{
    (void)user;
    struct x64_registers registers = registers_of(machine);
    registers.rip = rip + 2; /* leaves the DEC out */
    registers.gpr[X64_RAX] = 77;
    ck_assert_int_eq(x64_registers_write(machine, &registers), X64_OK);
}

START_TEST(test_hooks_move_rip)
{
    struct x64_machine *machine = new_machine(counter, sizeof counter, (enum x64_engine)_i);
    const struct x64_range dec = {CODE + 5, CODE + 5};
    uint64_t handle;
    ck_assert_int_eq(x64_hook_add_instruction_before(machine, &dec, leave_out, NULL, &handle),
                     X64_OK);
    run(machine, 2, X64_STOP_BUDGET);
    ck_assert_uint_eq(registers_of(machine).gpr[X64_RAX], 77);
    ck_assert_uint_eq(registers_of(machine).rip, CODE + 5); /* ZF was 0 */
    x64_machine_destroy(machine);
}
END_TEST

struct juggler {
    uint64_t own, other;
    struct calls calls;
    int left;
};

static void juggled(struct x64_machine *machine, void *user, uint64_t rip)
{
    struct juggler *juggler = user;
    (void)rip;
    note(&juggler->calls, "%llu ", LL(x64_steps(machine)));
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
    struct x64_machine *machine = new_machine(counter, sizeof counter, (enum x64_engine)_i);
    struct juggler juggler = {.left = 3};
    struct calls never = {.length = 0};
    ck_assert_int_eq(
        x64_hook_add_instruction_before(machine, NULL, juggled, &juggler, &juggler.own), X64_OK);
    ck_assert_int_eq(x64_hook_add_instruction_before(machine, NULL, before, &never, &juggler.other),
                     X64_OK);
    run(machine, 10, X64_STOP_BUDGET);
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
    ck_assert_uint_eq(event->rip, registers_of(machine).rip);
    ck_assert_uint_eq(event->number, x64_steps(machine));
    if (mapper->map) {
        /* CR3 -> entry 0 -> the table of page directory pointers: entry 1 becomes entry 0 */
        uint64_t root = registers_of(machine).cr3, table, entry;
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
    struct x64_machine *machine = new_machine(touches, sizeof touches, (enum x64_engine)_i);
    struct mapper mapper = {.map = true, .retry = true};
    const uint32_t value = 0xabcd;
    ck_assert_int_eq(x64_memory_write_phys(machine, 0, &value, sizeof value), X64_OK);
    ck_assert_int_eq(x64_hook_add_unmapped(machine, NULL, map_it, &mapper, NULL), X64_OK);
    run(machine, 10, X64_STOP_BUDGET);
    ck_assert_int_eq(mapper.calls, 1);
    ck_assert_uint_eq(registers_of(machine).gpr[X64_RAX], value);
    uint64_t hash = hash_of(machine);
    ck_assert_int_eq(x64_goto(machine, 0), X64_OK);
    ck_assert_int_eq(x64_goto(machine, 10), X64_OK); /* without hooks: the mapping is recorded */
    ck_assert_uint_eq(hash_of(machine), hash);
    ck_assert_int_eq(mapper.calls, 1);
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_hooks_of_unmapped_that_do_not_map_end_in_the_fault)
{
    struct x64_machine *machine = new_machine(touches, sizeof touches, (enum x64_engine)_i);
    struct mapper mapper = {.retry = true};
    struct calls calls = {.length = 0};
    make_idt(machine);
    ck_assert_int_eq(x64_hook_add_unmapped(machine, NULL, map_it, &mapper, NULL), X64_OK);
    ck_assert_int_eq(x64_hook_add_exception(machine, NULL, exception, &calls, NULL), X64_OK);
    run(machine, 1, X64_STOP_BUDGET);
    ck_assert_int_eq(mapper.calls, 1);
    ck_assert_str_eq(calls.text, "1:#PF cause 0 error 0 linear 40000000 at 10000\n");
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_hooks_of_unmapped_stop_before_the_step)
{
    struct x64_machine *machine = new_machine(touches, sizeof touches, (enum x64_engine)_i);
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

/* Watching changes nothing: the same hashes with every kind of hook as without. */
START_TEST(test_hooks_that_look_change_nothing)
{
    struct x64_machine *plain = new_machine(counter, sizeof counter, X64_ENGINE_BLOCKS);
    struct x64_machine *hooked = new_machine(counter, sizeof counter, X64_ENGINE_BLOCKS);
    struct calls *calls = calloc(1, sizeof *calls);
    x64_hook_add_memory_write(hooked, NULL, memory, calls, NULL);
    x64_hook_add_block(hooked, NULL, block, calls, NULL);
    x64_hook_add_unmapped(hooked, NULL, no_answer, calls, NULL);
    for (unsigned i = 0; i < 20; i++) {
        run(plain, 1, X64_STOP_BUDGET);
        run(hooked, 1, X64_STOP_BUDGET);
        ck_assert_uint_eq(hash_of(plain), hash_of(hooked));
    }
    free(calls);
    x64_machine_destroy(plain);
    x64_machine_destroy(hooked);
}
END_TEST

/* More changes than the history has room for: it begins later, and the run goes on. */
START_TEST(test_hooks_change_more_often_than_the_history_remembers)
{
    static const uint8_t spin[] = {0xeb, 0xfe};
    const struct x64_config little = {
        .struct_size = sizeof little, .memory_size = MEMORY, .history_bytes = 1u << 20};
    struct x64_machine *machine = started(&little, spin, sizeof spin);
    int count = 0;
    uint64_t first, last;
    ck_assert_int_eq(x64_hook_add_instruction_before(machine, NULL, add_one, &count, NULL), X64_OK);
    run(machine, 3000, X64_STOP_BUDGET);
    ck_assert_int_eq(count, 3000);
    ck_assert_uint_eq(registers_of(machine).gpr[X64_RSI], 3000);
    ck_assert_int_eq(x64_history_range(machine, &first, &last), X64_OK);
    ck_assert_uint_gt(first, 0);
    ck_assert_int_eq(x64_goto(machine, first + 10), X64_OK);
    ck_assert_uint_eq(registers_of(machine).gpr[X64_RSI], first + 11);
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_hooks_refuse)
{
    struct x64_machine *machine = new_machine(counter, sizeof counter, X64_ENGINE_BLOCKS);
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
    tcase_add_loop_test(tcase, test_hooks_stop_the_run_and_say_who, 0, engines);
    tcase_add_loop_test(tcase, test_hooks_change_state_once_whatever_the_way, 0, 2);
    tcase_add_loop_test(tcase, test_hooks_move_rip, 0, engines);
    tcase_add_loop_test(tcase, test_hooks_add_and_remove_each_other, 0, engines);
    tcase_add_loop_test(tcase, test_hooks_of_unmapped_map_and_retry, 0, engines);
    tcase_add_loop_test(tcase, test_hooks_of_unmapped_that_do_not_map_end_in_the_fault, 0, engines);
    tcase_add_loop_test(tcase, test_hooks_of_unmapped_stop_before_the_step, 0, engines);
    tcase_add_test(tcase, test_hooks_that_look_change_nothing);
    tcase_add_test(tcase, test_hooks_change_more_often_than_the_history_remembers);
    tcase_add_test(tcase, test_hooks_refuse);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(hooks_suite())
