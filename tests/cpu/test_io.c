/* SPDX-License-Identifier: MIT */
/*
 * Port instructions: SDM vol. 1, 19.5.2 (the I/O permission bitmap); vol. 2, IN, INS, OUT, OUTS;
 * vol. 3B, 17.2.4 (I/O breakpoints).
 */
#include "cpu/support/machine.h"
#include "support/suite.h"

#include <string.h>

#define GP     X64_FAULT_GP
#define BITMAP 0x68u /* in the TSS */

static struct machine *m;

/* The devices: what was asked for last. */
static struct {
    uint16_t port;
    unsigned size;
    uint32_t value;
    unsigned reads;
    unsigned writes;
} bus;

static uint32_t port_read(void *user, uint16_t port, unsigned size)
{
    (void)user;
    bus.port = port;
    bus.size = size;
    bus.reads++;
    return bus.value++;
}

static void port_write(void *user, uint16_t port, unsigned size, uint32_t value)
{
    (void)user;
    bus.port = port;
    bus.size = size;
    bus.value = value;
    bus.writes++;
}

static const struct x64i_cpu_callbacks callbacks = {.port_read = port_read,
                                                    .port_write = port_write};

static void setup(void)
{
    m = machine_create("skylake");
    m->cpu.callbacks = &callbacks;
    memset(&bus, 0, sizeof bus);
}

static void teardown(void)
{
    machine_destroy(m);
}

/* Gives the TSS a bitmap of `size` bytes, all ports open. */
static void open_bitmap(unsigned size)
{
    m->cpu.s.segment[X64_TR].limit = BITMAP + size - 1;
    for (unsigned i = 0; i < size; i++)
        machine_write(m, MACHINE_TSS + BITMAP + i, 1, 0);
}

static const struct {
    const char *code;
    uint16_t port;
    unsigned size;
    uint64_t rax_after; /* of 0x1122334455667788, read 0xcafe8899 */
} in_vectors[] = {
    {"e4 60", 0x60, 1, 0x1122334455667799},  {"66 e5 71", 0x71, 2, 0x1122334455668899},
    {"e5 72", 0x72, 4, 0xcafe8899},          {"ec", 0x3f8, 1, 0x1122334455667799},
    {"66 ed", 0x3f8, 2, 0x1122334455668899}, {"ed", 0x3f8, 4, 0xcafe8899},
    {"48 ed", 0x3f8, 4, 0xcafe8899},         {"e4 ff", 0xff, 1, 0x1122334455667799},
};

START_TEST(test_io_in)
{
    bus.value = 0xcafe8899;
    m->cpu.s.gpr[X64_RAX] = 0x1122334455667788;
    m->cpu.s.gpr[X64_RDX] = 0xffff03f8;
    machine_code(m, in_vectors[_i].code);
    machine_step(m);
    ck_assert_uint_eq(bus.reads, 1);
    ck_assert_uint_eq(bus.port, in_vectors[_i].port);
    ck_assert_uint_eq(bus.size, in_vectors[_i].size);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RAX], in_vectors[_i].rax_after);
    const struct x64_effect *effect = machine_effect(m, X64_EFFECT_PORT_READ, in_vectors[_i].port);
    ck_assert_uint_eq(effect->size, in_vectors[_i].size);
    ck_assert_uint_eq(effect->value, 0xcafe8899 & ((1ull << 8 * in_vectors[_i].size) - 1));
}
END_TEST

static const struct {
    const char *code;
    uint16_t port;
    unsigned size;
    uint32_t value;
} out_vectors[] = {
    {"e6 80", 0x80, 1, 0x88}, {"66 e7 81", 0x81, 2, 0x7788}, {"e7 82", 0x82, 4, 0x55667788},
    {"ee", 0x3f8, 1, 0x88},   {"66 ef", 0x3f8, 2, 0x7788},   {"ef", 0x3f8, 4, 0x55667788},
};

START_TEST(test_io_out)
{
    m->cpu.s.gpr[X64_RAX] = 0x1122334455667788;
    m->cpu.s.gpr[X64_RDX] = 0xffff03f8;
    machine_code(m, out_vectors[_i].code);
    machine_step(m);
    ck_assert_uint_eq(bus.writes, 1);
    ck_assert_uint_eq(bus.port, out_vectors[_i].port);
    ck_assert_uint_eq(bus.size, out_vectors[_i].size);
    ck_assert_uint_eq(bus.value, out_vectors[_i].value);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_PORT_WRITE, out_vectors[_i].port)->value,
                      out_vectors[_i].value);
}
END_TEST

START_TEST(test_io_reads_ones_where_nobody_listens)
{
    m->cpu.callbacks = NULL;
    machine_code(m, "66 e5 60 e6 60");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RAX], 0xffff);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_KERNEL_CODE + 5);
}
END_TEST

