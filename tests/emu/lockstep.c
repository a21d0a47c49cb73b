/* SPDX-License-Identifier: MIT */
#include "emu/lockstep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY     (UINT64_C(32) << 20)
#define PDPT       UINT64_C(0x81000)
#define DIRECTORY  UINT64_C(0x82000) /* of 0 - 1 GiB; those of the next ones behind it */
#define GDT        UINT64_C(0x90000)
#define IDT        UINT64_C(0x91000)
#define TSS        UINT64_C(0x93000)
#define IST_STACK  UINT64_C(0x95000)
#define VECTORS    32u
#define PLAIN      (LOCKSTEP_PRESENT | LOCKSTEP_WRITABLE | LOCKSTEP_USER)
#define LARGE_PAGE 0x80u

/* Of the normal number of cases, unless LOCKSTEP_COUNT says otherwise. */
#if defined(__SANITIZE_ADDRESS__)
#define PERCENT 10u
#else
#define PERCENT 100u
#endif

uint64_t lockstep_random(uint64_t *seed)
{
    uint64_t value = *seed += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

unsigned lockstep_count(unsigned normal)
{
    const char *percent = getenv("LOCKSTEP_COUNT");
    uint64_t count = normal * (percent ? strtoull(percent, NULL, 10) : PERCENT) / 100;
    return count ? (unsigned)count : 1;
}

static void store(struct x64_machine *machine, uint64_t physical, const void *bytes, size_t size)
{
    ck_assert_int_eq(x64_memory_write_phys(machine, physical, bytes, size), X64_OK);
}

static void store_word(struct x64_machine *machine, uint64_t physical, uint64_t word)
{
    store(machine, physical, &word, sizeof word);
}

/* `count` entries that map what follows `first` in pieces of `size`. */
static void store_table(struct x64_machine *machine, uint64_t table, unsigned count, uint64_t first,
                        uint64_t size, uint64_t bits)
{
    uint64_t entries[512];
    for (unsigned i = 0; i < count; i++)
        entries[i] = (first + i * size) | bits;
    store(machine, table, entries, count * sizeof entries[0]);
}

static void map(struct x64_machine *machine)
{
    store_word(machine, LOCKSTEP_ROOT, PDPT | PLAIN);
    store_table(machine, PDPT, 3, DIRECTORY, LOCKSTEP_PAGE, PLAIN);
    store_table(machine, DIRECTORY, 16, LOCKSTEP_TABLES, LOCKSTEP_PAGE, PLAIN);
    for (unsigned i = 0; i < 16; i++)
        store_table(machine, LOCKSTEP_TABLES + i * LOCKSTEP_PAGE, 512, i * 512 * LOCKSTEP_PAGE,
                    LOCKSTEP_PAGE, PLAIN);
    store_word(machine, DIRECTORY + LOCKSTEP_PAGE, LOCKSTEP_ALIASES | PLAIN);
    store_table(machine, LOCKSTEP_ALIASES, 512, 0, LOCKSTEP_PAGE, PLAIN);
    store_table(machine, DIRECTORY + 2 * LOCKSTEP_PAGE, 16, 0, UINT64_C(2) << 20,
                PLAIN | LARGE_PAGE);
}

/* Gates of 64-bit interrupts on the first interrupt stack (SDM vol. 3A, 6.14.1). */
static void make_handlers(struct x64_machine *machine)
{
    static const uint64_t gdt[] = {0, UINT64_C(0x00af9b000000ffff), UINT64_C(0x00cf93000000ffff),
                                   0, UINT64_C(0x00affb000000ffff), UINT64_C(0x00cff3000000ffff)};
    static const uint8_t halt[] = {0xf4, 0xeb, 0xfd};
    store(machine, GDT, gdt, sizeof gdt);
    store_word(machine, TSS + 0x24, IST_STACK);
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        uint64_t handler = LOCKSTEP_HANDLERS + 16u * vector;
        store(machine, handler, halt, sizeof halt);
        store_word(machine, IDT + 16u * vector,
                   (handler & 0xffff) | 8u << 16 | UINT64_C(0x8e01) << 32 |
                       (handler >> 16 & 0xffff) << 48);
    }
}

