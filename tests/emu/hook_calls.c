/* SPDX-License-Identifier: MIT */
#include "hook_calls.h"

#include <stdarg.h>
#include <stdio.h>

struct x64_machine *hook_machine_of(const struct x64_config *config, const uint8_t *code,
                                    size_t size)
{
    struct x64_machine *machine;
    ck_assert_int_eq(x64_machine_create(config, &machine), X64_OK);
    ck_assert_int_eq(x64_memory_write_phys(machine, CODE, code, size), X64_OK);
    ck_assert_int_eq(x64_machine_start(machine, CODE, STACK), X64_OK);
    return machine;
}

struct x64_machine *hook_machine(const uint8_t *code, size_t size, enum x64_engine engine)
{
    const struct x64_config config = {
        .struct_size = sizeof config, .memory_size = MEMORY, .engine = engine};
    return hook_machine_of(&config, code, size);
}

struct x64_registers hook_registers(struct x64_machine *machine)
{
    struct x64_registers registers;
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    return registers;
}

void hook_set_register(struct x64_machine *machine, unsigned number, uint64_t value)
{
    struct x64_registers registers = hook_registers(machine);
    registers.gpr[number] = value;
    ck_assert_int_eq(x64_registers_write(machine, &registers), X64_OK);
}

uint64_t hook_hash(struct x64_machine *machine)
{
    uint64_t hash;
    ck_assert_int_eq(x64_hash(machine, &hash), X64_OK);
    return hash;
}

void hook_note(struct hook_calls *calls, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    calls->length += (size_t)vsnprintf(calls->text + calls->length,
                                       sizeof calls->text - calls->length, format, arguments);
    va_end(arguments);
    ck_assert_uint_lt(calls->length, sizeof calls->text);
    calls->count++;
}

void hook_note_before(struct x64_machine *machine, void *user, uint64_t rip)
{
    ck_assert_uint_eq(hook_registers(machine).rip, rip);
    hook_note(user, "%llu:before %llx\n", LL(x64_steps(machine)), LL(rip - CODE));
}

void hook_note_exception(struct x64_machine *machine, void *user,
                         const struct x64_exception_event *event)
{
    hook_note(user, "%llu:%s cause %d error %x linear %llx at %llx\n", LL(x64_steps(machine)),
              x64_fault_name(event->fault), (int)event->cause, event->error_code, LL(event->linear),
              LL(event->step->rip));
}

void hook_run(struct x64_machine *machine, uint64_t budget, enum x64_stop_reason reason)
{
    struct x64_stop stop;
    ck_assert_int_eq(x64_run(machine, budget, &stop), X64_OK);
    ck_assert_int_eq(stop.reason, reason);
}

const uint8_t hook_counter[HOOK_COUNTER_SIZE] = {0xb8, 0x05, 0,    0,    0, 0xff, 0xc8, 0x75, 0xfc,
                                                 0x48, 0x89, 0x04, 0x25, 0, 0,    0x03, 0,    0x48,
                                                 0x8b, 0x1c, 0x25, 0,    0, 0x03, 0,    0xeb, 0xfe};

void hook_make_idt(struct x64_machine *machine)
{
    static const uint8_t hlt = 0xf4;
    struct x64_registers registers = hook_registers(machine);
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
