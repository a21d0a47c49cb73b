/* SPDX-License-Identifier: MIT */
/* Mapping from outside, what an access would meet, and the host's own devices. */
#include "support/suite.h"

#include "x64emu/hooks.h"
#include "x64emu/memory.h"

#include <string.h>

#define CODE   UINT64_C(0x400000)
#define DATA   UINT64_C(0x7fff00000000)
#define DEVICE UINT64_C(0xfee00000)
#define MEMORY (UINT64_C(4) << 20)
#define PAGE   UINT64_C(4096)

static struct x64_machine *new_machine(void)
{
    struct x64_config config = {.struct_size = sizeof config, .memory_size = MEMORY};
    struct x64_machine *machine;
    ck_assert_int_eq(x64_machine_create(&config, &machine), X64_OK);
    return machine;
}

/* A machine that is mapped from nothing, with `code` at CODE. */
static struct x64_machine *new_program(const uint8_t *code, size_t size)
{
    struct x64_machine *machine = new_machine();
    struct x64_registers registers;
    ck_assert_int_eq(x64_map_virt(machine, CODE, PAGE, X64_PROTECT_EXECUTE), X64_OK);
    ck_assert_int_eq(x64_memory_write_virt(machine, CODE, code, size), X64_OK);
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    registers.rip = CODE;
    ck_assert_int_eq(x64_registers_write(machine, &registers), X64_OK);
    return machine;
}

static uint64_t hash_of(struct x64_machine *machine)
{
    uint64_t hash;
    ck_assert_int_eq(x64_hash(machine, &hash), X64_OK);
    return hash;
}

static struct x64_translation look(struct x64_machine *machine, uint64_t linear, unsigned access)
{
    struct x64_translation translation;
    ck_assert_int_eq(x64_translate_for(machine, linear, access, &translation), X64_OK);
    return translation;
}

/* What each protection allows, by the table of SDM vol. 3A, 4.6.1 (CR0.WP set, EFER.NXE set). */
static const struct {
    unsigned protection, access;
    bool permitted;
    unsigned error;
} right_rows[] = {
    {X64_PROTECT_READ, X64_ACCESS_READ, true, 0},
    {X64_PROTECT_READ, X64_ACCESS_WRITE, false, X64_PF_PRESENT | X64_PF_WRITE},
    {X64_PROTECT_READ, X64_ACCESS_EXECUTE, false, X64_PF_PRESENT | X64_PF_INSTRUCTION},
    {X64_PROTECT_READ, X64_ACCESS_USER, false, X64_PF_PRESENT | X64_PF_USER},
    {X64_PROTECT_WRITE, X64_ACCESS_WRITE, true, 0},
    {X64_PROTECT_EXECUTE, X64_ACCESS_EXECUTE, true, 0},
    {X64_PROTECT_USER, X64_ACCESS_USER, true, 0},
    {X64_PROTECT_USER, X64_ACCESS_USER | X64_ACCESS_WRITE, false,
     X64_PF_PRESENT | X64_PF_USER | X64_PF_WRITE},
    {X64_PROTECT_USER | X64_PROTECT_WRITE | X64_PROTECT_EXECUTE, X64_ACCESS_USER | X64_ACCESS_WRITE,
     true, 0},
};

START_TEST(test_map_gives_the_rights_asked_for)
{
    struct x64_machine *machine = new_machine();
    for (size_t i = 0; i < sizeof right_rows / sizeof right_rows[0]; i++) {
        uint64_t linear = DATA + i * PAGE;
        ck_assert_int_eq(x64_map_virt(machine, linear, PAGE, i % 2 ? right_rows[i].protection : 0),
                         X64_OK);
        ck_assert_int_eq(x64_protect_virt(machine, linear, PAGE, right_rows[i].protection), X64_OK);
        struct x64_translation t = look(machine, linear + 5, right_rows[i].access);
        ck_assert_msg(t.permitted == right_rows[i].permitted, "row %zu", i);
        ck_assert_uint_eq(t.error_code, right_rows[i].error);
        ck_assert_int_eq(t.fault, t.permitted ? X64_FAULT_NONE : X64_FAULT_PF);
        ck_assert_uint_eq(t.entry_count, 4);
        ck_assert_uint_eq(t.entry[3].level, 1);
    }
    struct x64_translation t = look(machine, UINT64_C(1) << 47, 0);
    ck_assert_int_eq(t.fault, X64_FAULT_GP);
    t = look(machine, 0, 0);
    ck_assert_int_eq(t.fault, X64_FAULT_PF);
    ck_assert_uint_eq(t.error_code, 0);
    x64_machine_destroy(machine);
}
END_TEST