struct x64_machine *lockstep_machine(enum x64_engine engine, const uint8_t *code, size_t size)
{
    struct x64_config config = {
        .struct_size = sizeof config, .engine = engine, .memory_size = MEMORY};
    struct x64_machine *machine;
    struct x64_registers registers;
    ck_assert_int_eq(x64_machine_create(&config, &machine), X64_OK);
    ck_assert_int_eq(x64_machine_start(machine, LOCKSTEP_CODE, LOCKSTEP_STACK), X64_OK);
    map(machine);
    make_handlers(machine);
    store(machine, LOCKSTEP_CODE, code, size);
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    registers.cr3 = LOCKSTEP_ROOT;
    registers.cr0 |= UINT64_C(1) << 16;  /* WP */
    registers.efer |= UINT64_C(1) << 11; /* NXE */
    registers.gdtr_base = GDT;
    registers.gdtr_limit = 47;
    registers.idtr_base = IDT;
    registers.idtr_limit = VECTORS * 16 - 1;
    registers.segment[X64_CS].selector = 8;
    registers.segment[X64_SS].selector = 16;
    registers.segment[X64_TR].selector = 24;
    registers.segment[X64_TR].base = TSS;
    registers.segment[X64_TR].limit = 0x67;
    registers.segment[X64_TR].attributes = 0x8b;
    registers.segment[X64_FS].base = LOCKSTEP_FS;
    registers.segment[X64_GS].base = LOCKSTEP_GS;
    ck_assert_int_eq(x64_registers_write(machine, &registers), X64_OK);
    return machine;
}

struct x64_machine *lockstep_fork(struct x64_machine *machine)
{
    struct x64_machine *fork;
    ck_assert_int_eq(x64_fork(machine, NULL, &fork), X64_OK);
    return fork;
}

uint64_t lockstep_hash(struct x64_machine *machine)
{
    uint64_t hash;
    ck_assert_int_eq(x64_hash(machine, &hash), X64_OK);
    return hash;
}

uint64_t lockstep_register(struct x64_machine *machine, enum x64_register number)
{
    struct x64_registers registers;
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    return registers.gpr[number];
}

uint64_t lockstep_entry(uint64_t linear)
{
    if (linear >= LOCKSTEP_ALIAS)
        return LOCKSTEP_ALIASES + (linear - LOCKSTEP_ALIAS) / LOCKSTEP_PAGE * 8;
    return LOCKSTEP_TABLES + linear / LOCKSTEP_PAGE * 8;
}

void lockstep_set_entry(struct x64_machine *machine, uint64_t linear, uint64_t set, uint64_t clear)
{
    uint64_t entry;
    ck_assert_int_eq(x64_memory_read_phys(machine, lockstep_entry(linear), &entry, sizeof entry),
                     X64_OK);
    store_word(machine, lockstep_entry(linear), (entry | set) & ~clear);
}

static void print_state(const char *name, struct x64_machine *machine)
{
    struct x64_registers r;
    ck_assert_int_eq(x64_registers_read(machine, &r), X64_OK);
    printf("%s: n=%" PRIu64 " rip=%" PRIx64 " rflags=%" PRIx64 " cr2=%" PRIx64 " hash=%" PRIx64,
           name, x64_steps(machine), r.rip, r.rflags, r.cr2, lockstep_hash(machine));
    for (unsigned i = 0; i < 16; i++)
        printf(" r%u=%" PRIx64, i, r.gpr[i]);
    puts("");
}

static void report(struct x64_machine *blocks, struct x64_machine *reference,
                   const struct lockstep_case *about, const char *what, uint64_t detail)
{
    printf("LOCKSTEP_SEED=%" PRIu64 "  # %s, %s %" PRIu64 "; at 0x%" PRIx64 ":\n", about->seed,
           about->name, what, detail, LOCKSTEP_CODE);
    for (size_t i = 0; i < about->size; i++)
        printf("%02x%s", about->code[i], i + 1 == about->size ? "\n" : " ");
    print_state("blocks   ", blocks);
    print_state("reference", reference);
    (void)fflush(stdout);
    ck_abort_msg("%s, seed %u: states differ, %s %u", about->name, (unsigned)about->seed, what,
                 (unsigned)detail);
}

void lockstep_compare(struct x64_machine *blocks, struct x64_machine *reference,
                      const struct lockstep_case *about, const char *what, uint64_t detail)
{
    if (x64_steps(blocks) != x64_steps(reference) ||
        lockstep_hash(blocks) != lockstep_hash(reference))
        report(blocks, reference, about, what, detail);
}

void lockstep_run(struct x64_machine *blocks, struct x64_machine *reference,
                  const struct lockstep_case *about, uint64_t stride, uint64_t limit)
{
    struct x64_stop a, b;
    do {
        ck_assert_int_eq(x64_run(blocks, stride, &a), X64_OK);
        ck_assert_int_eq(x64_run(reference, stride, &b), X64_OK);
        lockstep_compare(blocks, reference, about, "stride", stride);
        ck_assert_int_eq(a.reason, b.reason);
    } while (a.reason == X64_STOP_BUDGET && a.steps < limit);
    x64_machine_destroy(blocks);
    x64_machine_destroy(reference);
}