/* 19.5.1 and 19.5.2. `code` runs at CPL 3 with port 0x10 in RDX; the bitmap has 4 bytes. */
static const struct {
    const char *why;
    const char *code;
    unsigned iopl;
    uint32_t bitmap;
    uint16_t port;
    uint32_t limit; /* of the TSS; 0: the bitmap's end */
    uint16_t io_base;
    bool faults;
} permission_vectors[] = {
    {"IOPL 3", "ec", 3, 0xffffffff, 0x10, 0, BITMAP, false},
    {"IOPL 2, closed", "ec", 2, 0x00010000, 0x10, 0, BITMAP, true},
    {"open", "ec", 0, 0xfffeffff, 0x10, 0, BITMAP, false},
    {"two ports, the second closed", "66 ed", 0, 0x00020000, 0x10, 0, BITMAP, true},
    {"two ports, the third closed", "66 ed", 0, 0x00040000, 0x10, 0, BITMAP, false},
    {"four ports, the fourth closed", "ed", 0, 0x00080000, 0x10, 0, BITMAP, true},
    {"four ports across bytes", "ed", 0, 0x00010000, 0x0e, 0, BITMAP, true},
    {"across bytes, open", "ed", 0, 0x00040000, 0x0e, 0, BITMAP, false},
    {"OUT", "ee", 0, 0x00010000, 0x10, 0, BITMAP, true},
    {"INSB", "6c", 0, 0x00010000, 0x10, 0, BITMAP, true},
    {"OUTSB", "6e", 0, 0x00010000, 0x10, 0, BITMAP, true},
    {"the last byte needs one behind it", "ec", 0, 0, 0x18, 0, BITMAP, true},
    {"the last but one", "ec", 0, 0, 0x17, 0, BITMAP, false},
    {"beyond the limit", "ec", 0, 0, 0x100, 0, BITMAP, true},
    {"the port's highest number", "ec", 0, 0, 0xffff, 0, BITMAP, true},
    {"a base beyond the limit", "ec", 0, 0, 0x10, 0, 0xffff, true},
    {"a TSS without a base", "ec", 0, 0, 0x10, 0x66, BITMAP, true},
    {"no bitmap", "ec", 0, 0, 0x10, 0x67, BITMAP, true},
};

START_TEST(test_io_permission)
{
    open_bitmap(4);
    machine_write(m, MACHINE_TSS + BITMAP, 4, permission_vectors[_i].bitmap);
    machine_write(m, MACHINE_TSS + 0x66, 2, permission_vectors[_i].io_base);
    if (permission_vectors[_i].limit)
        m->cpu.s.segment[X64_TR].limit = permission_vectors[_i].limit;
    machine_enter(m, MACHINE_USER_64);
    m->cpu.s.rflags |= permission_vectors[_i].iopl << 12;
    m->cpu.s.gpr[X64_RDX] = permission_vectors[_i].port;
    m->cpu.s.gpr[X64_RSI] = m->cpu.s.gpr[X64_RDI] = MACHINE_USER_DATA;
    machine_code(m, permission_vectors[_i].code);
    if (permission_vectors[_i].faults) {
        machine_expect_fault(m, GP, 0, MACHINE_USER_CODE);
        ck_assert_msg(bus.reads + bus.writes == 0, "%s: the device was asked",
                      permission_vectors[_i].why);
    } else {
        machine_step(m);
        ck_assert_msg(bus.reads + bus.writes == 1, "%s: refused", permission_vectors[_i].why);
    }
}
END_TEST

/* Processors ask for permission before they look at the count. */
START_TEST(test_io_permission_comes_before_the_count)
{
    static const char *const code[] = {"f3 6c", "f3 6e", "67 f3 6d"};
    machine_enter(m, MACHINE_USER_64);
    m->cpu.s.gpr[X64_RCX] = 0xffffffff00000000 * (_i == 2);
    machine_code(m, code[_i]);
    machine_expect_fault(m, GP, 0, MACHINE_USER_CODE);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RCX], 0xffffffff00000000 * (_i == 2));
}
END_TEST

/* The bitmap is read as supervisor, and may fault. */
START_TEST(test_io_bitmap_may_be_unmapped)
{
    open_bitmap(0x2001);
    machine_enter(m, MACHINE_USER_64);
    machine_unmap(m, MACHINE_TSS + 0x1000);
    m->cpu.s.gpr[X64_RDX] = 0x8000;
    machine_code(m, "ec");
    machine_expect_fault(m, X64_FAULT_PF, 0, MACHINE_USER_CODE);
    ck_assert_uint_eq(m->cpu.s.cr2, MACHINE_TSS + BITMAP + 0x1000);
}
END_TEST

