/* SPDX-License-Identifier: MIT */
/*
 * A small machine for tests of the system: one CPU on the reference path, 2 MiB of RAM mapped one
 * to one by 4 KiB pages, and a GDT, LDT, IDT and TSS that a test may bend. Code runs in any ring
 * and mode.
 *
 *     struct machine *m = machine_create("skylake");
 *     machine_enter(m, MACHINE_USER_64);
 *     machine_code(m, "cd 80");                   int 0x80
 *     machine_step(m);
 *     ck_assert_uint_eq(m->cpu.s.rip, machine_handler(0x80));
 *     machine_destroy(m);
 */
#ifndef X64_TESTS_CPU_SUPPORT_MACHINE_H
#define X64_TESTS_CPU_SUPPORT_MACHINE_H

#include "cpu/cpu.h"
#include "cpu/exception.h"
#include "cpu/segment.h"

/* Where things are. Pages from MACHINE_USER on belong to user mode, those below do not. */
#define MACHINE_RAM          0x200000u
#define MACHINE_ROOT         0x1000u
#define MACHINE_PAGE_TABLE   0x4000u
#define MACHINE_GDT          0x10000u
#define MACHINE_LDT          0x11000u
#define MACHINE_IDT          0x12000u
#define MACHINE_TSS          0x14000u
#define MACHINE_KERNEL_CODE  0x20000u
#define MACHINE_HANDLERS     0x30000u
#define MACHINE_KERNEL_STACK 0x44000u
#define MACHINE_RSP0         0x48000u
#define MACHINE_RSP1         0x4a000u
#define MACHINE_RSP2         0x4c000u
#define MACHINE_IST(n)       (0x50000u + 0x2000u * (n))
#define MACHINE_SCRATCH      0x70000u
#define MACHINE_USER         0x80000u
#define MACHINE_USER_CODE    0x80000u
#define MACHINE_USER_STACK   0x90000u
#define MACHINE_USER_DATA    0xa0000u

/* The GDT. STAR is set so that SYSCALL takes 0x08/0x10 and SYSRET 0x18/0x20/0x28. */
enum machine_selector {
    SELECTOR_KERNEL_CODE = 0x08,
    SELECTOR_KERNEL_DATA = 0x10,
    SELECTOR_USER_CODE_32 = 0x18,
    SELECTOR_USER_DATA = 0x20,
    SELECTOR_USER_CODE = 0x28,
    SELECTOR_KERNEL_CODE_32 = 0x30,
    SELECTOR_USER_CODE_16 = 0x38,
    SELECTOR_TSS = 0x40,
    SELECTOR_LDT = 0x50,
    SELECTOR_CONFORMING = 0x60, /* 64-bit, DPL 0 */
    SELECTOR_RING1_CODE = 0x68,
    SELECTOR_RING1_DATA = 0x70,
    SELECTOR_RING2_CODE = 0x78,
    SELECTOR_RING2_DATA = 0x80,
    SELECTOR_ABSENT_CODE = 0x88,
    SELECTOR_ABSENT_DATA = 0x90, /* DPL 3 */
    SELECTOR_EXECUTE_ONLY = 0x98,
    SELECTOR_READ_ONLY = 0xa0,     /* data, DPL 3 */
    SELECTOR_LONG_AND_BIG = 0xa8,  /* code with L and D */
    SELECTOR_CALL_GATE = 0xb0,     /* DPL 3, to 0x08 */
    SELECTOR_SPARE_TSS = 0xc0,     /* available */
    SELECTOR_USER_DATA_16 = 0xd0,  /* DPL 3, B = 0 */
    SELECTOR_CONFORMING_3 = 0xd8,  /* conforming, DPL 3 */
    SELECTOR_KERNEL_DATA_32 = 0xe0 /* base MACHINE_SCRATCH, limit 0xfff, DPL 0 */
};
#define MACHINE_GDT_LIMIT 0xe7u
#define SELECTOR_IN_LDT   0x04u /* user data in the LDT's first entry */

enum machine_mode {
    MACHINE_KERNEL_64,
    MACHINE_USER_64,
    MACHINE_KERNEL_32, /* compatibility mode */
    MACHINE_USER_32
};

struct machine {
    struct x64i_state *state;
    struct x64i_cpu cpu;
    struct x64i_effect_list effects;
};

/* In kernel mode, 64 bits. Ends the test when anything fails. */
struct machine *machine_create(const char *model);
void machine_destroy(struct machine *m);

/* Loads the segments, CPL, RSP and RIP of a mode; RIP is at its page for code. */
void machine_enter(struct machine *m, enum machine_mode mode);

/* Loads one segment register from the tables, without checks. */
void machine_load_segment(struct machine *m, enum x64_segment_register index, uint16_t selector);

/* Puts bytes, written in hexadecimal, at RIP. */
void machine_code(struct machine *m, const char *hex);

/* One step; stores into m->effects what it did. */
void machine_step(struct machine *m);

/* RAM, 8 bytes or fewer. */
uint64_t machine_read(struct machine *m, uint64_t address, unsigned size);
void machine_write(struct machine *m, uint64_t address, unsigned size, uint64_t value);

/* A descriptor's first 8 bytes. */
uint64_t machine_descriptor(struct machine *m, uint16_t selector);
void machine_set_descriptor(struct machine *m, uint16_t selector, uint64_t raw);

/* IDT gates; every vector starts as a present interrupt gate of DPL 0 to machine_handler. */
struct machine_gate {
    uint64_t offset;
    uint16_t selector;
    uint8_t type;
    uint8_t dpl;
    uint8_t ist;
    bool present;
};
uint64_t machine_handler(unsigned vector);
struct machine_gate machine_default_gate(unsigned vector);
void machine_set_gate(struct machine *m, unsigned vector, struct machine_gate gate);

/* Makes a page not present, or read-only. */
void machine_unmap(struct machine *m, uint64_t linear);
void machine_protect(struct machine *m, uint64_t linear);

/* How many effects of that kind and index (-1: any) the last step had; and the first of them. */
unsigned machine_count(const struct machine *m, enum x64_effect_kind kind, int index);
const struct x64_effect *machine_effect(const struct machine *m, enum x64_effect_kind kind,
                                        int index);

/* Steps once and asserts that it delivered this exception with this error code (-1: none pushed),
 * the frame naming `rip`. */
void machine_expect_fault(struct machine *m, enum x64_fault fault, int64_t error_code,
                          uint64_t rip);

#endif