/* mov qword [DATA], rax by way of a register; then a jump to itself */
static const uint8_t storer[] = {0x48, 0xbb, 0,    0,    0,    0,    0xff, 0x7f, 0,
                                 0,    0x48, 0xff, 0x03, 0x48, 0x8b, 0x03, 0xeb, 0xfe};

START_TEST(test_map_runs_and_goes_back)
{
    struct x64_machine *machine = new_program(storer, sizeof storer);
    struct x64_registers registers;
    ck_assert_int_eq(x64_map_virt(machine, DATA, 3 * PAGE, X64_PROTECT_WRITE), X64_OK);
    uint64_t start = hash_of(machine);
    ck_assert_int_eq(x64_run(machine, 10, NULL), X64_OK);
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    ck_assert_uint_eq(registers.gpr[X64_RAX], 1);
    uint64_t end = hash_of(machine);
    ck_assert_int_eq(x64_goto(machine, 0), X64_OK);
    ck_assert_uint_eq(hash_of(machine), start);
    ck_assert_int_eq(x64_goto(machine, 10), X64_OK);
    ck_assert_uint_eq(hash_of(machine), end);
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_map_splits_large_pages)
{
    struct x64_machine *machine = new_machine();
    ck_assert_int_eq(x64_machine_start(machine, 0x1000, 0x8000), X64_OK);
    ck_assert_uint_eq(look(machine, 0x5000, 0).page_size, UINT64_C(2) << 20);
    ck_assert_int_eq(x64_unmap_virt(machine, 0x5000, PAGE), X64_OK);
    ck_assert(!look(machine, 0x5000, 0).permitted);
    for (uint64_t linear = 0; linear < UINT64_C(2) << 20; linear += PAGE) {
        struct x64_translation t = look(machine, linear + 7, X64_ACCESS_WRITE);
        if (linear == 0x5000)
            continue;
        ck_assert(t.permitted);
        ck_assert_uint_eq(t.physical, linear + 7);
        ck_assert_uint_eq(t.page_size, PAGE);
    }
    ck_assert_int_eq(x64_protect_virt(machine, 0x200000, PAGE, 0), X64_OK);
    ck_assert(!look(machine, 0x200000, X64_ACCESS_WRITE).permitted);
    ck_assert(look(machine, 0x201000, X64_ACCESS_WRITE).permitted);
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_map_refuses_and_changes_nothing)
{
    struct x64_machine *machine = new_program(storer, sizeof storer);
    ck_assert_int_eq(x64_map_virt(machine, DATA, PAGE, X64_PROTECT_WRITE), X64_OK);
    uint64_t before = hash_of(machine);
    const uint64_t hole = UINT64_C(0x800000000000);
    const struct {
        enum x64_status got, want;
    } rows[] = {
        {x64_map_virt(machine, DATA + 1, PAGE, 0), X64_ERROR_ARGUMENT},
        {x64_map_virt(machine, DATA, 1, 0), X64_ERROR_ARGUMENT},
        {x64_map_virt(machine, DATA, 0, 0), X64_ERROR_ARGUMENT},
        {x64_map_virt(machine, DATA, PAGE, 8), X64_ERROR_ARGUMENT},
        {x64_map_virt(machine, hole, PAGE, 0), X64_ERROR_ARGUMENT},
        {x64_map_virt(machine, hole - PAGE, 2 * PAGE, 0), X64_ERROR_ARGUMENT},
        {x64_map_virt(machine, UINT64_MAX - PAGE + 1, 2 * PAGE, 0), X64_ERROR_ARGUMENT},
        {x64_map_virt(machine, hole - PAGE, UINT64_MAX - 2 * hole + 3 * PAGE, 0),
         X64_ERROR_ARGUMENT},
        {x64_map_virt(machine, DATA - PAGE, 2 * PAGE, 0), X64_ERROR_EXISTS},
        {x64_map_virt(machine, 0x10000000, MEMORY, 0), X64_ERROR_LIMIT},
        {x64_map_virt(machine, 0, hole, 0), X64_ERROR_LIMIT},
        {x64_map_virt_to_phys(machine, 0, 1, PAGE, 0), X64_ERROR_ARGUMENT},
        {x64_map_virt_to_phys(machine, 0, UINT64_MAX - PAGE + 1, PAGE, 0), X64_ERROR_ARGUMENT},
        {x64_unmap_virt(machine, DATA, 2 * PAGE), X64_ERROR_UNMAPPED},
        {x64_unmap_virt(machine, 0, hole), X64_ERROR_UNMAPPED},
        {x64_protect_virt(machine, DATA - PAGE, 2 * PAGE, 0), X64_ERROR_UNMAPPED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(rows[i].got == rows[i].want, "row %zu: %d", i, (int)rows[i].got);
    ck_assert_uint_eq(hash_of(machine), before);
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_map_gives_frames_back)
{
    struct x64_machine *machine = new_machine();
    for (int i = 0; i < 100; i++) { /* 50 MiB in all, of 4 */
        ck_assert_int_eq(x64_map_virt(machine, DATA, UINT64_C(512) << 10, X64_PROTECT_WRITE),
                         X64_OK);
        uint64_t zero = 1;
        ck_assert_int_eq(x64_memory_read_virt(machine, DATA, &zero, sizeof zero), X64_OK);
        ck_assert_uint_eq(zero, 0);
        ck_assert_int_eq(x64_memory_write_virt(machine, DATA, "dirty", 5), X64_OK);
        ck_assert_int_eq(x64_unmap_virt(machine, DATA, UINT64_C(512) << 10), X64_OK);
    }
    x64_machine_destroy(machine);
}
END_TEST

static enum x64_unmapped_answer map_on_demand(struct x64_machine *machine, void *user,
                                              const struct x64_unmapped_event *event)
{
    ++*(int *)user;
    ck_assert_int_eq(x64_map_virt(machine, event->linear & ~(PAGE - 1), PAGE, X64_PROTECT_WRITE),
                     X64_OK);
    return X64_UNMAPPED_RETRY;
}

START_TEST(test_map_from_a_hook)
{
    struct x64_machine *machine = new_program(storer, sizeof storer);
    struct x64_registers registers;
    int calls = 0;
    ck_assert_int_eq(x64_hook_add_unmapped(machine, NULL, map_on_demand, &calls, NULL), X64_OK);
    ck_assert_int_eq(x64_run(machine, 10, NULL), X64_OK);
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    ck_assert_uint_eq(registers.gpr[X64_RAX], 1);
    ck_assert_int_eq(calls, 1);
    x64_machine_destroy(machine);
}
END_TEST

struct device {
    int reads, writes;
    uint64_t offset, value;
    unsigned size;
};

static uint64_t device_read(void *user, uint64_t offset, unsigned size)
{
    struct device *device = user;
    device->offset = offset;
    device->size = size;
    return (uint64_t)++device->reads * 0x100 + 7;
}

static void device_write(void *user, uint64_t offset, unsigned size, uint64_t value)
{
    struct device *device = user;
    device->writes++;
    device->offset = offset;
    device->size = size;
    device->value = value;
}

/* mov ebx,DATA device; mov eax,[rbx+8]; mov [rbx+16],ax; mov ecx,[rbx+8]; jmp here */
static const uint8_t driver[] = {0xbb, 0,    0,    0xe0, 0xfe, 0x8b, 0x43, 0x08, 0x66,
                                 0x89, 0x43, 0x10, 0x8b, 0x4b, 0x08, 0xeb, 0xfe};

START_TEST(test_mmio_is_asked_once)
{
    struct x64_machine *machine = new_program(driver, sizeof driver);
    struct x64_registers registers;
    struct device device = {.reads = 0};
    const struct x64_mmio mmio = {.struct_size = sizeof mmio,
                                  .physical = DEVICE,
                                  .size = PAGE,
                                  .user = &device,
                                  .read = device_read,
                                  .write = device_write};
    ck_assert_int_eq(x64_mmio_add(machine, &mmio), X64_OK);
    ck_assert_int_eq(x64_mmio_add(machine, &mmio), X64_ERROR_EXISTS);
    ck_assert_int_eq(x64_map_virt_to_phys(machine, DEVICE, DEVICE, PAGE, X64_PROTECT_WRITE),
                     X64_OK);
    ck_assert_int_eq(x64_run(machine, 3, NULL), X64_OK);
    ck_assert_int_eq(device.writes, 1);
    ck_assert_uint_eq(device.offset, 16);
    ck_assert_uint_eq(device.size, 2);
    ck_assert_uint_eq(device.value, 0x107);
    ck_assert_int_eq(x64_run(machine, 10, NULL), X64_OK);
    ck_assert_int_eq(device.reads, 2);
    uint64_t hash = hash_of(machine);
    ck_assert_int_eq(x64_goto(machine, 0), X64_OK);
    ck_assert_int_eq(x64_run(machine, 13, NULL), X64_OK);
    ck_assert_uint_eq(hash_of(machine), hash);
    ck_assert_int_eq(device.reads, 2);
    ck_assert_int_eq(device.writes, 1);
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    ck_assert_uint_eq(registers.gpr[X64_RCX], 0x207);
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_mmio_refuses)
{
    struct x64_machine *machine = new_machine();
    struct device device = {.reads = 0};
    const struct x64_mmio good = {.struct_size = sizeof good,
                                  .physical = DEVICE,
                                  .size = PAGE,
                                  .user = &device,
                                  .read = device_read,
                                  .write = device_write};
    struct x64_mmio bad = good;
    bad.size = 0;
    ck_assert_int_eq(x64_mmio_add(machine, &bad), X64_ERROR_ARGUMENT);
    bad.size = UINT64_MAX;
    ck_assert_int_eq(x64_mmio_add(machine, &bad), X64_ERROR_ARGUMENT);
    bad = good;
    bad.write = NULL;
    ck_assert_int_eq(x64_mmio_add(machine, &bad), X64_ERROR_ARGUMENT);
    bad = good;
    bad.struct_size = 1;
    ck_assert_int_eq(x64_mmio_add(machine, &bad), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64_mmio_add(NULL, &good), X64_ERROR_ARGUMENT);
    enum x64_status status = X64_OK;
    for (unsigned i = 0; i < 100 && status == X64_OK; i++) {
        bad = good;
        bad.physical += i * PAGE;
        status = x64_mmio_add(machine, &bad);
    }
    ck_assert_int_eq(status, X64_ERROR_LIMIT);
    x64_machine_destroy(machine);
}
END_TEST

static Suite *map_suite(void)
{
    Suite *suite = suite_create("emu/map");
    TCase *tcase = tcase_create("map");
    tcase_add_test(tcase, test_map_gives_the_rights_asked_for);
    tcase_add_test(tcase, test_map_runs_and_goes_back);
    tcase_add_test(tcase, test_map_splits_large_pages);
    tcase_add_test(tcase, test_map_refuses_and_changes_nothing);
    tcase_add_test(tcase, test_map_gives_frames_back);
    tcase_add_test(tcase, test_map_from_a_hook);
    tcase_add_test(tcase, test_mmio_is_asked_once);
    tcase_add_test(tcase, test_mmio_refuses);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(map_suite())