/* Vol. 2, INS: one iteration is one step; DF counts down. */
START_TEST(test_io_rep_ins)
{
    struct x64i_cpu_state *s = &m->cpu.s;
    bus.value = 0x41;
    s->gpr[X64_RDX] = 0x60;
    s->gpr[X64_RDI] = MACHINE_SCRATCH;
    s->gpr[X64_RCX] = 2;
    machine_code(m, "f3 6c");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.step.kind, X64_STEP_REPEAT);
    ck_assert_uint_eq(s->rip, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(s->gpr[X64_RCX], 1);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.step.kind, X64_STEP_INSTRUCTION);
    ck_assert_uint_eq(s->gpr[X64_RDI], MACHINE_SCRATCH + 2);
    ck_assert_uint_eq(machine_read(m, MACHINE_SCRATCH, 2), 0x4241);
    s->rip = MACHINE_KERNEL_CODE;
    machine_step(m);
    ck_assert_uint_eq(bus.reads, 2);
    ck_assert_uint_eq(s->rip, MACHINE_KERNEL_CODE + 2);
    s->rflags |= X64I_DF;
    s->rip = MACHINE_KERNEL_CODE;
    s->gpr[X64_RCX] = 1;
    machine_code(m, "f3 6d");
    machine_step(m);
    ck_assert_uint_eq(s->gpr[X64_RDI], MACHINE_SCRATCH - 2);
    ck_assert_uint_eq(bus.size, 4);
}
END_TEST

/* The device is not asked when the destination cannot be written. */
START_TEST(test_io_ins_checks_memory_first)
{
    machine_protect(m, MACHINE_SCRATCH);
    m->cpu.s.gpr[X64_RDI] = MACHINE_SCRATCH;
    machine_code(m, "6c");
    machine_expect_fault(m, X64_FAULT_PF, X64_PF_PRESENT | X64_PF_WRITE, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(bus.reads, 0);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RDI], MACHINE_SCRATCH);
}
END_TEST

/* Vol. 2, OUTS: the source's segment can be overridden; addresses may have 32 bits. */
START_TEST(test_io_outs)
{
    struct x64i_cpu_state *s = &m->cpu.s;
    machine_write(m, MACHINE_SCRATCH, 4, 0x44332211);
    s->segment[X64_FS].base = MACHINE_SCRATCH;
    s->gpr[X64_RDX] = 0x3f8;
    s->gpr[X64_RSI] = MACHINE_SCRATCH;
    machine_code(m, "6e 66 6f 64 6f 67 6f");
    machine_step(m);
    ck_assert_uint_eq(bus.value, 0x11);
    machine_step(m);
    ck_assert_uint_eq(bus.value, 0x3322);
    ck_assert_uint_eq(s->gpr[X64_RSI], MACHINE_SCRATCH + 3);
    s->gpr[X64_RSI] = 0;
    machine_step(m);
    ck_assert_uint_eq(bus.value, 0x44332211);
    ck_assert_uint_eq(s->gpr[X64_RSI], 4);
    s->gpr[X64_RSI] = 0xffffffff00000000 | MACHINE_SCRATCH;
    machine_step(m);
    ck_assert_uint_eq(bus.value, 0x44332211);
    ck_assert_uint_eq(s->gpr[X64_RSI], MACHINE_SCRATCH + 4);
    ck_assert_uint_eq(bus.writes, 4);
}
END_TEST

/* 17.2.4: R/W 10 with CR4.DE stops after the port was touched. */
START_TEST(test_io_breakpoints_are_traps)
{
    static const struct {
        uint64_t cr4, dr0, dr7;
        bool hits;
    } vectors[] = {
        {X64I_CR4_DE, 0x60, 0x20401, true}, {X64I_CR4_DE, 0x61, 0x20401, false},
        {0, 0x60, 0x20401, false},          {X64I_CR4_DE, 0x60, 0x20400, false},
        {X64I_CR4_DE, 0x63, 0xe0401, true}, /* four ports from 0x60 */
    };
    m->cpu.s.cr4 |= vectors[_i].cr4;
    m->cpu.s.dr[0] = vectors[_i].dr0;
    m->cpu.s.dr[7] = vectors[_i].dr7;
    x64i_cpu_refresh(&m->cpu);
    machine_code(m, "e4 60 90");
    machine_step(m);
    ck_assert_uint_eq(bus.reads, 1);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_KERNEL_CODE + 2);
    if (vectors[_i].hits) {
        machine_expect_fault(m, X64_FAULT_DB, -1, MACHINE_KERNEL_CODE + 2);
        ck_assert_uint_eq(m->cpu.s.dr[6] & 0xf, 1);
    } else {
        machine_step(m);
        ck_assert_uint_eq(m->cpu.s.rip, MACHINE_KERNEL_CODE + 3);
    }
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static Suite *io_suite(void)
{
    Suite *suite = suite_create("io");
    TCase *tests = tcase_create("io");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, test_io_in, 0, COUNT(in_vectors));
    tcase_add_loop_test(tests, test_io_out, 0, COUNT(out_vectors));
    tcase_add_test(tests, test_io_reads_ones_where_nobody_listens);
    tcase_add_loop_test(tests, test_io_permission, 0, COUNT(permission_vectors));
    tcase_add_loop_test(tests, test_io_permission_comes_before_the_count, 0, 3);
    tcase_add_test(tests, test_io_bitmap_may_be_unmapped);
    tcase_add_test(tests, test_io_rep_ins);
    tcase_add_test(tests, test_io_ins_checks_memory_first);
    tcase_add_test(tests, test_io_outs);
    tcase_add_loop_test(tests, test_io_breakpoints_are_traps, 0, 5);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(io_suite())
